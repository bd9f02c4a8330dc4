"""The command ``tkit report``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from tkit.cli import _options
from tkit.remote import Place


@click.command("report")
@click.argument("report_file", type=_options.path, metavar="F.json")
@click.option("--html", "html_file", type=_options.path, metavar="PAGE", help="Write the page.")
@click.option(
    "--figures", "folder", type=_options.path, metavar="DIR",
    help="Write the figures as PNG, SVG and PDF into this folder.",
)  # fmt: skip
@click.option(
    "--pred", "preds", multiple=True, metavar="[NAME=]DIR",
    help="Videos of a method that was scored, for the page's player.",
)  # fmt: skip
@click.option(
    "--gt", type=_options.place, metavar="DIR", help="The ground-truth videos, if there were some."
)
@click.option(
    "--map", "map_file", type=_options.place, metavar="F.tsv",
    help="Names that differ: two columns, prediction and clip.",
)  # fmt: skip
@_options.page
@_options.force
def command(
    report_file: Path,
    html_file: Path | None,
    folder: Path | None,
    preds: tuple[str, ...],
    gt: Place | None,
    map_file: Place | None,
    videos: int,
    embed: bool,
    force: bool,
) -> None:
    """Make the page or the figures of a report again.

    Takes what tkit score --json wrote, and the series of frames beside it (F.series.npz) where they
    are. Nothing is measured. With --pred, and --gt if there was one, the page shows the videos of
    the worst clips.

    \b
    Example:
      tkit report scores.json --figures figures
      tkit report scores.json --html scores.html --gt grid/ --pred ours=out/a
    """
    from tkit.errors import UsageError
    from tkit.report import CONTROL_ROWS, Report, figures, formats, page, series
    from tkit.scoring import pairing

    if html_file is None and folder is None:
        raise UsageError("give --html PAGE or --figures DIR, or both")
    if gt is not None and not preds:
        raise UsageError("videos need both --gt and --pred")
    report = Report.read(report_file)
    beside = series.beside(report_file)
    if beside.is_file():
        report = replace(report, series=series.read(beside))
    if preds:
        if gt is None and series.TRUTH in report.methods:
            raise UsageError("this report has a ground truth: give --gt, too, for its videos")
        renamed = pairing.read_map(map_file) if map_file else None
        methods = pairing.name_methods(list(preds))
        for name in methods:
            if name not in report.methods:
                there = ", ".join(set(report.methods) - set(CONTROL_ROWS)) or "none"
                raise UsageError(f"--pred {name}: no method of this report (there are: {there})")
        found, _ = pairing.pair(methods, gt, renamed=renamed)
        report = replace(report, videos=pairing.videos_of(found))
    outputs = [html_file] if html_file else []
    folders = [folder] if folder else []
    if html_file:
        folders += page.folders(html_file, worst=videos if report.videos else 0, embed=embed)
    with formats.free(outputs, force=force, folders=folders):
        if html_file:
            page.write(report, html_file, worst=videos, embed=embed)
            click.echo(f"page: {html_file}", err=True)
        if folder:
            for path in figures.write(report, folder):
                click.echo(path)
