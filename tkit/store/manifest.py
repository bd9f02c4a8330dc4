"""The manifest of shards: which files a store too large for one file is made of, as JSON.

``{"shards": [{"file": "grid-1.h5", "bytes": 8123456, "sha256": "…"}, …], "tkit": "0.4.0"}``: the
paths are relative to the manifest's folder, and ``sha256`` is the :attr:`~tkit.store.Store.seal` of
a shard, which covers all of it, so that to compare it costs no more than to open the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tkit import __version__
from tkit.errors import StoreError, one_line
from tkit.files import atomic_path, relative_to_folder, require_path
from tkit.parsing import from_json
from tkit.store.layout import STORE

SUFFIX = ".json"  # by which a manifest is told from a store


@dataclass(frozen=True)
class Shard:
    """One file of a store: its path, its size, and the seal of what is in it."""

    file: str
    bytes: int
    sha256: str


def read_shards(path: str | Path) -> list[Shard]:
    """Read a manifest of shards; the paths are joined to its folder, the files not looked for.

    Raises
    ------
    StoreError
        If it is none.
    """
    path = require_path(path, STORE)
    try:
        told = from_json(path.read_text(encoding="utf-8"))
        shards = [_shard(entry) for entry in told["shards"]]
    except (OSError, ValueError, TypeError, LookupError) as error:
        reason = one_line(str(error))
        raise StoreError(
            f"{path}: not a manifest of shards ({reason}); make one with tkit join"
        ) from error
    if not shards:
        raise StoreError(f"{path}: this manifest names no shards")
    folder = path.parent
    return [Shard(str(folder / one.file), one.bytes, one.sha256) for one in shards]


def _shard(entry: Any) -> Shard:
    shard = Shard(**entry)
    for name, kind in (("file", str), ("bytes", int), ("sha256", str)):
        if type(getattr(shard, name)) is not kind:
            raise ValueError(f"{name} is {getattr(shard, name)!r:.80}")
    return shard


def write_shards(path: str | Path, shards: Iterable[Shard]) -> None:
    """Write a manifest; paths below its folder become relative to it."""
    told = [
        asdict(shard) | {"file": relative_to_folder(shard.file, Path(path).parent)}
        for shard in shards
    ]
    with atomic_path(path) as temporary:
        text = json.dumps({"shards": told, "tkit": __version__}, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")


def require_shard(shard: Shard, manifest: str | Path) -> Path:
    """Return the path of a shard; an error where it is not there or of another size."""
    path = require_path(shard.file, f"shard of {manifest}")
    if os.stat(path).st_size != shard.bytes:  # noqa: PTH116
        raise changed(path, manifest)
    return path


def changed(path: str | Path, manifest: str | Path) -> StoreError:
    """Say that a shard is not the one that was joined."""
    return StoreError(
        f"{path} is not the shard that {manifest} was made of: it has changed since; run tkit join "
        "again if that was meant"
    )
