"""RAVDESS: 24 actors saying and singing two statements in eight emotions.

Files are found by name, in any folders: ``Actor_01/01-01-03-01-02-01-12.mp4`` is modality, channel,
emotion, intensity, statement, repetition and actor. Modality 01 has picture and sound, 02 picture
alone, 03 sound alone. Where 01 is not there, 02 with the sound of 03 stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tkit.clips import Clip, Reject, columns
from tkit.corpora import Corpus
from tkit.corpora._found import find

CHANNELS = {"01": "speech", "02": "song"}
EMOTIONS = dict(
    zip(
        (f"{number:02}" for number in range(1, 9)),
        "neutral calm happy sad angry fearful disgust surprised".split(),
        strict=True,
    )
)
LEVELS = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids are talking by the door", "02": "dogs are sitting by the door"}
_NAME = re.compile(r"0[123](-0[12]-0[1-8]-0[12]-0[12]-0[12]-(?:0[1-9]|1\d|2[0-4]))")


def _id_of(path: Path) -> str:
    """Return ``Actor_12/01-01-03-01-02-01-12``."""
    name = path.stem
    return f"Actor_{name[-2:]}/{name}" if _NAME.fullmatch(name) else ""


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids."""
    found = find(root, _id_of, what="RAVDESS videos", example="Actor_01/01-01-03-01-02-01-01.mp4")
    for id_, path in sorted(found.videos.items()):
        actor, name = id_.split("/")
        modality, channel, emotion, level, statement, _, _ = name.split("-")
        sound = found.sound(id_)
        if modality == "02":
            if f"{actor}/01{name[2:]}" in found.videos:  # the same recording, with its sound
                continue
            sound = sound or found.sound(f"{actor}/03{name[2:]}")
            if not sound:
                yield Reject(
                    id_, "scan", f"{path.name}: modality 02 has no sound, and 03 is absent"
                )
                continue
        yield Clip(
            id_,
            actor,
            str(path),
            audio=sound,
            text=STATEMENTS[statement],
            columns=columns(
                channel=CHANNELS[channel],
                emotion=EMOTIONS[emotion],
                level=LEVELS[level],
                sex="female" if int(actor[-2:]) % 2 == 0 else "male",
            ),
        )


def _example(root: Path) -> None:
    """Write a clip with sound, one whose sound is beside it, and one without."""
    (root / "Actor_12").mkdir()
    for name in ("01-01-03-01-02-01-12.mp4", "02-01-03-01-02-01-12.mp4", "02-01-05-02-01-02-12.mp4",
                 "03-01-05-02-01-02-12.wav", "02-02-04-01-01-01-12.mp4"):  # fmt: skip
        (root / "Actor_12" / name).touch()


CORPUS = Corpus(
    title="RAVDESS, Ryerson audio-visual database of emotional speech and song",
    url="https://zenodo.org/records/1188976",
    licence="CC BY-NC-SA 4.0",
    citation="Livingstone, Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song "
    "(RAVDESS). PLoS ONE 13(5), e0196391, 2018.",
    scan=scan,
    example=_example,
)
