"""Clips, and what is said of those that are rejected.

A clip is a reference to media on disk and what is known about it without decoding it; a reject is
a clip that could not be used, with the step and the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tkit.errors import CorpusError


@dataclass(frozen=True)
class Word:
    """One aligned word: ``text`` from ``start_s`` to ``end_s``, in seconds of the clip."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Clip:
    """One utterance of one speaker.

    Parameters
    ----------
    id : str
        Unique in its corpus, usually ``speaker/name``; output order is the order of ids.
    speaker : str
        Speaker name as in the corpus' published splits.
    video : str
        Path of the video file.
    audio : str
        Path of a sound file beside the video, for videos without sound inside; may be empty.
    text : str
        What is said, in lower case, or empty when unknown.
    words : tuple of Word
        Word alignment, in seconds; empty when unknown.
    phones : tuple of Word
        Phone alignment, in seconds, where the corpus has one; a store does not hold it.
    """

    id: str
    speaker: str
    video: str
    audio: str = ""
    text: str = ""
    words: tuple[Word, ...] = ()
    phones: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Reject:
    """A clip that was left out: its id, the step that refused it, and why."""

    id: str
    step: str
    reason: str


@dataclass(frozen=True)
class Remark:
    """What should be known about a clip that is used nevertheless: its id and one sentence."""

    id: str
    text: str


def validate(clips: Iterable[Clip]) -> list[Clip]:
    """Return ``clips`` sorted by id; empty or repeated ids raise :class:`CorpusError`."""
    ordered = sorted(clips, key=lambda clip: clip.id)
    counts = Counter(clip.id for clip in ordered)
    repeated = [id_ for id_, count in counts.items() if count > 1]
    if repeated:
        raise CorpusError(f"{len(repeated)} clip ids occur twice, the first is {repeated[0]!r}")
    if any(not clip.id or not clip.speaker for clip in ordered):
        raise CorpusError("a clip has an empty id or speaker")
    return ordered
