"""The 68 points of the package ``face-alignment`` (Bulat and Tzimiropoulos, FAN), if installed.

It brings its own detector and downloads its weights when it is first used.
"""

from __future__ import annotations

from functools import partial
from importlib import metadata
from typing import Any

import numpy as np

from tkit.errors import UsageError
from tkit.landmarks import Landmarker, Note, Raw, ignore
from tkit.landmarks.boxes import choose, link, shots

PACKAGE = "face-alignment"


def _boxes(faces: list[np.ndarray]) -> list[np.ndarray]:
    """Box (3,) of each face (68, 2): centre and the longer side of what its points cover."""
    corners = [(face.min(axis=0), face.max(axis=0)) for face in faces]
    return [np.array([*(low + high) / 2, (high - low).max()]) for low, high in corners]


def _track(
    frames: np.ndarray,
    *,
    video: str = "",
    fps: float = 25.0,
    note: Note = ignore,
    raw: Raw = ignore,
    aligner: Any,
) -> np.ndarray:
    """Fit every frame, link the faces over time and return the points of one (T, 68, 2)."""
    points = np.full((len(frames), 68, 2), np.nan, np.float32)
    found = [
        [np.asarray(face)[:, :2] for face in aligner.get_landmarks_from_image(frame) or ()]
        for frame in frames
    ]
    boxes = [_boxes(faces) for faces in found]
    stretches = shots([np.ascontiguousarray(frame[..., 1]) for frame in frames])
    faces = choose(
        [link({index: boxes[index] for index in range(*stretch)}) for stretch in stretches]
    )
    if max(len(shot) for shot in faces) > 1:
        note("several faces: the points follow the one that is there longest")
    for shot in faces:
        for index, box in shot[0].items() if shot else ():
            same = [np.array_equal(box, other) for other in boxes[index]]
            points[index] = found[index][same.index(True)]
    raw(points)
    return points


def _open() -> Any:
    try:
        import face_alignment
    except ImportError as error:
        raise UsageError(
            "the landmarks face-alignment need its package: pip install "
            "'talking-face-toolkit[face-alignment]'"
        ) from error
    kinds = face_alignment.LandmarksType
    # The names changed with 1.4.
    kind = getattr(kinds, "TWO_D", None) or kinds._2D
    aligner = face_alignment.FaceAlignment(kind, device="cpu", flip_input=False)
    return partial(_track, aligner=aligner)


def _version() -> str:
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return "none"


LANDMARKER = Landmarker(
    name="face-alignment",
    title="face-alignment (FAN), 68 points on every frame",
    open=_open,
    signature=f"{PACKAGE}-{_version()}",
    licence="code BSD-3-Clause; its weights are downloaded from the author",
)
