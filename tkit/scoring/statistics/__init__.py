"""Intervals and tests for scores of clips that belong to speakers.

Clips of a speaker resemble each other, so speakers are the units, always: an interval from clips
or frames taken as independent is many times too narrow, and a test that exchanges clips finds
differences where there are none. Where speakers are too few there is no interval and no p.

A printed number is a mean over clips, or a score of pooled sums. Its interval is one of its own
expectation for new speakers with as many clips each. ``benchmarks/coverage.py`` shows by simulation
what the intervals cover and how often the test errs; it runs these very lines, which work on any
leading axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MIN_SPEAKERS = 3  # for an interval: two leave one degree of freedom, which says next to nothing
MIN_EVENTS = 3  # of a speaker, on average: rates of fewer are too coarse for an interval
MIN_FREEDOM = 4  # degrees below which robust intervals cannot be trusted
ALPHA = 0.05  # a test that cannot reach it is none
EXACT_SPEAKERS = 12  # up to so many all sign flips are enumerated
N_FLIPS = 10_000  # of more speakers


def interval(
    value: np.ndarray, left_out: np.ndarray, weights: np.ndarray, *, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a score from what it is without each speaker.

    Parameters
    ----------
    value : ndarray (...)
        Score of all speakers.
    left_out : ndarray (..., S)
        Scores without one speaker each, of three or more.
    weights : ndarray (..., S)
        Share of each speaker in what the score is a mean over (clips, frames, events); below 1,
        their sum is 1.
    level : float

    Returns
    -------
    low, high : ndarray (...)

    Notes
    -----
    A cluster-robust t interval: variance CR2 and degrees of freedom of Bell and McCaffrey (Survey
    Methodology 28, 2002) of a weighted mean, with the jackknife's residuals, so that it holds for
    every score. With equal weights it is Student's interval of the means of speakers. Of less than
    four degrees it is far too wide where one speaker weighs most (Tipton, Psychological Methods
    20, 2015, trusts none of them); there it reaches as far as Student's with one variance for all
    speakers, if that is less: too far itself only where clips are noisier than speakers differ.

    Such an interval misses skewed speakers (log-normal ones) on the side of their tail. That end is
    moved out by the skewness term of Hall's expansion of Student's t (The Bootstrap and Edgeworth
    Expansion, 1992, section 2.6) with the third moment of the jackknife; the other end stays.
    """
    from scipy.special import stdtrit  # scipy.stats has the same quantiles and loads for a second

    tail, n_speakers = (1 + level) / 2, left_out.shape[-1]
    # A mean m without speaker g differs by w_g / (1 - w_g) (m_g - m).
    residuals = (value[..., None] - left_out) * (1 - weights)  # (..., S), w_g (m_g - m)
    residuals = residuals - weights * residuals.sum(-1, keepdims=True)  # 0, but for biased scores
    error, freedom, skewness = _robust(residuals, weights)
    alike = _alike(residuals, weights)
    reaches = error * stdtrit(freedom, tail), alike[0] * stdtrit(alike[1], tail)
    is_alike = (freedom < MIN_FREEDOM) & (reaches[1] < reaches[0])
    reach = np.where(is_alike, reaches[1], reaches[0])
    third = np.where(is_alike, alike[0] * alike[2], error * skewness)
    shift = third * (1 + 2 * stdtrit(n_speakers - 1.0, tail) ** 2) / 6
    return value - reach + np.minimum(shift, 0), value + reach + np.maximum(shift, 0)


Errors = tuple[np.ndarray, np.ndarray, np.ndarray]  # standard error, its freedom, skewness


def _robust(residuals: np.ndarray, weights: np.ndarray) -> Errors:
    """CR2, Satterthwaite's degrees of freedom of its square, and the jackknife's skewness."""
    square = np.square(weights).sum(-1, keepdims=True)
    leverage = 1 - 2 * weights + square  # var(m_g - m) over var(m_g), if that is the same for all
    error = np.sqrt((np.square(residuals) / leverage).sum(-1))
    # tr(A)^2 / tr(A A), A the quadratic form of the variance: tr(A) = q, and residuals of speakers
    # g and h have the covariance q - w_g - w_h.
    b, q = np.square(weights) / leverage, square[..., 0]
    sums = [(b * weights**power).sum(-1) for power in range(3)]
    among = q**2 * sums[0] ** 2 - 4 * q * sums[0] * sums[1]
    among += 2 * sums[0] * sums[2] + 2 * sums[1] ** 2
    own = (np.square(b) * (leverage**2 - (square - 2 * weights) ** 2)).sum(-1)
    cubes = ((residuals / (1 - weights)) ** 3).sum(-1)
    return error, q**2 / (among + own), _ratio(cubes, error**3)


def _alike(residuals: np.ndarray, weights: np.ndarray) -> Errors:
    """The same if the means of all speakers are of one population.

    Speakers without weight (no event) do not count; all is NaN where one alone has any.
    """
    counts = weights > 0
    n = np.where(counts.sum(-1) > 1, counts.sum(-1), np.nan)
    means = np.divide(residuals, weights, out=np.zeros_like(residuals), where=counts)
    means = np.where(counts, means - (means.sum(-1) / n)[..., None], 0)
    deviation = np.sqrt(np.square(means).sum(-1) / (n - 1))
    spread = np.sqrt(np.square(weights).sum(-1))
    # Of equal weights the jackknife's skewness, too.
    skewness = _ratio((means**3).sum(-1) * n**2 / (n - 1) ** 3, deviation**3)
    return deviation * spread, n - 1, skewness * (weights**3).sum(-1) / spread**3


def _ratio(numerator: np.ndarray, divisor: np.ndarray) -> np.ndarray:
    ratio: np.ndarray = np.zeros_like(divisor)
    np.divide(numerator, divisor, out=ratio, where=divisor > 0)
    return ratio


def without_each(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Means (..., S) over clips without one speaker each, of sums and counts (..., S)."""
    rest = counts.sum(-1, keepdims=True) - counts
    means: np.ndarray = (sums.sum(-1, keepdims=True) - sums) / rest
    return means


def mean_interval(
    values: Sequence[float] | np.ndarray, speakers: Sequence[str], *, level: float = 0.95
) -> tuple[float, float] | None:
    """Interval of the mean over clips, see :func:`interval`.

    Parameters
    ----------
    values : sequence of float, (N,)
    speakers : sequence of str, (N,)
        Speaker of each value.
    level : float

    Returns
    -------
    low, high : float
        None for fewer than three speakers, or if a value is not finite.
    """
    sums, counts = by_speaker(np.asarray(values, np.float64), speakers)
    if len(sums) < MIN_SPEAKERS or not np.isfinite(sums).all():
        return None
    mean = np.asarray(sums.sum() / counts.sum())
    ends = interval(mean, without_each(sums, counts), counts / counts.sum(), level=level)
    return float(ends[0]), float(ends[1])


@dataclass(frozen=True)
class Paired:
    """A paired comparison over common clips; ``difference`` is the first minus the second.

    ``p`` is two-sided, from flipping the signs of whole speakers, and None where speakers are too
    few for any p below .05; ``least_p`` is the least that can be reached. ``win_rate`` is the share
    of clips in which the first is better, ties half.
    """

    difference: float
    low: float | None
    high: float | None
    p: float | None
    win_rate: float
    effect: float | None
    n: int
    least_p: float


def paired(
    first: Sequence[float],
    second: Sequence[float],
    speakers: Sequence[str],
    *,
    lower_is_better: bool,
    cap: float = np.inf,
    seed: int = 0,
) -> Paired:
    """Compare two methods on the same clips.

    Parameters
    ----------
    first, second : sequence of float, (N,)
        Scores of the same clips; infinite ones only with a ``cap``.
    speakers : sequence of str, (N,)
        Empty if they are not known: there is no interval and no p.
    lower_is_better : bool
    cap : float
        What higher scores count as in the difference, its interval and p; a win stays one.
    seed : int
        Of the flips that are drawn where there are too many to be enumerated.

    Returns
    -------
    Paired
        ``effect`` is Cohen's d of the clips' differences, None where they do not vary.
    """
    left, right = (np.asarray(side, np.float64) for side in (first, second))
    difference = np.minimum(left, cap) - np.minimum(right, cap)
    wins = (left < right) if lower_is_better else (left > right)
    deviation = difference.std(ddof=1) if len(difference) > 1 else 0.0
    ends = mean_interval(difference, speakers) if speakers else None
    least = least_p(len(set(speakers)))
    sums = by_speaker(difference, speakers)[0] if least < ALPHA else None
    return Paired(
        difference=float(difference.mean()),
        low=ends and ends[0],
        high=ends and ends[1],
        p=None if sums is None else float(sign_flip_p(sums, seed=seed)),
        win_rate=float(np.mean(wins + (left == right) / 2)),
        effect=float(difference.mean() / deviation) if deviation > 0 else None,
        n=len(difference),
        least_p=least,
    )


def least_p(n_speakers: int) -> float:
    """Least p that flipping the signs of so many speakers can reach.

    Examples
    --------
    >>> least_p(5), least_p(6)
    (0.0625, 0.03125)
    """
    return min(1.0, max(2 * 0.5**n_speakers, 1 / (N_FLIPS + 1)))


def sign_flip_p(sums: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Two-sided p that two methods may be exchanged in every speaker.

    Parameters
    ----------
    sums : ndarray (..., S)
        Differences, summed over the clips of each speaker.
    seed : int
        Of the flips drawn for more than ``EXACT_SPEAKERS`` speakers.

    Returns
    -------
    p : ndarray (...)

    Notes
    -----
    Where methods may be exchanged, differences of a speaker are symmetric about 0, and the test is
    exact for any number of clips each. It is none of a mean of 0 among skewed differences.
    """
    n_speakers = sums.shape[-1]
    observed = abs(sums.sum(-1))[..., None] * (1 - 1e-12)
    p: np.ndarray
    if n_speakers <= EXACT_SPEAKERS:
        # Two-sided: the last speaker's sign may stay.
        bits = np.arange(2**n_speakers // 2)[:, None] >> np.arange(n_speakers) & 1
        p = (abs(sums @ (1.0 - 2 * bits).T) >= observed).mean(-1)
    else:
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], (n_speakers, N_FLIPS))
        # The observed signs count as one of the draws (Phipson and Smyth 2010), so p is never 0.
        p = ((abs(sums @ signs) >= observed).sum(-1) + 1) / (N_FLIPS + 1)
    return p


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction of p values for their number, in their order."""
    order = np.argsort(p_values, kind="stable")
    corrected, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = float(highest)
    return corrected


def by_speaker(values: np.ndarray, speakers: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the values of each speaker, in the order of their names."""
    names, index = np.unique(np.asarray(speakers, str), return_inverse=True)
    counts = np.bincount(index, minlength=len(names)).astype(np.float64)
    return np.bincount(index, weights=values, minlength=len(names)), counts
