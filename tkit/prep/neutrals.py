"""Neutral faces of a corpus' speakers, from the points of their prepared clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tkit.clips import Clip
from tkit.face import geometry
from tkit.prep.parts import read_part

NEUTRAL_FRAMES = 6000  # at most this many frames of a speaker, evenly spread, make the neutral


def neutrals(
    kept: Iterable[tuple[Clip, Path]], splits: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Neutral of every speaker and the mean neutral, both in canonical coordinates.

    The mean is over the speakers of the training split, so that held-out people stay held out.
    """
    own: dict[str, np.ndarray] = {}
    training: list[str] = []
    by_speaker: dict[str, list[tuple[Clip, Path]]] = {}
    for clip, part in kept:
        by_speaker.setdefault(clip.speaker, []).append((clip, part))
    for speaker, pairs in sorted(by_speaker.items()):
        own[speaker] = geometry.speaker_neutral(_some_points(part for _, part in pairs))
        if any(splits[clip.id] == "train" for clip, _ in pairs):
            training.append(speaker)
    canonical = geometry.mean_neutral(np.stack([own[name] for name in training or sorted(own)]))
    rigid = geometry.RIGID_INDEX
    for speaker, neutral in own.items():
        pose = geometry.similarity(neutral[rigid], canonical[rigid])
        own[speaker] = geometry.apply(pose, neutral)
    return own, canonical


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
