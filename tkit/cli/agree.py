"""The command ``tkit agree``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.command("agree")
@click.argument("report_file", type=_options.path, metavar="REPORT.json")
@click.argument("people_file", type=_options.path, metavar="MOS.csv")
@click.option("--question", default="", metavar="Q", help="One question; all by default.")
@_options.json_file
@click.option(
    "--markdown", "--md", "markdown_file", type=_options.path, metavar="F.md",
    help="Write the table.",
)  # fmt: skip
@_options.seed
@_options.force
def command(
    report_file: Path,
    people_file: Path,
    question: str,
    json_file: Path | None,
    markdown_file: Path | None,
    seed: int,
    force: bool,
) -> None:
    """Compare metrics with people's scores of the same videos.

    Takes a report of tkit score --json and a table with the columns method, clip and score, and
    maybe question, as tkit study report --csv writes it. Spearman's and Kendall's rank correlation
    of every metric, over videos and over methods, each metric turned so that more is better.

    \b
    Example:
      tkit study report study --csv mos.csv
      tkit agree scores.json mos.csv
    """
    from tkit.report import Report, formats
    from tkit.study import agreement

    files = {"json": json_file, "markdown": markdown_file}
    outputs = {kind: path for kind, path in files.items() if path is not None}
    with formats.free(outputs.values(), force=force):
        people = agreement.chosen(agreement.read(people_file), question)
        found = agreement.agreement(Report.read(report_file), people, seed=seed)
        if formats.STDOUT not in outputs.values():
            click.echo(agreement.as_text(found, width=_options.columns()), nl=False)
        for kind, path in outputs.items():
            formats.save(agreement.FORMATS[kind](found), path)
