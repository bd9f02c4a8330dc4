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
    type=click.FloatRange(0),
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
    from tkit import media, tracking
    from tkit.errors import NoFaceError, UsageError
    from tkit.face.overlay import overlay as draw
    from tkit.files import refuse_overwrite

    if out.suffix not in (".npy", ".csv"):
        raise UsageError(f"{out}: points are written as .npy or .csv")
    for path in (out, overlay):
        if path is not None:
            refuse_overwrite(path, force=force)
    track, segment = front_ends.track(), front_ends.segment()
    clip = media.read_clip(video, fps=fps or None)
    try:
        tracked = tracking.track_clip(clip, track, segment, video=str(video), max_gap=max_gap)
    except NoFaceError as error:
        raise NoFaceError(f"{video}: {error}") from error
    for note in tracked.notes:
        click.echo(f"note: {note}", err=True)
    tracking.write_points(out, tracked, fps=clip.fps)
    if overlay is not None:
        pictures = draw(clip.frames, tracked.points, tracked.valid)
        media.write_video(
            overlay, pictures, fps=clip.fps, wave=clip.wave, sample_rate=clip.sample_rate
        )
    filled = int((~tracked.valid).sum())
    click.echo(f"{out}: {len(tracked.points)} frames at {clip.fps:g} fps, {filled} of them filled")
