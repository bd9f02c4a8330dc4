"""Blinks in a series of eye aspect ratios (EAR), and intervals between them as censored data.

Three detectors, because published blink numbers depend on theirs:

* ``recommended``: relative to the clip's own open eyes and noise; the duration is the full width at
  half depth with linear interpolation, which does not depend on the frame rate;
* ``ear-threshold``: EAR below 0.2 for at least two frames (Vougioukas' online detector); the
  duration is the number of those frames;
* ``dinoman-offline``: drops of more than 0.072 a frame, from the last open peak before to the next
  after it (Vougioukas' public detector for files): durations are two to three times longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tkit.errors import ScoreError

DETECTORS = ("recommended", "ear-threshold", "dinoman-offline")

ENTER_DEPTH = 0.25
ENTER_SIGMAS = 3.5
MIN_FRAMES = 2
SINGLE_FACTOR = 1.6  # a single frame this much deeper than the entry level is a blink as well
MERGE_S = 0.060
MAX_BLINK_S = 0.7  # longer: the eyes are shut, no blink
BASELINE_S = 5.0  # half of the running median's window, in clips longer than twice that
# Of the baseline, as estimated. Drawn blinks are still found at EAR noise .02 (F1 > .95), which is
# .09 of a narrow eye and estimated as up to .12.
MAX_NOISE = 0.20
CLOSED_DEPTH = 0.5  # a complete blink goes at least this deep; landmarks rarely follow further


@dataclass(frozen=True)
class Blink:
    """One blink: middle of its width and duration in seconds, greatest depth (share of open)."""

    onset_s: float
    apex_s: float
    duration_s: float
    depth: float


def detect(
    ear: np.ndarray, *, fps: float, detector: str = "recommended"
) -> tuple[list[Blink], list[Blink]]:
    """Find blinks in the EAR (T,) of one clip, mean of both eyes.

    Returns
    -------
    blinks : list of Blink
    closures : list of Blink
        Eyes shut for more than 0.7 s.

    Raises
    ------
    ScoreError
        If the series is empty or not finite, or (``recommended``) too noisy to tell blinks.
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
    noise = _noise(ear)
    level = noise / float(np.median(base))
    if level > MAX_NOISE:
        raise ScoreError(
            f"the eye aspect ratio is too noisy to tell blinks: {100 * level:.1f} % of the open eye"
        )
    depth = 1 - ear / base
    enter = max(ENTER_DEPTH, ENTER_SIGMAS * level)
    found = []
    for start, end in _merged(_runs(depth > enter / 2), fps):
        inside = depth[start:end]
        deep = inside >= enter
        single = inside.max() >= SINGLE_FACTOR * enter and end - start >= MIN_FRAMES
        if _longest(deep) >= MIN_FRAMES or single:
            found.append(_half_width(depth, start, end, fps))
    blinks = [blink for blink in found if blink.duration_s <= MAX_BLINK_S]
    return blinks, [blink for blink in found if blink.duration_s > MAX_BLINK_S]


def _baseline(ear: np.ndarray, fps: float) -> np.ndarray:
    """EAR of the open eye: the clip's median, or a running one in clips longer than 10 s."""
    half = round(BASELINE_S * fps)
    if len(ear) <= 2 * half:
        return np.full(len(ear), np.median(ear))
    from scipy.ndimage import median_filter

    return median_filter(ear, size=2 * half + 1, mode="nearest")


def _noise(ear: np.ndarray) -> float:
    """Standard deviation of the EAR's noise, from the median absolute difference."""
    if len(ear) < 3:
        return 0.0
    steps = np.diff(ear)
    return float(1.4826 * np.median(abs(steps - np.median(steps))) / np.sqrt(2))


def _runs(on: np.ndarray) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every run of True."""
    edges = np.flatnonzero(np.diff(np.r_[0, on.astype(np.int8), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _merged(runs: list[tuple[int, int]], fps: float) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in runs:
        if merged and (start - merged[-1][1]) / fps < MERGE_S - 1e-9:
            merged[-1] = merged[-1][0], end
        else:
            merged.append((start, end))
    return merged


def _longest(on: np.ndarray) -> int:
    return max((end - start for start, end in _runs(on)), default=0)


def _half_width(depth: np.ndarray, start: int, end: int, fps: float) -> Blink:
    """Full width at half depth; a blink cut by an end of the clip is counted up to there."""
    apex = start + int(depth[start:end].argmax())
    half = depth[apex] / 2
    left, right = apex, apex
    while left > 0 and depth[left - 1] > half:
        left -= 1
    while right < len(depth) - 1 and depth[right + 1] > half:
        right += 1
    onset, offset = float(left), float(right)
    if left > 0:
        onset -= (depth[left] - half) / (depth[left] - depth[left - 1])
    if right < len(depth) - 1:
        offset += (depth[right] - half) / (depth[right] - depth[right + 1])
    return Blink(onset / fps, apex / fps, (offset - onset) / fps, float(depth[apex]))


def _below_threshold(ear: np.ndarray, fps: float) -> list[Blink]:
    base = float(np.median(ear))
    return [
        Blink(start / fps, (start + int(ear[start:end].argmin())) / fps, (end - start) / fps,
              float(1 - ear[start:end].min() / base))
        for start, end in _runs(ear < 0.2)
        if end - start >= MIN_FRAMES
    ]  # fmt: skip


def _steep_drops(ear: np.ndarray, fps: float) -> list[Blink]:
    from scipy.signal import find_peaks

    drops, _ = find_peaks(-np.diff(ear), height=0.072, distance=4)
    middle = (ear.min() + ear.max()) / 2
    peaks, _ = find_peaks(ear, height=middle)
    base = float(np.median(ear))
    found = []
    for drop in drops:
        start = max((peak for peak in peaks if peak <= drop), default=0)
        end = min((peak for peak in peaks if peak > drop), default=len(ear) - 1)
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
