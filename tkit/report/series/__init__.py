"""What was seen in each frame: mouth opening, eyes, landmark error, blinks and points.

These series stand beside a report, in a file of their own (``scores.series.npz`` beside
``scores.json``): pages and figures show them, no score is made of them. The file is a zip of
three plain arrays, ``index`` (a JSON text), ``values`` (N, 3) and ``points`` (M, 68, 2): the frames
of all rows one after the other.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tkit.errors import ScoreError, one_line
from tkit.files import atomic_path, require_path
from tkit.parsing import from_json, read_arrays

TRUTH = "gt"  # the row of the ground truth itself
SUFFIX = ".series.npz"
VERSION = 1
GRID_PX = 1 / 8  # to which points are rounded: finer than any landmarker is exact
NO_POINT = np.iinfo(np.int16).min
MOST_POINTS = 2**25  # bytes of points that one report keeps: those of 1,600 videos of 3 s
MOST_BYTES = 2**28  # of an array in the file
KINDS = {"index": np.uint8, "values": np.float32, "points": np.int16}


@dataclass(frozen=True, eq=False)
class Curves:
    """One row on one clip, frame by frame; NaN where no face was found.

    Parameters
    ----------
    opening : ndarray (T,)
        Of the inner lips, in inter-ocular distances.
    ear : ndarray (T,)
        Eye aspect ratio, mean of both eyes.
    error : ndarray (T,)
        Landmark distance from the ground truth, in the unit of the clip's ``error_unit``; NaN of
        the ground truth itself.
    onsets_s, durations_s : tuple of float, or None
        Of its blinks, durations of those that were seen wholly; None if no metric looked for any.
    points : ndarray (T, 68, 2), int16, or None
        In steps of ``GRID_PX`` of the frames' pixels, ``NO_POINT`` where no face was found.
    size : (int, int)
        Width and height of the frames that the points lie in, px.
    """

    opening: NDArray[np.float32]
    ear: NDArray[np.float32]
    error: NDArray[np.float32]
    onsets_s: tuple[float, ...] | None = None
    durations_s: tuple[float, ...] | None = None
    points: NDArray[np.int16] | None = None
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class ClipSeries:
    """All rows of one clip that have points of their own: the ground truth and predictions.

    Parameters
    ----------
    clip : str
    fps : float
    error_unit : str
        Of the rows' ``error``: ``% IOD`` or ``px``.
    rows : dict
        Row to its :class:`Curves`; the ground truth is called :data:`TRUTH`.
    """

    clip: str
    fps: float
    error_unit: str
    rows: dict[str, Curves]

    @property
    def worst(self) -> float:
        """Largest mean error of a row; 0 where there is none."""
        known = [row.error[np.isfinite(row.error)] for row in self.rows.values()]
        return max((float(error.mean()) for error in known if error.size), default=0.0)

    @property
    def n_bytes(self) -> int:
        """Bytes of all points."""
        return sum(row.points.nbytes for row in self.rows.values() if row.points is not None)

    def without_points(self) -> ClipSeries:
        """The same, the points left out."""
        rows = {name: replace(row, points=None) for name, row in self.rows.items()}
        return replace(self, rows=rows)


def rounded(points: NDArray[np.float64]) -> NDArray[np.int16]:
    """Points (T, 68, 2) as they are kept; those far outside of any picture count as not found."""
    steps = np.rint(np.asarray(points, np.float64) / GRID_PX)
    lost = ~(np.abs(steps) < -NO_POINT)
    return np.where(lost, NO_POINT, steps).astype(np.int16)


def beside(report: Path) -> Path:
    """The file of series that belongs to a report's file."""
    return report.with_name(report.stem + SUFFIX)


def pack(clips: Iterable[ClipSeries]) -> dict[str, NDArray[Any]]:
    """Arrays of the file, from all clips."""
    index: dict[str, Any] = {"version": VERSION, "clips": []}
    values: list[NDArray[np.float32]] = []
    points: list[NDArray[np.int16]] = []
    for clip in clips:
        rows = []
        for name, row in clip.rows.items():
            values.append(np.stack([row.opening, row.ear, row.error], axis=1))
            if row.points is not None:
                points.append(row.points)
            blinks = None if row.onsets_s is None else [row.onsets_s, row.durations_s]
            about = {"name": name, "frames": len(row.opening), "points": row.points is not None}
            rows.append(about | {"size": row.size, "blinks": blinks})
        about = {"clip": clip.clip, "fps": clip.fps, "unit": clip.error_unit, "rows": rows}
        index["clips"].append(about)
    text = json.dumps(index, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return {
        "index": np.frombuffer(text, np.uint8),
        "values": np.concatenate([np.zeros((0, 3), np.float32), *values]),
        "points": np.concatenate([np.zeros((0, 68, 2), np.int16), *points]),
    }


def unpack(arrays: Mapping[str, NDArray[Any]]) -> dict[str, ClipSeries]:
    """Clip to series, from what :func:`pack` made; ``ValueError`` if it is something else."""
    values, points = arrays["values"], arrays["points"]
    if values.shape[1:] != (3,) or points.shape[1:] != (68, 2):
        raise ValueError(f"arrays of shape {values.shape} and {points.shape}")
    try:
        index = from_json(arrays["index"].tobytes().decode("utf-8", "surrogatepass"))
        if index["version"] != VERSION:
            raise ValueError(f"of version {index['version']!r}, this tkit reads {VERSION}")
        cut = _Cut(values, points)
        found = [_clip(about, cut) for about in index["clips"]]
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(f"its index is damaged ({type(error).__name__})") from None
    return {clip.clip: clip for clip in found}


class _Cut:
    """Takes the rows' frames from the arrays, one after the other."""

    def __init__(self, values: NDArray[np.float32], points: NDArray[np.int16]) -> None:
        self._arrays: dict[str, NDArray[Any]] = {"values": values, "points": points}
        self._at = {"values": 0, "points": 0}

    def __call__(self, name: str, count: int) -> NDArray[Any]:
        start = self._at[name]
        if type(count) is not int or not 0 <= count <= len(self._arrays[name]) - start:
            raise ValueError("its index names frames that it has not")
        self._at[name] += count
        return self._arrays[name][start : start + count]


def _clip(about: Mapping[str, Any], cut: _Cut) -> ClipSeries:
    fps = float(about["fps"])
    if not (math.isfinite(fps) and 0 < fps <= 1000):
        raise ValueError(f"{fps} frames a second")
    rows = {}
    for row in about["rows"]:
        opening, ear, error = cut("values", row["frames"]).T
        width, height = (int(side) for side in row["size"])
        onsets, durations = (_seconds(part) for part in row["blinks"] or (None, None))
        points = cut("points", row["frames"]) if row["points"] else None
        rows[_text(row["name"])] = Curves(
            opening, ear, error, onsets, durations, points, (width, height)
        )
    return ClipSeries(_text(about["clip"]), fps, _text(about["unit"]), rows)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a name that is no text")
    return value


def _seconds(values: Any) -> tuple[float, ...] | None:
    if values is None:
        return None
    numbers = tuple(float(value) for value in values)
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a blink at no time")
    return numbers


def write(path: Path, clips: Iterable[ClipSeries]) -> None:
    """Write the file, whole or not at all; equal series give equal bytes."""
    content = io.BytesIO()
    arrays: dict[str, Any] = dict(pack(clips))
    np.savez_compressed(content, **arrays)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getvalue())


def put(path: Path, series: Mapping[str, ClipSeries]) -> None:
    """Write the series of a report, or remove those of an older one where this has none."""
    if series:
        write(path, series.values())
    else:
        path.unlink(missing_ok=True)


def read(path: str | Path) -> dict[str, ClipSeries]:
    """Read a file of series, which may be anybody's: clip to its series.

    Raises
    ------
    UsageError
        If there is no such file.
    ScoreError
        If it is damaged or something else.
    """
    path = require_path(path, "file of series")
    try:
        return unpack(read_arrays(path, KINDS, most_bytes=MOST_BYTES))
    except (ValueError, OSError) as error:
        raise ScoreError(
            f"{path}: not the series of a report of tkit score: {one_line(str(error))}"
        ) from error
