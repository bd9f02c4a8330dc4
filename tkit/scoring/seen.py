"""What was seen in the frames of a clip, made of the points that its metrics have looked at.

Nothing is looked for anew: points are those of the views, blinks those of the statistics.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit.face import geometry
from tkit.metrics import METRICS, Stats
from tkit.metrics.blink import onsets_s
from tkit.metrics.lmd import distances
from tkit.report.series import MOST_POINTS, TRUTH, ClipSeries, Curves, rounded
from tkit.scoring.baselines import Chunk

if TYPE_CHECKING:
    from tkit.scoring.measuring import Measured
    from tkit.scoring.view import View


DEFAULT_FPS = 25.0  # of pictures and arrays, which state no rate
Blinks = tuple[tuple[float, ...], tuple[float, ...]]  # onsets and durations, seconds


@dataclass(frozen=True)
class Seen:
    """A video after it was measured: its points by view, and its statistics by score."""

    video: View
    points: Chunk
    stats: Mapping[str, Stats]


def series_of(
    clip: str, fps: float, truth: Seen, preds: Mapping[str, Seen], lmd: Mapping[str, Any]
) -> ClipSeries | None:
    """The series of one clip; None without points of the ground truth and of a prediction.

    Parameters
    ----------
    truth : Seen
        Its statistics are not looked at: what is known of its blinks stands in the predictions'.
    lmd : mapping
        Parameters of the landmark distance.
    """
    preds = {method: seen for method, seen in preds.items() if seen.points}
    if not truth.points or not preds:
        return None
    scorer = METRICS.get("lmd")
    settings = scorer.settings(lmd)
    found = (_blinks(seen.stats, side="gt_") for seen in preds.values())
    blinks = next((both for both in found if both is not None), None)
    rows = {TRUTH: _curves(truth, blinks, np.full(len(_steadied(truth)), np.nan))}
    for method, seen in preds.items():
        error = _errors(_steadied(seen), _steadied(truth), settings)
        rows[method] = _curves(seen, _blinks(seen.stats), error)
    return ClipSeries(clip, fps, scorer.unit_of(settings), rows)


def series_alone(clip: str, preds: Mapping[str, Seen]) -> ClipSeries | None:
    """The series of one clip without ground truth; of methods that have the first one's rate."""
    preds = {method: seen for method, seen in preds.items() if seen.points}
    rates = {method: seen.video.reader.fps or DEFAULT_FPS for method, seen in preds.items()}
    if not preds:
        return None
    fps = next(iter(rates.values()))
    rows = {
        method: _curves(seen, _blinks(seen.stats), np.full(len(_steadied(seen)), np.nan))
        for method, seen in preds.items()
        if rates[method] == fps
    }
    return ClipSeries(clip, fps, "", rows)


def kept(done: Iterable[Measured]) -> tuple[list[Measured], dict[str, ClipSeries]]:
    """All clips, and their series: points only of the worst, as many as a report keeps."""
    measured: list[Measured] = []
    series: dict[str, ClipSeries] = {}
    least: list[tuple[float, str]] = []
    total = 0
    for clip in done:
        if clip.series:
            series[clip.clip] = clip.series
            heapq.heappush(least, (clip.series.worst, clip.clip))
            total += clip.series.n_bytes
            clip.series = None
        while total > MOST_POINTS:
            _, name = heapq.heappop(least)
            total -= series[name].n_bytes
            series[name] = series[name].without_points()
        measured.append(clip)
    return measured, series


def _steadied(seen: Seen) -> np.ndarray:
    """Points (T, 68, 2) that are there whatever view was asked for."""
    return seen.points["points"]


def _curves(seen: Seen, blinks: Blinks | None, error: np.ndarray) -> Curves:
    points = _steadied(seen)
    with np.errstate(invalid="ignore", divide="ignore"):
        opening = geometry.mouth_opening(points) / geometry.inter_ocular(points)
        eyes = seen.points.get("refined-points", points)  # tracked lids follow blinks half way
        ear = geometry.eye_aspect_ratio(eyes).mean(axis=-1)
    whole = np.full(len(points), np.nan)
    whole[: len(error)] = error
    own = seen.video.own_points
    onsets, durations = blinks or (None, None)
    return Curves(
        _finite(opening),
        _finite(ear),
        _finite(whole),
        onsets,
        durations,
        points=None if own is None or len(own) != len(points) else rounded(own),
        size=seen.video.size,
    )


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32)


def _errors(pred: np.ndarray, gt: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """Landmark distance of each frame that both have; NaN without a face in both."""
    both = min(len(pred), len(gt))
    how = {name: value for name, value in settings.items() if name != "missing_face"}
    with np.errstate(invalid="ignore", divide="ignore"):
        return distances(pred=pred[:both], gt=gt[:both], **how)


def _blinks(stats: Mapping[str, Stats], side: str = "") -> Blinks | None:
    """Onsets and durations of the blinks that a metric found, seconds; None if none looked."""
    for sums in stats.values():
        if f"{side}durations_s" in sums:
            return onsets_s(sums, side), tuple(sums[f"{side}durations_s"])
    return None
