"""What the picture metrics share: gray conversion, colour choice, the check of a pair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Param

PEAK = 255.0

COLOR = Param(
    "gray",
    "gray: BT.601 luma as integers, exactly PIL's convert('L'); gray-cv2: as OpenCV rounds it; "
    "rgb: the three channels",
    choices=("gray", "gray-cv2", "rgb"),
    tokens={"gray": "gray:pil", "gray-cv2": "gray:cv2"},
)
GRAY = replace(COLOR, doc=COLOR.doc.partition("; rgb")[0], choices=COLOR.choices[:2])

RESIZE = Param(
    0.0,
    "side in pixels of the square that pictures are first resized to, by area; 0 keeps them",
    tokens={0.0: ""},
)


def to_gray(frames: np.ndarray) -> np.ndarray:
    """Integer BT.601 luma (T, H, W) uint8 of RGB frames (T, H, W, 3) uint8.

    ``(19595 R + 38470 G + 7471 B + 32768) >> 16``: what PIL computes. OpenCV's gray differs by one
    level in some pixels, the Y plane of a video is of limited range; both change every score.
    """
    from tkit.metrics import kernels

    out = np.empty(frames.shape[:3], np.uint8)
    kernels.luma(np.ascontiguousarray(frames).reshape(-1), out.reshape(-1))
    return out


def in_color(frames: np.ndarray, color: str) -> np.ndarray:
    """Frames as the metric wants them: (T, H, W) in gray, (T, H, W, 3) for ``rgb``."""
    if color != "rgb":
        gray = to_gray if color == "gray" else _to_gray_of_opencv
        return gray(frames) if frames.ndim == 4 else frames
    if frames.ndim != 4:
        raise ScoreError("color rgb needs frames with three channels; these are gray")
    return frames


def _to_gray_of_opencv(frames: np.ndarray) -> np.ndarray:
    import cv2

    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])


def matched(
    pred: np.ndarray, gt: np.ndarray, color: str, *, side: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Check that two runs of frames fit each other; return them in ``color``.

    With a ``side`` they are resized before, by area, to squares of so many pixels.

    Raises
    ------
    ScoreError
        If they are no uint8 frames, or differ in number, size or channels.
    """
    _require_frames(pred, "prediction")
    _require_frames(gt, "ground truth")
    if pred.shape != gt.shape:
        raise ScoreError(f"prediction of shape {pred.shape}, ground truth of shape {gt.shape}")
    if side:
        from tkit.media.pictures import resize

        pred, gt = (resize(frames, round(side), round(side)) for frames in (pred, gt))
    return in_color(pred, color), in_color(gt, color)


def alone(frames: np.ndarray, color: str, what: str = "prediction") -> np.ndarray:
    """Return a run of frames in ``color``; :class:`ScoreError` if they are no uint8 frames."""
    _require_frames(frames, what)
    return in_color(frames, color)


def _require_frames(frames: np.ndarray, what: str) -> None:
    if frames.dtype != np.uint8:
        raise ScoreError(f"the {what} has {frames.dtype} values; frames are uint8 in 0..255")
    if frames.ndim not in (3, 4) or (frames.ndim == 4 and frames.shape[3] != 3):
        raise ScoreError(f"the {what} has shape {frames.shape}, not (T, H, W) or (T, H, W, 3)")
    if 0 in frames.shape:
        raise ScoreError(f"the {what} has no pixels: its shape is {frames.shape}")
