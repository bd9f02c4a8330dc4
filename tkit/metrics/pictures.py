"""What the picture metrics share: gray conversion, colour choice, the check of a pair."""

from __future__ import annotations

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Param

PEAK = 255.0

COLOR = Param(
    "gray",
    "gray: BT.601 luma as integers, exactly PIL's convert('L'); rgb: the three channels",
    choices=("gray", "rgb"),
    tokens={"gray": "gray:pil"},
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
    """Frames as the metric wants them: (T, H, W) for ``gray``, (T, H, W, 3) for ``rgb``."""
    if color == "gray":
        return to_gray(frames) if frames.ndim == 4 else frames
    if frames.ndim != 4:
        raise ScoreError("color rgb needs frames with three channels; these are gray")
    return frames


def matched(pred: np.ndarray, gt: np.ndarray, color: str) -> tuple[np.ndarray, np.ndarray]:
    """Check that two runs of frames fit each other and return them in ``color``.

    Raises
    ------
    ScoreError
        If they are no uint8 frames, or differ in number, size or channels.
    """
    for frames, what in ((pred, "prediction"), (gt, "ground truth")):
        if frames.dtype != np.uint8:
            raise ScoreError(f"the {what} has {frames.dtype} values; frames are uint8 in 0..255")
        if frames.ndim not in (3, 4) or (frames.ndim == 4 and frames.shape[3] != 3):
            raise ScoreError(f"the {what} has shape {frames.shape}, not (T, H, W) or (T, H, W, 3)")
        if 0 in frames.shape:
            raise ScoreError(f"the {what} has no pixels: its shape is {frames.shape}")
    if pred.shape != gt.shape:
        raise ScoreError(f"prediction of shape {pred.shape}, ground truth of shape {gt.shape}")
    return in_color(pred, color), in_color(gt, color)
