"""Neutral faces of a corpus' speakers, from the points of their prepared clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tkit.clips import Clip
from tkit.errors import CorpusError, Fault, guarded
from tkit.face import geometry
from tkit.prep.parts import read_part

NEUTRAL_FRAMES = 6000  # at most this many frames of a speaker, evenly spread, make the neutral


def neutrals(
    kept: Iterable[tuple[Clip, Path]], splits: Mapping[str, str]
) -> tuple[dict[str, np.ndarray | Fault], np.ndarray]:
    """Neutral of every speaker, or why there is none, and the mean, in canonical coordinates.

    The mean is over the speakers of the training split, so that held-out people stay held out.
    """
    own: dict[str, np.ndarray] = {}
    faults: dict[str, Fault] = {}
    training: list[str] = []
    by_speaker: dict[str, list[tuple[Clip, Path]]] = {}
    for clip, part in kept:
        by_speaker.setdefault(clip.speaker, []).append((clip, part))
    for speaker, pairs in sorted(by_speaker.items()):
        points = _some_points(part for _, part in pairs)
        found = guarded(geometry.speaker_neutral, points, name=f"neutral of {speaker}")
        if isinstance(found, Fault):
            faults[speaker] = found
            continue
        own[speaker] = found
        if any(splits[clip.id] == "train" for clip, _ in pairs):
            training.append(speaker)
    if not own:
        raise CorpusError(
            f"no speaker has a neutral face; the first: {next(iter(faults.values())).reason}"
        )
    canonical = geometry.mean_neutral(np.stack([own[name] for name in training or sorted(own)]))
    rigid = geometry.RIGID_INDEX
    for speaker, neutral in own.items():
        pose = geometry.similarity(neutral[rigid], canonical[rigid])
        own[speaker] = geometry.apply(pose, neutral)
    return own | faults, canonical


def _some_points(parts: Iterable[Path]) -> np.ndarray:
    """Points of a speaker's clips, thinned evenly to at most ``NEUTRAL_FRAMES`` frames."""
    paths = list(parts)
    per_clip = max(NEUTRAL_FRAMES // len(paths), 1)
    chosen = []
    for path in paths[:: max(len(paths) // NEUTRAL_FRAMES, 1)]:
        points = read_part(path, "points")["points"]
        step = max(len(points) // per_clip, 1)
        chosen.append(points[::step])
    return np.concatenate(chosen)
