"""``tkit landmarks``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tkit.cli import _options

if TYPE_CHECKING:
    from tkit.tracking import FrontEnds


@click.command()
@click.argument("video", type=_options.path)
@click.option(
    "--out",
    type=_options.path,
    required=True,
    metavar="F.npy|F.csv",
    help="The points: (T, 68, 2) float32, or a table with one frame a row.",
)
@click.option(
    "--overlay",
    type=_options.path,
    metavar="F.mp4",
    help="Also a video with points, lips, and the openings of mouth (red) and eyes (blue).",
)
@_options.front_ends
@click.option(
    "--fps",
    default=25.0,
    show_default=True,
    metavar="N",
    type=_options.Number(0),
    help="Frame rate of the points, as in prep; 0 keeps the file's own.",
)
@click.option(
    "--max-gap", default=5, show_default=True, metavar="N", help="Frames without a face to fill."
)
@_options.force
def command(
    video: Path,
    out: Path,
    overlay: Path | None,
    front_ends: FrontEnds,
    fps: float,
    max_gap: int,
    force: bool,
) -> None:
    """Track the 68 points of the face in one video, as prep does.

    \b
    Example:
      tkit landmarks clip.mp4 --out points.npy --overlay seen.mp4
      tkit landmarks clip.mp4 --out points.csv --landmarks openface
    """
    from tkit import tracking

    done = tracking.track_file(
        video, out, overlay, front_ends=front_ends, fps=fps or None, max_gap=max_gap, force=force
    )
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    filled, count = int((~done.valid).sum()), len(done.points)
    click.echo(f"{out}: {count} frames at {done.fps:g} fps, {filled} of them filled")
