"""One decoded clip to its landmark points: what ``tkit prep`` and ``tkit landmarks`` share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tkit import geometry, media
from tkit.clips import atomic_path
from tkit.errors import NoFaceError, UsageError
from tkit.landmarks import LANDMARKERS, Track


@dataclass(frozen=True)
class Tracked:
    """The points of one clip.

    Parameters
    ----------
    points : ndarray (T, 68, 2), float32
        Pixels, short gaps filled.
    valid : ndarray (T,), bool
        The points of this frame were tracked, not filled.
    notes : list of str
        What the user should know, e.g. that there are two faces.
    """

    points: np.ndarray
    valid: np.ndarray
    notes: list[str]


def track_clip(clip: media.Media, track: Track, *, video: str, max_gap: int) -> Tracked:
    """Track the face of a decoded clip and fill short gaps.

    Parameters
    ----------
    track : callable
        An opened landmark back-end.
    video : str
        Path of the clip, for back-ends that read a file beside it.
    max_gap : int
        Longest run of frames without a face, or lost to damage, that is filled.

    Raises
    ------
    NoFaceError
        If no frame has a face, or none for more than ``max_gap`` frames in a row.
    """
    notes: list[str] = []
    found = track(clip.frames, video=video, fps=clip.fps, note=notes.append)
    found[clip.held] = np.nan  # a repeated frame is no observation
    points, gap = geometry.fill_gaps(found, max_gap=max_gap)
    if np.isnan(points).any():
        if gap == len(points):
            raise NoFaceError("no face in any frame")
        raise NoFaceError(
            f"no face for {gap} frames in a row; pass --max-gap {gap} to fill them or drop the clip"
        )
    valid = np.logical_not(np.isnan(found).any(axis=(1, 2)))
    return Tracked(points.astype(np.float32), valid, notes)


def write_points(path: str | Path, tracked: Tracked, *, fps: float) -> None:
    """Write points as ``.npy``, (T, 68, 2) float32, or as ``.csv``.

    The table's columns are frame, time_s, valid (1 tracked, 0 filled), x_0 … x_67, y_0 … y_67 in
    pixels.
    """
    with atomic_path(path) as temporary:
        if temporary.suffix == ".npy":
            np.save(temporary, tracked.points)
            return
        count = len(tracked.points)
        names = [f"{axis}_{index}" for axis in "xy" for index in range(geometry.N_POINTS)]
        flat = tracked.points.transpose(0, 2, 1).reshape(count, -1)  # (T, 136): all x, all y
        with temporary.open("w", encoding="utf-8") as file:
            file.write(",".join(["frame", "time_s", "valid", *names]) + "\n")
            for index, (row, valid) in enumerate(zip(flat, tracked.valid, strict=True)):
                numbers = ",".join(f"{value:.3f}" for value in row)
                file.write(f"{index},{index / fps:.4f},{int(valid)},{numbers}\n")


def parameters(landmarks: str, model: str) -> dict[str, str]:
    """Return the parameters with which a back-end is opened.

    Raises
    ------
    UsageError
        If a model file is given to a back-end that brings its own.
    """
    entry = LANDMARKERS.get(landmarks)
    if model and entry.sign is None:
        raise UsageError(f"the landmarks {landmarks} take no model file; {model} was given")
    return {"model": model} if model else {}


@cache
def open_landmarks(landmarks: str, model: str = "") -> Track:
    """Open a landmark back-end once a process."""
    return LANDMARKERS.get(landmarks).open(**parameters(landmarks, model))


@cache
def signature(landmarks: str, model: str = "") -> str:
    """Return what distinguishes the points of this back-end from those of any other."""
    return LANDMARKERS.get(landmarks).signature_with(**parameters(landmarks, model))
