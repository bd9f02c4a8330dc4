"""HDTF: talks of politicians and radio hosts, cut from videos of a public site.

The corpus is given out as lists; clips are what people cut by them. Names that are read:
``RD_Radio34_002.mp4`` (the usual one: part, video, number of the cut), ``Radio34_2.mp4`` (that of
the lists) and whole videos ``Radio34.mp4``, in any folders, with an optional ``.wav`` beside. The
part of a name without one is found in the corpus' ``WDA_video_url.txt`` and ``WRA_video_url.txt``.
A speaker is who speaks in a video: ``WDA_NancyPelosi1`` and ``WDA_NancyPelosi3`` are one person.

There is no official split. Published lists hold single clips, so that only those are prepared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tkit.clips import Clip, Reject, columns
from tkit.corpora import Corpus, Splits
from tkit.corpora._found import find
from tkit.errors import CorpusError
from tkit.parsing import read_text

# Part, video, cut. Videos are of a person, with a number where there are several, or of a show.
_NAME = re.compile(r"(?:(RD|WDA|WRA)_)?(Radio\d+|(?!Radio)[A-Z][A-Za-z-]+\d?)(?:_(\d{1,3}))?")
_LIST = re.compile(r"(RD|WDA|WRA)_video_url\.txt")


def _id_of(path: Path) -> str:
    """Return ``RD_Radio34_002``, without the part where the file's name does not tell it."""
    if _LIST.fullmatch(path.name):
        return path.name
    found = _NAME.fullmatch(path.stem)
    if not found:
        return ""
    part, video, cut = found.groups()
    part = part or ("RD" if video.startswith("Radio") else "")
    # The lists count cuts with one digit, the usual files with three.
    return "_".join(name for name in (part, video, f"{int(cut):03}" if cut else "") if name)


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids, which are names of published lists."""
    found = find(root, _id_of)
    parts = {
        line.split()[0]: name.split("_")[0]
        for name, path in found.texts.items()
        if _LIST.fullmatch(name)
        for line in read_text(path).splitlines()
        if line.strip()
    }
    clips = []
    for name, path in found.videos.items():
        part, video, cut = _NAME.fullmatch(name).groups()  # type: ignore[union-attr]
        part = part or parts.get(video, "")
        id_ = "_".join(text for text in (part, video, cut) if text)
        speaker = video if video.startswith("Radio") else video.rstrip("0123456789")
        sound = found.sound(name)
        clips.append(Clip(id_, speaker, str(path), audio=sound, columns=columns(part=part)))
    # Any folder has names with a capital: where none is one that HDTF alone gives, it is another.
    if not any(clip.columns for clip in clips):
        raise CorpusError(
            f"{root}: no HDTF clips here; expected e.g. {root}/RD_Radio34_002.mp4 or Radio34_2.mp4"
        )
    yield from sorted(clips, key=lambda clip: clip.id)


def _clips(names: str, form: str = "{}_000") -> frozenset[str]:
    return frozenset(form.format(name) for name in names.split())


_DIFFTALK_RADIO = (
    "1 2 3 4 5 7 8 9 10 11 12 13 14 16 17 18 19 20 21 22 23 25 26 27 28 29 30 31 32 33 34 35 36 37 "
    "38 39 40 41 42 43 44 45 46 47 49 50 51 52 53 54"
)
_DIFFTALK_CONGRESS = (
    "WRA_JebHensarling2_003 WRA_JonKyl_000 WDA_GerryConnolly_000 WDA_FrankPallone1_000 "
    "WDA_HillaryClinton_000 WDA_BarbaraLee1_000 WRA_SteveDaines0_000 WDA_AmyKlobuchar1_002 "
    "WRA_MarkwayneMullin_000 WDA_StenyHoyer_000 WDA_BarackObama_001 WDA_SheldonWhitehouse0_000 "
    "WRA_JohnKasich1_001 WDA_JoeCrowley0_000 WRA_SaxbyChambliss_000 WDA_RichardBlumenthal_000 "
    "WRA_GregWalden1_000 WRA_JoniErnst1_000 WRA_RandPaul1_000 WRA_ErikPaulsen_003 "
    "WRA_JohnKasich3_000 WDA_HakeemJeffries_000 WDA_JackReed0_000 WRA_DianeBlack0_000 "
    "WDA_NancyPelosi3_000 WRA_MikeJohanns_000 WDA_JoeManchin_000 WDA_ChrisCoons1_000 "
    "WRA_DavidVitter_000 WDA_JackyRosen_000 WDA_PatrickLeahy0_000 WRA_ErikPaulsen_002 "
    "WRA_JoePitts_000 WDA_JoeCrowley1_001 WDA_TerriSewell0_000 WDA_MartinHeinrich_000 "
    "WDA_JackieSpeier_000 WRA_LisaMurkowski0_000"
)
CLIP_LISTS: dict[str, Splits] = {
    # The author in issue 40 of xg-chu/GAGAvatar; 100 frames of each, evenly spread, are scored.
    "gagavatar19": {
        "test": _clips(
            "WRA_ReneeEllmers WRA_GeoffDavis WDA_MikeDoyle WRA_JoePitts WRA_TimScott WRA_JohnThune "
            "WRA_ToddYoung WRA_RoyBlunt WDA_CatherineCortezMasto WRA_ErikPaulsen WRA_TomPrice "
            "WRA_TomCotton WRA_EricCantor WRA_RichardShelby WRA_RobPortman WDA_MartinHeinrich "
            "WRA_DeanHeller WRA_VickyHartzler WRA_ReincePriebus"
        )
    },
    # data/train_name.txt of sstzal/DiffTalk; what was tested on is not listed.
    "difftalk": {
        "train": _clips(_DIFFTALK_RADIO, "RD_Radio{}_000")
        | _clips(" ".join(map(str, range(1, 10))), "RD_Radio34_00{}")
        | {"RD_Radio11_001"}
        | _clips(_DIFFTALK_CONGRESS, "{}"),
    },
}


def _example(root: Path) -> None:
    """Write one clip of each naming, and a second video of a person."""
    for name in ("RD_Radio34_002.mp4", "Radio11_0.mp4", "WDA_NancyPelosi1_000.mp4"):
        (root / name).touch()
    (root / "WDA_NancyPelosi3_000.mp4").touch()


CORPUS = Corpus(
    title="HDTF, high-definition talking faces",
    url="https://github.com/MRzzm/HDTF",
    licence="lists by MRzzm/HDTF; videos remain their publishers' (not checked: ask them)",
    citation="Zhang, Li, Ding, Fan: Flow-guided one-shot talking face generation with a "
    "high-resolution audio-visual dataset. CVPR 2021.",
    scan=scan,
    clip_lists=CLIP_LISTS,
    example=_example,
)
