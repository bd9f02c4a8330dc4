"""Whose clips are scored: the speaker of each clip by its name, and what too few of them allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from tkit.scoring import statistics

UNKNOWN = "the speakers are unknown (clips of a known one lie in its folder, s1/clip)"


def speaker_of(clip: str) -> str:
    """The first folder of a clip's name; the clip itself where it lies in none."""
    return PurePosixPath(clip).parts[0]


def speakers_of(clips: Iterable[str]) -> list[str]:
    """Speaker of each clip; empty where they are unknown, as a clip lies in no folder."""
    clips = list(clips)
    return [speaker_of(clip) for clip in clips] if all("/" in clip for clip in clips) else []


def too_few(speakers: Sequence[str]) -> str:
    """Why there is no interval; empty if speakers are enough."""
    number = len(set(speakers))
    if number >= statistics.MIN_SPEAKERS:
        return ""
    if not number:
        return f"no interval: {UNKNOWN}"
    return f"no interval: {counted(number, 'speaker')} too few"


def counted(number: int, noun: str) -> str:
    """Begin a sentence about so many of something.

    Examples
    --------
    >>> counted(1, "speaker"), counted(2, "blink")
    ('1 speaker is', '2 blinks are')
    """
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"
