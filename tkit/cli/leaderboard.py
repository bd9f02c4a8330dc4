"""The command ``tkit leaderboard``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.command("leaderboard")
@click.argument("reports", nargs=-1, required=True, type=_options.path, metavar="REPORT.json ...")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["md", "csv", "latex", "html"]),
    default="md",
    show_default=True,
    help="Of the output.",
)
@click.option("--out", type=_options.path, metavar="F", help="Write to a file instead of stdout.")
@_options.force
def command(reports: tuple[Path, ...], kind: str, out: Path | None, force: bool) -> None:
    """Merge reports into rankings, one for each signature.

    Scores stand in one table only if they were measured alike, on the same clips. The control rows
    keep their place but have no rank.

    \b
    Example:
      tkit leaderboard ours.json theirs.json
      tkit leaderboard *.json --format html --out board.html
    """
    from tkit.report import formats, leaderboard

    out = out or formats.STDOUT
    with formats.free([out], force=force):
        formats.save(leaderboard.FORMATS[kind](leaderboard.merge(list(reports))), out)
