"""Two videos side by side: frames in chunks, and whether they fit each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tkit import media

CHUNK_BYTES = 2**27  # of decoded frames of one video in memory: 430 frames of 360 x 288
FPS_TOLERANCE = 0.005  # relative; containers round their frame rate


class Reader:
    """The frames of one video, a chunk at a time.

    Raises
    ------
    MediaError
        On opening, if the file has no picture that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.fps = media.probe(path).fps
        self._frames = media.iter_frames(path)
        self._next: np.ndarray | None = next(self._frames)
        self.shape = self._next.shape  # (H, W, 3)
        self.chunk = max(CHUNK_BYTES // self._next.nbytes, 1)
        self.count = 0  # frames read so far
        self.problem = ""

    @property
    def size(self) -> str:
        """Width and height in words."""
        return f"{self.shape[1]} x {self.shape[0]}"

    def read(self, n_frames: int | None = None) -> np.ndarray:
        """Return the next frames (n, H, W, 3), by default a chunk of them; fewer at the end."""
        wanted = self.chunk if n_frames is None else n_frames
        frames: list[np.ndarray] = []
        while len(frames) < wanted and self._next is not None:
            frames.append(self._next)
            self._step()
        return np.stack(frames) if frames else np.empty((0, *self.shape), np.uint8)

    def skip_to_end(self) -> None:
        """Count the remaining frames."""
        while self._next is not None:
            self._step()

    def _step(self) -> None:
        self.count += 1
        self._next = next(self._frames, None)
        if self._next is not None and self._next.shape != self.shape:
            self.problem = f"the picture changes its size after {self.count} frames"
            self._next = None


def unlike(*, pred: Reader, gt: Reader) -> str:
    """Why two opened videos cannot be compared frame by frame; empty if they can."""
    if pred.shape != gt.shape:
        return f"pictures of {pred.size}, ground truth has {gt.size}"
    if not pred.fps or not gt.fps:
        return f"the {'ground truth' if pred.fps else 'prediction'} states no frame rate"
    if abs(pred.fps - gt.fps) > FPS_TOLERANCE * gt.fps:
        return f"{pred.fps:.6g} frames a second, ground truth has {gt.fps:.6g}"
    return ""


def unequal(*, pred: Reader, gt: Reader) -> str:
    """Why two videos read side by side did not end together; empty if they did."""
    if gt.problem:
        return f"ground truth: {gt.problem}"
    pred.skip_to_end()
    if pred.problem:
        return pred.problem
    if pred.count != gt.count:
        return f"{pred.count} frames, ground truth has {gt.count}"
    return ""
