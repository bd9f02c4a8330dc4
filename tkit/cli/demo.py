"""``tkit demo``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.command()
@click.option(
    "--out", type=_options.path, default="demo", show_default=True, metavar="DIR", help="Folder."
)
@click.option("--speakers", default=4, show_default=True, metavar="N", type=click.IntRange(4, 34))
@click.option("--clips", default=6, show_default=True, metavar="N", type=click.IntRange(1, 1000))
@click.option(
    "--minutes",
    default=6.0,
    type=_options.Number(0),
    show_default=True,
    metavar="M",
    help="Training time of the three stages together.",
)
@click.option("--jobs", default=2, show_default=True, metavar="N", type=click.IntRange(1))
@_options.seed
@_options.force
@_options.quiet
def command(
    out: Path, speakers: int, clips: int, minutes: float, jobs: int, seed: int, force: bool
) -> None:
    """Run the whole chain on the embedded corpus.

    Generates speakers, prepares them, trains the three stages briefly, animates held-out clips and
    a photo, scores them, and writes DIR/index.html with everything side by side.

    \b
    Example:
      tkit demo --out demo
    """
    from tkit.pipelines.demo import Demo, run

    demo = Demo(
        out,
        speakers=speakers,
        clips=clips,
        minutes=minutes,
        jobs=jobs,
        seed=seed,
        say=lambda line: click.echo(line, err=True),
    )
    page = run(demo, force=force)
    click.echo(f"talking photo: {out / 'talking.mp4'}")
    click.echo(f"open {page.resolve()}")
