"""dlib's 68 points as released evaluators take them: detected anew in every frame, whole pixels.

No face is followed, nothing is resampled, framed or steadied: each picture goes to the detector at
twice its size (one level of upsampling), and dlib's points of the face found first, the surest, are
taken as they are. They jump by a pixel where the face rests; only scores that must equal those of
such an evaluator want them. Some look at colours, others (``dlib68-plain-gray``) at gray pictures,
in which dlib finds other boxes: a distance of two faces differs by up to a sixth.
"""

from __future__ import annotations

from functools import partial
from importlib import metadata
from typing import Any

import numpy as np

from tkit.landmarks import Landmarker, Note, Raw, Track, ignore

UPSAMPLED = 1  # times


def _track(
    frames: np.ndarray,
    *,
    video: str = "",
    fps: float = 25.0,
    note: Note = ignore,
    raw: Raw = ignore,
    detector: Any,
    predictor: Any,
) -> np.ndarray:
    """Fit every frame, in colour or gray, by itself; (T, 68, 2)."""
    points = np.full((len(frames), 68, 2), np.nan, np.float32)
    for frame, fitted in zip(frames, points, strict=True):
        picture = np.ascontiguousarray(frame)
        for box in detector(picture, UPSAMPLED)[:1]:
            fitted[:] = [(part.x, part.y) for part in predictor(picture, box).parts()]
    raw(points)
    return points


def open_plain() -> Track:
    """Load detector and shape predictor; the frames may also be gray, (T, H, W)."""
    import dlib
    import face_recognition_models

    predictor = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())
    return partial(_track, detector=dlib.get_frontal_face_detector(), predictor=predictor)


LANDMARKER = Landmarker(
    name="dlib68-plain",
    title="dlib's 68 points of each frame by itself, in whole pixels",
    open=open_plain,
    signature="dlib68-plain-" + metadata.version("dlib-bin").split(".post")[0],
    licence="code BSL-1.0; model CC0 by its author, trained on iBUG 300-W (non-commercial data)",
)
