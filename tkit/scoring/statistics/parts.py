"""Parts of the clips: those of a speaker, by their names, and those that share a text.

What else is known of clips stands in columns of texts, as the sex of their speakers, by the name of
the clip or of its speaker: in a table of the user's, a manifest, a store, or the corpus itself.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from tkit import remote
from tkit.errors import CorpusError, UsageError, did_you_mean
from tkit.files import require_path
from tkit.parsing import read_text
from tkit.scoring import statistics

UNKNOWN = "the speakers are unknown (clips of a known one lie in its folder, s1/clip)"
UNTOLD = "unknown"  # the stratum of clips of which a column says nothing
KEYS = "clip", "id", "speaker"  # what the first column of a table may be called
Columns = Mapping[str, Mapping[str, str]]  # name of a clip or a speaker to column to text


def speaker_of(clip: str) -> str:
    """The first folder of a clip's name; the clip itself where it lies in none."""
    return PurePosixPath(clip).parts[0]


def speakers_of(clips: Iterable[str]) -> list[str]:
    """Speaker of each clip; empty where they are unknown, as a clip lies in no folder."""
    clips = list(clips)
    return [speaker_of(clip) for clip in clips] if all("/" in clip for clip in clips) else []


def too_few(speakers: Sequence[str]) -> str:
    """Why there is no interval; empty if speakers are enough."""
    number = len(set(speakers))
    if number >= statistics.MIN_SPEAKERS:
        return ""
    if not number:
        return f"no interval: {UNKNOWN}"
    return f"no interval: {counted(number, 'speaker')} too few"


def counted(number: int, noun: str) -> str:
    """Begin a sentence about so many of something.

    Examples
    --------
    >>> counted(1, "speaker"), counted(2, "blink")
    ('1 speaker is', '2 blinks are')
    """
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"


def read(path: str | Path) -> Columns:
    """Read what is known of clips.

    Parameters
    ----------
    path : path or URL
        A table (``.tsv`` or ``.csv``) whose first line names its columns, the first being ``clip``
        or ``speaker``; a manifest (``.jsonl``); or a store (``.h5``).

    Raises
    ------
    UsageError
        If the file is not there or is no such table; :class:`RemoteError` at a URL.
    CorpusError, StoreError
        If it is a manifest or a store that is damaged.
    """
    place = remote.place_of(path)
    with remote.in_place([place]) as found:
        return _read(require_path(found[place], "table of columns"))


def _read(path: Path) -> Columns:
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        from tkit.clips import read_manifest

        return {clip.id: dict(clip.columns) for clip in read_manifest(path)}
    if suffix in (".h5", ".hdf5"):
        from tkit.store import Store

        with Store(path) as store:
            return {row.id: dict(row.columns) for row in store.clips}
    return _table(path)


def _table(path: Path) -> Columns:
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    mark = "\t" if lines and "\t" in lines[0] else ","
    head, *rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)] or [
        []
    ]
    if len(head) < 2 or head[0].lower() not in KEYS or not all(head):
        raise UsageError(f"{path}: the first line names the columns: clip or speaker, then others")
    found: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head) or not row[0]:
            raise UsageError(
                f"{path}, row {number}: {len(row)} cells, the first row has {len(head)}"
            )
        if row[0] in found:
            raise UsageError(f"{path}, row {number}: {row[0]} is named twice")
        found[row[0]] = {name: text for name, text in zip(head[1:], row[1:], strict=True) if text}
    return found


def of_corpus(root: str | Path) -> Columns:
    """What a corpus that tkit knows says of its clips below ``root``, as GRID of their sex.

    Raises
    ------
    UsageError
        If it looks like no corpus that says anything.
    """
    from tkit.clips import Clip
    from tkit.corpora import CORPORA, looks_like, outlined

    with outlined(remote.place_of(root)) as tree:
        name = looks_like(tree, other_than="folder")
        try:
            clips = [clip for clip in CORPORA.get(name).scan(tree) if isinstance(clip, Clip)]
        except (CorpusError, UsageError):
            clips = []
    found = {clip.id: dict(clip.columns) for clip in clips if clip.columns}
    if not found:
        raise UsageError(
            f"nothing is known of the clips of {root} but their names: give --columns FILE.tsv, "
            "with the columns clip (or speaker) and what to part them by"
        )
    return found


def of_clips(
    clips: Iterable[str], columns: Columns, by: Sequence[str]
) -> dict[str, dict[str, list[str]]]:
    """Part clips: column to text to their names, texts in order, unknown ones last.

    What is said of a clip comes before what is said of its speaker.

    Raises
    ------
    UsageError
        If there is no column of a name.
    """
    names = list(clips)
    there = sorted({name for row in columns.values() for name in row})
    found: dict[str, dict[str, list[str]]] = {}
    for column in by:
        if column not in there:
            hint = did_you_mean(column, there)
            raise UsageError(
                f"no column {column!r}{hint} (there are: {', '.join(there) or 'none'})"
            )
        parts: dict[str, list[str]] = defaultdict(list)
        for clip in names:
            rows = (columns.get(clip, {}), columns.get(speaker_of(clip), {}))
            parts[next((row[column] for row in rows if column in row), UNTOLD)].append(clip)
        found[column] = dict(sorted(parts.items(), key=lambda part: (part[0] == UNTOLD, part[0])))
    return found
