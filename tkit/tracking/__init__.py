"""One decoded clip to its landmark points: what ``tkit prep`` and ``tkit landmarks`` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tkit import media
from tkit.errors import NoFaceError, UsageError
from tkit.face import geometry
from tkit.face.steady import average_parts
from tkit.files import atomic_path
from tkit.landmarks import LANDMARKERS, Note, Raw, Track, ignore
from tkit.lips import SEGMENTERS, Segment
from tkit.tracking.refine import refine

NO_LIPS = "none"  # the lips stay where they were tracked
FEW = 0.8  # share of lip points on a boundary below which the user is told
REFINED = (geometry.RIGHT_EYE, geometry.LEFT_EYE, geometry.MOUTH)


@dataclass(frozen=True)
class Tracked:
    """The points of one clip.

    Parameters
    ----------
    points : ndarray (T, 68, 2), float32
        Pixels, short gaps filled.
    valid : ndarray (T,), bool
        The points of this frame were tracked, not filled.
    placed : ndarray (T, 68), bool
        The point was placed on the boundary of a segment; others are as they were tracked.
    notes : list of str
        What the user should know, e.g. that there are two faces.
    """

    points: np.ndarray
    valid: np.ndarray
    placed: np.ndarray
    notes: list[str]


def track_clip(
    clip: media.Media, track: Track, segment: Segment | None = None, *, video: str, max_gap: int
) -> Tracked:
    """Track the face of a decoded clip, refine its lips and fill short gaps.

    Parameters
    ----------
    track : callable
        An opened landmark back-end.
    segment : callable, optional
        An opened lip segmenter.
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
    found, placed = refine_lips(clip.frames, found, segment)
    points, gap = geometry.fill_gaps(found, max_gap=max_gap)
    if np.isnan(points).any():
        if gap == len(points):
            raise NoFaceError("no face in any frame")
        raise NoFaceError(
            f"no face for {gap} frames in a row; pass --max-gap {gap} to fill them or drop the clip"
        )
    valid = np.logical_not(np.isnan(found).any(axis=(1, 2)))
    share = placed[valid][:, geometry.MOUTH].mean()
    if segment is not None and share < FEW:
        notes.append(f"only {share:.0%} of the lip points lie on the boundary of a segment")
    return Tracked(points.astype(np.float32), valid, placed, notes)


def refine_lips(
    frames: Sequence[np.ndarray] | np.ndarray, points: np.ndarray, segment: Segment | None
) -> tuple[np.ndarray, np.ndarray]:
    """Place lip and lid points on the boundaries of segments, and steady them.

    Parameters
    ----------
    frames : sequence of T ndarrays (H, W, 3), uint8 RGB
    points : ndarray (T, 68, 2)
        Tracked, in pixels; NaN where there is no face.
    segment : callable, optional
        An opened lip segmenter; without one the points stay as they are.

    Returns
    -------
    points : ndarray (T, 68, 2), float32
    placed : ndarray (T, 68), bool
    """
    placed = np.zeros(points.shape[:2], bool)
    seen = np.flatnonzero(~np.isnan(points).any(axis=(1, 2)))
    if segment is None or not seen.size:
        return points, placed
    refined = refine(points[seen], segment([frames[int(index)] for index in seen], points[seen]))
    placed[seen] = refined.placed
    result = points.copy()
    result[seen] = refined.points
    return average_parts(result, REFINED), placed


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


def lips_for(landmarks: str, lips: str) -> str:
    """Return the lip segmenter's name: ``lips``, or the back-end's own choice where it is empty."""
    return lips or LANDMARKERS.get(landmarks).lips


@cache
def open_landmarks(landmarks: str, model: str = "") -> Track:
    """Open a landmark back-end once a process."""
    return LANDMARKERS.get(landmarks).open(**parameters(landmarks, model))


@cache
def open_lips(lips: str, model: str = "") -> Segment | None:
    """Open a lip segmenter once a process; None for ``none``."""
    return None if lips == NO_LIPS else SEGMENTERS.get(lips).open(**_lips_parameters(lips, model))


def open_refined(landmarks: str, lips: str = "") -> Track:
    """Open a landmark back-end whose lips are refined as ``tkit prep`` does by default."""
    track = open_landmarks(landmarks)
    segment = open_lips(lips_for(landmarks, lips))

    def refined(
        frames: np.ndarray,
        *,
        video: str = "",
        fps: float = 25.0,
        note: Note = ignore,
        raw: Raw = ignore,
    ) -> np.ndarray:
        found = track(frames, video=video, fps=fps, note=note, raw=raw)
        return refine_lips(frames, found, segment)[0]

    return refined


@cache
def signature(landmarks: str, model: str = "") -> str:
    """Return what distinguishes the points of this back-end from those of any other."""
    return LANDMARKERS.get(landmarks).signature_with(**parameters(landmarks, model))


@cache
def lips_signature(lips: str, model: str = "") -> str:
    """Return what distinguishes lips refined by this segmenter from any others."""
    if lips == NO_LIPS:
        return NO_LIPS
    return SEGMENTERS.get(lips).signature_with(**_lips_parameters(lips, model))


def _lips_parameters(lips: str, model: str) -> dict[str, str]:
    if model and not SEGMENTERS.get(lips).takes_model:
        raise UsageError(f"the lips {lips} take no model file; {model} was given")
    return {"model": model} if model else {}
