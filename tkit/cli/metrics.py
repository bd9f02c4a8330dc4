"""The command ``tkit metrics``."""

from __future__ import annotations

import textwrap

import click

from tkit.cli import _options

MARKS = {"gt": "g", "wave": "s", "source": "p"}  # of what a metric needs, in the list


@click.group("metrics", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List the metrics, or show the choices and the signature of one.

    \b
    Example:
      tkit metrics list
      tkit metrics show ssim
    """
    if context.invoked_subcommand is None:
        context.invoke(list_all)


@command.command("list")
def list_all() -> None:
    """List the names: which way is better, the unit, what is looked at and needed, and what it is.

    \b
    Example:
      tkit metrics list
    """
    from tkit.metrics import METRICS
    from tkit.report import tables

    rows = []
    for name in METRICS.names():
        metric = METRICS.get(name)
        unit = metric.unit_of(metric.settings({}))
        needs = "".join(MARKS.get(key, "") for key in metric.required)
        looks = f"{metric.needs.view} {needs}".rstrip()
        about = [name, tables.ARROWS[metric.better], unit, looks]
        rows.append([*about, metric.title])
    for line in tables.listed(rows, width=_options.columns()):
        click.echo(line)
    click.echo("\n↑ higher, ↓ lower is better; → nearer to the ground truth's own")
    click.echo("  g: needs the ground truth (--gt), s: a sound, p: the source picture (--source)")


@command.command("show")
@click.argument("name")
def show(name: str) -> None:
    """Show what a metric says and does not, what it looks at, its choices, source and signature.

    \b
    Example:
      tkit metrics show blink-rate
    """
    from tkit.metrics import METRICS
    from tkit.report import tables
    from tkit.scoring import describing

    metric = METRICS.get(name)
    click.echo(f"{metric.name}: {metric.title}")
    width = _options.columns()
    for text in describing.paragraphs(metric):
        lines = text.splitlines() if "\n" in text else textwrap.wrap(text, width)
        click.echo("\n" + "\n".join(lines))
    click.echo()
    for rows in (describing.facts(metric), describing.choices(metric)):
        for line in tables.listed([list(row) for row in rows], width=width - 2):
            click.echo(f"  {line}")
    click.echo("\nsignature under the protocol tkit, of no clips:")
    click.echo(f"  {describing.plain_signature(metric)}")
