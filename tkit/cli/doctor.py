"""The command ``tkit doctor``."""

from __future__ import annotations

import click

from tkit.cli import _options

SIGNS = {"ok": "ok", "missing": "--", "broken": "!!"}


@click.command("doctor")
@click.option("--licences", is_flag=True, help="List the licences of all that came with tkit.")
def command(licences: bool) -> None:
    """Look whether everything is there and sound, and say what to install.

    Packages are imported, back-ends loaded, weight files verified. What tkit can do without is
    marked --, what is broken !!; both with the line that mends it. Exit code 1 if anything is
    broken.

    \b
    Example:
      tkit doctor
      tkit doctor --licences
    """
    if licences:
        _list_licences()
        return
    from tkit.errors import TkitError
    from tkit.installation import doctor
    from tkit.report import tables

    broken = 0
    for finding in doctor.examine():
        broken += finding.state == "broken"
        rows = [[SIGNS[finding.state], finding.what]]
        rows += [["", f"> {finding.remedy}"]] if finding.remedy else []
        for line in tables.listed(rows, width=_options.columns()):
            click.echo(line)
    if broken:
        raise TkitError(
            f"{broken} of what tkit needs is broken or missing; the lines with > mend it"
        )


def _list_licences() -> None:
    from tkit.installation import licences
    from tkit.report import tables

    for listed in (licences.of_packages(), licences.of_models()):
        rows = [[one.name, one.version, one.licence] for one in listed]
        for line in tables.listed(rows, width=_options.columns()):
            click.echo(line)
        click.echo()
