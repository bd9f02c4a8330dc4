"""The command ``tkit score``."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from tkit.cli import _options
from tkit.errors import ScoreError, UsageError

MAX_LINES = 20  # of rejects on stderr; the JSON report has all


@click.command("score")
@click.option(
    "--pred",
    "preds",
    multiple=True,
    required=True,
    metavar="[NAME=]DIR",
    help="Folder of predicted videos; repeat as NAME=DIR for several methods.",
)
@click.option(
    "--gt", type=_options.path, required=True, metavar="DIR", help="Folder of ground-truth videos."
)
@click.option(
    "--metrics",
    default="psnr,ssim,lmd",
    show_default=True,
    metavar="NAMES",
    help="What to measure.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="METRIC.PARAM=VALUE",
    help="Change a metric's definition, e.g. ssim.window=gauss11; it is named in the signature.",
)
@click.option(
    "--missing-face",
    type=click.Choice(["error", "drop"]),
    help="A frame without a face: the clip has no score (error, the default), or drop the frame.",
)
@click.option(
    "--landmarks",
    default="dlib68",
    show_default=True,
    metavar="NAME",
    help="Landmark back-end of the metrics that need points.",
)
@_options.json_file
@click.option(
    "--csv", "csv_file", type=_options.path, metavar="F.csv", help="Write every clip's scores."
)
@click.option(
    "--markdown",
    "--md",
    "markdown_file",
    type=_options.path,
    metavar="F.md",
    help="Write the table.",
)
@click.option("--strict", is_flag=True, help="Fail if any clip is left out.")
@_options.jobs
@_options.force
def command(
    preds: tuple[str, ...],
    gt: Path,
    metrics: str,
    settings: tuple[str, ...],
    missing_face: str | None,
    landmarks: str,
    json_file: Path | None,
    csv_file: Path | None,
    markdown_file: Path | None,
    strict: bool,
    jobs: int,
    force: bool,
) -> None:
    """Score predicted videos against ground truth.

    Videos are matched by their path below the folders, without suffix. The rows static (the first
    frame repeated) and gt (the ground truth against itself) are always computed beside. Pairs that
    do not fit (length, size, frame rate, damage) are left out, named and counted.

    \b
    Example:
      tkit score --pred predictions/ --gt grid/ --json scores.json
      tkit score --pred ours=out/a --pred theirs=out/b --gt grid/ --metrics psnr,ssim --jobs 4
    """
    from tkit import scoring
    from tkit._pairing import name_methods
    from tkit.report import tables

    files = {"json": json_file, "csv": csv_file, "markdown": markdown_file}
    outputs = {kind: path for kind, path in files.items() if path is not None}
    tables.require_free(outputs.values(), force=force)
    methods = name_methods(list(preds))
    protocol = _protocol(metrics, settings, missing_face, landmarks)
    report = scoring.score(methods, gt, protocol=protocol, jobs=jobs, progress=True)
    for kind, path in outputs.items():
        tables.write(report, kind, path)
    if Path("-") not in outputs.values():
        click.echo(tables.as_text(report), nl=False)
    _tell_rejects(report)
    scoring.require_scores(report, methods)
    if strict and report.rejects:
        raise ScoreError(f"--strict: {len(report.rejects)} scores are missing, see above")


def _protocol(
    metrics: str, settings: tuple[str, ...], missing_face: str | None, landmarks: str
) -> Any:
    """Build the protocol of the options: ``tkit``, or ``custom`` where they change it."""
    from tkit import scoring
    from tkit.metrics import METRICS

    names = [name.strip().replace("_", "-") for name in metrics.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--metrics names nothing (there are: {', '.join(METRICS.names())})")
    chosen: dict[str, dict[str, str]] = {name: {} for name in names}
    for text in settings:
        place, equals, value = text.partition("=")
        name, dot, param = place.strip().partition(".")
        if not (equals and dot and param):
            raise UsageError(f"--set {text}: give METRIC.PARAM=VALUE, e.g. ssim.window=gauss11")
        if name not in chosen:
            raise UsageError(f"--set {text}: {name!r} is none of the metrics {', '.join(chosen)}")
        chosen[name][param.strip()] = value.strip()
    if missing_face:
        for name in chosen:
            if "missing_face" in METRICS.get(name).params:
                chosen[name]["missing_face"] = missing_face
    changed = any(chosen.values()) or landmarks != scoring.TKIT.landmarks
    return scoring.Protocol("custom" if changed else scoring.TKIT.name, chosen, landmarks)


def _tell_rejects(report: Any) -> None:
    """Count and name on stderr what has no score."""
    from tkit.report import tables

    lines = tables.summarise(report.rejects)
    if not lines:
        return
    counts: dict[str, set[str]] = defaultdict(set)
    for reject in report.rejects:
        counts[reject.method].add(reject.clip)
    total = ", ".join(f"{method} {len(clips)}" for method, clips in counts.items())
    click.echo(f"clips left out, wholly or in one metric: {total}", err=True)
    for line in lines[:MAX_LINES]:
        click.echo(f"  {line}", err=True)
    if len(lines) > MAX_LINES:
        click.echo(f"  … {len(lines) - MAX_LINES} more; --json has all of them", err=True)
