"""LRW: 500 words, up to 1,000 utterances each, cut from television.

``lipread_mp4/WORD/{train,val,test}/WORD_00001.mp4``, an optional ``.txt`` beside. Who speaks is not
told: each clip is a speaker of its own, so that its own neutral face is used and no interval of
scores takes it for one of many of a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tkit.clips import Clip, Reject
from tkit.corpora import FOLDERS, Corpus
from tkit.corpora._found import find

_SPLITS = frozenset({"train", "val", "test"})
_NAME = re.compile(r"([A-Z']+)_\d{5}")


def _id_of(path: Path) -> str:
    """Return ``ABOUT/train/ABOUT_00001``."""
    found, split = _NAME.fullmatch(path.stem.upper()), path.parent.name.lower()
    return f"{found[1]}/{split}/{found[0]}" if found and split in _SPLITS else ""


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids; the text is the word in the middle."""
    found = find(root, _id_of, what="LRW videos", example="ABOUT/train/ABOUT_00001.mp4")
    for id_, path in sorted(found.videos.items()):
        word, split, _ = id_.split("/")
        sound = found.sound(id_)
        yield Clip(id_, id_, str(path), audio=sound, text=word.lower(), split=split)


def _example(root: Path) -> None:
    """Write one clip of each split."""
    for split in sorted(_SPLITS):
        path = root / "lipread_mp4" / "ABOUT" / split / "ABOUT_00001.mp4"
        path.parent.mkdir(parents=True)
        path.touch()


CORPUS = Corpus(
    title="LRW, lip reading in the wild",
    url="https://www.robots.ox.ac.uk/~vgg/data/lip_reading/lrw1.html",
    licence="research only, on application to the BBC (not checked: ask them)",
    citation="Chung, Zisserman: Lip reading in the wild. ACCV 2016.",
    scan=scan,
    split_schemes=FOLDERS,
    example=_example,
)
