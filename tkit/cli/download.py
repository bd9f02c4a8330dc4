"""``tkit download``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.command()
@click.argument("corpus")
@click.option(
    "--out",
    type=_options.path,
    metavar="DIR",
    help="Folder for the corpus.  [default: $TKIT_CORPORA/CORPUS, else ./CORPUS]",
)
@click.option("--speakers", default="", metavar="s1,s2,…", help="Only these.  [default: all]")
@click.option(
    "--checksums",
    type=_options.path,
    metavar="FILE",
    help="Lines 'HEX  NAME' as md5sum or sha256sum write them; Zenodo's page of the record shows "
    "the MD5 of each file. tkit knows none by itself: without this, damage shows only where the "
    "archive's own checks find it.",
)
@click.option(
    "--url", default="", metavar="URL", help="A mirror: the folder that holds the archives."
)
@click.option("--keep", is_flag=True, help="Keep the archives after unpacking.")
@_options.quiet
def command(
    corpus: str, out: Path | None, speakers: str, checksums: Path | None, url: str, keep: bool
) -> None:
    """Download a corpus that may be passed on, and unpack it.

    CORPUS is grid (CC BY 4.0, from Zenodo; about 0.4 GB a speaker). An interrupted download goes on
    where it stopped when the command is run again; what is unpacked is not fetched again.

    \b
    Example:
      tkit download grid --speakers s1,s2 --out data/grid
      tkit prep grid --root data/grid
    """
    from tkit.corpora import default_root
    from tkit.prep.download import download, read_checksums

    root = out or default_root(corpus)
    fetched = download(
        corpus,
        root,
        speakers=[name for name in speakers.replace(",", " ").split() if name],
        url=url,
        checksums=read_checksums(checksums) if checksums else None,
        keep=keep,
        say=lambda line: click.echo(line, err=True),
    )
    click.echo(f"{root}: {len(fetched)} archives fetched")
