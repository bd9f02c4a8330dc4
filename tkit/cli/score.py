"""The command ``tkit score``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tkit.cli import _options
from tkit.remote import Place
from tkit.report import CONTROL_ROWS


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
    "--gt",
    type=_options.place,
    metavar="DIR",
    help="Folder of ground-truth videos; without it predictions are measured by themselves.",
)
@click.option(
    "--audio",
    type=_options.place,
    metavar="DIR|FILE",
    help="Sound that lips should fit, by the clips' names, or one file for all.  [default: the "
    "ground truth's, or the prediction's own]",
)
@click.option(
    "--source",
    type=_options.place,
    metavar="DIR|FILE",
    help="Pictures or videos that predictions were made of, by the clips' or speakers' names, or "
    "one for all.",
)
@click.option(
    "--protocol",
    "protocol_name",
    metavar="NAME",
    help="How to score; tkit protocols lists the names.  [default: tkit, or noref without --gt]",
)
@click.option(
    "--metrics",
    metavar="NAMES",
    help="What to measure instead of the protocol's own, e.g. psnr,blink-rate; "
    "an unknown name lists all.",
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
    "--missing-pred",
    type=click.Choice(["reject", "static"]),
    help="A clip without prediction: left out and named (the default), or scored as a still.",
)
@click.option(
    "--length",
    type=click.Choice(["error", "cut"]),
    help="Another number of frames: no score (the default), or cut to the shorter.",
)
@click.option(
    "--size",
    type=click.Choice(["error", "resize", "cut"]),
    help="Another picture size: no score (the default), resized to the ground truth's, or of one "
    "pixel more or less the pixels that all have.",
)
@click.option(
    "--fps",
    type=click.Choice(["error", "nearest"]),
    help="Another frame rate: no score (the default), or the nearest frames in time.",
)
@click.option(
    "--landmarks", metavar="NAME", help="Landmark back-end, instead of the protocol's (dlib68)."
)
@_options.landmarks_model
@click.option(
    "--rows",
    metavar="NAMES",
    help=f"Control rows to compute beside; empty for none.  [default: {','.join(CONTROL_ROWS)}; "
    "none without --gt]",
)
@click.option(
    "--map",
    "map_file",
    type=_options.place,
    metavar="F.tsv",
    help="Names that differ: two columns, prediction and clip.",
)
@click.option(
    "--by",
    default="",
    metavar="COLUMNS",
    help="Scores of parts of the clips, too: by the texts of these columns, e.g. sex,age.",
)
@click.option(
    "--columns",
    type=_options.place,
    metavar="FILE",
    help="Where they stand: .tsv or .csv with the columns clip (or speaker) and others, a manifest "
    "(.jsonl) or a store (.h5).  [default: what the corpus says, as GRID of sex]",
)
@click.option(
    "--published",
    type=click.Choice(["grid", "tcdtimit"]),
    help="Print the published rows of Table I beside, marked.",
)
@click.option(
    "--resume",
    type=_options.place,
    metavar="DIR",
    help="Keep finished clips in this folder, and take from it what is unchanged.",
)
@click.option(
    "--recode",
    type=click.IntRange(0, 11),
    default=0,
    metavar="N",
    help="Re-encode the predictions N times, crf 18 to 28, and say how far that moves each score.",
)
@click.option("--cluster", default="", metavar="URL", help="Dask scheduler to measure clips on.")
@_options.seed
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
@click.option("--latex", "latex_file", type=_options.path, metavar="F.tex", help="Write the table.")
@click.option(
    "--html",
    "html_file",
    type=_options.path,
    metavar="F.html",
    help="Write the page of the report.",
)
@_options.page
@click.option(
    "--estimate",
    is_flag=True,
    help="Measure a few clips, say what time and memory all would take, and stop.",
)
@click.option("--strict", is_flag=True, help="Fail if any clip is left out.")
@_options.jobs
@_options.force
@_options.quiet
def command(
    preds: tuple[str, ...],
    gt: Place | None,
    audio: Place | None,
    source: Place | None,
    protocol_name: str | None,
    metrics: str | None,
    settings: tuple[str, ...],
    missing_pred: str | None,
    json_file: Path | None,
    csv_file: Path | None,
    markdown_file: Path | None,
    latex_file: Path | None,
    html_file: Path | None,
    videos: int,
    embed: bool,
    rows: str | None,
    map_file: Place | None,
    by: str,
    columns: Place | None,
    published: str | None,
    resume: Place | None,
    recode: int,
    cluster: str,
    seed: int,
    estimate: bool,
    strict: bool,
    jobs: int,
    force: bool,
    landmarks_model: str,
    **choices: str | None,
) -> None:
    """Score predicted videos, against ground truth or without.

    Videos, .npy arrays and folders of pictures are matched by their path below the folders, without
    suffix. Control rows are computed beside: static (the first frame repeated), gt (the ground
    truth against itself), gt-lag3 (three frames late), detector-noise (its own points found again);
    for metrics that listen other-sound, too (itself, heard with the sound of the next clip).
    Pairs that do not fit (length, size, frame rate, damage) are left out, named and counted, unless
    a policy says what to do; it is named in the signature. Without --gt every prediction is
    measured by itself, in all metrics that ask for no true video: tkit metrics list says which.
    Folders and files may lie at URLs (s3://, https:// with pages of links, what else fsspec reads):
    each clip is fetched by the process that measures it.

    \b
    Example:
      tkit score --pred predictions/ --gt grid/ --json scores.json
      tkit score --pred ours=out/a --pred theirs=out/b --gt grid/ --metrics psnr,ssim --jobs 4
      tkit score --pred out/ --audio speech/ --source photos/
      tkit score --pred out/ --gt grid/ --jobs 8 --estimate
      tkit score --pred out/ --gt grid/ --protocol vougioukas-fae --published grid --html r.html
    """
    from tkit import scoring
    from tkit.errors import UsageError
    from tkit.report import formats, page, series, tables
    from tkit.scoring import estimating, protocols
    from tkit.scoring.pairing import name_methods, read_map

    files = {
        "json": json_file,
        "csv": csv_file,
        "markdown": markdown_file,
        "latex": latex_file,
        "html": html_file,
    }
    outputs = {kind: path for kind, path in files.items() if path is not None}
    named = [path for path in (json_file, html_file) if path not in (None, formats.STDOUT)]
    beside = series.beside(named[0]) if named else None
    in_page = html_file if html_file != formats.STDOUT else None
    if embed and in_page is None:
        raise UsageError("--embed puts videos inside a page: give --html F.html, too")
    folders = page.folders(in_page, worst=videos, embed=embed) if in_page else []
    kept = [*outputs.values(), *([beside] if beside else [])]
    with formats.free(kept, force=force, folders=folders):
        methods = name_methods(list(preds))
        asked: dict[str, Any] = {
            "audio": audio,
            "source": source,
            "protocol": protocol_name,
            "metrics": None if metrics is None else _names(metrics),
            "settings": protocols.read_settings(settings),
            "rows": None if rows is None else _names(rows),
            "renamed": read_map(map_file) if map_file else None,
            "by": [name.strip() for name in by.split(",") if name.strip()],
            "columns": columns,
            "landmarks_model": landmarks_model,
            "resume": resume,
            "recode": recode,
            "missing": missing_pred,
            **choices,
        }
        run: dict[str, Any] = {"jobs": jobs, "cluster": cluster, "progress": True}
        if estimate:
            click.echo(estimating.estimate(methods, gt, **run, **asked))
            return
        report = scoring.score(methods, gt, seed=seed, **run, **asked)
        report = replace(report, published=published or "")
        if formats.STDOUT not in outputs.values():
            click.echo(report.table(width=_options.columns()), nl=False)
        for line in tables.left_out(report.rejects):
            click.echo(line, err=True)
        # What is shown comes first: a drive that is full by now takes nothing from it.
        for kind, path in sorted(outputs.items(), key=lambda output: output[1] != formats.STDOUT):
            if path == in_page:
                page.write(report, path, worst=videos, embed=embed)
            else:
                formats.write(report, kind, path)
        if beside:
            series.put(beside, report.series)
    scoring.require_scores(report, methods, strict=strict)


def _names(text: str) -> list[str]:
    return [name.strip().replace("_", "-") for name in text.split(",") if name.strip()]
