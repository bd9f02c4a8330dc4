"""What lies below the root of a corpus, by clip ids: every recipe walks its tree once, by this."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tkit.errors import CorpusError
from tkit.media import VIDEO_SUFFIXES
from tkit.parsing import read_text

SOUND_SUFFIXES = frozenset(".wav .m4a .mp3 .flac .aac .ogg".split())


@dataclass
class Found:
    """Files of a corpus: clip id to the first one of each kind, in the order of a sorted walk."""

    videos: dict[str, Path] = field(default_factory=dict)
    sounds: dict[str, Path] = field(default_factory=dict)
    texts: dict[str, Path] = field(default_factory=dict)
    tables: dict[str, Path] = field(default_factory=dict)

    def sound(self, id_: str) -> str:
        """Path of the sound beside a clip; empty without one."""
        return str(self.sounds.get(id_, ""))


def walk(root: str | Path) -> Iterator[Path]:
    """Yield every file below ``root`` in order of names, links followed, hidden ones left out.

    Paths are absolute, so that ``root`` may itself be the folder of a speaker. A folder that links
    lead to again is entered once.
    """
    base = Path(root).resolve()
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(base, followlinks=True):
        here = os.stat(folder)  # noqa: PTH116  (there may be a million folders)
        if (here.st_dev, here.st_ino) in seen:
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def find(root: str | Path, id_of: Callable[[Path], str], *, texts: str = ".txt") -> Found:
    """Walk a corpus and sort its files.

    Parameters
    ----------
    root : path
    id_of : callable
        ``id_of(path)`` is the id of the clip that a file belongs to; empty if it is of none.
    texts : str
        Suffix of the files that hold what is said.

    Returns
    -------
    Found
        ``tables``: every ``.csv`` by its name.
    """
    found = Found()
    kinds = dict.fromkeys(VIDEO_SUFFIXES, found.videos) | dict.fromkeys(
        SOUND_SUFFIXES, found.sounds
    )
    kinds[texts] = found.texts
    for path in walk(root):
        suffix = path.suffix.lower()
        if suffix == ".csv":
            found.tables.setdefault(path.name, path)
        elif suffix in kinds and (id_ := id_of(path)):
            kinds[suffix].setdefault(id_, path)
    return found


def rows(path: Path, *names: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table with a head, of the columns ``names``; blanks round them go.

    Raises
    ------
    CorpusError
        If it has no such columns.
    """
    lines = read_text(path).splitlines()
    reader = csv.DictReader(lines, skipinitialspace=True)
    head = {(name or "").strip(): name for name in reader.fieldnames or ()}
    if missing := [name for name in names if name not in head]:
        raise CorpusError(f"{path}: has no column {missing[0]!r}")
    for row in reader:
        yield {name: (row[head[name]] or "").strip() for name in names}
