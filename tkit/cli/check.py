"""``tkit check``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from tkit.cli import _options


@click.command()
@click.argument("store", type=_options.path)
def command(store: Path) -> None:
    """Show what is in a store, what was rejected and why.

    Exits with 1 when the store is broken.

    \b
    Example:
      tkit check grid.h5
    """
    from tkit.errors import StoreError
    from tkit.store import Store

    with Store(store) as data:
        _show(data)
        problems = data.problems()
    if problems:
        raise StoreError(f"{store} is broken: " + "; ".join(problems))
    click.echo("sound: yes")


def _show(data) -> None:
    info, encoder = data.info, data.info.encoder
    n_frames = sum(row.n_frames for row in data.clips)
    click.echo(f"corpus: {info.corpus}, protocol {info.protocol or 'none'} (tkit {info.tkit})")
    click.echo(f"landmarks: {info.landmarks}, lips: {info.lips}")
    click.echo(
        f"speech: {encoder.signature}, {encoder.dim} values at {encoder.rate_hz:g} Hz, "
        f"windows of {info.window}"
    )
    click.echo(f"crops: {'yes' if data.has_crops else 'no'}")
    click.echo(
        f"clips: {len(data.clips)} of {len(data.speakers)} speakers, {n_frames} frames "
        f"({n_frames / info.fps:.0f} s at {info.fps:g} fps)"
    )
    for split, count in sorted(Counter(row.split or "(none)" for row in data.clips).items()):
        names = sorted({row.speaker for row in data.clips if (row.split or "(none)") == split})
        click.echo(f"  {split}: {count} clips of {' '.join(names)}")
    for row in data.clips:
        filled = int((~data["valid"][row.frames]).sum())
        if filled:
            click.echo(f"filled: {row.id}: {filled} of {row.n_frames} frames")
    for remark in data.notes:
        click.echo(f"note: {remark.id}: {remark.text}")
    click.echo(f"rejected: {len(data.rejects)}")
    for reject in data.rejects:
        click.echo(f"  {reject.id} ({reject.step}): {reject.reason}")
