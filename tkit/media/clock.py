"""Time as a player keeps it: every frame at its time stamp, on a regular grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tkit.errors import MediaError

LONGEST_HOLE_S = 5.0  # of time stamps that is filled; a longer one is a fault of the file
GOES_BACK_S = 0.5  # less is disorder; more is another recording, or a broken stamp
SURE_S = 1.0  # of another recording, in which a step as wide shows that a stamp was broken
SAME_RATE = 0.005  # relative; containers round their frame rate
SLACK = 0.01  # of a period; time stamps are rounded, to milliseconds in Matroska


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


class Joints:
    """Where the recordings of a file begin that were joined one after the other.

    Their time stamps begin anew. The first stream to come to a joint says when it is; the others
    keep their distance to it.
    """

    def __init__(self) -> None:
        self._shifts_s = [0.0]  # of each recording's time stamps

    def shift_s(self, number: int, otherwise: float) -> float:
        """Seconds to add to the time stamps of a recording; ``otherwise`` where it is new."""
        if number == len(self._shifts_s):
            self._shifts_s.append(otherwise)
        return self._shifts_s[number]


class Stamps:
    """Time stamps of one stream, in seconds, over all recordings that were joined.

    Parameters
    ----------
    joints : Joints
        Of the file.
    """

    def __init__(self, joints: Joints) -> None:
        self._joints = joints
        self._number, self._shift_s = 0, 0.0
        self._since_s = math.inf  # the last joint

    def time_s(self, stamp_s: float, *, last_s: float, next_s: float, may_begin: bool) -> float:
        """Time of a frame.

        Parameters
        ----------
        last_s, next_s : float
            Time of the frame before, and of what should come after it.
        may_begin : bool
            A recording can begin with this frame.
        """
        if may_begin and stamp_s + self._shift_s - last_s < -GOES_BACK_S:
            self._number += 1
            self._shift_s = self._joints.shift_s(self._number, next_s - stamp_s)
            self._since_s = 0.0
        return stamp_s + self._shift_s

    def require_steady(self, step_s: float, name: Any, where: str, time_s: float) -> None:
        """Refuse a step between two time stamps that no recording has (:class:`MediaError`).

        Parameters
        ----------
        where : str
            In words; and ``time_s`` since the beginning.
        """
        longest_s = LONGEST_HOLE_S if self._since_s >= SURE_S else GOES_BACK_S
        self._since_s += step_s
        if -GOES_BACK_S <= step_s <= longest_s:
            return
        way = f"jump by {step_s:.6g} s" if step_s > 0 else f"go back by {-step_s:.6g} s"
        raise MediaError(
            f"{name}: the time stamps {way} at {where} ({time_s:.2f} s): damaged, or recordings "
            "joined without care; write them anew (ffmpeg -i IN -vf setpts=N/FR/TB -af "
            "asetpts=N/SR/TB OUT)"
        )


class Grid:
    """Put frames with time stamps on a regular grid: hold the latest frame until the next.

    Each frame goes to the nearest grid point, a point that several frames claim takes the nearest,
    a point that none claims repeats the last.

    Parameters
    ----------
    fps : float
        Points a second.
    name : path
        Of the file, for messages.
    joints : Joints, optional
        Of the file, where other streams are read, too.
    """

    def __init__(self, fps: float, name: Any, joints: Joints | None = None) -> None:
        self.fps = fps
        self.start_s: float | None = None  # time stamp of the first frame
        self._name, self._stamps = name, Stamps(joints or Joints())
        self._count = 0  # points that were given out
        self._claim: tuple[np.ndarray, float] | None = None  # on the last point, and how far off
        self._last: np.ndarray | None = None
        self._last_s = 0.0  # since the first frame
        self._next_s = 0.0  # where the next frame would be if the stream had no time stamps

    def elapsed_s(self, frame: Any) -> float:
        """Seconds since the first frame."""
        if frame.time is None or self.start_s is None:
            return self._next_s
        last_s, next_s = self.start_s + self._last_s, self.start_s + self._next_s
        time_s = self._stamps.time_s(
            frame.time, last_s=last_s, next_s=next_s, may_begin=frame.key_frame
        )
        return time_s - self.start_s

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
        step_s = elapsed_s - self._last_s
        self._stamps.require_steady(step_s, self._name, f"frame {self._count}", elapsed_s)
        # The grid point nearest to the time stamp, the earlier of two as near, so that of twice the
        # rate every other frame is taken.
        index = max(math.ceil(elapsed_s * self.fps - 0.5 - SLACK), 0)
        off = elapsed_s * self.fps - index
        shown = []
        if index >= self._count:
            shown = self.finish()
            before = image if self._last is None else self._last
            shown += [(before, True)] * (index - self._count)
            self._claim, self._count = (image, abs(off)), index + 1
        elif index == self._count - 1 and self._claim and abs(off) < self._claim[1] - SLACK:
            self._claim = image, abs(off)
        if off >= -SLACK:  # what follows is farther from the point
            shown += self.finish()
        self._last, self._last_s = image, elapsed_s
        self._next_s = elapsed_s + 1 / self.fps
        return shown

    def finish(self) -> list[tuple[np.ndarray, bool]]:
        """Return the last point if it waited for a nearer frame: there is none."""
        claim, self._claim = self._claim, None
        return [(claim[0], False)] if claim else []
