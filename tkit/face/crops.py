"""Aligned face crops: where they lie in a frame, and cutting them out.

The reference crop is aligned by the rigid points (nose and eye corners) to a fixed reference face,
so that the crops of every corpus, and of a photo at animation time, lie alike.

Protocols name their crops (:data:`CROPS`): ``sda96x128`` is that of Vougioukas et al., a similarity
from the nose and the eye corners, averaged over a frame and the six after it, to fixed places in
96 x 128 pixels; bilinear, outside black, truncated to bytes. ``faceN`` is the reference crop in N x
N pixels. ``syncnet224`` is the square that SyncNet's pipelines cut around the box of a face,
upright, smoothed by a median over 13 frames; bilinear, outside grey.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tkit.errors import ScoreError
from tkit.face import geometry

CROP_SIZE = 128
# Of a 128-pixel crop: the inter-ocular distance and where the point between the eyes lies. Brows
# and open-mouthed chins fit in, as in the 96 x 128 crop of Vougioukas et al. (34.6 px, 43 px).
CROP_IOD = 36.0
CROP_ORIGIN = 64.0, 43.0
# Rigid points (geometry.RIGID_INDEX) of the mean neutral face of ten GRID training speakers,
# canonical coordinates; symmetric. Measured with dlib68 on up to six clips a speaker.
REFERENCE_RIGID = np.array(
    [
        [0.0, -0.061], [0.0, 0.144], [0.0, 0.345], [0.0, 0.556],
        [-0.229, 0.742], [-0.118, 0.778], [0.0, 0.804], [0.118, 0.778], [0.229, 0.742],
        [-0.699, 0.005], [-0.289, 0.023], [0.289, 0.023], [0.699, 0.005],
    ]
)  # fmt: skip


def canonical_to_crop(size: int = CROP_SIZE) -> np.ndarray:
    """Transform (2, 3) from canonical coordinates to pixels of a ``size`` x ``size`` crop."""
    ratio = size / CROP_SIZE
    x, y = CROP_ORIGIN
    return np.array([[CROP_IOD * ratio, 0.0, x * ratio], [0.0, CROP_IOD * ratio, y * ratio]])


def crop_pose(
    points: np.ndarray, *, size: int = CROP_SIZE, sigma_frames: float = 3.0
) -> np.ndarray:
    """Image-to-crop transforms that hold the head still without landmark jitter.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Points of consecutive frames, image pixels.
    sigma_frames : float
        Width of the Gaussian that smooths the alignment over time; 0 takes each frame by itself.

    Returns
    -------
    ndarray (T, 2, 3)
    """
    pose = geometry.similarity(REFERENCE_RIGID, points[:, geometry.RIGID_INDEX])
    if sigma_frames:
        pose = geometry.smooth_pose(pose, sigma_frames=sigma_frames)
    return geometry.compose(canonical_to_crop(size), geometry.invert(pose))


def cut(frame: np.ndarray, transform: np.ndarray, *, size: int = CROP_SIZE) -> np.ndarray:
    """Cut one (size, size, 3) uint8 crop out of a frame by its image-to-crop transform (2, 3).

    The border repeats the frame's edge. Frames more than twice as fine as the crop are first
    blurred to the crop's resolution, so that fine detail does not alias.
    """
    import cv2

    scale = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    if scale < 0.5:
        frame = cv2.GaussianBlur(frame, (0, 0), 0.4 / scale)
    return cv2.warpAffine(
        frame, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def cut_all(frames: np.ndarray, transforms: np.ndarray, *, size: int = CROP_SIZE) -> np.ndarray:
    """Cut crops (T, size, size, 3) out of frames (T, H, W, 3) by transforms (T, 2, 3)."""
    pairs = zip(frames, transforms, strict=True)
    return np.stack([cut(frame, transform, size=size) for frame, transform in pairs])


# -- the named crops of protocols -----------------------------------------------------------------

MAX_GAP = 10  # frames without a face that alignment is interpolated over

# Measured positions of the face-processor's mean face in its crop at scale 0.354 (x, y).
SDA_INDEX = np.array([33, 36, 39, 42, 45])
SDA_TARGET = np.array([[49.4, 71.85], [24.1, 43.4], [37.95, 44.15], [58.9, 43.25], [72.55, 42.05]])
SDA_WINDOW = 7  # frames t .. t + 6; the last six keep the last transform


@dataclass(frozen=True)
class Crop:
    """A named crop of ``width`` x ``height`` pixels."""

    width: int
    height: int


CROPS = {
    "sda96x128": Crop(96, 128),
    "face128": Crop(128, 128),
    "face256": Crop(256, 256),
    "syncnet224": Crop(224, 224),
}

# run_pipeline.py of joonson/syncnet_python, and eval/syncnet_detect.py of LatentSync (a229c39).
SYNCNET_SCALE = 0.4
SYNCNET_WINDOW = 13  # frames of the median
SYNCNET_GREY = 110
HAIRLINE = 0.5  # above the brows, of the height from brows to chin: a face has three equal thirds


def align(points: np.ndarray, crop: str) -> np.ndarray:
    """Image-to-crop transforms (T, 2, 3) of a whole clip.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Pixels; NaN where no face was found.
    crop : str
        A key of :data:`CROPS`.

    Raises
    ------
    ScoreError
        If more than ten consecutive frames have no face.
    """
    filled, longest = geometry.fill_gaps(np.asarray(points, np.float64), max_gap=MAX_GAP)
    if longest > MAX_GAP or not len(points):
        raise ScoreError(f"no face in {longest} consecutive frames: the crop {crop} cannot be laid")
    if crop == "syncnet224":
        return _around_the_box(filled, CROPS[crop].width)
    if crop != "sda96x128":
        return crop_pose(filled, size=CROPS[crop].width)
    window = min(SDA_WINDOW, len(filled))
    stable = filled[:, SDA_INDEX]
    mean = np.stack([stable[t : t + window].mean(axis=0) for t in range(len(stable) - window + 1)])
    transforms = geometry.similarity(mean, SDA_TARGET)
    return np.concatenate([transforms, np.repeat(transforms[-1:], window - 1, axis=0)])


def _around_the_box(points: np.ndarray, side: int) -> np.ndarray:
    """Transforms (T, 2, 3) to SyncNet's squares, from the box of hairline, chin and both cheeks."""
    from scipy.signal import medfilt

    brows, chin = points[:, geometry.BROWS, 1].min(axis=1), points[:, 8, 1]
    jaw = points[:, :17, 0]
    left, right, top = jaw.min(axis=1), jaw.max(axis=1), brows - HAIRLINE * (chin - brows)
    window = min(SYNCNET_WINDOW, (len(points) - 1) // 2 * 2 + 1)
    half, x, y = (
        medfilt(values, window)  # zeros beyond the ends, as there
        for values in (
            np.maximum(right - left, chin - top) / 2,
            (left + right) / 2,
            (top + chin) / 2,
        )
    )
    scale = side / (2 * (1 + SYNCNET_SCALE) * half)
    transforms = np.zeros((len(points), 2, 3))
    transforms[:, 0, 0] = transforms[:, 1, 1] = scale
    # From the middle of the first pixel to that of the first, as pictures are resized.
    transforms[:, 0, 2] = scale * (0.5 - x + half * (1 + SYNCNET_SCALE)) - 0.5
    transforms[:, 1, 2] = scale * (0.5 - y + half) - 0.5
    return transforms


def cut_named(frames: np.ndarray, transforms: np.ndarray, crop: str) -> np.ndarray:
    """Cut (T, height, width, 3) uint8 crops out of frames by transforms (T, 2, 3)."""
    shape = CROPS[crop]
    if crop == "syncnet224":
        return _cut_on_grey(frames, transforms, shape)
    if crop != "sda96x128":
        return cut_all(frames, transforms, size=shape.width)
    from tkit.face.warp import warp

    out = np.empty((len(frames), shape.height, shape.width, 3), np.uint8)
    for frame, inverse, target in zip(frames, geometry.invert(transforms), out, strict=True):
        warp(np.ascontiguousarray(frame), inverse, target)
    return out


def _cut_on_grey(frames: np.ndarray, transforms: np.ndarray, shape: Crop) -> np.ndarray:
    import cv2

    pairs = zip(frames, transforms, strict=True)
    return np.stack([
        cv2.warpAffine(
            frame, transform, (shape.width, shape.height), flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT, borderValue=(SYNCNET_GREY,) * 3,
        )
        for frame, transform in pairs
    ])  # fmt: skip
