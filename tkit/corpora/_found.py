"""What lies below the root of a corpus, by clip ids: every recipe walks its tree once, by this."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tkit.errors import CorpusError
from tkit.files import walk
from tkit.media import SOUND_SUFFIXES, VIDEO_SUFFIXES
from tkit.parsing import read_text


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

    def rows(self, table: str, *names: str) -> Iterator[dict[str, str]]:
        """Yield the rows of a table with a head, of the columns ``names``; none without the table.

        Blanks round names and cells go.

        Raises
        ------
        CorpusError
            If it has no such columns.
        """
        if table not in self.tables:
            return
        path = self.tables[table]
        reader = csv.DictReader(read_text(path).splitlines(), skipinitialspace=True)
        head = {(name or "").strip(): name for name in reader.fieldnames or ()}
        if missing := [name for name in names if name not in head]:
            raise CorpusError(f"{path}: has no column {missing[0]!r}")
        for row in reader:
            yield {name: (row[head[name]] or "").strip() for name in names}


def files(root: str | Path) -> Iterator[Path]:
    """Yield every file below ``root`` in order of names, links followed, hidden ones left out.

    Paths are absolute, so that ``root`` may itself be the folder of a speaker.
    """
    for folder, names in walk(Path(root).resolve()):
        yield from (folder / name for name in names if not name.startswith("."))


def find(
    root: str | Path, id_of: Callable[[Path], str], *, what: str = "", example: str = ""
) -> Found:
    """Walk a corpus and sort its files.

    Parameters
    ----------
    root : path
    id_of : callable
        ``id_of(path)`` is the id of the clip that a file belongs to; empty if it is of none.
    what, example : str
        Its videos in words, and where one lies below ``root``: said where there is none.

    Returns
    -------
    Found
        ``texts``: every ``.txt``; ``tables``: every ``.csv`` by its name.

    Raises
    ------
    CorpusError
        If there is no video, for a corpus that says ``what``.
    """
    found = Found()
    kinds = dict.fromkeys(VIDEO_SUFFIXES, found.videos) | dict.fromkeys(
        SOUND_SUFFIXES, found.sounds
    )
    kinds[".txt"] = found.texts
    for path in files(root):
        suffix = path.suffix.lower()
        if suffix == ".csv":
            found.tables.setdefault(path.name, path)
        elif suffix in kinds and (id_ := id_of(path)):
            kinds[suffix].setdefault(id_, path)
    if what and not found.videos:
        raise CorpusError(f"{root}: no {what} here; expected e.g. {root}/{example}")
    return found
