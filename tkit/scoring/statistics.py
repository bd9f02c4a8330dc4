"""Intervals and tests for scores of clips that belong to speakers.

Frames of a clip, and clips of a speaker, resemble each other, so speakers are drawn, not clips: an
interval from frames taken as independent is many times too narrow. Where no speakers are known,
``groups`` are the clips themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

N_RESAMPLES = 1000
EXACT_GROUPS = 12  # up to so many groups all sign flips are enumerated
MIN_FLIP_GROUPS = 6  # fewer groups cannot reach p < 0.05: 2 / 2^5


def draws(n_groups: int, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each group enters each resample, (n_resamples, n_groups) int."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_resamples)


def mean_interval(
    values: Sequence[float] | np.ndarray,
    groups: Sequence[str],
    *,
    method: str = "percentile",
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Interval of the mean over values by drawing whole groups.

    Parameters
    ----------
    values : sequence of float, (N,)
    groups : sequence of str, (N,)
        Speaker of each value.
    method : {"percentile", "bca"}
        ``percentile`` widens the percentiles by the t distribution of the few groups (Hesterberg
        2015, "expanded"); ``bca`` corrects bias and skewness (Efron 1987).

    Returns
    -------
    low, high : float
        None if there are fewer than two groups or a value is infinite.
    """
    sums, counts = _by_group(np.asarray(values, np.float64), groups)
    if len(sums) < 2 or not np.isfinite(sums).all():
        return None
    weights = draws(len(sums), n_resamples=n_resamples, seed=seed)
    means = (weights @ sums) / (weights @ counts)
    if method == "bca":
        left_out = (sums.sum() - sums) / (counts.sum() - counts)
        return _bca(means, sums.sum() / counts.sum(), left_out, level)
    return spread(means, len(sums), level=level)


def spread(resampled: np.ndarray, n_groups: int, *, level: float = 0.95) -> tuple[float, float]:
    """Expanded percentiles of resampled scores."""
    from scipy import stats

    tail = stats.t.ppf((1 - level) / 2, n_groups - 1) * math.sqrt(n_groups / (n_groups - 1))
    low, high = np.quantile(resampled, [stats.norm.cdf(tail), stats.norm.cdf(-tail)])
    return float(low), float(high)


def _bca(
    means: np.ndarray, observed: float, left_out: np.ndarray, level: float
) -> tuple[float, float]:
    from scipy import stats

    below = (np.mean(means < observed) + np.mean(means <= observed)) / 2
    bias = stats.norm.ppf(np.clip(below, 1 / len(means), 1 - 1 / len(means)))
    pull = left_out.mean() - left_out
    power = (pull**2).sum() ** 1.5
    skew = (pull**3).sum() / (6 * power) if power > 0 else 0.0
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + stats.norm.ppf(tail)
        ends.append(stats.norm.cdf(bias + z / (1 - skew * z)))
    low, high = np.quantile(means, ends)
    return float(low), float(high)


@dataclass(frozen=True)
class Paired:
    """A paired comparison over common clips; ``difference`` is the first minus the second.

    ``p`` is two-sided, from flipping the signs of whole units (speakers, or clips where there are
    fewer than six); ``win_rate`` is the share of clips in which the first is better, ties half.
    """

    difference: float
    low: float | None
    high: float | None
    p: float
    win_rate: float
    effect: float | None
    n: int
    unit: str


def paired(
    first: Sequence[float],
    second: Sequence[float],
    groups: Sequence[str],
    *,
    lower_is_better: bool,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Paired:
    """Compare two methods on the same clips.

    Parameters
    ----------
    first, second : sequence of float, (N,)
        Finite scores of the same clips.
    groups : sequence of str, (N,)
    lower_is_better : bool

    Returns
    -------
    Paired
        ``effect`` is Cohen's d of the differences, None where they do not vary.
    """
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    units = (
        list(groups)
        if len(set(groups)) >= MIN_FLIP_GROUPS
        else list(map(str, range(len(difference))))
    )
    unit = "speaker" if len(set(groups)) >= MIN_FLIP_GROUPS else "clip"
    ends = mean_interval(difference, groups, n_resamples=n_resamples, seed=seed)
    gain = -difference if lower_is_better else difference
    deviation = difference.std(ddof=1) if len(difference) > 1 else 0.0
    return Paired(
        difference=float(difference.mean()),
        low=ends and ends[0],
        high=ends and ends[1],
        p=sign_flip_p(difference, units, n_resamples=n_resamples, seed=seed),
        win_rate=float(np.mean((np.sign(gain) + 1) / 2)),
        effect=float(difference.mean() / deviation) if deviation > 0 else None,
        n=len(difference),
        unit=unit,
    )


def sign_flip_p(
    difference: np.ndarray, groups: Sequence[str], *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> float:
    """Two-sided p of no difference: signs of whole groups are exchanged."""
    sums, _ = _by_group(difference, groups)
    if len(sums) <= EXACT_GROUPS:
        bits = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
        extreme = abs((1 - 2 * bits) @ sums) >= abs(sums.sum()) * (1 - 1e-12)
        return float(extreme.mean())
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (n_resamples * 10, len(sums)))
    extreme = abs(signs @ sums) >= abs(sums.sum()) * (1 - 1e-12)
    # The observed order counts as one of the resamples (Phipson and Smyth 2010), so p is never 0.
    return float((extreme.sum() + 1) / (len(extreme) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction of p values for their number, in their order."""
    order = np.argsort(p_values, kind="stable")
    corrected, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = float(highest)
    return corrected


def _by_group(values: np.ndarray, groups: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the values of each group, groups in order of their names."""
    names, index = np.unique(np.asarray(groups, str), return_inverse=True)
    counts = np.bincount(index, minlength=len(names)).astype(np.float64)
    return np.bincount(index, weights=values, minlength=len(names)), counts
