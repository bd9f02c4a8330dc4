"""CREMA-D: 91 actors saying 12 sentences in six emotions.

Files are found by name, wherever they lie: ``VideoFlash/1001_DFA_ANG_XX.flv`` (as given out; also
re-encoded, ``.mp4``) is actor, sentence, emotion and level, ``AudioWAV/1001_DFA_ANG_XX.wav`` its
sound. ``VideoDemographics.csv`` tells age, sex, race and ethnicity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tkit.clips import Clip, Reject, columns
from tkit.corpora import Corpus
from tkit.corpora._found import find

SENTENCES = {
    "IEO": "it's eleven o'clock",
    "TIE": "that is exactly what happened",
    "IOM": "i'm on my way to the meeting",
    "IWW": "i wonder what this is about",
    "TAI": "the airplane is almost full",
    "MTI": "maybe tomorrow it will be cold",
    "IWL": "i would like a new alarm clock",
    "ITH": "i think i have a doctor's appointment",
    "DFA": "don't forget a jacket",
    "ITS": "i think i've seen this before",
    "TSI": "the surface is slick",
    "WSI": "we'll stop in a couple of minutes",
}
EMOTIONS = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad",
}  # fmt: skip
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": ""}
_NAME = re.compile(r"(1\d{3})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX?)")
DEMOGRAPHICS = "VideoDemographics.csv"


def _id_of(path: Path) -> str:
    found = _NAME.fullmatch(path.stem.upper())
    return f"{found[1]}/{found[0]}" if found else ""


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids."""
    found = find(root, _id_of, what="CREMA-D videos", example="VideoFlash/1001_DFA_ANG_XX.flv")
    heads = ("ActorID", "Age", "Sex", "Race", "Ethnicity")
    people = {row.pop("ActorID"): row for row in found.rows(DEMOGRAPHICS, *heads)}
    for id_, path in sorted(found.videos.items()):
        actor, sentence, emotion, level = id_.split("/")[1].split("_")
        if sentence not in SENTENCES or emotion not in EMOTIONS:
            yield Reject(id_, "scan", f"{path.name} is not the name of a CREMA-D clip")
            continue
        about = {name.lower(): text.lower() for name, text in people.get(actor, {}).items()}
        yield Clip(
            id_,
            actor,
            str(path),
            audio=found.sound(id_),
            text=SENTENCES[sentence],
            columns=columns(emotion=EMOTIONS[emotion], level=LEVELS.get(level, ""), **about),
        )


def _example(root: Path) -> None:
    """Write a clip, who speaks, and one whose name says nothing."""
    for folder, suffix in (("VideoFlash", ".flv"), ("AudioWAV", ".wav")):
        (root / folder).mkdir()
        for name in ("1001_DFA_ANG_XX", "1001_XYZ_ANG_XX"):
            (root / folder / f"{name}{suffix}").touch()
    (root / DEMOGRAPHICS).write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n'
    )


CORPUS = Corpus(
    title="CREMA-D, crowd-sourced emotional multimodal actors",
    url="https://github.com/CheyneyComputerScience/CREMA-D",
    licence="ODbL 1.0, contents DbCL 1.0",
    citation="Cao, Cooper, Keutmann, Gur, Nenkova, Verma: CREMA-D: Crowd-sourced emotional "
    "multimodal actors dataset. IEEE Transactions on Affective Computing 5(4), 2014.",
    scan=scan,
    example=_example,
)
