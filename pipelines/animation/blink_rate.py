"""Blinks as often as asked for: those that the blink stage makes, put elsewhere."""

from __future__ import annotations

import numpy as np

from tkit.errors import UsageError
from tkit.face import geometry
from tkit.pipelines.stages.blink.work import EYES, eye_opening

BLINK_BELOW, OPEN = 0.75, 0.95  # of the median opening: below, a blink; from here on it has ended
LONGEST_S = 0.6  # a longer fall is a look down, which is left as it is


def at_rate(
    moved: np.ndarray,
    canonical: np.ndarray,
    *,
    rate_hz: float,
    n_frames: int,
    fps: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Take the blinks out of a generated sequence and put them in at another rate.

    Parameters
    ----------
    moved : ndarray (T, 68, 2)
        Displacement of the canonical face by the blink stage, long enough to hold blinks.
    rate_hz : float
        Blinks a second; the pauses between them are drawn from an exponential distribution.
    n_frames : int
        Of the result, at most T.

    Raises
    ------
    UsageError
        If there is no blink in ``moved``, or blinks as frequent as that do not fit in.
    """
    found = _blinks(eye_opening(moved[:, EYES], canonical), fps)
    still, shapes = moved.copy(), []
    for start, stop in found:
        ends = moved[start], moved[stop]
        part = np.linspace(0, 1, stop - start + 1)[:, None, None]
        still[start : stop + 1] = (1 - part) * ends[0] + part * ends[1]
        shapes.append(moved[start : stop + 1] - still[start : stop + 1])
    still = still[:n_frames]
    if not rate_hz:
        return still
    if not shapes:
        raise UsageError("--blink-rate: these blink weights make no blink that could be repeated")
    length = float(np.mean([len(shape) for shape in shapes]))
    pause = fps / rate_hz - length
    if pause < 0:
        raise UsageError(
            f"--blink-rate {rate_hz:g}: a blink takes {length / fps:.2f} s; "
            f"give at most {fps / length:.1f}"
        )
    at = int(rng.exponential(pause))
    while at < n_frames:
        shape = shapes[rng.integers(len(shapes))][: n_frames - at]
        still[at : at + len(shape)] += shape
        at += len(shape) + int(np.ceil(rng.exponential(pause)))
    return still


def _blinks(opening: np.ndarray, fps: float) -> list[tuple[int, int]]:
    """First and last frame of every whole blink: from open to open eyes."""
    middle = np.median(opening)
    spans: list[tuple[int, int]] = []
    for fall, rise in geometry.runs(opening < BLINK_BELOW * middle):
        before = np.flatnonzero(opening[:fall] >= OPEN * middle)
        after = np.flatnonzero(opening[rise:] >= OPEN * middle)
        if not len(before) or not len(after):
            continue  # cut off by the end of the sequence
        span = int(before[-1]), int(rise + after[0])
        if span[1] - span[0] <= LONGEST_S * fps and (not spans or span[0] >= spans[-1][1]):
            spans.append(span)
    return spans
