"""What a video file says of itself: its size, its length, and whether tkit generated it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tkit import media

MARK = "generated with tkit "  # how the comment of a generated video begins
UNMARKED = "no mark of tkit: not generated with it, or encoded again since"


def describe(path: str | Path) -> Iterator[str]:
    """Yield lines for people; :class:`MediaError` if it is no video.

    The first frame is decoded; the rest is what the file states.
    """
    fps, frames = media.open_video(path)
    height, width = next(frames).shape[:2]
    length_s = media.stated_length_s(path)
    yield f"{path}: {width} x {height}, {fps:g} fps, {length_s:.2f} s"
    comment = media.stated_comment(path)
    if not comment.startswith(MARK):
        yield UNMARKED
        return
    first, *facts = comment.split("; ")
    yield first
    for fact in facts:
        name, _, value = fact.partition(" ")
        yield f"  {name:14} {value}"
