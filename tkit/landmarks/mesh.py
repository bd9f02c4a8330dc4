"""The 478-point face mesh of a ``.task`` file that the user gives, mapped to 68 points.

The networks are not part of tkit: pass the ``face_landmarker.task`` of MediaPipe (Apache-2.0) with
``--landmarks-model`` or in ``TKIT_MESH_MODEL``. The mesh follows itself from frame to frame; the
detector runs on key frames, to choose the face, and wherever the mesh has lost it.

The mesh has vertices where anatomy defines the 68 points (eye corners, lids, lips, nostrils). Its
face outline lies further back on the cheek than that of 300-W, so jaw points of ``mesh`` and
``dlib68`` differ by about a tenth of the inter-ocular distance: scores and stores made with
different back-ends are never mixed.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tkit.landmarks import Landmarker, Note, Raw, ignore
from tkit.landmarks import task_models as models
from tkit.landmarks.boxes import Face, choose, link, near, shots
from tkit.registry import ModelFile

KEY_STEP = 10  # frames between detections

# Vertices of the canonical face mesh (its published topology) at the 68 points: the contour of each
# part by anatomy, and along it the vertex that is nearest to dlib's point on GRID's speakers.
TO_IBUG68 = np.array([
    127, 234, 93, 58, 172, 136, 149, 176, 152, 400, 378, 365, 397, 288, 323, 454, 356,  # jaw
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 6, 195, 4, 98, 97, 2, 326, 327,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91,  # outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # inner lips
])  # fmt: skip


def track_mesh(frames: np.ndarray, model: str, *, note: Note = ignore) -> np.ndarray:
    """Follow the mesh of one face; (T, 478, 2) float32 in pixels, NaN where there is none."""
    detector, mesh = models.load(model)
    points = np.full((len(frames), models.N_MESH, 2), np.nan, np.float32)
    stretches = shots([np.ascontiguousarray(frame[..., 1]) for frame in frames])
    found = [_search(detector, frames, start, stop) for start, stop in stretches]
    faces = choose(found)
    if max(sum(len(face) > 1 for face in shot) for shot in faces) > 1:
        note("several faces: the points follow the one that is there longest")
    for (start, stop), shot in zip(stretches, faces, strict=True):
        if shot:
            for index, fitted in _follow(mesh, detector, frames, range(start, stop), shot[0]):
                points[index] = fitted
    return points


def _track(
    frames: np.ndarray,
    *,
    video: str = "",
    fps: float = 25.0,
    note: Note = ignore,
    raw: Raw = ignore,
    model: str = "",
) -> np.ndarray:
    """Track the mesh of one face and return its points (T, 68, 2)."""
    points = track_mesh(frames, model, note=note)[:, TO_IBUG68]
    raw(points)
    return points


def _search(detector: models.Run, frames: np.ndarray, start: int, stop: int) -> list[Face]:
    keys = sorted({*range(start, stop, KEY_STEP), stop - 1})
    seen = {index: [box for box, _ in models.detect(detector, frames[index])] for index in keys}
    return link(seen)


def _follow(
    mesh: models.Run, detector: models.Run, frames: np.ndarray, shot: range, face: Face
) -> Any:
    """Yield the index and mesh of every frame of a shot in which the mesh lies on the face."""
    where = None
    keys = np.array(sorted(face))
    boxes = np.stack([face[key] for key in keys])
    for index in shot:
        if where is None:
            expected = np.array([np.interp(index, keys, column) for column in boxes.T])
            seen = models.detect(detector, frames[index])
            again = [pair for pair in seen if near(pair[0], expected)]
            if not again:
                continue
            box, angle = min(again, key=lambda pair: float(np.abs(pair[0] - expected).sum()))
            # Twice: the detector's box is rougher than what the mesh gives for itself.
            first, _ = models.fit_mesh(mesh, frames[index], box * (1, 1, models.MARGIN), angle)
            where = models.around(first)
        fitted, score = models.fit_mesh(mesh, frames[index], *where)
        if score < models.MIN_SCORE:
            where = None
            continue
        where = models.around(fitted)
        yield index, fitted


def _open(model: str) -> Any:
    models.load(model)
    return partial(_track, model=model)


LANDMARKER = Landmarker(
    name="mesh",
    title="478-point face mesh of a .task file given by the user, mapped to 68 points",
    open=_open,
    signature="mesh",
    licence="that of the model file; MediaPipe's face_landmarker.task is Apache-2.0",
    model=ModelFile("its model, face_landmarker.task", "TKIT_MESH_MODEL"),
)
