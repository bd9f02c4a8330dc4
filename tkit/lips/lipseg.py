"""``lipseg``, tkit's own small networks for mouth and eyes; they run without torch.

Lip points go to the outlines of lips and inner mouth, corners of the mouth to where the network
sees them, and lid points to where the skin of their side ends. The network is described in
:mod:`tkit.zoo.nets.lipseg` and trained by :mod:`tkit.pipelines.makers.lipseg`.

The networks have seen few people. Of a face that is unlike them they do not know what they see, and
then they say different things of the same picture: the mouth's in a mirror, the eyes' a little to
the side. How much the two disagree is the doubt of a region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit.files import sha256_of
from tkit.lips import INNER_LOWER, INNER_UPPER, OUTER_SIDES, Region, Segmenter, pictures
from tkit.zoo.released import cards
from tkit.zoo.released.sessions import session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PARTS = {"mouth": "lipseg-mouth", "eye": "lipseg-eye"}
SIZES = {"mouth": pictures.MOUTH_SIZE, "eye": pictures.EYE_SIZE}
BATCH = 16  # pictures that a network sees at once; more are slower, they leave the cache
STILL = 3.0  # grey levels, of 255: what any 5 x 5 pixels may differ by in a picture seen before
# Disagreement, share of a cell, up to which people of GRID are seen (their clips reach 0.031 and
# 0.050; benchmarks/photos.py shows what lies beyond).
SURE = {"mouth": 0.032, "eye": 0.052}
ASIDE = 2  # cells that an eye's second view is moved by
EVERY = 10  # frames between two whose eyes are viewed a second time
# Classes of a mouth in a mirror, in the order of the others.
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
    seen, mirrored = views(frames, where)
    doubt = np.abs(seen - mirrored)[:, :4].sum(axis=1).mean(axis=(1, 2)) / SURE["mouth"]
    found = _mouth((seen + mirrored) / 2, pictures.to_cells(where), doubt)
    eyes = pictures.eye_transforms(points).swapaxes(0, 1)
    opened = [classify("eye", frames, where) for where in eyes]
    # Lids of one eye alone would wink: both are doubted as the worse.
    doubt = np.maximum(*(_doubt_of_eye(frames, *eye) for eye in zip(eyes, opened, strict=True)))
    for first, where, seen in zip((36, 42), eyes, opened, strict=True):
        cells = pictures.to_cells(where)
        below, above = 1 - seen[:, 0], 1 - seen[:, 2]  # of the upper and of the lower lid
        found.append(Region((first + 1, first + 2), below, cells, doubt=doubt))
        found.append(Region((first + 4, first + 5), above, cells, doubt=doubt))
    return found


def _mouth(seen: np.ndarray, cells: np.ndarray, doubt: np.ndarray) -> list[Region]:
    """Regions of the classes (N, 11, h, w) of :data:`tkit.zoo.nets.lipseg.DIVISIONS`."""
    _, upper, lower, mouth = seen[:, :4].swapaxes(0, 1)
    left, left_corner, _, right_corner, right = seen[:, 4:9].swapaxes(0, 1)
    over, under = seen[:, 9:].swapaxes(0, 1)
    regions = [
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
    return [replace(region, doubt=doubt) for region in regions]


def _doubt_of_eye(
    frames: Sequence[np.ndarray], transforms: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """Doubt (N,) of the segments ``seen`` (N, 3, h, w), from views to either side of some of them.

    An eye has no mirror: its network has seen right eyes only.
    """
    count = len(frames)
    some = np.unique(np.r_[0:count:EVERY, count - 1])
    doubt = np.zeros(count)
    here, there = slice(ASIDE, None), slice(None, -ASIDE)
    for step, own, other in ((1, here, there), (-1, there, here)):
        moved = transforms[some].copy()
        moved[..., 2] -= step * ASIDE * pictures.CELL
        aside = classify("eye", [frames[index] for index in some], moved)
        differ = np.abs(seen[some][..., own, own] - aside[..., other, other])
        apart = differ.sum(axis=1).mean(axis=(1, 2)) / (2 * SURE["eye"])
        doubt += np.interp(np.arange(count), some, apart)
    return doubt


def views(frames: Sequence[np.ndarray], transforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (N, 11, h, w) in the picture of each mouth, and those seen in a mirror."""
    seen, which = _distinct("mouth", frames, transforms)
    net = _load("mouth")
    mirrored = _look(net, [picture[:, ::-1] for picture in seen])[:, MIRRORED, :, ::-1]
    return _look(net, seen)[which], mirrored[which]


def classify(part: str, frames: Sequence[np.ndarray], transforms: np.ndarray) -> np.ndarray:
    """Probabilities (N, K, h, w) of all classes in the picture of each frame."""
    seen, which = _distinct(part, frames, transforms)
    return _look(_load(part), seen)[which]


def _distinct(
    part: str, frames: Sequence[np.ndarray], transforms: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Pictures (h, w, 3) of the frames that differ from the last one, and which is each frame's."""
    import cv2

    distinct: list[np.ndarray] = []
    which = np.empty(len(frames), int)
    for index, (frame, transform) in enumerate(zip(frames, transforms, strict=True)):
        picture = pictures.sample(frame, transform, SIZES[part])
        change = np.inf
        if distinct:
            differ = cv2.cvtColor(cv2.absdiff(picture, distinct[-1]), cv2.COLOR_RGB2GRAY)
            change = cv2.blur(differ, (5, 5)).max()
        if change > STILL:
            distinct.append(picture)
        which[index] = len(distinct) - 1
    return distinct, which


def _look(net: InferenceSession, seen: list[np.ndarray]) -> np.ndarray:
    """Probabilities (N, K, h, w) of pictures (h, w, 3), ``BATCH`` of them at once."""
    import cv2

    maps = []
    for start in range(0, len(seen), BATCH):
        some = cv2.dnn.blobFromImages(seen[start : start + BATCH], 1 / 255)
        maps += net.run(None, {"picture": some})
    return np.concatenate(maps)


@cache
def _load(part: str) -> InferenceSession:
    return session(cards.locate(PARTS[part]))


def _open() -> Any:
    for part in PARTS:
        _load(part)
    return segment


@cache
def _sign() -> str:
    nets = "-".join(sha256_of(cards.locate(name))[:4] for name in PARTS.values())
    return f"lipseg-{nets}-doubt1"


SEGMENTER = Segmenter(
    name="lipseg",
    title="small networks for lips, corners of the mouth and lids",
    open=_open,
    signature="lipseg",
    licence="Apache-2.0; trained on GRID (CC BY 4.0) with contours of MediaPipe's face mesh",
    sign=_sign,
)
