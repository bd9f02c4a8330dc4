"""``tkit check``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
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
def command(store: Path, html: Path | None, force: bool) -> None:
    """Show what is in a store, what was rejected and why.

    Exits with 1 when the store is broken.

    \b
    Example:
      tkit check grid.h5
      tkit check grid.h5 --html grid.html
    """
    from tkit.errors import StoreError
    from tkit.files import refuse_overwrite
    from tkit.store import Store

    if html is not None:
        refuse_overwrite(html, force=force)
    with Store(store) as data:
        _show(data)
        problems = data.problems()
        if problems:
            raise StoreError(f"{store} is broken: " + "; ".join(problems))
        click.echo("sound: yes")
        if html is not None:
            from tkit.report import corpus_page, demo_page

            demo_page.write(html, corpus_page.render(data, _facts(data)))
            click.echo(f"page: {html}", err=True)


def _show(data) -> None:
    for name, text in _facts(data):
        click.echo(f"{name}: {text}")
    for row in data.clips:
        filled = int((~data["valid"][row.frames]).sum())
        if filled:
            click.echo(f"filled: {row.id}: {filled} of {row.n_frames} frames")
    for remark in data.notes:
        click.echo(f"note: {remark.id}: {remark.text}")
    click.echo(f"rejected: {len(data.rejects)}")
    for reject in data.rejects:
        click.echo(f"  {reject.id} ({reject.step}): {reject.reason}")


def _facts(data) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of the whole store, name and text."""
    info, encoder = data.info, data.info.encoder
    n_frames = sum(row.n_frames for row in data.clips)
    yield "corpus", f"{info.corpus}, protocol {info.protocol or 'none'} (tkit {info.tkit})"
    yield "landmarks", f"{info.landmarks}, lips: {info.lips}"
    yield (
        "speech",
        f"{encoder.signature}, {encoder.dim} values at {encoder.rate_hz:g} Hz, windows of "
        f"{info.window}",
    )
    yield "crops", "yes" if data.has_crops else "no"
    yield (
        "clips",
        f"{len(data.clips)} of {len(data.speakers)} speakers, {n_frames} frames "
        f"({n_frames / info.fps:.0f} s at {info.fps:g} fps)",
    )
    for split, count in sorted(Counter(row.split or "(none)" for row in data.clips).items()):
        names = sorted({row.speaker for row in data.clips if (row.split or "(none)") == split})
        yield f"  {split}", f"{count} clips of {' '.join(names)}"
