"""Blinks in a series of eye aspect ratios (EAR), and intervals between them as censored data.

Three detectors, because published blink numbers depend on theirs:

* ``recommended``: each fast fall and rise of the lids, in shares of the clip's own open eye and
  above its own noise; the duration is the full width at half depth with linear interpolation, which
  does not depend on the frame rate;
* ``ear-threshold``: EAR below 0.2 for at least two frames (Vougioukas' online detector); the
  duration is the number of those frames;
* ``dinoman-offline``: drops of more than 0.072 a frame, from the last open peak before to the next
  after it (Vougioukas' public detector for files): durations are two to three times longer.

What ``recommended`` takes lids for. *Two closings* are two blinks if the eye opens a good part of
the way in between. *Half a closing* is a blink if the eye is soon as open as before; eyes that stay
narrow squint or look down. *Shut for long*: the lids fall as in a blink, stay, and rise as in a
blink, as when somebody blinks, looks down and blinks again: each end is a blink if the lids move
that fast between open and shut, and no blink if they sink, rise slowly or close by half.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from tkit.errors import ScoreError
from tkit.face import geometry

DETECTORS = ("recommended", "ear-threshold", "dinoman-offline")

ENTER_DEPTH = 0.25
ENTER_SIGMAS = 3.5
MIN_FRAMES = 2
SINGLE_FACTOR = 1.6  # a single frame this much deeper than the entry level is a blink as well
# Of the shallower of two closings: how far the eye must open in between. Noise on one closing
# reaches four of its deviations.
REOPENED, REOPENED_SIGMAS = 0.4, 5.0
PARTIAL_DEPTH = 0.6  # shallower: the lids do not meet, and must be back within PARTIAL_S
PARTIAL_S, BACK = 0.44, 0.25  # back: at a quarter of the depth
MAX_BLINK_S = 0.7  # longer: the eyes are shut, and blink at the ends if the lids move fast there
SHUT_DEPTH, LID_S = 0.7, 0.16  # from ENTER_DEPTH to SHUT_DEPTH, or back
BASELINE_S = 5.0  # half of the running median's window, in clips longer than twice that
# Of the baseline, as estimated. Drawn blinks are still found at EAR noise .02 (F1 > .95), which is
# .09 of a narrow eye and estimated as up to .12.
MAX_NOISE = 0.20
CLOSED_DEPTH = 0.5  # a complete blink goes at least this deep; landmarks rarely follow further


@dataclass(frozen=True)
class Blink:
    """One blink: onset, deepest point and duration in seconds, greatest depth (share of open).

    Parameters
    ----------
    whole : bool
        Both its ends were seen; else the clip, or a closure of which this is an end, cuts the
        duration short.
    """

    onset_s: float
    apex_s: float
    duration_s: float
    depth: float
    whole: bool = True


def detect(
    ear: np.ndarray, *, fps: float, detector: str = "recommended"
) -> tuple[list[Blink], list[Blink]]:
    """Find blinks in the EAR (T,) of one clip, mean of both eyes.

    Returns
    -------
    blinks : list of Blink
    closures : list of Blink
        Eyes shut for more than 0.7 s, whether they blink at the ends of that or not.

    Raises
    ------
    ScoreError
        If the series is empty or not finite, or (``recommended``) too noisy to tell blinks, or of
        eyes that never open.
    """
    ear = np.asarray(ear, np.float64)
    if ear.ndim != 1 or not len(ear) or not np.isfinite(ear).all():
        raise ScoreError(f"the eye aspect ratio is no series of finite numbers: {ear.shape}")
    if detector == "ear-threshold":
        return _below_threshold(ear, fps), []
    if detector == "dinoman-offline":
        return _steep_drops(ear, fps), []
    return _relative(ear, fps)


def _relative(ear: np.ndarray, fps: float) -> tuple[list[Blink], list[Blink]]:
    base = _baseline(ear, fps)
    if not base.min() > 0:
        raise ScoreError("the eyes are never open: no blinks told")
    noise = _noise(ear) / float(np.median(base))
    if noise > MAX_NOISE:
        raise ScoreError(
            f"the eye aspect ratio is too noisy to tell blinks: {100 * noise:.1f} % of the open eye"
        )
    depth = 1 - ear / base
    blinks: list[Blink] = []
    closures: list[Blink] = []
    for apex, begin, end in _closings(depth, noise):
        closing = _half_width(depth, apex, begin, end, fps)
        if closing.duration_s > MAX_BLINK_S:
            closures.append(closing)
            blinks += _ends(depth, closing, fps)
            continue
        first, last = _reach(depth[begin : end + 1], apex - begin, BACK * depth[apex])
        back = (last - first + 1) / fps <= PARTIAL_S + 1e-9
        if back or depth[apex] - 2 * noise >= PARTIAL_DEPTH:
            blinks.append(closing)
    return blinks, closures


def _baseline(ear: np.ndarray, fps: float) -> np.ndarray:
    """Median EAR of the frames with open eyes, of the clip or, over 10 s, of the time around.

    Open is what is near the upper quartile: eyes that look down for most of a clip are not open.
    """
    half = round(BASELINE_S * fps)
    if len(ear) <= 2 * half:
        upper = np.quantile(ear, 0.75)
        return np.full(len(ear), np.median(ear[ear >= (1 - ENTER_DEPTH) * upper]))
    from scipy.ndimage import percentile_filter

    upper = percentile_filter(ear, 75, size=2 * half + 1, mode="nearest")
    opened = np.where(ear >= (1 - ENTER_DEPTH) * upper, ear, np.nan)
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(opened, half, constant_values=np.nan), 2 * half + 1
    )
    return np.nanmedian(around, axis=1)


def _noise(ear: np.ndarray) -> float:
    """Standard deviation of the EAR's noise, from the median absolute difference."""
    if len(ear) < 3:
        return 0.0
    steps = np.diff(ear)
    return float(1.4826 * np.median(abs(steps - np.median(steps))) / np.sqrt(2))


def _closings(depth: np.ndarray, noise: float) -> list[tuple[int, int, int]]:
    """Deepest frame of every closing, and the most open frames before and after it.

    Those are the first and the last frame of the clip where there is no other closing.
    """
    from scipy.signal import find_peaks

    enter = max(ENTER_DEPTH, ENTER_SIGMAS * noise)
    # Before and after the clip the eyes count as open: a closing that an end cuts off is one too.
    peaks, _ = find_peaks(np.r_[0, depth, 0], height=enter, prominence=enter)
    apexes: list[int] = []
    for peak in (peaks - 1).tolist():
        if apexes:
            lower = min(depth[apexes[-1]], depth[peak])
            opened = lower - depth[apexes[-1] : peak].min()
            if opened < max(REOPENED * lower, REOPENED_SIGMAS * noise):
                peak = max(apexes.pop(), peak, key=depth.__getitem__)
        apexes.append(peak)
    between = [a + int(depth[a:b].argmin()) for a, b in itertools.pairwise(apexes)]
    closings = zip(apexes, [0, *between], [*between, len(depth) - 1], strict=False)
    return [closing for closing in closings if _lasts(depth, closing[0], enter)]


def _lasts(depth: np.ndarray, apex: int, enter: float) -> bool:
    """Whether a closing is more than one noisy frame."""
    first, last = _reach(depth, apex, enter)
    if last - first + 1 >= MIN_FRAMES:
        return True
    first, last = _reach(depth, apex, enter / 2)
    return last > first and bool(depth[apex] >= SINGLE_FACTOR * enter)


def _reach(depth: np.ndarray, apex: int, level: float) -> tuple[int, int]:
    """First and last frame of the run around ``apex`` that is at least ``level`` deep."""
    shallow = np.flatnonzero(depth < level)
    after = int(shallow.searchsorted(apex))
    first = shallow[after - 1] + 1 if after else 0
    last = shallow[after] - 1 if after < len(shallow) else len(depth) - 1
    return int(first), int(last)


def _half_width(depth: np.ndarray, apex: int, begin: int, end: int, fps: float) -> Blink:
    """Full width at half depth; a blink cut by an end of the clip is counted up to there.

    Where the eye does not open fully between two closings, half of what it opens.
    """
    last = len(depth) - 1
    before = max(depth[begin], 0.0) if begin else 0.0
    behind = max(depth[end], 0.0) if end < last else 0.0
    low, high = (depth[apex] + before) / 2, (depth[apex] + behind) / 2
    left, right = _reach(depth, apex, low)[0], _reach(depth, apex, high)[1]
    onset, offset = float(left), float(right)
    if left > 0:
        onset -= float((depth[left] - low) / (depth[left] - depth[left - 1]))
    if right < last:
        offset += float((depth[right] - high) / (depth[right] - depth[right + 1]))
    whole = left > 0 and right < last
    return Blink(onset / fps, apex / fps, (offset - onset) / fps, float(depth[apex]), whole)


def _ends(depth: np.ndarray, closure: Blink, fps: float) -> list[Blink]:
    """The blinks at the ends of a long closure: where the lids move as fast as in one.

    They are cut: from half shut to shut, and from shut to half open.
    """
    onset, offset = closure.onset_s * fps, (closure.onset_s + closure.duration_s) * fps
    found = []
    if (shut := _falls(depth, int(np.ceil(onset)), fps)) is not None:
        found.append(Blink(onset / fps, shut / fps, (shut - onset) / fps, closure.depth, False))
    last = len(depth) - 1
    if (shut := _falls(depth[::-1], last - int(np.floor(offset)), fps)) is not None:
        shut = last - shut
        found.append(Blink(shut / fps, shut / fps, (offset - shut) / fps, closure.depth, False))
    return found


def _falls(depth: np.ndarray, half: int, fps: float) -> int | None:
    """Frame in which the lids have shut, if they fall fast around the frame ``half``."""
    opened = np.flatnonzero(depth[:half] < ENTER_DEPTH)
    shut = half + np.flatnonzero(depth[half:] >= SHUT_DEPTH)
    if not opened.size or not shut.size or (shut[0] - opened[-1]) / fps > LID_S + 1e-9:
        return None
    return int(shut[0])


def _below_threshold(ear: np.ndarray, fps: float) -> list[Blink]:
    base = float(np.median(ear))
    return [
        Blink(start / fps, (start + int(ear[start:end].argmin())) / fps, (end - start) / fps,
              float(1 - ear[start:end].min() / base))
        for start, end in geometry.runs(ear < 0.2)
        if end - start >= MIN_FRAMES
    ]  # fmt: skip


def _steep_drops(ear: np.ndarray, fps: float) -> list[Blink]:
    from scipy.signal import find_peaks

    drops, _ = find_peaks(-np.diff(ear), height=0.072, distance=4)
    middle = (ear.min() + ear.max()) / 2
    base = float(np.median(ear))
    found = []
    for drop, following in itertools.pairwise([*drops.tolist(), None]):
        start = drop
        if ear[drop - 1] > ear[drop]:
            before, _ = find_peaks(ear[: drop + 1], height=middle)
            start = int(before[-1]) if before.size else 0
        after, _ = find_peaks(ear[drop:following], height=middle)
        if not after.size and following is not None:
            continue  # the eye does not open before the next drop: that one counts
        end = drop + int(after[0]) if after.size else len(ear) - 1
        apex = int(start + ear[start : end + 1].argmin())
        depth = float(1 - ear[apex] / base)
        found.append(Blink(start / fps, apex / fps, (end - start) / fps, depth))
    return found


def median_interval(gaps_s: np.ndarray, open_s: np.ndarray) -> float:
    """Median time between blinks, seconds, from observed and censored gaps (Kaplan and Meier).

    Parameters
    ----------
    gaps_s : ndarray
        Onset to onset, within clips.
    open_s : ndarray
        From the last onset to the end of each clip: the next blink is at least so far.

    Raises
    ------
    ScoreError
        If there is no gap, or fewer than half of the gaps end before the longest observation.
    """
    if not len(gaps_s):
        raise ScoreError("no clip has two blinks: the interval between them is unknown")
    from scipy.stats import CensoredData, ecdf

    survival = ecdf(CensoredData(uncensored=gaps_s, right=open_s)).sf
    # Exactly one half, which a product of shares may miss by its rounding, is reached.
    (below,) = np.nonzero(survival.probabilities <= 0.5 + 1e-12)
    if not below.size:
        raise ScoreError("the clips are too short for the median interval between blinks")
    return float(survival.quantiles[below[0]])
