"""One clip, every method, every metric: each file is read once, in lockstep, chunk by chunk.

Beside the predictions two honest rows are measured on the same frames: ``static``, the first frame
of the ground truth repeated, and ``gt``, the ground truth against itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit._pairing import ClipFiles
from tkit._reading import Reader, unequal, unlike
from tkit.errors import MediaError, ScoreError
from tkit.landmarks import LANDMARKERS, Track
from tkit.metrics import METRICS, Stats, add
from tkit.metrics._pictures import to_gray
from tkit.report import Unscored

# The same frames as "rgb", "gray" and "points"; what no metric wants is left out.
View = dict[str, np.ndarray]


@dataclass(frozen=True)
class Plan:
    """What to measure: metric to complete settings, and the landmark back-end for points."""

    metrics: dict[str, dict[str, Any]]
    landmarks: str

    @property
    def kinds(self) -> dict[str, str]:
        """Metric to what it looks at: ``points``, ``gray`` or ``rgb``."""
        found = {}
        for name, settings in self.metrics.items():
            points = METRICS.get(name).needs == "points"
            gray = settings.get("color") == "gray"
            found[name] = "points" if points else "gray" if gray else "rgb"
        return found


@dataclass
class Measured:
    """Statistics of one clip by method and metric, and what could not be measured."""

    clip: str
    stats: dict[str, dict[str, Stats]] = field(default_factory=dict)
    rejects: list[Unscored] = field(default_factory=list)


def measure_clip(files: ClipFiles, plan: Plan) -> Measured:
    """Measure all predictions of one clip and its honest rows.

    A file that cannot be read or does not fit the ground truth is a reject; the others go on.
    """
    try:
        gt = Reader(files.gt)
    except MediaError as error:
        reason = f"ground truth: {_without_path(error, files.gt)}"
        return Measured(files.clip, rejects=[Unscored(m, files.clip, reason) for m in files.preds])
    readers, refused = _open(files.preds, gt)
    tallies = _read(gt, readers, plan) if readers else {}
    for method, reader in readers.items():
        if reason := unequal(pred=reader, gt=gt):
            refused[method] = reason
            del tallies[method]
    measured = Measured(files.clip)
    measured.rejects += [Unscored(method, files.clip, why) for method, why in refused.items()]
    if refused.keys() >= files.preds.keys():
        return measured  # the honest rows stand beside predictions, on the same clips
    for method, tally in tallies.items():
        measured.stats[method], failed = tally.finish(tallies["gt"])
        measured.rejects += [
            Unscored(method, files.clip, f"{metric}: {why}") for metric, why in failed.items()
        ]
    return measured


def _open(preds: dict[str, Path], gt: Reader) -> tuple[dict[str, Reader], dict[str, str]]:
    """Open the predictions: those that fit the ground truth, and why the others do not."""
    readers, refused = {}, {}
    for method, path in preds.items():
        try:
            reader = Reader(path)
        except MediaError as error:
            refused[method] = _without_path(error, path)
            continue
        if reason := unlike(pred=reader, gt=gt):
            refused[method] = reason
        else:
            readers[method] = reader
    return readers, refused


def _read(gt: Reader, readers: dict[str, Reader], plan: Plan) -> dict[str, _Tally]:
    """Read all videos to the end of the ground truth and tally every row."""
    tallies = {method: _Tally(plan) for method in [*readers, "static", "gt"]}
    wanted = set(plan.kinds.values())
    first: View = {}
    while len(frames := gt.read()):
        truth = _view(frames, wanted, plan)
        first = first or {kind: array[:1].copy() for kind, array in truth.items()}
        tallies["gt"].add(truth, truth)
        tallies["static"].add(_repeat(first, len(frames)), truth)
        for method, reader in readers.items():
            chunk = reader.read(len(frames))
            if len(chunk) == len(frames):  # else it has ended, and is refused afterwards
                tallies[method].add(_view(chunk, wanted, plan), truth)
    return tallies


def _view(frames: np.ndarray, wanted: set[str], plan: Plan) -> View:
    view = {"rgb": frames}
    if "gray" in wanted:
        view["gray"] = to_gray(frames)
    if "points" in wanted:
        view["points"] = _landmarker(plan.landmarks)(frames)
    return view


def _repeat(first: View, n_frames: int) -> View:
    return {
        kind: np.broadcast_to(array, (n_frames, *array.shape[1:])) for kind, array in first.items()
    }


class _Tally:
    """The statistics of one method on one clip while its frames pass."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._kinds = plan.kinds
        self._stats: dict[str, Stats] = {name: {} for name in plan.metrics}
        self._failed: dict[str, str] = {}
        self._points: list[np.ndarray] = []

    def add(self, pred: View, gt: View) -> None:
        for name, kind in self._kinds.items():
            if kind != "points" and name not in self._failed:
                self._measure(name, pred[kind], gt[kind])
        if "points" in pred:
            self._points.append(pred["points"])

    def finish(self, gt: _Tally) -> tuple[dict[str, Stats], dict[str, str]]:
        """Measure what needs the points of the whole clip; statistics, and why some are missing."""
        for name, kind in self._kinds.items():
            if kind == "points":
                self._measure(name, np.concatenate(self._points), np.concatenate(gt._points))
        stats = {name: sums for name, sums in self._stats.items() if name not in self._failed}
        return stats, self._failed

    def _measure(self, name: str, pred: np.ndarray, gt: np.ndarray) -> None:
        try:
            stats = METRICS.get(name).measure(pred=pred, gt=gt, **self._plan.metrics[name])
        except ScoreError as error:
            self._failed[name] = str(error)
        else:
            self._stats[name] = add(self._stats[name], stats)


def _without_path(error: MediaError, path: Path) -> str:
    """The message without the path: method and clip say it, and equal reasons are counted."""
    return str(error).removeprefix(f"{path}: ")


@lru_cache
def _landmarker(name: str) -> Track:
    """Open a landmark back-end once per process."""
    return LANDMARKERS.get(name).open()
