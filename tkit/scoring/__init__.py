"""Score predictions, against ground truth or alone: pair, view, measure, sum, summarise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tkit import jobs as parallel
from tkit.errors import Fault, ScoreError, UsageError, guarded
from tkit.face.crops import CROPS
from tkit.metrics import METRICS
from tkit.progress import track
from tkit.report import CONTROL_ROWS, Report
from tkit.scoring import protocols
from tkit.scoring.cache import Measure, remembering
from tkit.scoring.measuring import Measured, Plan, measure_clip, unscored
from tkit.scoring.pairing import ClipFiles, name_methods, pair, videos_of, with_files
from tkit.scoring.protocols import Protocol
from tkit.scoring.seen import kept
from tkit.scoring.summary import signature, summarise

__all__ = ["Protocol", "require_scores", "score", "signature"]


def plan_of(
    protocol: Protocol,
    *,
    rows: Iterable[str] = CONTROL_ROWS,
    landmarks_model: str = "",
    given: Iterable[str] = ("gt",),
) -> Plan:
    """Complete a protocol's settings; anything unknown in it is an error before any work."""
    from tkit.tracking import FrontEnds

    front_ends = FrontEnds(protocol.landmarks, landmarks_model)
    front_ends.signature()  # unknown names fail now, and models that are not there
    if protocol.crop not in ("none", *CROPS):
        raise UsageError(f"unknown crop {protocol.crop!r} (there are: none, {', '.join(CROPS)})")
    for row in rows:
        if row not in CONTROL_ROWS:
            raise UsageError(f"unknown control row {row!r} (there are: {', '.join(CONTROL_ROWS)})")
    metrics = {
        name: METRICS.get(name).settings(params) for name, params in protocol.metrics.items()
    }
    rows = tuple(row for row in CONTROL_ROWS if row in set(rows))
    return Plan(protocol, metrics, rows, front_ends, frozenset(given))


def score(
    preds: Mapping[str, str | Path] | str | Path,
    gt: str | Path | None = None,
    *,
    audio: str | Path | None = None,
    source: str | Path | None = None,
    protocol: str | Protocol | None = None,
    metrics: Sequence[str] | str | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    rows: Iterable[str] | None = None,
    renamed: Mapping[str, str] | None = None,
    landmarks_model: str = "",
    jobs: int = 1,
    cluster: str = "",
    resume: str | Path | None = None,
    seed: int = 0,
    progress: bool = False,
    **choices: str | None,
) -> Report:
    """Score folders of predicted videos, against a folder of ground truth or without one.

    Parameters
    ----------
    preds : mapping or path
        Method to folder of videos, ``.npy`` arrays or folders of pictures; clips are matched by
        their path below the folder, without suffix. A folder alone is called by its name.
    gt : path, optional
        Without it every prediction is measured by itself, in what asks for no true video.
    audio : path, optional
        Sound that lips should fit: a folder of files called like the clips, or one file for all.
        By default that of the ground truth, or of the prediction where there is none.
    source : path, optional
        What predictions were made of: a folder of pictures or videos called like the clips or their
        speakers, or one file for all.
    protocol : str or Protocol, optional
        How to score; ``tkit protocols list`` has the names. By default ``tkit``, or ``noref``
        without ground truth. What it cannot measure with what is given is left out, and said.
    metrics : sequence of str, or str, optional
        What to measure instead of the protocol's own.
    settings : mapping, optional
        Metric to its parameters that differ, e.g. ``{"ssim": {"window": "gauss11"}}``.
    rows : iterable of str, optional
        Control rows to compute beside; all by default, which are made of the ground truth.
    renamed : mapping, optional
        Name of a prediction to the clip it is of.
    landmarks_model : str
        Model file of a landmark back-end that takes one.
    jobs : int
        Processes; the report does not depend on their number.
    cluster : str, optional
        Address of a Dask scheduler that measures the clips instead of local processes.
    resume : path, optional
        Folder where the statistics of finished clips are kept and looked up.
    seed : int
        Of the signs that tests draw where speakers are too many for all of them.
    progress : bool
        Show it on stderr: a bar on a terminal, elsewhere a line now and then.
    **choices
        Fields of the protocol that differ: ``landmarks``, and the policies ``missing``, ``length``,
        ``size``, ``fps`` and ``missing_face``.

    Returns
    -------
    Report
        The methods in the given order, then the control rows, measured on every clip that has a
        scored prediction. Pairs that do not fit are in ``rejects``.

    Raises
    ------
    UsageError
        If a folder, metric or parameter does not exist, or what was asked for needs a ground truth
        or a source that is not given.
    ScoreError
        If a folder holds no video, or a method shares no name with the ground truth.

    Examples
    --------
    >>> import pathlib, tempfile, numpy, tkit
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> frames = numpy.random.default_rng(0).integers(0, 256, (5, 32, 48, 3), numpy.uint8)
    >>> for name, clip in {"gt": frames, "ours": frames // 2 + 60}.items():
    ...     (folder / name).mkdir()
    ...     numpy.save(folder / name / "hello.npy", clip)
    >>> report = tkit.score({"ours": folder / "ours"}, gt=folder / "gt", metrics=["psnr", "ssim"])
    >>> round(report.methods["ours"]["psnr"].value, 2)
    20.13
    >>> report.frame().query("method == 'gt' and metric == 'ssim'").value.item()
    1.0
    """
    methods = preds if isinstance(preds, Mapping) else name_methods([str(preds)])
    if isinstance(metrics, str):
        metrics = [metrics]
    given = {"gt": gt, "audio": audio, "source": source}
    if gt is None:
        _require_no_truth(rows, choices)
    plan = plan_of(
        _protocol(protocol, given, metrics=metrics, settings=settings, **choices),
        rows=CONTROL_ROWS if rows is None and gt is not None else rows or (),
        landmarks_model=landmarks_model,
        given=[name for name, path in given.items() if path is not None],
    )
    for name, own in plan.metrics.items():
        plan.entries[name].require_network(own)
    found, rejects = pair(
        {method: Path(folder) for method, folder in methods.items()},
        None if gt is None else Path(gt),
        renamed=renamed,
        missing=plan.protocol.missing,
    )
    found = with_files(
        found, audio=None if audio is None else Path(audio),
        source=None if source is None else Path(source),
    )  # fmt: skip
    measure = remembering(measure_clip, Path(resume)) if resume else measure_clip
    calls = [(files, plan, measure) for files in found]
    done = parallel.run(_measured, calls, jobs=jobs, cluster=cluster, ordered=True, lost=unscored)
    shown = track(done, len(calls), desc="score", unit="clip", show=progress)
    measured, series = kept(shown)
    report = summarise(plan, list(methods), measured, rejects, seed=seed)
    return replace(report, series=series, videos=videos_of(found))


def _protocol(
    named: str | Protocol | None,
    given: Mapping[str, Any],
    *,
    metrics: Sequence[str] | None,
    **choices: Any,
) -> Protocol:
    """Complete the protocol with the user's choices, as far as what is given allows."""
    if named is None:
        named = protocols.DEFAULT if given["gt"] is not None else protocols.WITHOUT_TRUTH
    if isinstance(named, str):
        named = protocols.load(named)
    changed = protocols.change(named, metrics=metrics, **choices)
    there = [name for name, path in given.items() if path is not None]
    return protocols.fitting(changed, there, asked=metrics is not None)


def _require_no_truth(rows: Iterable[str] | None, choices: Mapping[str, Any]) -> None:
    """Raise :class:`UsageError` if something was chosen that is made of the ground truth."""
    if rows is not None and (rows := list(rows)):
        raise UsageError(f"control rows ({', '.join(rows)}) are made of the ground truth: give --gt")
    for name in protocols.POLICIES:
        if choices.get(name):
            raise UsageError(
                f"{name}={choices[name]} says what becomes of predictions that do not fit the "
                "ground truth: give --gt"
            )


def _measured(files: ClipFiles, plan: Plan, measure: Measure) -> Measured:
    """Measure one clip, whatever happens."""
    found = guarded(measure, files, plan, name=files.clip)
    return unscored(found, files) if isinstance(found, Fault) else found


def require_scores(report: Report, preds: Iterable[str], *, strict: bool = False) -> None:
    """Raise :class:`ScoreError` if a method has no score at all; with ``strict``, if one misses."""
    scored, missing = {clip.method for clip in report.clips}, 0
    for method in preds:
        why = [reject for reject in report.rejects if reject.method == method]
        if method not in scored:
            raise ScoreError(f"{method}: no clip could be scored; {why[0].clip}: {why[0].reason}")
        missing += len(why)
    if strict and missing:
        raise ScoreError(f"--strict: {missing} scores are missing, see above")
