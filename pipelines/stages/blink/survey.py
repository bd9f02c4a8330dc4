"""When people blink and how: beginnings, their hazard, and what whole sequences are like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tkit.errors import ScoreError
from tkit.face import blinks

LEAD = 3  # frames from a blink's beginning to where it is half as deep as it gets
SMOOTH = 2.0  # frames, deviation of the Gaussian that smooths the hazard: one corpus is few blinks
HALF_OPEN = 0.25  # depth from which an eye that does not blink looks half shut


def blinks_in(opening: np.ndarray, fps: float) -> list[blinks.Blink]:
    """Blinks in an eye aspect ratio (T,); none in one that is too noisy to tell."""
    try:
        return blinks.detect(opening, fps=fps)[0]
    except ScoreError:
        return []


def begins(opening: np.ndarray, fps: float) -> np.ndarray:
    """Frames (T,) float32 in which blinks begin: 1, else 0."""
    found = np.zeros(len(opening), np.float32)
    for blink in blinks_in(opening, fps):
        found[max(round(blink.onset_s * fps) - LEAD, 0)] = 1.0
    return found


def hazard(
    begins: Mapping[Any, np.ndarray], gaps: int, *, weights: Mapping[Any, float]
) -> np.ndarray:
    """Estimate the probability that a blink begins, by frames since the last beginning.

    Parameters
    ----------
    begins : mapping of clip to ndarray (T,)
        1 where a blink begins.
    gaps : int
        Frames that are told apart. The last entry is that of all later frames; before the first
        blink of a clip it is not known how long ago the last one was, which counts as long ago.
    weights : mapping of clip to float
        How much each clip counts.

    Returns
    -------
    ndarray (gaps,) float32
        Events over frames at risk, so that gaps that the end of a clip cuts off count as well.
    """
    from scipy.ndimage import gaussian_filter1d

    events, at_risk = np.zeros(gaps), np.zeros(gaps)
    for clip, series in begins.items():
        since = gaps
        for begun in series:
            since = min(since + 1, gaps)
            at_risk[since - 1] += weights[clip]
            if begun:
                events[since - 1] += weights[clip]
                since = 0
    smooth = [gaussian_filter1d(part[:-1], SMOOTH, mode="nearest") for part in (events, at_risk)]
    rates = smooth[0] / np.maximum(smooth[1], 1e-12)
    last = events[-1] / max(at_risk[-1], 1e-12)
    return np.r_[np.where(smooth[1] > 1e-9, rates, last), last].astype(np.float32)


@dataclass
class Survey:
    """What the eyes of many sequences do.

    Parameters
    ----------
    seconds : float
        Observed.
    found : list of Blink
    intervals_s : list of float
        From the onset of a blink to that of the next in the same sequence.
    uneven : list of float
        Difference of the two eyes' depths at the apex of each blink.
    half_open : list of float
        Share of the frames outside of blinks in which the eyes are half shut, of each sequence.
    """

    seconds: float = 0.0
    found: list[blinks.Blink] = field(default_factory=list)
    intervals_s: list[float] = field(default_factory=list)
    uneven: list[float] = field(default_factory=list)
    half_open: list[float] = field(default_factory=list)

    @property
    def rate_hz(self) -> float:
        """Blinks a second."""
        return len(self.found) / self.seconds

    @property
    def durations_s(self) -> list[float]:
        """Of the blinks that were seen from one end to the other."""
        return [blink.duration_s for blink in self.found if blink.whole]

    def numbers(self, suffix: str = "") -> dict[str, float]:
        """Means, by name; those of blinks only where there are some."""
        table = {
            "duration_s": self.durations_s,
            "interval_s": self.intervals_s,
            "depth": [blink.depth for blink in self.found],
            "complete": [float(blink.depth >= blinks.CLOSED_DEPTH) for blink in self.found],
            "uneven": self.uneven,
            "half_open": self.half_open,
        }
        means = {name + suffix: float(np.mean(values)) for name, values in table.items() if values}
        return {f"rate{suffix}_hz": self.rate_hz, **means}


def survey(sequences: Iterable[np.ndarray], *, fps: float) -> Survey:
    """Look at eye aspect ratios (T, 2) of the right and left eye."""
    result = Survey()
    for ears in sequences:
        opening = ears.mean(axis=1)
        found = blinks_in(opening, fps)
        depth = 1 - ears / np.median(ears, axis=0)
        awake = np.ones(len(ears), bool)
        for blink in found:
            apex = min(round(blink.apex_s * fps), len(ears) - 1)
            result.uneven.append(float(abs(depth[apex, 0] - depth[apex, 1])))
            reach = round(blink.duration_s * fps) + 1
            awake[max(apex - reach, 0) : apex + reach + 1] = False
        result.seconds += len(ears) / fps
        result.found += found
        result.intervals_s += np.diff([blink.onset_s for blink in found]).tolist()
        result.half_open.append(float((awake & (depth.mean(axis=1) > HALF_OPEN)).mean()))
    return result


def compare(real: Survey, fake: Survey) -> dict[str, float]:
    """Largest difference of the cumulative distributions, 0 to 1 (Kolmogorov and Smirnov).

    Without its p: blinks of a speaker resemble each other, and the test takes them as independent.
    """
    from scipy.stats import ks_2samp

    pairs = {
        "duration_ks": (real.durations_s, fake.durations_s),
        "interval_ks": (real.intervals_s, fake.intervals_s),
        "depth_ks": ([b.depth for b in real.found], [b.depth for b in fake.found]),
    }
    return {name: float(ks_2samp(*pair).statistic) for name, pair in pairs.items() if all(pair)}


def rate_of_speakers(rates: Mapping[str, float]) -> dict[str, float]:
    """Mean rate of speakers, each alike, and its 95 % interval if they are at least three."""
    from tkit.scoring.statistics import mean_interval

    names = sorted(rates)
    values = [rates[name] for name in names]
    ends = mean_interval(values, names)
    found = {"rate_speakers_hz": float(np.mean(values))}
    return found | dict(zip(("rate_speakers_low", "rate_speakers_high"), ends or (), strict=False))
