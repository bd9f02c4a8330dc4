"""One clip, every method, every metric: each file is read in lockstep, chunk by chunk.

Beside the predictions the control rows of :mod:`tkit.scoring.baselines` are measured on the same
frames. Scores of one family under the same settings share one measurement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit.errors import Fault, MediaError, RemoteError, Result, ScoreError, guarded
from tkit.metrics import METRICS, Metric, Scorer, Stats, add
from tkit.report import Unscored
from tkit.report.series import TRUTH
from tkit.scoring import baselines
from tkit.scoring.baselines import Chunk
from tkit.scoring.pairing import ClipFiles, unequal, unlike
from tkit.scoring.protocols import Protocol
from tkit.scoring.seen import DEFAULT_FPS, Seen, series_alone, series_of
from tkit.scoring.view import POINTS, View

if TYPE_CHECKING:
    from tkit.report.series import ClipSeries
    from tkit.tracking import FrontEnds


@dataclass(frozen=True)
class Measurement:
    """A family under one choice of settings, and the scores that are made of it."""

    family: Metric
    settings: dict[str, Any]
    view: str
    scores: tuple[str, ...]

    @property
    def at_end(self) -> bool:
        """Measured when the clip has been read: what needs it whole, and points."""
        return self.family.needs.whole or self.family.needs.of_points


@dataclass(frozen=True)
class Plan:
    """What to measure: the protocol, score to complete settings, control rows, and by what.

    ``given`` is what stands beside the predictions: ``gt``, ``audio``, ``source``; ``recode`` are
    the qualities that predictions are re-encoded in (:mod:`tkit.scoring.recoding`).
    """

    protocol: Protocol
    metrics: dict[str, dict[str, Any]]
    rows: tuple[str, ...]
    front_ends: FrontEnds
    given: frozenset[str] = frozenset({"gt"})
    recode: tuple[int, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        # Entries hold functions; each process looks them up itself.
        fields = self.protocol, self.metrics, self.rows, self.front_ends, self.given, self.recode
        return Plan, fields

    @cached_property
    def entries(self) -> dict[str, Scorer]:
        """Score by name: the registry looks at the disk, which is slow for every chunk."""
        return {name: METRICS.get(name) for name in self.metrics}

    @cached_property
    def measurements(self) -> list[Measurement]:
        """What is measured, in the order of the scores: equal settings of one family once."""
        groups: dict[Any, list[str]] = defaultdict(list)
        for name, entry in self.entries.items():
            groups[id(entry.family), *self.metrics[name].values()].append(name)
        found = []
        for names in groups.values():
            entry, settings = self.entries[names[0]], self.metrics[names[0]]
            view = entry.view(settings)
            found.append(Measurement(entry.family, settings, view, tuple(names)))
        return found

    @cached_property
    def views(self) -> frozenset[str]:
        """All of :data:`tkit.metrics.VIEWS` that are looked at."""
        return frozenset(measurement.view for measurement in self.measurements)


@dataclass
class Measured:
    """Statistics of one clip by method and metric, and what could not be measured.

    ``machine`` is set if some of that failed for want of memory or the like: worth another try.
    ``series`` is what was seen in the frames, where landmarks were looked at.
    """

    clip: str
    stats: dict[str, dict[str, Stats]] = field(default_factory=dict)
    rejects: list[Unscored] = field(default_factory=list)
    machine: bool = False
    series: ClipSeries | None = None

    def refuse(self, method: str, reason: str | Fault, metric: str = "") -> None:
        """Note why a method has no score, or none in one metric."""
        if isinstance(reason, Fault):
            self.machine |= reason.machine
            reason = reason.reason
        text = f"{metric}: {reason}" if metric else reason
        self.rejects.append(Unscored(method, self.clip, text))


def unscored(fault: Fault, files: ClipFiles[Any], *_: Any) -> Measured:
    """Say of every method that a clip has no score."""
    measured = Measured(files.clip)
    for method in [*files.preds, *files.missing]:
        measured.refuse(method, fault)
    return measured


def measure_clip(files: ClipFiles[Path], plan: Plan) -> Measured:
    """Measure all predictions of one clip and its control rows.

    A file that cannot be read or does not fit the ground truth is a reject; the others go on.
    """
    if files.gt is None:
        return _measure_alone(files, plan)
    methods = [*files.preds, *files.missing]
    gt = _of_truth(guarded(_open_truth, files.gt, plan, name=files.gt.name), files.gt)
    if isinstance(gt, Fault):
        return unscored(gt, files)
    videos, refused = _open(files.preds, gt, plan)
    rows = baselines.fresh(
        dict.fromkeys([*([baselines.STAND_IN] if files.missing else []), *plan.rows])
    )
    clip = _Clip(gt, plan, files, "ground truth")
    tallies = {name: _Tally(plan, clip, rows.get(name)) for name in [*videos, *rows]}
    if videos or files.missing:
        fault = guarded(_read, gt, videos, refused, rows, tallies, clip, name=files.gt.name)
        if isinstance(fault, Fault):
            return unscored(_of_truth(fault, files.gt), files)
    for method in [name for name in videos if name not in refused]:
        if reason := guarded(_ended_apart, videos[method], gt, plan, name=files.preds[method].name):
            refused[method] = reason
    measured = Measured(files.clip)
    for method, why in refused.items():
        measured.refuse(method, _without_path(why, files.preds[method]))
    if len(refused) == len(methods):
        return measured  # the control rows stand beside predictions, on the same clips
    points = _of_truth(guarded(gt.finish, name=files.gt.name), files.gt)
    if isinstance(points, Fault):
        return unscored(points, files)
    clip.whole.points, again = points
    found = {
        method: guarded(_points_of, video, name=files.preds[method].name)
        for method, video in videos.items()
        if method not in refused
    }
    found |= {
        name: {} if gt.no_points else row.points(clip.whole.points, again)
        for name, row in rows.items()
    }
    no_points = {method: video.no_points for method, video in videos.items()}
    for method, placed in found.items():
        if isinstance(placed, Fault):
            measured.refuse(method, placed)
            continue
        reason = no_points.get(method, "") or (gt.no_points and f"ground truth: {gt.no_points}")
        stats, failed = tallies[method].finish(placed, reason)
        for name in (method, *(files.missing if method == baselines.STAND_IN else ())):
            if name == baselines.STAND_IN and name not in plan.rows:
                continue
            measured.stats[name] = stats
            for metric, why in failed.items():
                measured.refuse(name, why, metric)
    measured.series = _series(clip, plan, measured, videos | {TRUTH: gt}, found)
    return measured


def _measure_alone(files: ClipFiles[Path], plan: Plan) -> Measured:
    """Measure every prediction of one clip by itself, where there is no ground truth."""
    measured = Measured(files.clip)
    seen: dict[str, Seen] = {}
    for method, path in files.preds.items():
        found = guarded(_alone, path, files, plan, name=path.name)
        if isinstance(found, Fault):
            measured.refuse(method, _without_path(found, path))
            continue
        seen[method], failed = found
        measured.stats[method] = dict(seen[method].stats)
        for metric, why in failed.items():
            measured.refuse(method, why, metric)
    measured.series = series_alone(measured.clip, seen)
    return measured


def _alone(path: Path, files: ClipFiles[Path], plan: Plan) -> tuple[Seen, dict[str, Fault]]:
    from tkit.media.frames import Reader

    video = View(Reader(path), plan.protocol, plan.front_ends, plan.views)
    tally = _Tally(plan, _Clip(video, plan, files, "prediction"))
    while len((chunk := video.read())["frames"]):
        tally.add(chunk)
    if video.reader.problem:
        raise ScoreError(video.reader.problem)
    points = _points_of(video)
    stats, failed = tally.finish(points, video.no_points)
    return Seen(video, points, stats), failed


def _series(
    clip: _Clip, plan: Plan, measured: Measured, videos: dict[str, View], found: dict[str, Any]
) -> ClipSeries | None:
    """What was seen in the ground truth and in the predictions that have scores."""
    preds = {
        method: Seen(video, found[method], measured.stats[method])
        for method, video in videos.items()
        if method in measured.stats and method != TRUTH
    }
    truth = Seen(videos[TRUTH], clip.whole.points, {})
    fps = clip.inputs(("fps",))["fps"]
    return series_of(measured.clip, fps, truth, preds, plan.metrics.get("lmd", {}))


def _open_truth(path: Path, plan: Plan) -> View:
    from tkit.media.frames import Reader

    twice = any(baselines.BASELINES[row].again for row in plan.rows)
    return View(Reader(path), plan.protocol, plan.front_ends, plan.views, again=twice)


def _open(
    preds: dict[str, Path], gt: View, plan: Plan
) -> tuple[dict[str, View], dict[str, str | Fault]]:
    """Open the predictions: those that fit the ground truth, and why the others do not."""
    videos: dict[str, View] = {}
    refused: dict[str, str | Fault] = {}
    for method, path in preds.items():
        opened = guarded(_open_pred, path, gt, plan, name=path.name)
        if isinstance(opened, View):
            videos[method] = opened
        else:
            refused[method] = opened
    protocol = plan.protocol
    if protocol.size == "cut" and protocol.crop == "none":  # to what all have, once for all rows
        views = [gt, *videos.values()]
        height, width = np.min([view.reader.shape[:2] for view in views], axis=0).tolist()
        for view in views:
            view.cut = height, width
    return videos, refused


def _open_pred(path: Path, gt: View, plan: Plan) -> View | str:
    """Open one prediction, or say why it does not fit."""
    from tkit.media.frames import Reader

    protocol = plan.protocol
    reader = Reader(path, fps=gt.reader.fps if protocol.fps == "nearest" else 0.0)
    reason = unlike(
        pred=reader,
        gt=gt.reader,
        same_size=protocol.size != "resize" and protocol.crop == "none",
        same_fps=protocol.fps == "error",
        spare=1 if protocol.size == "cut" else 0,
    )
    if reason:
        return reason
    like = gt.reader.shape if protocol.size == "resize" else None
    return View(reader, protocol, plan.front_ends, plan.views, like=like)


def _read(
    gt: View,
    videos: dict[str, View],
    refused: dict[str, str | Fault],
    rows: dict[str, baselines.Baseline],
    tallies: dict[str, _Tally],
    clip: _Clip,
) -> None:
    """Read all videos to the end of the ground truth; what fails on the way is refused."""
    while n_frames := len((truth := gt.read())["frames"]):
        clip.whole.add(truth)
        for name, row in rows.items():
            tallies[name].add(row.frames(truth), truth)
        for method, video in videos.items():
            if method in refused:
                continue
            # A shorter one has ended; unless that is allowed it is refused afterwards.
            chunk = guarded(video.read, n_frames, name=video.reader.path.name)
            if isinstance(chunk, Fault):
                refused[method] = chunk
            else:
                tallies[method].add(chunk, truth)


def _points_of(video: View) -> Chunk:
    return video.finish()[0]


def _ended_apart(pred: View, gt: View, plan: Plan) -> str:
    if plan.protocol.length == "cut":
        return gt.reader.problem or pred.reader.problem
    return unequal(pred=pred.reader, gt=gt.reader)


class _Whole:
    """What must be kept of a side until the end of the clip: pictures in parts, and points."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        views = [entry.view for entry in measurements if entry.family.needs.whole]
        self._parts: dict[str, list[np.ndarray]] = {v: [] for v in views if v not in POINTS}
        self.points: Chunk = {}

    def add(self, chunk: Chunk) -> None:
        for view, parts in self._parts.items():
            parts.append(chunk[view])

    def get(self, view: str) -> np.ndarray | None:
        """All frames, or points; None if there are none."""
        if view in self.points or not self._parts.get(view):
            return self.points.get(view)
        if len(self._parts[view]) > 1:
            self._parts[view] = [np.concatenate(self._parts[view])]
        return self._parts[view][0]


class _Clip:
    """What metrics know of a clip beside its predictions: whole views, frame rate, sound, source.

    Parameters
    ----------
    video : View
        The ground truth, or the prediction itself where there is none.
    what : str
        Which of the two.
    """

    def __init__(self, video: View, plan: Plan, files: ClipFiles[Path], what: str) -> None:
        self._video, self._files, self._what = video, files, what
        self.whole = _Whole(plan.measurements)
        self._known: dict[str, Any] = {}

    def inputs(self, wanted: tuple[str, ...], *, other_sound: bool = False) -> dict[str, Any]:
        """What a metric takes beside prediction and ground truth."""
        makers = {
            "fps": self._fps,
            "wave": self._other_sound if other_sound else self._sound,
            "source": self._source,
        }
        found = {}
        for name in (name for name in makers if name in wanted):
            made = makers[name]
            if made.__name__ not in self._known:
                self._known[made.__name__] = made()
            found[name] = self._known[made.__name__]
        return found

    def _fps(self) -> float:
        return self._video.reader.fps or DEFAULT_FPS

    def _sound(self) -> np.ndarray:
        path, what = self._video.reader.path, self._what
        if self._files.audio is not None:
            path, what = _given(self._files.audio), "sound"
        elif not self._video.reader.is_video:
            raise ScoreError(f"the {what} is no video and has no sound")
        return self._heard(path, what)

    def _other_sound(self) -> np.ndarray:
        if self._files.other is None:  # no row asks for it then
            raise ScoreError("no other clip was given")
        return self._heard(_given(self._files.other), "other clip")

    def _heard(self, path: Path, what: str) -> np.ndarray:
        from tkit import media

        try:
            return media.read_audio(path)
        except MediaError as error:
            said = str(error).removeprefix(f"{path}: ")
            raise ScoreError(f"{what}: {said}") from error

    def _source(self) -> np.ndarray:
        from tkit import media
        from tkit.media.frames import PICTURE_SUFFIXES, open_frames

        if self._files.source is None:  # the plan has no such metric then
            raise ScoreError("no source picture was given")
        path = _given(self._files.source)
        try:
            if path.suffix.lower() in PICTURE_SUFFIXES:
                return media.read_image(path)[None]
            return next(open_frames(path)[1])[None]  # of a clip its first frame
        except MediaError as error:
            said = str(error).removeprefix(f"{path}: ")
            raise ScoreError(f"source: {said}") from error


class _Tally:
    """The statistics of one method on one clip while its frames pass."""

    def __init__(self, plan: Plan, clip: _Clip, row: baselines.Baseline | None = None) -> None:
        self._clip, self._other_sound = clip, row is not None and row.other_sound
        self._measured = [
            entry for entry in plan.measurements if row is None or not row.why_not(entry.family)
        ]
        self._stats: dict[str, Stats] = {}
        self._failed: dict[str, Fault] = {}
        self._whole = _Whole(self._measured)

    def add(self, pred: Chunk, gt: Chunk | None = None) -> None:
        """Measure the next frames, as many as both have; ``gt`` None where there is no truth."""
        both = min(len(side["frames"]) for side in (pred, gt or pred)) if pred else 0
        if not both:
            return
        self._whole.add({view: array[:both] for view, array in pred.items()})
        for measurement in self._measured:
            if not measurement.at_end:
                view = measurement.view
                truth = None if gt is None else gt[view][:both]
                self._measure(measurement, pred[view][:both], truth)

    def finish(self, points: Chunk, no_points: str) -> tuple[dict[str, Stats], dict[str, Fault]]:
        """Measure what waits for the end; statistics by score, and why some are missing."""
        self._whole.points = points
        if no_points:
            wanting = [entry for entry in self._measured if entry.view in POINTS]
            self._failed |= {score: Fault(no_points) for entry in wanting for score in entry.scores}
        for measurement in self._measured:
            if measurement.at_end:
                pred = self._whole.get(measurement.view)
                gt = self._clip.whole.get(measurement.view)
                if pred is not None:
                    shorter = len(pred) if gt is None else min(len(pred), len(gt))
                    truth = None if gt is None else gt[:shorter]
                    self._measure(measurement, pred[:shorter], truth)
        return self._stats, self._failed

    def _measure(self, measurement: Measurement, pred: np.ndarray, gt: np.ndarray | None) -> None:
        scores = measurement.scores
        if scores[0] in self._failed:
            return
        stats = guarded(self._stats_of, measurement, pred, gt)
        if isinstance(stats, Fault):
            self._failed |= dict.fromkeys(scores, stats)
            for name in scores:
                self._stats.pop(name, None)
        else:
            total = add(self._stats.get(scores[0], {}), stats)
            self._stats |= dict.fromkeys(scores, total)

    def _stats_of(self, measurement: Measurement, pred: np.ndarray, gt: np.ndarray | None) -> Stats:
        """Give a family what it declares: one that asks for no truth never sees it."""
        wanted = measurement.family.inputs
        inputs = {"pred": pred, **self._clip.inputs(wanted, other_sound=self._other_sound)}
        if gt is not None and "gt" in wanted:
            inputs["gt"] = gt
        return measurement.family.measure(**inputs, **measurement.settings)


def _given(path: Path | Fault) -> Path:
    """A file that the user gave for a clip; an error if there is none of its name, or no more."""
    if isinstance(path, Fault):
        raise RemoteError(path.reason, again=True) if path.machine else ScoreError(path.reason)
    return path


def _of_truth(found: Result | Fault, path: Path) -> Result | Fault:
    """Say of a fault that it is one of the ground truth."""
    if not isinstance(found, Fault):
        return found
    return replace(found, reason="ground truth: " + found.reason.removeprefix(f"{path}: "))


def _without_path(reason: str | Fault, path: Path) -> str | Fault:
    """The reason without the path: method and clip say it, and equal reasons are counted."""
    if isinstance(reason, Fault):
        return replace(reason, reason=reason.reason.removeprefix(f"{path}: "))
    return reason
