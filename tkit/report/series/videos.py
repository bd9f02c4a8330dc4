"""Videos of a page: all rows of a clip side by side in one file, encoded alike.

One file has one clock. A page that cuts the rows out of it shows the same frame of all of them at
any moment, which players of several files do not; and no row looks better than another because its
encoder was. Browsers play H.264, whatever the rows were: MPEG-1, folders of pictures, arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tkit import media
from tkit.errors import MediaError
from tkit.media.frames import open_frames
from tkit.report.series import TRUTH

DEFAULT_FPS = 25.0  # of pictures and arrays, which state no rate
MOST_SIDE = 2048  # px of the file; decoders of phones take no more
CRF, GOP, BLOCK = 20, 12, 16
ENDED = 96  # gray of a row that has ended before the one that gives the length
Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Tiled:
    """A file of videos side by side.

    Parameters
    ----------
    fps : float
    n_frames : int
    rows : dict
        Row to (x, y, width, height), its place in the file's pictures, px.
    """

    fps: float
    n_frames: int
    rows: dict[str, tuple[int, int, int, int]]


def tile(videos: Mapping[str, Path], path: Path) -> Tiled:
    """Write the ground truth and the predictions of one clip side by side.

    Parameters
    ----------
    videos : mapping
        Row to its video, folder of pictures or ``.npy``; the ground truth, :data:`TRUTH`, or the
        first row where there is none, gives frame rate and length. The sound is its own, or that
        of the first row that has some.
    path : Path
        MP4 to write.

    Raises
    ------
    MediaError
        If the ground truth, or that row, cannot be read.
    """
    lead = TRUTH if TRUTH in videos else next(iter(videos))
    fps = open_frames(videos[lead])[0] or DEFAULT_FPS
    rows = {lead: _Row(videos[lead], fps)}
    for name, video in videos.items():
        try:
            rows.setdefault(name, _Row(video, fps))
        except MediaError:
            continue  # the reasons why it has no score say so, too
    places, (width, height) = arrange({name: row.size for name, row in rows.items()})

    def pictures() -> Iterator[Frames]:
        while True:
            drawn = {name: row.next() for name, row in rows.items()}
            if drawn[lead] is None:
                return
            picture = np.full((height, width, 3), ENDED, np.uint8)
            for name, frame in drawn.items():
                if frame is not None:
                    x, y, wide, high = places[name]
                    picture[y : y + high, x : x + wide] = _fitted(frame, wide, high)
            yield picture

    wave = _sound([videos[lead], *videos.values()])
    n_frames = media.write_video(path, pictures(), fps=fps, wave=wave, crf=CRF, gop=GOP)
    return Tiled(float(Fraction(fps).limit_denominator(1001)), n_frames, places)


def arrange(
    sizes: Mapping[str, tuple[int, int]],
) -> tuple[dict[str, tuple[int, int, int, int]], tuple[int, int]]:
    """Place pictures in a grid, each as large as it is while the whole is no larger than decodable.

    Parameters
    ----------
    sizes : mapping
        Row to width and height, px.

    Returns
    -------
    places : dict
        Row to (x, y, width, height); no two lie closer than blocks of the encoder.
    size : (int, int)
        Width and height of the whole, even.
    """
    wide = max(width for width, _ in sizes.values())
    high = max(height for _, height in sizes.values())
    columns = min(range(1, len(sizes) + 1),
                  key=lambda n: max(n * wide, math.ceil(len(sizes) / n) * high))  # fmt: skip
    lines = math.ceil(len(sizes) / columns)
    # Whole blocks of the encoder: what one row shows leaves no trace in its neighbour.
    room = [max(MOST_SIDE // count // BLOCK, 1) * BLOCK for count in (columns, lines)]
    shrunk = min(1.0, room[0] / wide, room[1] / high)
    step_x, step_y = (BLOCK * math.ceil(side * shrunk / BLOCK) for side in (wide, high))
    places = {
        name: (index % columns * step_x, index // columns * step_y,
               max(round(width * shrunk), 1), max(round(height * shrunk), 1))
        for index, (name, (width, height)) in enumerate(sizes.items())
    }  # fmt: skip
    return places, (columns * step_x, lines * step_y)


class _Row:
    """The frames of one row, one by one; None when it has ended or is damaged."""

    def __init__(self, path: Path, fps: float) -> None:
        self._frames = open_frames(path, fps=fps)[1]
        self._next = next(self._frames, None)
        if self._next is None:
            raise MediaError(f"{path}: no frames")
        self.size = self._next.shape[1], self._next.shape[0]

    def next(self) -> Frames | None:
        """Return the next frame."""
        found = self._next
        try:
            self._next = next(self._frames, None)
        except MediaError:
            self._next = None
        return found


def _fitted(frame: Frames, width: int, height: int) -> Frames:
    if frame.shape[:2] == (height, width):
        return frame
    from tkit.media.pictures import resize

    return np.asarray(resize(frame[None], width, height)[0])


def _sound(paths: Iterable[Path]) -> NDArray[np.float32] | None:
    """Sound of the first of these that has some."""
    for path in paths:
        try:
            if path.is_file() and path.suffix.lower() != ".npy":
                return media.read_audio(path)
        except MediaError:
            continue
    return None
