"""``tkit check``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.command()
@click.argument("store", type=_options.path, metavar="F.h5|F.mp4")
@click.option(
    "--html",
    type=_options.path,
    metavar="PAGE",
    help="Also write a page: speakers with their points, opening curves, reject reasons.",
)
@_options.force
@_options.quiet
def command(store: Path, html: Path | None, force: bool) -> None:
    """Show what is in a store and what was rejected; or how a video was made.

    Of a store everything is read and compared with the checksums; a store from before they were
    kept is looked through as far as that goes. Exits with 1 when the store is broken. Videos that
    tkit generated say so, with the hashes of the weights, until they are encoded again.

    \b
    Example:
      tkit check grid.h5
      tkit check talking.mp4
      tkit check grid.h5 --html grid.html
    """
    from tkit.errors import StoreError, UsageError
    from tkit.files import refuse_overwrite
    from tkit.media import VIDEO_SUFFIXES, about
    from tkit.report import corpus_page, formats
    from tkit.store import Store

    if store.suffix.lower() in VIDEO_SUFFIXES:
        if html is not None:
            raise UsageError(f"{store}: --html makes a page of a store, not of a video")
        for line in about.describe(store):
            click.echo(line)
        return
    if html is not None:
        refuse_overwrite(html, force=force)
    problems = corpus_page.check(store, say=click.echo)
    if problems:
        raise StoreError(f"{store} is broken: " + "; ".join(problems))
    with Store(store) as data:
        click.echo("sound: yes" if data.is_sealed else "sound: yes, but not checked: no checksums")
        if html is not None:
            formats.save(corpus_page.as_html(data), html)
            click.echo(f"page: {html}", err=True)
