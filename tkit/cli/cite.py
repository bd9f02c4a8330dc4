"""The command ``tkit cite``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("cite")
@click.argument("what", nargs=-1, metavar="[WHAT ...]")
def command(what: tuple[str, ...]) -> None:
    """Print what to cite, as BibTeX, and signatures to paste.

    WHAT is a report of tkit score (its JSON), or the names of metrics, corpora and released
    weights. Without it: tkit and the paper that it implements.

    \b
    Example:
      tkit cite
      tkit cite scores.json
      tkit cite psnr lmd grid texture-lite
    """
    from tkit.report import Report, citations

    reports = [name for name in what if Path(name).suffix == ".json"]
    for name in reports:
        click.echo(citations.of_report(Report.read(name)), nl=False)
    if names := [name for name in what if name not in reports]:
        click.echo(citations.bibtex(names), nl=False)
    elif not what:
        click.echo(citations.bibtex(), nl=False)
