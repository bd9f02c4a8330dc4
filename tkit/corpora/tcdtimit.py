"""TCD-TIMIT: 59 volunteers and 3 professional lipspeakers reading TIMIT sentences.

Layouts that are read: the archives' own (``volunteers/01M/Clips/straightcam/sa1.mp4``,
``lipspeakers/Lipspkr1/Clips/straightcam/sa1.mp4``), the same without ``Clips``, and one folder a
sentence (``Lipspkr1/sa1/sa1.mp4``), each with an optional ``.wav`` beside the video. The folders
``30degcam`` are a second view of the same utterances and left out. Phone labels come from HTK
master label files (``*.mlf``) anywhere below the root. The video has 29.97 frames a second; ``tkit
prep`` puts it on its own grid by time stamps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from tkit.clips import Clip, Reject, Word
from tkit.corpora import Corpus, Splits
from tkit.corpora._found import files
from tkit.errors import CorpusError
from tkit.media import VIDEO_SUFFIXES
from tkit.parsing import read_text

UNITS_PER_S = 10_000_000  # HTK's time is in units of 100 ns
SIDE_VIEW = "30degcam"
_SPEAKER = re.compile(r"(0[1-9]|[1-5]\d)[MF]|Lipspkr[1-3]", re.IGNORECASE)


def read_mlf(path: str | Path) -> dict[str, tuple[Word, ...]]:
    """Read an HTK master label file.

    Returns
    -------
    dict
        Clip id (``01M/sa1``) to its labels in order, in seconds. Entries of the side view and of
        files outside a speaker's folder are left out.

    Raises
    ------
    CorpusError
        If the file does not start like one, or a line is not ``start end label``.
    """
    lines = read_text(path).splitlines()
    if not lines or lines[0].strip() != "#!MLF!#":
        raise CorpusError(f"{path}: not an HTK master label file (no #!MLF!# in its first line)")
    labels: dict[str, tuple[Word, ...]] = {}
    entry = ""
    words: list[Word] = []
    for number, line in enumerate(lines[1:], start=2):
        text = line.strip()
        if text.startswith('"'):
            entry, words = _id_of(PureWindowsPath(text.strip('"'))), []  # both / and \\ separate
        elif text == ".":
            if entry:
                labels.setdefault(entry, tuple(words))
            entry = ""
        elif text:
            words.append(_label(text, f"{path}, line {number}"))
    return labels


def _label(text: str, where: str) -> Word:
    try:
        start, end, label, *_ = text.split()  # a score may follow
        return Word(int(start) / UNITS_PER_S, int(end) / UNITS_PER_S, label.lower())
    except (ValueError, OverflowError) as error:
        raise CorpusError(f"{where}: not 'start end label'") from error


def _id_of(path: PureWindowsPath | Path) -> str:
    """Return ``speaker/name`` of a file, or nothing for the side view and for strangers."""
    if SIDE_VIEW in (part.lower() for part in path.parts):
        return ""
    for part in reversed(path.parts[:-1]):
        if _SPEAKER.fullmatch(part):
            return f"{_speaker(part)}/{path.stem.lower()}"
    return ""


def _speaker(name: str) -> str:
    """Spell a speaker as the published splits do."""
    return name.capitalize() if name[0] in "Ll" else name.upper()


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids."""
    videos: dict[str, Path] = {}
    sounds: dict[str, Path] = {}
    labels: dict[str, tuple[Word, ...]] = {}
    for path in files(root):
        id_, suffix = _id_of(path), path.suffix.lower()
        if suffix == ".mlf":
            labels |= read_mlf(path)
        elif id_ and suffix == ".wav":
            sounds.setdefault(id_, path)
        elif id_ and suffix in VIDEO_SUFFIXES:
            videos.setdefault(id_, path)
    if not videos:
        raise CorpusError(
            f"{root}: no TCD-TIMIT videos here; expected e.g. "
            f"{root}/volunteers/01M/Clips/straightcam/sa1.mp4"
        )
    for id_, path in sorted(videos.items()):
        phones = labels.get(id_, ())
        if any(phone.end_s < phone.start_s for phone in phones):
            yield Reject(id_, "scan", "a label ends before it starts")
            continue
        speaker = id_.split("/")[0]
        yield Clip(id_, speaker, str(path), audio=str(sounds.get(id_, "")), phones=phones)


# The lists of georgesterpu/Sigmedia-AVSR, datasets/tcdtimit/splits; the labels of mpc001's Visual
# Speech Recognition have the same speakers. 27M, 35M and 53M are in neither half of "unseen".
_TEST = "08F 09F 15F 18M 25M 28M 33F 34M 36F 41M 44F 45F 49F 54M 55F 56M 58F"
_TRAIN = (
    "01M 02M 03F 04M 05F 06M 07F 10M 11F 12M 13F 14M 16M 17F 19M 20M 21M 22M 23M 24M 26M 29M 30F "
    "31F 32F 37F 38F 39M 40F 42M 43F 46F 47M 48M 50F 51F 52M 57M 59F"
)
_BALANCED_TEST = "06M 14M 17F 18M 31F 41M 46F 47M 51F"
_BALANCED_TRAIN = (
    "01M Lipspkr1 02M Lipspkr2 03F Lipspkr3 04M 05F 07F 08F 09F 10M 11F 12M 13F 15F 16M 19M 20M "
    "21M 22M 23M 24M 25M 26M 27M 28M 29M 30F 32F 33F 34M 35M 36F 37F 38F 39M 40F 42M 43F 44F 45F "
    "48M 49F 50F 52M 53M 54M 55F 56M 57M 58F 59F"
)


def _split(train: str, test: str) -> Splits:
    return {"train": frozenset(train.split()), "test": frozenset(test.split())}


SPLIT_SCHEMES: dict[str, Splits] = {
    "unseen": _split(_TRAIN, _TEST),  # the recommended speaker-independent one, volunteers
    "lipspeakers": _split("Lipspkr1 Lipspkr2", "Lipspkr3"),
    "balanced": _split(_BALANCED_TRAIN, _BALANCED_TEST),
}


def _example(root: Path) -> None:
    """Write one sentence of a volunteer from the front, and from the side, which is left out."""
    for view in ("straightcam", "30degcam"):
        folder = root / "volunteers" / "01M" / "Clips" / view
        folder.mkdir(parents=True)
        for suffix in (".mp4", ".wav"):
            (folder / f"sa1{suffix}").touch()


CORPUS = Corpus(
    title="TCD-TIMIT audio-visual corpus of continuous speech",
    url="https://sigmedia.tcd.ie",
    licence="research only, on application to Trinity College Dublin",
    citation="Harte, Gillen: TCD-TIMIT: An audio-visual corpus of continuous speech. IEEE "
    "Transactions on Multimedia 17(5), 2015.",
    scan=scan,
    split_schemes=SPLIT_SCHEMES,
    example=_example,
)
