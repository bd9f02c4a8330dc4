"""``tkit check``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.command()
@click.argument("store", type=_options.path)
@click.option(
    "--html",
    type=_options.path,
    metavar="PAGE",
    help="Also write a page: speakers with their points, opening curves, reject reasons.",
)
@_options.force
@_options.quiet
def command(store: Path, html: Path | None, force: bool) -> None:
    """Show what is in a store, what was rejected and why.

    Everything is read and compared with the checksums, all shards of a manifest, too; a store from
    before they were kept is looked through as far as that goes. Exits with 1 when it is broken.

    \b
    Example:
      tkit check grid.h5
      tkit check grid.h5 --html grid.html
      tkit check grid.json
    """
    from tkit.errors import StoreError
    from tkit.files import refuse_overwrite
    from tkit.report import corpus_page, formats
    from tkit.store import open_store

    if html is not None:
        refuse_overwrite(html, force=force)
    problems = corpus_page.check(store, say=click.echo)
    if problems:
        raise StoreError(f"{store} is broken: " + "; ".join(problems))
    with open_store(store) as data:
        click.echo("sound: yes" if data.is_sealed else "sound: yes, but not checked: no checksums")
        if html is not None:
            formats.save(corpus_page.as_html(data), html)
            click.echo(f"page: {html}", err=True)
