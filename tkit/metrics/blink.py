"""What the blink metrics share: one set of statistics, finished in many ways.

The statistics of a clip are its observed seconds and the lists of its blinks; those of sets are
sums of seconds and joined lists, so rates and distributions are pooled over a set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tkit.errors import ScoreError
from tkit.face import blinks, geometry
from tkit.metrics import Metric, Param, Stats
from tkit.metrics.moving import MISSING_FACE, checked

MIN_EYE_PX = 12.0  # narrower eyes: one pixel of landmark noise is a blink
MAX_MISSING = 0.1  # share of frames without a face that are bridged

PARAMS = {
    "detector": Param(
        "recommended",
        "recommended: relative to the clip's open eyes; ear-threshold: EAR < 0.2 for two frames; "
        "dinoman-offline: steep drops, from peak to peak",
        choices=blinks.DETECTORS,
    ),
    "missing_face": MISSING_FACE,
}


def statistics(*, pred: np.ndarray, gt: np.ndarray, fps: float, settings: dict[str, Any]) -> Stats:
    """Blinks of prediction and ground truth; NaN frames are bridged up to a tenth of the clip."""
    if settings["missing_face"] == "error":
        checked(pred, gt, missing_face="error")
    stats: Stats = {"frames": len(pred)}
    for side, points in (("", pred), ("gt_", gt)):
        found, series = _blinks(np.asarray(points, np.float64), fps, settings["detector"])
        onsets = [blink.onset_s for blink in found]
        stats |= {
            f"{side}seconds": len(series) / fps,
            f"{side}blinks": len(found),
            f"{side}durations_s": tuple(blink.duration_s for blink in found),
            f"{side}depths": tuple(blink.depth for blink in found),
            f"{side}gaps_s": tuple(np.diff(onsets).tolist()),
            f"{side}open_s": (len(series) / fps - onsets[-1],) if onsets else (),
        }
    return stats


def _blinks(points: np.ndarray, fps: float, detector: str) -> tuple[list[blinks.Blink], np.ndarray]:
    missing = ~np.isfinite(points).all(axis=(1, 2))
    if missing.mean() > MAX_MISSING:
        raise ScoreError(f"{missing.sum()} of {len(missing)} frames have no face: no blinks told")
    filled, _ = geometry.fill_gaps(np.where(missing[:, None, None], np.nan, points), max_gap=10**9)
    corners = filled[:, [36, 42]] - filled[:, [39, 45]]
    width = float(np.median(np.linalg.norm(corners, axis=2)))
    if width < MIN_EYE_PX and detector == "recommended":
        raise ScoreError(f"eyes of {width:.1f} pixels are too small to tell blinks (12 are needed)")
    ear = geometry.eye_aspect_ratio(filled).mean(axis=1)
    return blinks.detect(ear, fps=fps, detector=detector)[0], ear


def metric(
    name: str, title: str, unit: str, better: str, finish: Callable[[Stats], float]
) -> Metric:
    """A metric that finishes the blink statistics with ``finish``."""

    def measure(*, pred: np.ndarray, gt: np.ndarray, fps: float = 25.0, **params: Any) -> Stats:
        settings = entry.settings(params, name=name)
        return statistics(pred=pred, gt=gt, fps=fps, settings=settings)

    entry = Metric(
        title=title,
        unit=unit,
        better=better,
        needs="points",
        params=PARAMS,
        measure=measure,
        finish=finish,
        citation="Soukupova and Cech, Real-time eye blink detection, CVWW 2016 (EAR)",
        pooled=True,
        also=("fps",),
    )
    return entry


def some(values: tuple[float, ...], what: str) -> np.ndarray:
    """The values as an array; :class:`ScoreError` if there are none."""
    if not values:
        raise ScoreError(f"no blink {what}")
    return np.array(values)
