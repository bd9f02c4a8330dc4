"""Score predictions against ground truth: pair, measure, finish, report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tkit import __version__
from tkit._measuring import Measured, Plan, measure_clip
from tkit._pairing import ClipFiles, pair
from tkit.errors import ScoreError
from tkit.landmarks import LANDMARKERS
from tkit.metrics import METRICS
from tkit.report import ClipScore, Report, Score, Unscored


@dataclass(frozen=True)
class Protocol:
    """A named way to score.

    Parameters
    ----------
    name : str
    metrics : mapping
        Metric to the parameters that differ from its defaults.
    landmarks : str
        Back-end of the metrics that need points.
    """

    name: str
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    landmarks: str = "dlib68"


TKIT = Protocol("tkit", {"psnr": {}, "ssim": {}, "lmd": {}})


def score(
    preds: Mapping[str, Path],
    gt: Path,
    *,
    protocol: Protocol = TKIT,
    jobs: int = 1,
    progress: bool = False,
) -> Report:
    """Score folders of predicted videos against a folder of ground truth.

    Parameters
    ----------
    preds : mapping
        Method to folder; clips are matched by relative path without suffix.
    gt : Path
    protocol : Protocol
    jobs : int
        Processes; the report does not depend on their number.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    Report
        The methods in the given order, then the honest rows ``static`` and ``gt``, measured on
        every clip that has a scored prediction. Pairs that do not fit are in ``rejects``.

    Raises
    ------
    UsageError
        If a folder, metric or parameter does not exist.
    ScoreError
        If a folder holds no video, or a method shares no name with the ground truth.
    """
    plan = Plan(
        metrics={
            name: METRICS.get(name).settings(params, name=name)
            for name, params in protocol.metrics.items()
        },
        landmarks=protocol.landmarks,
    )
    LANDMARKERS.get(plan.landmarks)  # an unknown name is an error before any work
    clips, rejects = pair(preds, gt)
    measured = list(_measure_all(clips, plan, jobs=jobs, progress=progress))
    return _report(protocol.name, plan, list(preds), measured, rejects)


def _measure_all(
    clips: list[ClipFiles], plan: Plan, *, jobs: int, progress: bool
) -> Iterable[Measured]:
    """Measure every clip, results in the order of ``clips``."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    parallel = Parallel(n_jobs=jobs, return_as="generator")
    results = parallel(delayed(measure_clip)(files, plan) for files in clips)
    # disable=None: no bar where stderr is no terminal.
    return tqdm(results, total=len(clips), unit="clip", disable=None if progress else True)


def _report(
    protocol: str,
    plan: Plan,
    preds: list[str],
    measured: list[Measured],
    rejects: list[Unscored],
) -> Report:
    clips = []
    rejects = rejects + [reject for clip in measured for reject in clip.rejects]
    for method in (methods := [*preds, "static", "gt"]):
        for clip in measured:
            for metric, stats in clip.stats.get(method, {}).items():
                value = METRICS.get(metric).finish(stats)
                if math.isnan(value):
                    rejects.append(Unscored(method, clip.clip, f"{metric}: the value is undefined"))
                else:
                    clips.append(ClipScore(method, clip.clip, metric, value, stats["frames"]))
    order = {method: place for place, method in enumerate(methods)}
    return Report(
        protocol=protocol,
        methods={
            method: {metric: _score(method, metric, clips, plan) for metric in plan.metrics}
            for method in methods
        },
        clips=clips,
        rejects=sorted(rejects, key=lambda reject: (order[reject.method], reject.clip)),
    )


def _score(method: str, metric: str, clips: list[ClipScore], plan: Plan) -> Score:
    """Mean of one method's clips in one metric."""
    values = [clip.value for clip in clips if (clip.method, clip.metric) == (method, metric)]
    value, note = None, "no clip has a score; the rejects say why"
    if values:
        # fsum: the same sum in every order.
        value, note = math.fsum(values) / len(values), ""
        if math.isinf(value):
            exact = sum(map(math.isinf, values))
            note = f"inf: {exact} of {len(values)} clips without any error"
    entry = METRICS.get(metric)
    return Score(
        value=value,
        low=None,
        high=None,
        n=len(values),
        unit=entry.unit_of(plan.metrics[metric]),
        better=entry.better,
        signature=signature(metric, plan, n=len(values)),
        note=note,
    )


def signature(metric: str, plan: Plan, *, n: int) -> str:
    """How a score was measured, as one line; built from the declared parameters alone."""
    entry = METRICS.get(metric)
    tokens = [metric, "crop:none", *entry.tokens(plan.metrics[metric])]
    if entry.needs == "points":
        tokens.append(f"pts:{LANDMARKERS.get(plan.landmarks).signature_with()}")
    return "|".join([*tokens, f"n:{n}", f"v:{__version__}"])


def require_scores(report: Report, preds: Iterable[str]) -> None:
    """Raise :class:`ScoreError` if a method has no score at all."""
    scored = {clip.method for clip in report.clips}
    for method in preds:
        if method not in scored:
            why = [reject for reject in report.rejects if reject.method == method]
            raise ScoreError(f"{method}: no clip could be scored; {why[0].clip}: {why[0].reason}")
