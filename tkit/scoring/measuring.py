"""One clip, every method, every metric: each file is read in lockstep, chunk by chunk.

Beside the predictions the honest rows are measured on the same frames: ``static``, the first frame
of the ground truth repeated; ``gt``, the ground truth against itself; ``gt-lag3``, the ground truth
three frames late, its first frame held; ``detector-noise``, the ground truth against its own points
found again in frames shifted by half a pixel (only for metrics of points).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tkit import media
from tkit.errors import MediaError, ScoreError
from tkit.media.frames import Reader, unequal, unlike
from tkit.metrics import Stats, add
from tkit.report import Unscored
from tkit.scoring.pairing import ClipFiles
from tkit.scoring.view import Plan, Video, View

LAG_FRAMES = 3
DEFAULT_FPS = 25.0  # of pictures and arrays, which state no rate


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
    methods = [*files.preds, *files.missing]
    try:
        gt = Video(Reader(files.gt), plan, again="detector-noise" in plan.rows)
    except (MediaError, ScoreError) as error:
        reason = f"ground truth: {_without_path(error, files.gt)}"
        return Measured(files.clip, rejects=[Unscored(m, files.clip, reason) for m in methods])
    videos, refused = _open(files.preds, gt, plan)
    rows = _Rows(plan, gt, [*videos, *(["static"] if files.missing else [])])
    if videos or files.missing:
        rows.read(videos)
    for method, video in videos.items():
        if reason := _ended_apart(video, gt, plan):
            refused[method] = reason
    measured = Measured(files.clip)
    measured.rejects += [Unscored(method, files.clip, why) for method, why in refused.items()]
    if len(refused) == len(methods):
        return measured  # the honest rows stand beside predictions, on the same clips
    for method, (stats, failed) in rows.finish(videos, skip=refused).items():
        for name in (method, *(files.missing if method == "static" else ())):
            if name == "static" and "static" not in plan.rows:
                continue
            measured.stats[name] = stats
            measured.rejects += [
                Unscored(name, files.clip, f"{metric}: {why}") for metric, why in failed.items()
            ]
    return measured


def _open(preds: dict[str, Path], gt: Video, plan: Plan) -> tuple[dict[str, Video], dict[str, str]]:
    """Open the predictions: those that fit the ground truth, and why the others do not."""
    videos, refused = {}, {}
    protocol = plan.protocol
    for method, path in preds.items():
        try:
            fps = gt.reader.fps if protocol.fps == "nearest" else 0.0
            reader = Reader(path, fps=fps)
            same_size = protocol.size == "error" and protocol.crop == "none"
            reason = unlike(
                pred=reader, gt=gt.reader, same_size=same_size, same_fps=protocol.fps == "error"
            )
            if reason:
                refused[method] = reason
                continue
            like = gt.reader.shape if protocol.size == "resize" else None
            videos[method] = Video(reader, plan, like=like)
        except (MediaError, ScoreError) as error:
            refused[method] = _without_path(error, path)
    return videos, refused


def _ended_apart(pred: Video, gt: Video, plan: Plan) -> str:
    if plan.protocol.length == "cut":
        return gt.reader.problem or pred.reader.problem
    return unequal(pred=pred.reader, gt=gt.reader)


class _Rows:
    """The tallies of every method and honest row of a clip."""

    def __init__(self, plan: Plan, gt: Video, methods: list[str]) -> None:
        self._plan, self._gt = plan, gt
        names = dict.fromkeys([*methods, *plan.rows])
        self._tallies = {name: _Tally(plan) for name in names}
        self._first: View = {}
        self._tail: View = {}

    def read(self, videos: dict[str, Video]) -> None:
        """Read all videos to the end of the ground truth."""
        while len((truth := self._gt.read())["rgb"]):
            n_frames = len(truth["rgb"])
            self._first = self._first or {kind: array[:1].copy() for kind, array in truth.items()}
            still = _repeat(self._first, n_frames)
            self._add("gt", truth, truth)
            self._add("static", still, truth)
            self._add("gt-lag3", self._late(truth), truth)
            for method, video in videos.items():
                view = video.read(n_frames)
                # A shorter one has ended; unless that is allowed it is refused afterwards.
                if both := min(len(view["rgb"]), n_frames):
                    self._tallies[method].add(_until(view, both), _until(truth, both))

    def finish(
        self, videos: dict[str, Video], *, skip: dict[str, str]
    ) -> dict[str, tuple[dict[str, Stats], dict[str, str]]]:
        """Statistics of every row that was not refused, and why some are missing."""
        truth = self._gt.finish()
        points = {method: video.finish() for method, video in videos.items() if method not in skip}
        points["gt"] = truth
        points["detector-noise"] = self._gt.again
        if truth is not None:
            points["static"] = np.repeat(truth[:1], len(truth), axis=0)
            held = np.repeat(truth[:1], LAG_FRAMES, axis=0)
            points["gt-lag3"] = np.concatenate([held, truth])[: len(truth)]
        clip = _Clip(self._gt, truth)
        return {
            name: tally.finish(points.get(name), clip)
            for name, tally in self._tallies.items()
            if name not in skip
        }

    def _add(self, row: str, pred: View, gt: View) -> None:
        if row in self._tallies:
            self._tallies[row].add(pred, gt)

    def _late(self, truth: View) -> View:
        """The ground truth ``LAG_FRAMES`` late, its first frame held at the start."""
        if "gt-lag3" not in self._plan.rows:
            return {}
        before = self._tail or _repeat(self._first, LAG_FRAMES)
        joined = {kind: np.concatenate([before[kind], truth[kind]]) for kind in truth}
        self._tail = {kind: array[-LAG_FRAMES:].copy() for kind, array in joined.items()}
        return {kind: array[:-LAG_FRAMES] for kind, array in joined.items()}


class _Clip:
    """What metrics may want to know of a whole clip: points, frame rate and sound of the truth."""

    def __init__(self, gt: Video, points: np.ndarray | None) -> None:
        self.points, self.fps = points, gt.reader.fps or DEFAULT_FPS
        self._path = gt.reader.path
        self._wave: np.ndarray | None = None

    def extras(self, wanted: tuple[str, ...]) -> dict[str, Any]:
        known: dict[str, Callable[[], Any]] = {"fps": lambda: self.fps, "wave": self._sound}
        return {name: known[name]() for name in wanted}

    def _sound(self) -> np.ndarray:
        if self._wave is None:
            if self._path.is_dir() or self._path.suffix.lower() == ".npy":
                raise ScoreError("the ground truth is no video and has no sound")
            try:
                self._wave = media.read_audio(self._path)
            except MediaError as error:
                raise ScoreError(f"ground truth: {_without_path(error, self._path)}") from error
        return self._wave


def _repeat(first: View, n_frames: int) -> View:
    return {
        kind: np.broadcast_to(array, (n_frames, *array.shape[1:])) for kind, array in first.items()
    }


def _until(view: View, n_frames: int) -> View:
    return {kind: array[:n_frames] for kind, array in view.items()}


class _Tally:
    """The statistics of one method on one clip while its frames pass."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stats: dict[str, Stats] = {name: {} for name in plan.metrics}
        self._failed: dict[str, str] = {}
        self._whole: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, pred: View, gt: View) -> None:
        for name, kind in self._plan.kinds.items():
            if kind in ("rgb", "gray") and name not in self._failed:
                self._measure(name, pred[kind], gt[kind])
        if "clip" in self._plan.kinds.values():
            self._whole.append((pred["rgb"], gt["rgb"]))

    def finish(
        self, points: np.ndarray | None, clip: _Clip
    ) -> tuple[dict[str, Stats], dict[str, str]]:
        """Measure what needs the whole clip; statistics, and why some are missing."""
        for name, kind in self._plan.kinds.items():
            entry = self._plan.entries[name]
            try:
                extras = clip.extras(entry.also)
            except ScoreError as error:
                self._failed[name] = str(error)
                continue
            if kind == "points" and points is not None and clip.points is not None:
                shorter = min(len(points), len(clip.points))
                self._measure(name, points[:shorter], clip.points[:shorter], **extras)
            elif kind == "clip" and self._whole:
                pred, gt = (np.concatenate(side) for side in zip(*self._whole, strict=True))
                self._measure(name, pred, gt, **extras)
        done = {n: sums for n, sums in self._stats.items() if sums and n not in self._failed}
        return done, self._failed

    def _measure(self, name: str, pred: np.ndarray, gt: np.ndarray, **extras: Any) -> None:
        settings = self._plan.metrics[name]
        try:
            stats = self._plan.entries[name].measure(pred=pred, gt=gt, **extras, **settings)
        except ScoreError as error:
            self._failed[name] = str(error)
        else:
            self._stats[name] = add(self._stats[name], stats)


def _without_path(error: Exception, path: Path) -> str:
    """The message without the path: method and clip say it, and equal reasons are counted."""
    return str(error).removeprefix(f"{path}: ")
