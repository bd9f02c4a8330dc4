"""``tkit export``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.command()
@click.argument("store", type=_options.path)
@click.option("--out", type=_options.path, required=True, metavar="DIR", help="Folder to write.")
@click.option(
    "--format",
    "format_",
    default="npz",
    show_default=True,
    metavar="NAME",
    help="npz, webdataset or mp4 (the clips themselves).",
)
@click.option(
    "--root", type=_options.path, metavar="DIR", help="The corpus on disk: its clips go out, too."
)
@click.option("--split", default="all", show_default=True, metavar="NAME", help="Which clips.")
@_options.force
@_options.quiet
def command(
    store: Path, out: Path, format_: str, root: Path | None, split: str, force: bool
) -> None:
    """Write the clips of a store as files that other people's training reads.

    Points and features are those of the store, exactly; with --root the clips themselves go out
    at the store's frame rate with sound of 16 kHz. The licence of the corpus stands beside them.

    \b
    Example:
      tkit export grid.h5 --out shards --format webdataset
      tkit export grid.h5 --out clips --format mp4 --root /data/grid
    """
    from tkit.exporting import export
    from tkit.files import refuse_overwrite

    refuse_overwrite(out, force=force, folder=True)
    done = export(store, out, format=format_, root=root, split=split, progress=True)
    for reject in done.rejects[:10]:
        click.echo(f"left out: {reject.id}: {reject.reason}", err=True)
    if len(done.rejects) > 10:
        click.echo(f"and {len(done.rejects) - 10} more", err=True)
    click.echo(f"{out}: {done.clips} clips, {len(done.rejects)} left out")
