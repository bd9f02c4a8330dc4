"""LRS3: sentences of TED talks. It is not given out any more; those who have it can prepare it.

``{pretrain,trainval,test}/VIDEO/00001.mp4`` with a ``.txt`` beside, whose first line is ``Text:``
and whose last lines, after ``WORD START END``, are words in seconds. The folder of the video stands
for the speaker. ``pretrain`` and ``trainval`` are both for training; a column tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tkit.clips import Clip, Reject, Word, columns
from tkit.corpora import FOLDERS, Corpus
from tkit.corpora._found import find
from tkit.errors import CorpusError
from tkit.parsing import read_text

_PARTS = {"pretrain": "train", "trainval": "train", "test": "test"}


def read_said(path: str | Path) -> tuple[str, tuple[Word, ...]]:
    """Read what is said and, where they are given, its words.

    Returns
    -------
    text : str
        In lower case.
    words : tuple of Word

    Raises
    ------
    CorpusError
        If there is no line ``Text:``, or a word's times are none.
    """
    lines = [line.strip() for line in read_text(path).splitlines()]
    if not lines or not lines[0].startswith("Text:"):
        raise CorpusError(f"{path}: does not start with 'Text:'")
    heads = [number for number, line in enumerate(lines) if line.startswith("WORD START END")]
    words = []
    for line in lines[heads[0] + 1 :] if heads else ():
        if line:
            try:
                text, start, end, *_ = line.split()
                word = Word(float(start), float(end), text.lower())
            except ValueError:
                raise CorpusError(f"{path}: {line!r:.40} is not 'word start end'") from None
            if not 0 <= word.start_s <= word.end_s < float("inf"):
                raise CorpusError(f"{path}: {line!r:.40} ends before it starts, or never")
            words.append(word)
    return lines[0][5:].strip().lower(), tuple(words)


def _id_of(path: Path) -> str:
    """Return ``trainval/VIDEO/00001``."""
    part, video = path.parts[-3:-1] if len(path.parts) > 3 else ("", "")
    is_clip = part in _PARTS and re.fullmatch(r"\d{5}", path.stem)
    return f"{part}/{video}/{path.stem}" if is_clip else ""


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids."""
    found = find(root, _id_of, what="LRS3 videos", example="trainval/0Amg53UuRqE/00001.mp4")
    for id_, path in sorted(found.videos.items()):
        part, video, _ = id_.split("/")
        try:
            text, words = read_said(found.texts[id_]) if id_ in found.texts else ("", ())
        except CorpusError as error:
            yield Reject(id_, "scan", str(error))
            continue
        about = columns(part=part)
        yield Clip(id_, video, str(path), found.sound(id_), text, words, (), _PARTS[part], about)


def _example(root: Path) -> None:
    """Write a clip with its words, and one whose text is none."""
    folder = root / "trainval" / "0Amg53UuRqE"
    folder.mkdir(parents=True)
    for name in ("00001", "00002"):
        (folder / f"{name}.mp4").touch()
    said = "Text:  WE DO\nConf:  4\n\nWORD START END ASDSCORE\nWE 0.1 0.22 5.1\nDO 0.22 0.4 4.0\n"
    (folder / "00001.txt").write_text(said)
    (folder / "00002.txt").write_text("nothing of the kind\n")


CORPUS = Corpus(
    title="LRS3-TED, lip reading sentences",
    url="https://www.robots.ox.ac.uk/~vgg/data/lip_reading/lrs3.html",
    licence="no longer given out; by the terms under which you got it (not checked)",
    citation="Afouras, Chung, Zisserman: LRS3-TED: a large-scale dataset for visual speech "
    "recognition. arXiv 1809.00496, 2018.",
    scan=scan,
    split_schemes=FOLDERS,
    example=_example,
)
