"""``lipseg``, tkit's own small networks for mouth and eyes; they run on OpenCV, without torch.

Lip points go to the outlines of lips and inner mouth, corners of the mouth to where the network
sees them, and lid points to where the skin of their side ends. The network is described in
:mod:`tkit.zoo.nets.lipseg` and trained by :mod:`tkit.pipelines.makers.lipseg`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from tkit.files import sha256_of
from tkit.lips import INNER_LOWER, INNER_UPPER, OUTER_SIDES, Region, Segmenter, pictures
from tkit.zoo.released import cards

PARTS = {"mouth": "lipseg-mouth", "eye": "lipseg-eye"}
# A mouth is seen from both sides of a mirror, too: its classes there, in the order of the others.
MIRRORED = [0, 1, 2, 3, 8, 7, 6, 5, 4, 9, 10]


def segment(frames: Sequence[np.ndarray], points: np.ndarray) -> list[Region]:
    """Segment mouth and eyes of one face in each frame.

    Parameters
    ----------
    frames : sequence of N ndarrays (H, W, 3), uint8 RGB
    points : ndarray (N, 68, 2)
        Tracked, in pixels.
    """
    points = points.astype(np.float64)
    where = pictures.mouth_transforms(points)
    seen = classify("mouth", frames, where, pictures.MOUTH_SIZE)
    found = _mouth(seen, pictures.to_cells(where))
    for first, where in zip((36, 42), pictures.eye_transforms(points).swapaxes(0, 1), strict=True):
        seen = classify("eye", frames, where, pictures.EYE_SIZE)
        cells = pictures.to_cells(where)
        found.append(Region((first + 1, first + 2), 1 - seen[:, 0], cells))  # below the upper lid
        found.append(Region((first + 4, first + 5), 1 - seen[:, 2], cells))  # above the lower one
    return found


def _mouth(seen: np.ndarray, cells: np.ndarray) -> list[Region]:
    """Regions of the classes (N, 11, h, w) of :data:`tkit.zoo.nets.lipseg.DIVISIONS`."""
    _, upper, lower, mouth = seen[:, :4].swapaxes(0, 1)
    left, left_corner, _, right_corner, right = seen[:, 4:9].swapaxes(0, 1)
    over, under = seen[:, 9:].swapaxes(0, 1)
    return [
        Region(OUTER_SIDES, upper + lower + mouth, cells),
        Region(INNER_UPPER, lower + mouth, cells),
        Region(INNER_LOWER, upper + mouth, cells),
        Region((48,), 1 - left, cells),
        Region((60,), 1 - left - left_corner, cells),
        Region((64,), 1 - right - right_corner, cells),
        Region((54,), 1 - right, cells),
        # The contour runs up at its left end and down at its right end.
        Region((48, 60), under, cells, along=True),
        Region((54, 64), over, cells, along=True),
    ]


def classify(
    part: str, frames: Sequence[np.ndarray], transforms: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Probabilities (N, K, h, w) of all classes in the picture of each frame."""
    import cv2

    net = _load(part)
    maps = []
    for frame, transform in zip(frames, transforms, strict=True):
        picture = cv2.dnn.blobFromImage(pictures.sample(frame, transform, size), 1 / 255)
        if part == "mouth":
            picture = np.concatenate([picture, picture[..., ::-1]])
        net.setInput(picture)
        found = net.forward()
        if part == "mouth":
            found = (found[:1] + found[1:, MIRRORED, :, ::-1]) / 2
        maps.append(found[0])
    return np.stack(maps)


@cache
def _load(part: str) -> Any:
    import cv2

    return cv2.dnn.readNetFromONNX(str(cards.locate(PARTS[part])))


def _open() -> Any:
    for part in PARTS:
        _load(part)
    return segment


@cache
def _sign() -> str:
    return "lipseg-" + "-".join(sha256_of(cards.locate(name))[:4] for name in PARTS.values())


SEGMENTER = Segmenter(
    name="lipseg",
    title="small networks for lips, corners of the mouth and lids, on OpenCV",
    open=_open,
    signature="lipseg",
    licence="Apache-2.0; trained on GRID (CC BY 4.0) with contours of MediaPipe's face mesh",
    sign=_sign,
)
