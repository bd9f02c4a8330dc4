"""GRID: 34 speakers, 1,000 six-word sentences each (33 with video).

Every layout people have on disk is read: the Sheffield archives (``sN/video/NAME.mpg``,
``sN/video/mpg_6000/NAME.mpg``, ``sN/align/NAME.align``), Zenodo's (``sN/NAME.mpg``,
``alignments/sN/NAME.align``), nested ones (``data/s1``, ``data/alignments/s1``) and a flat folder
``align/``. The video's folder names the speaker. An alignment is found by its file *name* alone:
names are unique over the corpus, and the speaker folders of Zenodo's alignments are permuted.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from tkit.clips import Clip, Reject, Word, columns
from tkit.corpora import Corpus, Splits
from tkit.errors import CorpusError, UsageError
from tkit.media import VIDEO_SUFFIXES
from tkit.parsing import read_text

UNITS_PER_S = 25_000  # of the alignment files: 1,000 units are one video frame

# One letter a word; the sentence is the file's name.
GRAMMAR = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    dict(
        zip("z123456789", "zero one two three four five six seven eight nine".split(), strict=True)
    ),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
_NAME = re.compile("".join(f"[{''.join(slot)}]" for slot in GRAMMAR))
_SPEAKER = re.compile(r"s([1-9]|[12]\d|3[0-4])", re.IGNORECASE)


def sentence(name: str) -> str | None:
    """Return the sentence a file name stands for (``bbaf2n``: bin blue at f two now), or None."""
    if not _NAME.fullmatch(name):
        return None
    return " ".join(slot[letter] for slot, letter in zip(GRAMMAR, name, strict=True))


def read_alignment(path: str | Path) -> tuple[Word, ...]:
    """Read the spoken words of an alignment file; silences (sil, sp) are left out.

    Raises
    ------
    CorpusError
        If a line is not ``start end word``.
    """
    words = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            start, end, text = line.split()
            word = Word(int(start) / UNITS_PER_S, int(end) / UNITS_PER_S, text.lower())
        except (ValueError, OverflowError) as error:
            raise CorpusError(f"{path}, line {number}: not 'start end word'") from error
        if word.text not in ("sil", "sp"):
            words.append(word)
    return tuple(words)


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids.

    Where one utterance is there twice, ``mpg_6000`` (720 x 576) wins over the small version.
    """
    videos, alignments, sounds = _files(Path(root))
    if not videos:
        raise CorpusError(
            f"{root}: no GRID videos here; expected sN/NAME.mpg, e.g. {root}/s1/bbaf2n.mpg"
        )
    for id_ in sorted(videos):
        path = videos[id_]
        speaker, _, name = id_.partition("/")
        text = sentence(name)
        if text is None:
            yield Reject(id_, "scan", f"{path.name} is not the name of a GRID sentence")
            continue
        words: tuple[Word, ...] = ()
        try:
            if name in alignments:
                words = read_alignment(alignments[name])
        except (CorpusError, UnicodeDecodeError) as error:
            yield Reject(id_, "scan", str(error))
            continue
        said = " ".join(word.text for word in words)
        if words and said != text:
            yield Reject(id_, "scan", f"{alignments[name].name} says {said!r}, the name {text!r}")
            continue
        sound = str(sounds.get(id_, ""))
        about = columns(sex="female" if speaker in _FEMALE else "male")
        yield Clip(id_, speaker, str(path), audio=sound, text=text, words=words, columns=about)


def _files(root: Path) -> tuple[dict[str, Path], dict[str, Path], dict[str, Path]]:
    """Walk ``root`` once (links followed): videos and sounds by clip id, alignments by name."""
    videos: dict[str, Path] = {}
    alignments: dict[str, Path] = {}
    sounds: dict[str, Path] = {}
    for folder, folders, names in os.walk(root, followlinks=True):
        folders.sort()
        here = Path(folder)
        speaker = _speaker_of(here, root)
        for name in sorted(names):
            path, suffix = here / name, Path(name).suffix.lower()
            if name.startswith("."):
                continue
            id_ = f"{speaker}/{path.stem.lower()}"
            if suffix == ".align":
                alignments.setdefault(path.stem.lower(), path)
            elif suffix == ".wav" and speaker:
                sounds.setdefault(id_, path)
            elif (
                suffix in VIDEO_SUFFIXES
                and speaker
                and (id_ not in videos or "mpg_6000" in here.parts)
            ):
                videos[id_] = path
    return videos, alignments, sounds


def _speaker_of(folder: Path, root: Path) -> str:
    """Name of the innermost folder that is called like a speaker, ``root`` itself included."""
    for part in reversed([root.resolve().name, *folder.relative_to(root).parts]):
        if _SPEAKER.fullmatch(part):
            return part.lower()
    return ""


def archives(speakers: tuple[str, ...]) -> list[str]:
    """Names of Zenodo's archives of these speakers (all for none), alignments first.

    Raises
    ------
    UsageError
        If there is no such speaker, or none with video.
    """
    unknown = [name for name in speakers if name not in _ALL]
    if unknown:
        raise UsageError(f"GRID has no videos of {unknown[0]!r}; there are s1 to s34 without s21")
    wanted = sorted(speakers or _ALL, key=lambda name: int(name[1:]))
    return ["alignments.zip", *(f"{name}.zip" for name in dict.fromkeys(wanted))]


def _speakers(numbers: str) -> frozenset[str]:
    return frozenset(f"s{number}" for number in numbers.split())


def _overlapped_test() -> frozenset[str]:
    """Clip ids that LipNet's overlapped-speaker split holds out, 255 a speaker."""
    file = resources.files("tkit.corpora") / "grid_lipnet_overlapped_test.txt.gz"
    return frozenset(gzip.decompress(file.read_bytes()).decode().split())


_ALL = _speakers(" ".join(str(number) for number in range(1, 35) if number != 21))
# 16 of the 34, as the CHiME challenges list them.
_FEMALE = _speakers("4 7 11 15 16 18 20 21 22 23 24 25 29 31 33 34")
_TEST_LIPNET = _speakers("1 2 20 22")
SPLIT_SCHEMES: dict[str, Splits] = {
    # data/unseen_splits.txt of ms-dot-k/Visual-Context-Attentional-GAN; by its sizes very probably
    # the 50/20/30 % split of Vougioukas et al., which Sinha et al. 2020 also use.
    "unseen": {
        "train": _speakers("1 3 5 6 7 8 10 12 14 16 17 22 24 26 28 32"),
        "val": _speakers("9 20 23 27 29 30 34"),
        "test": _speakers("2 4 11 13 15 18 19 25 31 33"),
    },
    # LipNet's unseen-speaker split, as in VIPL LipNet-PyTorch.
    "lipnet-unseen": {"train": _ALL - _TEST_LIPNET, "test": _TEST_LIPNET},
    # LipNet's overlapped-speaker split; its lists as in VIPL LipNet-PyTorch.
    "lipnet-overlapped": {"train": _ALL, "test": _overlapped_test()},
    # Chen et al. 2019: the author in issue 26 of lelechen63/ATVGnet.
    "atvgnet": {"train": _ALL - {"s29"}, "test": frozenset({"s29"})},
}


def _example(root: Path) -> None:
    """Write a clip with its alignment, and one whose name is no sentence."""
    for folder in ("s1", "alignments/s1"):
        (root / folder).mkdir(parents=True)
    (root / "s1" / "bbaf2n.mpg").touch()
    (root / "s1" / "holiday.mpg").touch()
    words = "0 14750 sil|14750 20750 bin|20750 25750 blue|25750 27750 at|27750 32250 f"
    words += "|32250 38500 two|38500 45500 now|45500 74500 sil"
    (root / "alignments" / "s1" / "bbaf2n.align").write_text(words.replace("|", "\n") + "\n")


CORPUS = Corpus(
    title="GRID audiovisual sentence corpus",
    url="https://zenodo.org/records/3625687",
    licence="CC BY 4.0",
    citation="Cooke, Barker, Cunningham, Shao: An audio-visual corpus for speech perception and "
    "automatic speech recognition. JASA 120(5), 2006.",
    scan=scan,
    split_schemes=SPLIT_SCHEMES,
    archives=archives,
    download_url="https://zenodo.org/records/3625687/files",
    example=_example,
)
