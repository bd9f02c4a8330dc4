"""VoxCeleb2: a million utterances of 6,000 celebrities, cut from videos of a public site.

``{dev,test}/mp4/id00012/VIDEO/00001.mp4``, the same with the sound in ``aac/`` (``.m4a``), or
without ``dev`` and ``mp4``. The speaker is the id, not the folder above it. ``vox2_meta.csv``
tells the sex and the set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tkit.clips import Clip, Reject, columns
from tkit.corpora import FOLDERS, Corpus
from tkit.corpora._found import find

_SPEAKER = re.compile(r"id\d{5}")
_SPLITS = {"dev": "train", "test": "test"}
META = "vox2_meta.csv"
_SEXES = {"m": "male", "f": "female"}


def _id_of(path: Path) -> str:
    """Return ``id00012/VIDEO/00001``."""
    speaker, video = path.parts[-3:-1] if len(path.parts) > 3 else ("", "")
    return f"{speaker}/{video}/{path.stem}" if _SPEAKER.fullmatch(speaker) else ""


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids."""
    found = find(
        root, _id_of, what="VoxCeleb2 videos", example="dev/mp4/id00012/21Uxsk56VDQ/00001.mp4"
    )
    heads = ("VoxCeleb2 ID", "Gender", "Set")
    people = {row["VoxCeleb2 ID"]: row for row in found.rows(META, *heads)}
    for id_, path in sorted(found.videos.items()):
        speaker = id_.split("/")[0]
        person = people.get(speaker, {})
        parts = [part for part in path.parts[:-3] if part in _SPLITS] or [person.get("Set", "")]
        yield Clip(
            id_,
            speaker,
            str(path),
            audio=found.sound(id_),
            split=_SPLITS.get(parts[-1], ""),
            columns=columns(sex=_SEXES.get(person.get("Gender", ""), "")),
        )


def _example(root: Path) -> None:
    """Write a clip, its sound, and who speaks."""
    for place, suffix in (("mp4", ".mp4"), ("aac", ".m4a")):
        folder = root / "dev" / place / "id00012" / "21Uxsk56VDQ"
        folder.mkdir(parents=True)
        (folder / f"00001{suffix}").touch()
    (root / META).write_text("VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000012 ,m ,dev \n")


CORPUS = Corpus(
    title="VoxCeleb2, deep speaker recognition",
    url="https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox2.html",
    licence="annotations by the authors' terms, videos remain their publishers' (not checked)",
    citation="Chung, Nagrani, Zisserman: VoxCeleb2: Deep speaker recognition. Interspeech 2018.",
    scan=scan,
    split_schemes=FOLDERS,
    example=_example,
)
