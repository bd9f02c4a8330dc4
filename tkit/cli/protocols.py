"""The command ``tkit protocols``."""

from __future__ import annotations

import click

from tkit.cli import _options


@click.group("protocols", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List the scoring protocols, or show every choice of one.

    \b
    Example:
      tkit protocols list
      tkit protocols show vougioukas-fae
    """
    if context.invoked_subcommand is None:
        context.invoke(list_all)


@command.command("list")
def list_all() -> None:
    """List the names and titles."""
    from tkit.report import tables
    from tkit.scoring import protocols

    rows = [[name, protocols.load(name).title] for name in protocols.names()]
    for line in tables.listed(rows, width=_options.columns()):
        click.echo(line)


@command.command("show")
@click.argument("name")
def show(name: str) -> None:
    """Show every choice of a protocol, and where it comes from."""
    from tkit import scoring
    from tkit.metrics import METRICS
    from tkit.scoring import protocols

    protocol = protocols.load(name)
    plan = scoring.plan_of(protocol)
    keys = ("crop", "resize", "stretch", "landmarks", "points_in")
    choices = {key: getattr(protocol, key) for key in keys}
    choices |= {key: getattr(protocol, key) for key in protocols.POLICIES}
    click.echo(f"{name}: {protocol.title}")
    for key, value in choices.items():
        _line(key, value or "none", protocol.sources.get(key, ""))
    for metric, settings in plan.metrics.items():
        entry = METRICS.get(metric)
        click.echo(f"{metric}: {entry.title} ({entry.citation})")
        if source := protocol.sources.get(metric):
            click.echo(f"    source: {source}")
        for key, value in settings.items():
            given = key in protocol.metrics[metric]
            default = "" if given else "default of tkit"
            source = protocol.sources.get(f"{metric}.{key}", default)
            _line(f"  {key}", "none" if value in (None, "") else value, source)
    for what in protocol.lacks:
        _line("lacks", what, "")
    _line("split", protocol.split or "not stated", protocol.sources.get("split", ""))


def _line(key: str, value: object, source: str) -> None:
    click.echo(f"  {key}: {value}" + (f"  [{source}]" if source else ""))
