"""Clips, rejects and manifests (JSON lines).

A clip is a reference to media on disk and what is known about it without decoding it; a reject is
a clip that could not be used, with the step and the reason.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tkit.errors import CorpusError
from tkit.files import atomic_path


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


def write_manifest(path: str | Path, clips: Iterable[Clip]) -> None:
    """Write ``clips`` as JSON lines, one clip a line, replacing ``path`` only when complete."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for clip in clips:
            file.write(json.dumps(asdict(clip), ensure_ascii=False) + "\n")


def read_manifest(path: str | Path) -> list[Clip]:
    """Read a manifest; a line that is not a clip raises :class:`CorpusError` with its number."""
    clips = []
    with Path(path).open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                fields = json.loads(line)
                for name in ("words", "phones"):
                    fields[name] = tuple(Word(**word) for word in fields.get(name, ()))
                clips.append(Clip(**fields))
            except (TypeError, ValueError) as error:
                raise CorpusError(f"{path}, line {number}: not a clip ({error})") from error
    return clips


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


def relative_to(clip: Clip, root: str | Path) -> Clip:
    """Return ``clip`` with its media paths relative to ``root``."""
    audio = os.path.relpath(clip.audio, root) if clip.audio else ""
    return replace(clip, video=os.path.relpath(clip.video, root), audio=audio)
