"""``tkit join``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.command()
@click.argument("stores", type=_options.path, nargs=-1, required=True)
@click.option(
    "--out",
    type=_options.path,
    default=Path("shards.json"),
    show_default=True,
    metavar="F.json",
    help="The manifest.",
)
@_options.force
def command(stores: tuple[Path, ...], out: Path, force: bool) -> None:
    """Make one store of shards: a manifest by which they are read as one.

    STORES are of one corpus, each with other speakers, as tkit prep --shard makes them. They stay
    where they are and nothing is copied; train, eval, check and export take the manifest as they
    take a store.

    \b
    Example:
      tkit prep grid --root /data/grid --shard 1/2 --out grid-1.h5
      tkit prep grid --root /data/grid --shard 2/2 --out grid-2.h5
      tkit join grid-1.h5 grid-2.h5 --out grid.json
      tkit train motion --data grid.json
    """
    from tkit.files import refuse_overwrite
    from tkit.store import join

    with join(stores, refuse_overwrite(out, force=force)) as store:
        clips = f"{len(store.clips)} clips of {len(store.speakers)} speakers"
        click.echo(f"{out}: {len(stores)} shards, {clips}")
