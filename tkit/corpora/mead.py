"""MEAD: 60 actors, eight emotions in three levels, seen from seven sides.

Layouts that are read: ``M003/video/front/angry/level_1/001.mp4`` with its sound in
``M003/audio/angry/level_1/001.m4a``, the same without ``video/``, with emotion and level in one
folder (``angry_level_1``), and with the sound under ``front``. Only the view from the front is
used: the six others are views of the same utterances.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tkit.clips import Clip, Reject, columns
from tkit.corpora import Corpus
from tkit.corpora._found import find
from tkit.media import VIDEO_SUFFIXES

EMOTIONS = "angry contempt disgusted fear happy neutral sad surprised".split()
SIDES = frozenset("down left_30 left_60 right_30 right_60 top".split())
_SPEAKER = re.compile(r"[MW]\d{3}", re.IGNORECASE)
_FEELING = re.compile(rf"({'|'.join(EMOTIONS)})[/_]level_([123])/", re.IGNORECASE)


def _id_of(path: Path) -> str:
    """Return ``M003/angry/level_1/001``; nothing for side views and for videos of no view."""
    places = [i for i, part in enumerate(path.parts) if _SPEAKER.fullmatch(part)]
    if not places:
        return ""
    inside = [part.lower() for part in path.parts[places[-1] + 1 :]]
    feeling = _FEELING.search("/".join(inside))
    views = {"front"} if path.suffix.lower() in VIDEO_SUFFIXES else set()
    if not feeling or SIDES & set(inside) or not views <= set(inside):
        return ""
    return f"{path.parts[places[-1]].upper()}/{feeling[1]}/level_{feeling[2]}/{path.stem}"


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids."""
    found = find(
        root,
        _id_of,
        what="MEAD videos from the front",
        example="M003/video/front/angry/level_1/001.mp4",
    )
    for id_, path in sorted(found.videos.items()):
        speaker, emotion, level, _ = id_.split("/")
        sex = "male" if speaker[0] == "M" else "female"
        about = columns(emotion=emotion, level=level[-1], sex=sex)
        yield Clip(id_, speaker, str(path), audio=found.sound(id_), columns=about)


def _example(root: Path) -> None:
    """Write an utterance from the front, with its sound, and from a side, which is left out."""
    for place in ("video/front/angry/level_1/001.mp4", "video/left_30/angry/level_1/001.mp4",
                  "audio/angry/level_1/001.m4a"):  # fmt: skip
        path = root / "M003" / place
        path.parent.mkdir(parents=True)
        path.touch()


CORPUS = Corpus(
    title="MEAD, multi-view emotional audio-visual dataset",
    url="https://wywu.github.io/projects/MEAD/MEAD.html",
    licence="research only, by its authors' terms (not checked: ask them)",
    citation="Wang, Wu, Song, Yang, Wu, Qian, He, Qiao, Loy: MEAD: A large-scale audio-visual "
    "dataset for emotional talking-face generation. ECCV 2020.",
    scan=scan,
    example=_example,
)
