"""Files on disk: written whole or not at all, never overwritten unasked, missing ones named.

While a run works on an output, a hidden mark beside it (in it, if it is a folder) tells other runs
so, with the host and the process; the mark of a process that is no more is replaced. That needs no
locks, which drives of a network may not give.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import importlib.util
import os
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from tkit.errors import MissingPathError, OutputError, OutputExistsError, UsageError

# What the system says only of files that are being written.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_NAME_CHARS = 40  # of a name in the names of hidden files, which must not become too long
_ROOM_BYTES = 1 << 20
_MOST_WAYS = 100  # that links may lead to one folder


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it on success, remove it on any failure.

    A killed run, Ctrl-C included, never leaves a half-written file under the final name. The
    temporary name keeps the suffix, from which media libraries guess the format, and tells whose
    it is, for :func:`sweep`.

    Raises
    ------
    OutputError
        If the system does not let it be written, whatever the one who writes makes of that.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent,
            prefix=f".{path.stem[:_NAME_CHARS]}.{_me()}.",
            suffix=f".part{path.suffix}",
        )
        os.close(handle)
    temporary = Path(name)
    try:
        with writing(path, temporary):
            yield temporary
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)  # mkstemp makes files private; outputs are ordinary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())  # or a crash may leave the new name with nothing in it
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


class writing:  # noqa: N801  (used as a function, like those of contextlib)
    """Raise :class:`OutputError` for whatever ends a block because an output was not written.

    Parameters
    ----------
    path : Path
        The output; every error of the system in the block is taken for one of it.
    temporary : Path, optional
        What is written in the block in its place; then errors of other files, which are read there,
        stay what they are.
    """

    def __init__(self, path: Path, temporary: Path | None = None) -> None:
        self._path, self._temporary = path, temporary

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, OutputError):
            return
        if reason := self._reason(error):
            raise OutputError(f"{self._path}: cannot be written ({reason})") from error

    def _reason(self, error: Exception) -> str:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, FileExistsError):  # of mkdir
            return f"{cause.filename} is a file, not a folder"
        if isinstance(cause, OSError):
            named = {str(cause.filename), str(cause.filename2)}
            if self._temporary is None or cause.errno in _FULL or str(self._temporary) in named:
                return cause.strerror or str(cause)
        if self._temporary is not None and not _has_room(self._temporary):
            return os.strerror(errno.ENOSPC)  # some writers only say that they failed
        return ""


def _has_room(path: Path) -> bool:
    try:
        with path.open("ab") as file:
            file.write(bytes(_ROOM_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno not in _FULL
    return True


def already_there(place: str | Path) -> OutputExistsError:
    """What is raised where an output is there that nobody said to replace."""
    return OutputExistsError(f"{place} is already there; pass --force to replace it")


def refuse_overwrite(path: str | Path, *, force: bool, folder: bool = False) -> Path:
    """Return ``path`` if it may and can be written, looked at before there is anything to write.

    Parameters
    ----------
    force : bool
        What is there may be replaced.
    folder : bool
        It is to be a folder.

    Raises
    ------
    OutputExistsError
        If it is there and ``force`` is not given, or another run is about to write it.
    OutputError
        If the system does not let it be written.
    """
    path = Path(path)
    if os.path.lexists(path) and not force:
        raise already_there(path)
    with claimed(path, folder=folder):
        return path


@contextmanager
def claimed(path: str | Path, *, folder: bool = False) -> Iterator[None]:
    """Keep an output for this run for the length of a block; what dead runs left there is removed.

    Raises
    ------
    OutputExistsError
        If another run works on it.
    OutputError
        If it cannot be written.
    """
    path = Path(path)
    inside = path if folder else path.parent
    short = path.name[:_NAME_CHARS]
    mark = path / ".run" if folder else path.with_name(f".{short}.run")
    with writing(path):
        if not folder and os.path.lexists(path) and not path.is_file():
            what = "a folder" if path.is_dir() else "not an ordinary file"
            raise OutputError(f"{path}: cannot be written (it is {what})")
        new = [one for one in (inside, *inside.parents) if not one.exists()]
        inside.mkdir(parents=True, exist_ok=True)
    try:
        with writing(path):
            with contextlib.suppress(FileNotFoundError):
                path.lstat()  # where a name is too long, the system says it now
            mine = _set_mark(mark, path)
        try:
            sweep(inside, "" if folder else path.stem)
            yield
        finally:
            if mine:
                with contextlib.suppress(OSError):
                    mark.unlink(missing_ok=True)
    finally:
        for one in new:  # a folder in which nothing came to be
            try:
                one.rmdir()
            except OSError:
                break


def require_room(folder: Path) -> None:
    """Make a folder that several runs may share; :class:`OutputError` if nothing can be written."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"?")
            file.flush()


def sweep(folder: Path, stem: str = "") -> None:
    """Remove what processes that are no more were writing when they ended, of one name or all."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f".{glob.escape(stem[:_NAME_CHARS])}*.part*"):
            writer = path.name.removeprefix(".")[len(stem[:_NAME_CHARS]) :]
            tokens = [part for part in writer.split(".") if part.startswith(_host())]
            if tokens and not _alive(tokens[0]):
                path.unlink(missing_ok=True)


def _set_mark(mark: Path, path: Path) -> bool:
    """Write the mark of this process; False if it has one there already."""
    while True:
        try:
            _write_mark(mark)
            return True
        except FileExistsError:
            pass
        holder = _read_mark(mark)
        token, pid, host = [*holder.split(), "", "?", "?"][:3]
        if token == _me():
            return False
        if holder and (not token.startswith(_host()) or _alive(token)):
            raise OutputExistsError(
                f"{path}: another run is writing it (process {pid} on {host}); wait for it, or, if "
                f"that run is no more, remove {mark}"
            )
        # Of several that find a dead run's mark one takes it away; a newer one is put back.
        taken = mark.with_name(f"{mark.name}.{_me()}")
        with contextlib.suppress(FileNotFoundError):
            mark.rename(taken)
            if _read_mark(taken) != holder:
                taken.rename(mark)
            taken.unlink(missing_ok=True)


def _write_mark(mark: Path) -> None:
    handle = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.write(handle, f"{_me()} {os.getpid()} {socket.gethostname()}\n".encode())
        os.fsync(handle)
    except OSError:
        mark.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def _read_mark(mark: Path) -> str:
    """What a mark says; one that is just being written is waited for."""
    text = ""
    for _ in range(10):
        with contextlib.suppress(FileNotFoundError):
            text = mark.read_text(encoding="utf-8", errors="replace")
        if text.endswith("\n") or not mark.exists():
            break
        time.sleep(0.05)
    return text


def _me() -> str:
    """Host, process and when it started: numbers of processes are given again."""
    return _token(os.getpid())


@lru_cache(maxsize=1)
def _token(pid: int) -> str:
    return f"{_host()}-{pid}-{_started(pid)}"


@lru_cache
def _host() -> str:
    return "h" + hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _started(pid: int) -> str:
    try:
        about = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "0"  # elsewhere than on Linux the number has to do
    facts = about.rpartition(")")[2].split()
    return "" if facts[0] in "ZX" else facts[19]  # one that ended, and nobody asked how


def _alive(token: str) -> bool:
    """Whether a process of this host, as :func:`_me` names it, still works."""
    _, pid, start = token.split("-")
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, OverflowError):
        return True  # somebody else's
    return start in ("0", _started(int(pid)))


def walk(root: str | Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield every folder of a tree with the names of its files, all in order of names.

    Links are followed, but to no folder in which they are themselves: those would never end.

    Raises
    ------
    UsageError
        If links lead to one folder in more than 100 ways, as of folders that lead to each other.
    """
    ways: Counter[tuple[int, int]] = Counter()
    for place, folders, names in os.walk(root, followlinks=True):
        here = Path(place)
        for link in [name for name in folders if (here / name).is_symlink()]:
            state = (here / link).stat()
            above = (here, *here.absolute().parents)
            if any(os.path.samestat(state, folder.stat()) for folder in above):
                folders.remove(link)
                continue
            ways[state.st_dev, state.st_ino] += 1
            if ways[state.st_dev, state.st_ino] > _MOST_WAYS:
                raise UsageError(
                    f"{root}: links lead to {(here / link).resolve()} in more than {_MOST_WAYS} "
                    "ways; give a folder without links that lead to each other"
                )
        folders.sort()
        yield here, sorted(names)


def of_package(package: str, *parts: str) -> Path | None:
    """Return a file or folder of an installed package; None where it is not there.

    The package is found, not imported: it may need more than its file does.
    """
    spec = importlib.util.find_spec(package)
    path = spec and spec.origin and Path(spec.origin).parent.joinpath(*parts)
    return path if path and path.exists() else None


def relative_to_folder(path: str | Path, folder: str | Path) -> str:
    """Return a path as a file in ``folder`` names it: relative where it lies below, else absolute.

    A manifest and what it lists can so be moved together.
    """
    there, here = Path(path).absolute(), Path(folder).absolute()
    return there.relative_to(here).as_posix() if there.is_relative_to(here) else str(there)


def require_path(path: str | Path, what: str) -> Path:
    """Return ``path`` if it exists, else raise :class:`MissingPathError`: no such ``what``."""
    path = Path(path)
    if not path.exists():
        raise MissingPathError(f"{path}: no such {what}")
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
