"""One decoded clip to its landmark points: what ``tkit prep`` and ``tkit landmarks`` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tkit.errors import NoFaceError, UsageError
from tkit.face import geometry
from tkit.files import atomic_path, refuse_overwrite, require_path
from tkit.landmarks import Track
from tkit.lips import Segment
from tkit.tracking.front_ends import FrontEnds
from tkit.tracking.refine import refine_lips

if TYPE_CHECKING:
    from tkit import media

__all__ = ["FrontEnds", "Tracked", "refine_lips", "track_clip", "track_file", "write_points"]

AS_TRACKED = "lips stay as tracked: the segmenter doubts what it sees"
FEW = 0.8  # share of lip points on a boundary below which the user is told


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
    fps : float
        Frames a second.
    """

    points: np.ndarray
    valid: np.ndarray
    placed: np.ndarray
    notes: list[str]
    fps: float


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
    if segment is not None and share == 0:
        notes.append(AS_TRACKED)
    elif segment is not None and share < FEW:
        notes.append(f"only {share:.0%} of the lip points lie on the boundary of a segment")
    return Tracked(points.astype(np.float32), valid, placed, notes, clip.fps)


def track_file(
    video: Path,
    out: Path,
    overlay: Path | None = None,
    *,
    front_ends: FrontEnds | None = None,
    fps: float | None = 25.0,
    max_gap: int = 5,
    force: bool = False,
) -> Tracked:
    """Track the face of a video file and write its points, and what was seen as a video.

    Everything that can be wrong with the call is said before a model is loaded.

    Parameters
    ----------
    video : Path
    out : Path
        ``.npy`` or ``.csv``, see :func:`write_points`.
    overlay : Path, optional
        Also write a video with points, lips and openings drawn over the frames.
    front_ends : FrontEnds, optional
        Landmark back-end and lip segmenter; by default dlib68 and its own segmenter.
    fps : float, optional
        Frame rate of the points; None keeps the file's own.
    max_gap : int
        Longest run of frames without a face that is filled.
    force : bool
        Replace outputs that are already there.

    Raises
    ------
    UsageError
        If there is no such video or back-end, or an output is there or of an unknown kind.
    MediaError
        If the video cannot be read.
    NoFaceError
        As :func:`track_clip` does; the message names the video.
    """
    from tkit import media
    from tkit.face.overlay import overlay as draw

    if out.suffix not in (".npy", ".csv"):
        raise UsageError(f"{out}: points are written as .npy or .csv")
    if overlay is not None and overlay.suffix.lower() not in media.WRITTEN_SUFFIXES:
        kinds = " ".join(sorted(media.WRITTEN_SUFFIXES))
        raise UsageError(f"{overlay}: not the name of a video ({kinds})")
    for path in (out, overlay):
        if path is not None:
            refuse_overwrite(path, force=force)
    require_path(video, "media file")
    ends = front_ends or FrontEnds()
    track, segment = ends.track(), ends.segment()
    clip = media.read_clip(video, fps=fps)
    try:
        tracked = track_clip(clip, track, segment, video=str(video), max_gap=max_gap)
    except NoFaceError as error:
        raise NoFaceError(f"{video}: {error}") from error
    write_points(out, tracked)
    if overlay is not None:
        pictures = draw(clip.frames, tracked.points, tracked.valid)
        media.write_video(
            overlay, pictures, fps=clip.fps, wave=clip.wave, sample_rate=clip.sample_rate
        )
    return tracked


def write_points(path: str | Path, tracked: Tracked) -> None:
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
                file.write(f"{index},{index / tracked.fps:.4f},{int(valid)},{numbers}\n")
