"""Files on disk: written whole or not at all, never overwritten unasked, missing ones named."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from tkit.errors import OutputExistsError, UsageError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it on success, remove it on any failure.

    A killed run, Ctrl-C included, never leaves a half-written file under the final name. The
    temporary name keeps the suffix, from which media libraries guess the format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}.", suffix=f".part{path.suffix}"
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp makes files private; outputs are ordinary files
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_overwrite(path: str | Path, *, force: bool) -> Path:
    """Return ``path`` if it may be written, else raise :class:`OutputExistsError`."""
    path = Path(path)
    if path.exists() and not force:
        raise OutputExistsError(f"{path} is already there; pass --force to replace it")
    return path


def require_path(path: str | Path, what: str) -> Path:
    """Return ``path`` if it exists, else raise :class:`UsageError` saying ``what`` is missing."""
    path = Path(path)
    if not path.exists():
        raise UsageError(f"{path}: no such {what}")
    return path


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short_hash(path: str | Path) -> str:
    """First eight digits of a file's SHA-256, for signatures; it is read again when it changed."""
    about = Path(path).stat()
    return _hash_of(str(Path(path).absolute()), about.st_size, about.st_mtime_ns)[:8]


@lru_cache
def _hash_of(path: str, *_state: int) -> str:
    return sha256_of(path)
