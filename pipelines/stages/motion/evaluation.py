"""What a moving mouth is measured by: distance, opening, width, closed lips, lag, jitter."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tkit.clips import Word
from tkit.face import geometry
from tkit.metrics import lmd

# GRID words by where their b, p or m is: the lips are shut when the word begins, or when it ends.
BEGIN_SHUT = frozenset({"bin", "blue", "by", "place", "please", "b", "p"})
END_SHUT = frozenset({"m"})
AROUND_S = 0.08  # by which a word's aligned border may miss the closure
MOUTH_SHUT = 0.25  # of the range of a clip's opening
MAX_LAG = 6  # frames


def distance(*, pred: np.ndarray, gt: np.ndarray) -> np.ndarray:
    """Distance of two mouths (T,), in percent of the true inter-ocular distance.

    The metric ``lmd`` by its defaults, frame by frame: mean Euclidean distance of the 20 mouth
    points, each mouth about its own centre, so that shape counts and place does not.

    Parameters
    ----------
    pred, gt : ndarray (T, 68, 2)
        The same unit.
    """
    return lmd.distances(
        pred=pred, gt=gt, points="mouth", centre="centroid", norm="l2", reduce="mean", scale="iod"
    )


def opening(points: np.ndarray) -> np.ndarray:
    """Mouth opening (T,) of points (T, 68, 2), in inter-ocular distances."""
    return geometry.mouth_opening(points) / geometry.inter_ocular(points)


def width(points: np.ndarray) -> np.ndarray:
    """Mouth width (T,) of points (T, 68, 2), in inter-ocular distances.

    From outer corner to outer corner: small where lips are rounded, large where they are spread.
    """
    right, left = geometry.LIP_CORNERS
    apart = points[:, left] - points[:, right]
    return np.linalg.norm(apart, axis=-1) / geometry.inter_ocular(points)


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson correlation of two signals (T,); 0 when one is constant and so follows nothing."""
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / scale) if scale > 0 else 0.0


def spread(*, pred: np.ndarray, gt: np.ndarray) -> float:
    """How far a signal (T,) goes beside the true one: the ratio of standard deviations.

    Below 1 a mouth moves too little. 0 when the true one is constant, of which nothing can be told.
    """
    return float(pred.std() / gt.std()) if gt.std() > 0 else 0.0


def lag(pred: np.ndarray, gt: np.ndarray) -> int:
    """Frames by which ``pred`` (T,) comes after ``gt`` (T,) where they agree best."""
    lags = np.arange(-MAX_LAG, MAX_LAG + 1)
    n = len(gt) - 2 * MAX_LAG
    if n < 2:
        return 0
    middle = gt[MAX_LAG : MAX_LAG + n]
    agree = [correlation(pred[MAX_LAG + k : MAX_LAG + k + n], middle) for k in lags]
    return int(lags[np.argmax(agree)])


def closures(words: Iterable[Word]) -> list[tuple[float, float]]:
    """Stretches, in seconds, in each of which the lips close once: the b, p and m of GRID words."""
    found = []
    for word in words:
        name = word.text.lower()
        if name in BEGIN_SHUT:
            found.append((word.start_s - AROUND_S, word.start_s + AROUND_S))
        if name in END_SHUT:
            found.append((word.end_s - 2 * AROUND_S, word.end_s))
    return found


def shut(
    opening: np.ndarray, stretches: Iterable[tuple[float, float]], *, fps: float
) -> list[bool]:
    """Whether an opening (T,) falls below a quarter of its range in each stretch."""
    low, high = opening.min(), opening.max()
    below = opening < low + MOUTH_SHUT * (high - low)
    middle_s = (np.arange(len(opening)) + 0.5) / fps
    return [
        bool(below[(middle_s >= start_s) & (middle_s <= end_s)].any())
        for start_s, end_s in stretches
    ]


def jitter(points: np.ndarray) -> float:
    """Mean length of the mouth's second differences, percent of the inter-ocular distance.

    The metric of this name takes all 68 points and removes the motion of the head; here the mouth
    alone counts, as it moves in the picture.
    """
    tremble = np.linalg.norm(np.diff(points[:, geometry.MOUTH], n=2, axis=0), axis=-1).mean()
    return float(100 * tremble / geometry.inter_ocular(points).mean())
