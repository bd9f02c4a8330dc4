"""The command ``tkit metrics``."""

from __future__ import annotations

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
    """Show what a metric looks at, every choice it leaves, its source and its signature.

    \b
    Example:
      tkit metrics show blink-rate
    """
    from tkit import scoring
    from tkit.metrics import INPUTS, METRICS, VIEWS
    from tkit.report import tables
    from tkit.scoring import protocols

    metric = METRICS.get(name)
    settings = metric.settings({})
    protocol = protocols.change(protocols.load(protocols.DEFAULT), metrics=[metric.name])
    better = {"closer": "nearer to the ground truth's own is better"}
    rows = [
        ["better", better.get(metric.better, f"{metric.better} is better")],
        ["unit", metric.unit_of(settings) or "none"],
        ["needs", " and ".join(INPUTS[key] for key in metric.required)],
        ["looks at", VIEWS[metric.needs.view] + ", whole clips" * metric.needs.whole],
        ["of a set", "pooled over the clips" if metric.pooled else "mean over clips"],
        ["source", metric.citation],
    ]
    if network := metric.family.network:
        rows.append(["network", f"{network.title}; licence: {network.licence}"])
    for key, param in metric.params.items():
        default = "none" if settings[key] in (None, "") else settings[key]
        choices = f" ({', '.join(param.choices)})" if param.choices else ""
        rows.append([f"--set {metric.name}.{key}", f"[{default}] {param.doc}{choices}"])
    click.echo(f"{metric.name}: {metric.title}")
    width = _options.columns() - 2
    for line in tables.listed(rows, width=width):
        click.echo(f"  {line}")
    plan = scoring.plan_of(protocol)
    click.echo("\nsignature under the protocol tkit, of no clips:")
    click.echo(f"  {scoring.signature(metric.name, plan, clips=[])}")
