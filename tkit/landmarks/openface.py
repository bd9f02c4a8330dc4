"""Points that OpenFace has already tracked: its CSV file beside the video (``x.mp4``, ``x.csv``).

For users who have run OpenFace's FeatureExtraction or FaceLandmarkVidMulti (with ``-2Dfp``) and
want to keep its points. Nothing is tracked here and no model is loaded.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import MediaError, UsageError
from tkit.landmarks import Landmarker, Note, Raw, ignore
from tkit.parsing import read_text

COLUMNS = [f"{axis}_{index}" for axis in "xy" for index in range(68)]
SLACK = 3  # frames by which table and clip may differ in length


def read_table(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read OpenFace's table.

    Returns
    -------
    times_s : ndarray (R,)
    faces : ndarray (R,), int
        Number of the face; 0 where the table has one face only.
    success : ndarray (R,), bool
    points : ndarray (R, 68, 2)
        Pixels.

    Raises
    ------
    MediaError
        If columns are missing or a cell is not a number.
    """
    try:
        rows = csv.reader(read_text(path).splitlines())
        names = [name.strip() for name in next(rows, [])]  # OpenFace writes ", " between them
        cells = np.array([row for row in rows if row], np.float64)
    except (ValueError, csv.Error, OSError) as error:
        raise MediaError(f"{path}: not a table of OpenFace ({error})") from error
    missing = [name for name in ("timestamp", "success", *COLUMNS) if name not in names]
    if missing:
        raise MediaError(
            f"{path}: not a table of OpenFace with 2-D points: {missing[0]} is missing "
            f"({len(missing)} columns); run FeatureExtraction with -2Dfp"
        )
    if cells.size % len(names):
        raise MediaError(
            f"{path}: not a table of OpenFace: its lines have other columns than names"
        )
    cells = cells.reshape(-1, len(names))
    used = [names.index(name) for name in ("timestamp", "success", *COLUMNS)]
    if not np.isfinite(cells[:, used]).all():
        raise MediaError(f"{path}: not a table of OpenFace: not all of its cells are numbers")
    column = {name: cells[:, index] for index, name in enumerate(names)}
    flat = np.stack([column[name] for name in COLUMNS], axis=1)
    faces = np.nan_to_num(column.get("face_id", np.zeros(len(cells)))).clip(-1e9, 1e9).astype(int)
    points = flat.reshape(-1, 2, 68).transpose(0, 2, 1)
    return column["timestamp"], faces, column["success"] > 0, points


def track(
    frames: np.ndarray,
    *,
    video: str = "",
    fps: float = 25.0,
    note: Note = ignore,
    raw: Raw = ignore,
) -> np.ndarray:
    """Put the points of the table beside ``video`` on the time grid of ``frames``.

    Each row goes to the frame nearest to its time stamp, the first of several rows wins: the rule
    by which the frames themselves were put there.

    Returns
    -------
    ndarray (T, 68, 2), float32
        NaN where OpenFace reports no success.
    """
    if not video:
        raise UsageError(
            "openface reads points from the CSV beside a video and cannot track pictures alone; "
            "use another landmark back-end here"
        )
    path = Path(video).with_suffix(".csv")
    if not path.is_file():
        raise MediaError(f"{path}: no table of OpenFace beside {Path(video).name}")
    times_s, faces, success, found = read_table(path)
    numbers, counts = np.unique(faces[success], return_counts=True)
    if len(numbers) > 1:
        note(f"{len(numbers)} faces: the points follow the one that is there longest")
    mine = faces == numbers[counts.argmax()] if len(numbers) else np.zeros(len(faces), bool)
    where = np.rint((times_s * fps).clip(-1e9, 1e9)).astype(int)
    length = int(where.max()) + 1 if len(where) else 0
    if abs(length - len(frames)) > SLACK:
        raise MediaError(
            f"{path.name} covers {length} frames, the clip {len(frames)}: it is of another video"
        )
    points = np.full((len(frames), 68, 2), np.nan, np.float32)
    for index, face in zip(where[mine & success][::-1], found[mine & success][::-1], strict=True):
        if 0 <= index < len(points):
            points[index] = face
    raw(points)
    return points


def _example(folder: Path) -> Path:
    """Write a table of four frames of one face, and return the video that it would be of."""
    rows = [["frame", "timestamp", "success", *COLUMNS]]
    for index in range(4):
        rows.append([str(index), f"{index / 25:.3f}", "1", *(f"{i}" for i in range(136))])
    (folder / "x.csv").write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    return folder / "x.mp4"


def _open() -> Any:
    return track


LANDMARKER = Landmarker(
    name="openface",
    title="points that OpenFace has tracked, read from its CSV beside each video",
    open=_open,
    signature="openface-csv",
    licence="OpenFace: academic and non-commercial use (CMU); nothing of it is contained here",
    sidecar=".csv",
    example=_example,
)
