"""Time as a player keeps it: every frame at its time stamp, on a regular grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tkit.errors import MediaError

LONGEST_HOLE_S = 5.0  # of time stamps that is filled; a longer one is a fault of the file
GOES_BACK_S = 0.5  # less is disorder; more is another recording, or a broken stamp
SAME_RATE = 0.005  # relative; containers round their frame rate
HALF = 0.51  # of a period; time stamps are rounded, to milliseconds in Matroska


def stated_rate(stream: Any) -> float:
    """Frames a second on which the frames of a video stream lie; 0 where it states none.

    Of a stream that leaves frames out the average says little: then it is the rate on which its
    time stamps lie, where that is plausible.
    """
    average, base = float(stream.average_rate or 0), float(stream.guessed_rate or 0)
    if average and base - average > SAME_RATE * average:
        dropped = base <= 4 * average or average < 1 / LONGEST_HOLE_S
        return base if dropped and base <= 120 else average
    return average or base


class Grid:
    """Put frames with time stamps on a regular grid: hold the latest frame until the next.

    Each frame goes to the nearest grid point, a point that several frames claim keeps the first, a
    point that none claims repeats the last.

    Parameters
    ----------
    fps : float
        Points a second.
    name : path
        Of the file, for messages.
    """

    def __init__(self, fps: float, name: Any) -> None:
        self.fps = fps
        self.start_s: float | None = None  # time stamp of the first frame
        self._name = name
        self._count = 0  # points that were given out
        self._last: np.ndarray | None = None
        self._last_s = 0.0  # since the first frame
        self._next_s = 0.0  # where the next frame would be if the stream had no time stamps

    def elapsed_s(self, frame: Any) -> float:
        """Seconds since the first frame."""
        if frame.time is None:
            return self._next_s
        return float(frame.time) - (frame.time if self.start_s is None else self.start_s)

    def add(self, frame: Any, image: np.ndarray) -> list[tuple[np.ndarray, bool]]:
        """Take one frame; return the points now known: a picture, and whether it is held.

        Raises
        ------
        MediaError
            If the time stamps jump: before anything is filled.
        """
        elapsed_s = self.elapsed_s(frame)
        if self.start_s is None:
            self.start_s = frame.time or 0.0
        require_steady(elapsed_s - self._last_s, self._name, f"frame {self._count}", elapsed_s)
        # The grid point nearest to the time stamp, the earlier of two as near, so that of twice the
        # rate every other frame is taken; half a period of slack absorbs rounding.
        index = max(math.ceil(elapsed_s * self.fps - HALF), 0)
        shown = []
        if index >= self._count:
            before = image if self._last is None else self._last
            shown = [(before, True)] * (index - self._count) + [(image, False)]
            self._count = index + 1
        self._last, self._last_s = image, elapsed_s
        self._next_s = elapsed_s + 1 / self.fps
        return shown


def require_steady(step_s: float, name: Any, where: str, time_s: float) -> None:
    """Refuse a step between two time stamps that no recording has (:class:`MediaError`)."""
    if -GOES_BACK_S <= step_s <= LONGEST_HOLE_S:
        return
    way = f"jump by {step_s:.6g} s" if step_s > 0 else f"go back by {-step_s:.6g} s"
    raise MediaError(
        f"{name}: the time stamps {way} at {where} ({time_s:.2f} s): damaged, or recordings joined "
        "without care; write them anew (ffmpeg -i IN -vf setpts=N/FR/TB -af asetpts=N/SR/TB OUT)"
    )
