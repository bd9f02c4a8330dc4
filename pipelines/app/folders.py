"""Folders below one root, and nothing else of the drive: named, looked into, scored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tkit import media
from tkit.errors import UsageError
from tkit.media.frames import PICTURE_SUFFIXES
from tkit.report import Report

DEEPEST, MOST = 4, 500  # levels and folders that are listed


def inside(root: Path, name: str) -> Path:
    """The folder ``name`` below ``root``, if it is there and holds no way out.

    Raises
    ------
    UsageError
        If it is none, lies elsewhere, or a link in it leads elsewhere.
    """
    top = root.resolve()
    if "\0" in name:
        raise UsageError("there is no such folder below the root")
    path = (top / name).resolve()
    if not path.is_relative_to(top) or not path.is_dir():
        raise UsageError(f"{name}: there is no such folder below the root")
    for folder, folders, files in os.walk(path):
        for entry in (*folders, *files):
            found = Path(folder, entry)
            if found.is_symlink() and not found.resolve().is_relative_to(top):
                raise UsageError(f"{name}: a link in it leads out of the root ({entry})")
    return path


def listed(root: Path) -> Iterator[tuple[str, int]]:
    """Yield folders below a root, the root first as ".", and how many clips are in and below each.

    Hidden ones and links are left out.
    """
    counts: dict[Path, int] = {}
    order: list[Path] = []
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        folders[:] = sorted(f for f in folders if not f.startswith(".")) * (depth < DEEPEST)
        if len(order) == MOST:
            break
        order.append(here)
        kinds = [Path(name).suffix.lower() for name in files if not (here / name).is_symlink()]
        clips = sum(kind in media.VIDEO_SUFFIXES or kind == ".npy" for kind in kinds)
        clips += bool(PICTURE_SUFFIXES.intersection(kinds))  # a folder of pictures is one clip
        for parent in (here, *here.parents):
            counts[parent] = counts.get(parent, 0) + clips
            if parent == root:
                break
    for path in order:
        if counts[path]:
            yield path.relative_to(root).as_posix(), counts[path]


def score(root: Path, *, pred: str, gt: str, protocol: str) -> Report:
    """Score one folder below the root against another."""
    from tkit import scoring

    name = Path(pred).name or "pred"
    return scoring.score({name: inside(root, pred)}, inside(root, gt), protocol=protocol)
