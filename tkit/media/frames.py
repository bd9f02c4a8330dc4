"""The frames of a video, a folder of pictures or an array, in chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tkit import media
from tkit.errors import MediaError
from tkit.parsing import read_array

CHUNK_BYTES = 2**24  # of decoded frames of one video in memory; small enough to stay in the cache
PICTURE_SUFFIXES = frozenset(".png .jpg .jpeg .bmp .tif .tiff .webp".split())


def open_frames(path: Path, *, fps: float = 0.0) -> tuple[float, Iterator[np.ndarray]]:
    """Frame rate and frames (H, W, 3) uint8 RGB of a video, a folder of pictures or ``.npy``.

    Pictures and arrays state no rate: 0. Those of a video are put on a time grid of ``fps`` points
    a second, by default at its own rate.
    """
    if path.is_dir():
        return 0.0, _from_folder(path)
    if path.suffix.lower() == ".npy":
        return 0.0, _from_array(path)
    return media.open_video(path, fps=fps)


def pictures(folder: Path) -> list[Path]:
    """Picture files of a folder in the order of the numbers in their names."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES]
    parts = {path: re.split(r"(\d+)", path.name) for path in found}
    return sorted(
        found, key=lambda path: [(part.isdigit(), int(part) if part.isdigit() else 0, part)
                                 for part in parts[path]]
    )  # fmt: skip


def _from_folder(folder: Path) -> Iterator[np.ndarray]:
    files = pictures(folder)
    if not files:
        raise MediaError(f"{folder}: no picture in this folder")
    for path in files:
        yield media.read_image(path)


def _from_array(path: Path) -> Iterator[np.ndarray]:
    try:
        frames = read_array(path)
    except (ValueError, OSError) as error:
        raise MediaError(f"{path}: not an array that can be read ({error})") from error
    if frames.ndim == 4 and frames.shape[3] == 1:
        frames = frames[..., 0]
    if frames.ndim not in (3, 4) or (frames.ndim == 4 and frames.shape[3] != 3):
        raise MediaError(f"{path}: shape {frames.shape} is neither (T, H, W) nor (T, H, W, 3)")
    if frames.dtype != np.uint8:
        raise MediaError(f"{path}: {frames.dtype} values; frames are uint8 in 0..255")
    if 0 in frames.shape:
        raise MediaError(f"{path}: no frames (shape {frames.shape})")
    for frame in frames:
        yield np.asarray(frame) if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2)


def _is_gray(path: Path) -> bool:
    shape = read_array(path).shape
    return len(shape) == 3 or shape[3] == 1


class Reader:
    """The frames of one video, a chunk at a time.

    Parameters
    ----------
    path : Path
    fps : float, optional
        Put the frames of a video on a time grid of this rate, as :func:`tkit.media.read_clip` does;
        by default on one of its own rate.

    Raises
    ------
    MediaError
        On opening, if the file has no picture that can be decoded.
    """

    def __init__(self, path: Path, *, fps: float = 0.0) -> None:
        self.path = path
        self._wanted_fps = fps
        self.fps, self._frames = open_frames(path, fps=fps)
        self._next: np.ndarray | None = next(self._frames)
        self.shape = self._next.shape  # (H, W, 3)
        # An array says whether it is gray; videos and pictures are always decoded to colour.
        self.channels = 1 if path.suffix.lower() == ".npy" and _is_gray(path) else 3
        self.chunk = max(CHUNK_BYTES // self._next.nbytes, 1)
        self.count = 0  # frames read so far
        self.problem = ""

    def again(self) -> Reader:
        """The same frames from the start."""
        return Reader(self.path, fps=self._wanted_fps)

    @property
    def is_video(self) -> bool:
        """A file with a frame rate and maybe sound, not pictures or an array."""
        return not self.path.is_dir() and self.path.suffix.lower() != ".npy"

    @property
    def size(self) -> str:
        """Width and height in words."""
        return f"{self.shape[1]} x {self.shape[0]}"

    def read(self, n_frames: int | None = None) -> np.ndarray:
        """Return the next frames (n, H, W, 3), by default a chunk of them; fewer at the end."""
        wanted = self.chunk if n_frames is None else n_frames
        frames, n_read = np.empty((wanted, *self.shape), np.uint8), 0
        while n_read < wanted and self._next is not None:
            frames[n_read] = self._next
            n_read += 1
            self._step()
        return frames[:n_read]

    def skip_to_end(self) -> None:
        """Count the remaining frames."""
        while self._next is not None:
            self._step()

    def _step(self) -> None:
        self.count += 1
        try:
            self._next = next(self._frames, None)
        except MediaError as error:
            self.problem = str(error).removeprefix(f"{self.path}: ")
            self._next = None
        if self._next is not None and self._next.shape != self.shape:
            self.problem = f"the picture changes its size after {self.count} frames"
            self._next = None
