"""Score predictions, against ground truth or alone: pair, view, measure, sum, summarise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tkit import jobs as parallel
from tkit.errors import ScoreError
from tkit.progress import track
from tkit.report import Report
from tkit.scoring import recoding
from tkit.scoring.measuring import unscored
from tkit.scoring.pairing import videos_of
from tkit.scoring.protocols import Protocol
from tkit.scoring.seen import kept
from tkit.scoring.summary import signature, summarise
from tkit.scoring.task import Asked, measured, plan_of, prepared

__all__ = ["Protocol", "plan_of", "require_scores", "score", "signature"]


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
    by: Sequence[str] | str = (),
    columns: str | Path | None = None,
    landmarks_model: str = "",
    jobs: int = 1,
    cluster: str = "",
    resume: str | Path | None = None,
    recode: int = 0,
    seed: int = 0,
    progress: bool = False,
    **choices: str | None,
) -> Report:
    """Score folders of predicted videos, against a folder of ground truth or without one.

    Folders and files may also lie at URLs (:mod:`tkit.remote`): the process that measures a clip
    fetches it.

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
    by : sequence of str, or str
        Columns whose texts part the clips: the scores of each part stand beside those of all.
    columns : path, optional
        Table of what is known of the clips or their speakers, a manifest or a store; see
        :func:`tkit.scoring.statistics.parts.read`. By default what the corpus says, if the folder
        is one.
    landmarks_model : str
        Model file of a landmark back-end that takes one.
    jobs : int
        Processes; the report does not depend on their number.
    cluster : str, optional
        Address of a Dask scheduler that measures the clips instead of local processes.
    resume : path, optional
        Folder, or its URL, where the statistics of finished clips are kept and looked up.
    recode : int
        Re-encode the predictions so many times (:mod:`tkit.scoring.recoding`); the report's
        ``recoded`` says how far that moves the scores.
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
    RemoteError
        If a folder at a URL is not there, or cannot be reached.

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
    asked = Asked(
        audio=audio,
        source=source,
        protocol=protocol,
        metrics=metrics,
        settings=settings,
        rows=rows,
        renamed=renamed,
        by=by,
        columns=columns,
        landmarks_model=landmarks_model,
        resume=resume,
        recode=recode,
        choices=choices,
    )
    task = prepared(preds, gt, asked)
    calls = [(files, task.plan, task.measure) for files in task.clips]
    done = parallel.run(measured, calls, jobs=jobs, cluster=cluster, ordered=True, lost=unscored)
    shown = track(done, len(calls), desc="score", unit="clip", show=progress)
    clips, series = kept(shown)
    again = recoding.parted(clips, task.plan, task.methods)
    report = summarise(task.plan, task.methods, clips, task.rejects, parts=task.parts, seed=seed)
    recoded = recoding.of_clips(again, task.plan, task.methods)
    return replace(report, recoded=recoded, series=series, videos=videos_of(task.clips))


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
