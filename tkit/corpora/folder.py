"""Any folder of videos with sound: one clip a file, the sub-folder is the speaker.

What a corpus without a recipe of its own needs is said by two options: where in a path the speaker
stands, and where it is written what is said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tkit.clips import Clip, Reject
from tkit.corpora import Corpus
from tkit.errors import CorpusError, UsageError
from tkit.files import require_path
from tkit.media import VIDEO_SUFFIXES
from tkit.parsing import read_text


def scan(
    root: str | Path, *, speaker_from: str = "", text_from: str = ".txt"
) -> Iterator[Clip | Reject]:
    """Yield every video below ``root``, in order of relative paths.

    The clip's id is the relative path without suffix. A ``.wav`` beside a video is its sound, where
    the video has none inside.

    Parameters
    ----------
    root : path
    speaker_from : str
        A regular expression that is searched in the id: its group ``speaker``, its first group, or
        all of it is the speaker. By default that is the first sub-folder, or the file's own name
        for files directly in ``root``.
    text_from : str
        Suffix of files beside the videos that say what is said (``.txt``, ``.lab``), or a table of
        ids and texts: two columns, parted by a tab or the first comma.

    Raises
    ------
    UsageError
        If that is no regular expression.
    CorpusError
        If there is no video, or the table cannot be read.
    """
    root = Path(root)
    speaker_of, text_of = _speakers(speaker_from), _texts(text_from or ".txt")
    found: dict[str, Path] = {}
    for folder, folders, names in os.walk(root, followlinks=True):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if name.startswith(".") or path.suffix.lower() not in VIDEO_SUFFIXES:
                continue
            id_ = path.relative_to(root).with_suffix("").as_posix()
            if id_ in found:
                yield Reject(f"{id_}{path.suffix}", "scan", f"same name as {found[id_].name}")
            else:
                found[id_] = path
    if not found:
        kinds = " ".join(sorted(VIDEO_SUFFIXES))
        raise CorpusError(f"{root}: no videos here ({kinds})")
    for id_, path in sorted(found.items()):
        speaker, sound = speaker_of(id_), path.with_suffix(".wav")
        if not speaker:
            yield Reject(id_, "scan", f"no speaker in its path by {speaker_from!r}")
            continue
        yield Clip(
            id=id_,
            speaker=speaker,
            video=str(path),
            audio=str(sound) if sound.is_file() else "",
            text=text_of(id_, path),
        )


def _speakers(pattern: str) -> Callable[[str], str]:
    """Return what finds the speaker in an id; it returns nothing where there is none."""
    if not pattern:
        return lambda id_: id_.split("/")[0]
    try:
        search = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"--speaker-from {pattern!r} is no regular expression: {error}") from error
    group: str | int = "speaker" if "speaker" in search.groupindex else min(search.groups, 1)

    def speaker_of(id_: str) -> str:
        found = search.search(id_)
        return (found[group] or "") if found else ""

    return speaker_of


def _texts(source: str) -> Callable[[str, Path], str]:
    """Return what finds the text of an id and its video."""
    if re.fullmatch(r"\.\w+", source):

        def beside(_: str, path: Path) -> str:
            text = path.with_suffix(source)
            return _said(read_text(text)) if text.is_file() else ""

        return beside
    table = {}
    for number, line in enumerate(read_text(require_path(source, "table of texts")).splitlines()):
        name, parted, text = line.partition("\t" if "\t" in line else ",")
        if line.strip() and not parted:
            raise CorpusError(f"{source}, line {number + 1}: not an id and a text")
        table[name.strip()] = text.strip()
    return lambda id_, path: table.get(id_) or table.get(path.name, "") or table.get(path.stem, "")


def _said(text: str) -> str:
    """What is said; files of LRS2 and LRS3 say more, of which it is the line ``Text:``."""
    first, *_ = text.strip().splitlines() or [""]
    return first[5:].strip() if first.startswith("Text:") else text.strip()


def _example(root: Path) -> None:
    """Write a clip with its text, and two files of one name."""
    (root / "anna").mkdir()
    for name in ("hello.mp4", "twice.mp4", "twice.mkv"):
        (root / "anna" / name).touch()
    (root / "anna" / "hello.txt").write_text("hello there", encoding="utf-8")


CORPUS = Corpus(
    title="Any folder of videos with sound",
    url="",
    licence="that of your videos",
    citation="",
    scan=scan,
    options=("speaker_from", "text_from"),
    example=_example,
)
