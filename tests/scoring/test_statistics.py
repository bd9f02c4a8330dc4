"""Intervals and tests: coverage by simulation, identities, numbers done by hand."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tkit.scoring import statistics
from tkit.scoring.statistics import holm, interval, mean_interval, paired, sign_flip_p

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


@pytest.fixture(scope="module")
def simulation():
    """The benchmark, under a name that hides no other package."""
    spec = importlib.util.spec_from_file_location("coverage_of_intervals", BENCHMARK)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop(spec.name)


def simulate(rng, *, speakers=10, clips=10, frames=75):
    """Frame scores (S, C, T) of mean 0: speaker, clip and slowly varying frame effects."""
    steps = rng.normal(0, 1, (speakers, clips, frames))
    for t in range(1, frames):
        steps[..., t] = 0.95 * steps[..., t - 1] + np.sqrt(1 - 0.95**2) * steps[..., t]
    return (
        rng.normal(0, 1, (speakers, 1, 1)) + rng.normal(0, 0.7, (speakers, clips, 1)) + 0.5 * steps
    )


def test_speakers_cover_where_frames_do_not():
    rng = np.random.default_rng(0)
    covered = {"speakers": [], "frames": []}
    for _ in range(300):
        scores = simulate(rng)
        clips = scores.mean(axis=2)
        speakers = np.repeat([f"s{i}" for i in range(10)], 10)
        low, high = mean_interval(clips.ravel(), speakers)
        covered["speakers"].append(low <= 0 <= high)
        naive = 1.96 * scores.std() / np.sqrt(scores.size)
        covered["frames"].append(abs(scores.mean()) <= naive)
    assert np.mean(covered["frames"]) < 0.20
    assert np.mean(covered["speakers"]) >= 0.93


def test_intervals_cover_and_tests_hold_their_level(simulation):
    """The small version of the benchmark: all of its rows, the two fewest speakers of each kind."""
    runs, speakers = 4000, (2, 3, 6)
    covers, levels = simulation.tables(runs, speakers)
    allowed = 3 * np.sqrt(0.93 * 0.07 / runs)
    assert len(covers) == 14
    for row in covers:
        assert np.isnan(row.values[0]) and row.shares[0] == 0, row.name  # two speakers: none
        assert min(row.values[1:]) >= 0.93 - allowed, row.name
        assert min(row.shares[1:]) > 0.85, row.name  # five blinks a speaker are enough
    assert len(levels) == 8
    for row in levels:
        assert np.isnan(row.values[:2]).all(), row.name  # no p below six speakers
        if "skewed" not in row.name:
            assert row.values[2] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs), row.name


def test_interval_of_equal_speakers_without_skewness_is_students():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    low, high = mean_interval(values, list("abcde"))
    expected = stats.t.interval(0.95, 4, loc=3.0, scale=stats.sem(values))
    assert (low, high) == pytest.approx(expected, rel=1e-12)
    # Clips of a speaker count by their mean alone.
    twice = mean_interval(np.repeat(values, 2), list("aabbccddee"))
    assert twice == pytest.approx(expected, rel=1e-12)


def by_hand(values, weights):
    """Both intervals of few degrees of freedom, robust and of one variance: reach and shift."""
    n, mean, quantiles = len(values), values @ weights, stats.t(len(values) - 1)
    residuals, square = weights * (values - mean), (weights**2).sum()
    leverage = 1 - 2 * weights + square
    error = np.sqrt((residuals**2 / leverage).sum())
    make = np.eye(n) - np.outer(np.ones(n), weights)
    form = make.T @ np.diag(weights**2 / leverage) @ make
    freedom = np.trace(form) ** 2 / np.trace(form @ form)
    factor = (1 + 2 * quantiles.ppf(0.975) ** 2) / 6
    shift = ((residuals / (1 - weights)) ** 3).sum() / error**2 * factor
    robust = mean, error * stats.t.ppf(0.975, freedom), shift
    deviation, centred = values.std(ddof=1), values - values.mean()
    skewness = (centred**3).sum() * n**2 / (n - 1) ** 3 / deviation**3
    shift = deviation * skewness * (weights**3).sum() / square * factor
    return freedom, robust, (mean, deviation * np.sqrt(square) * quantiles.ppf(0.975), shift)


def ends(mean, reach, shift):
    return mean - reach + min(shift, 0), mean + reach + max(shift, 0)


def test_interval_by_hand_of_speakers_one_of_whom_has_most_clips():
    # Three speakers of 2, 1 and 1 clips: weights 1/2, 1/4, 1/4.
    freedom, robust, alike = by_hand(np.array([0.0, 2.0, 6.0]), np.array([0.5, 0.25, 0.25]))
    assert freedom < 2 and alike[1] < robust[1]
    found = mean_interval([0.0, 0.0, 2.0, 6.0], list("aabc"))
    assert found == pytest.approx(ends(*alike))
    assert found[1] - 2 > 2 - found[0]  # towards the tail


def test_interval_by_hand_of_many_speakers_is_robust():
    rng = np.random.default_rng(0)
    clips = rng.integers(1, 4, 12)
    values = np.exp(rng.normal(size=12))
    freedom, robust, _ = by_hand(values, clips / clips.sum())
    assert freedom > 4
    found = mean_interval(np.repeat(values, clips), np.repeat(list("abcdefghijkl"), clips))
    assert found == pytest.approx(ends(*robust))


def test_noisy_single_clips_do_not_widen_the_interval_of_a_speaker_with_many():
    weights = np.array([0.8, 0.1, 0.1])
    _, robust, alike = by_hand(np.array([1.0, -20.0, 22.0]), weights)
    assert robust[1] < alike[1]
    values = np.repeat([1.0, -20.0, 22.0], [8, 1, 1])
    assert mean_interval(values, list("aaaaaaaabc")) == pytest.approx(ends(*robust))


def test_a_bias_that_every_speaker_left_out_shares_changes_no_interval():
    values = np.array([1.0, 2.0, 4.0, 8.0])
    weights, mean = np.full(4, 0.25), values.mean()
    left_out = statistics.without_each(values, np.ones(4))
    assert interval(mean, left_out + 0.7, weights) == pytest.approx(
        interval(mean, left_out, weights)
    )


def test_a_speaker_without_any_event_changes_no_interval():
    values, weights = np.array([0.0, -1.0, 1.0]), np.array([0.2, 0.4, 0.4])
    freedom, robust, alike = by_hand(values, weights)
    assert freedom < 4 and alike[1] < robust[1] and alike[2] == pytest.approx(0)
    left_out = -weights * values / (1 - weights)  # of a mean of 0
    three = interval(np.zeros(()), left_out, weights)
    assert three == pytest.approx(ends(*alike))
    four = interval(np.zeros(()), np.append(left_out, 0.0), np.append(weights, 0.0))
    assert four == pytest.approx(three)


def test_interval_works_on_any_leading_axes():
    rng = np.random.default_rng(0)
    sums, counts = rng.normal(size=(4, 5, 6)), rng.integers(1, 9, (4, 5, 6)).astype(float)
    value = sums.sum(-1) / counts.sum(-1)
    weights = counts / counts.sum(-1, keepdims=True)
    left_out = statistics.without_each(sums, counts)
    low, high = interval(value, left_out, weights)
    one = interval(value[2, 3], left_out[2, 3], weights[2, 3])
    assert low.shape == (4, 5) and one == pytest.approx((low[2, 3], high[2, 3]))


def test_interval_holds_the_mean_and_needs_speakers():
    values = [1.0, 2.0, 4.0, 8.0]
    low, high = mean_interval(values, list("abcd"))
    assert low < np.mean(values) < high
    assert high - np.mean(values) > np.mean(values) - low  # towards the tail
    assert mean_interval(values, list("abcd")) == (low, high)
    assert mean_interval(values, list("aaaa")) is None
    assert mean_interval(values, list("aabb")) is None
    assert mean_interval([1.0, np.inf, 2.0], list("abc")) is None
    assert mean_interval([3.0, 3.0, 3.0], list("abc")) == (3.0, 3.0)


def test_sign_flips_by_hand():
    # All of 2^8 sign patterns: only the two extreme ones reach the observed sum.
    assert sign_flip_p(np.ones(8)) == 2 / 2**8
    assert sign_flip_p(np.array([1.0, -1.0])) == 1.0
    assert sign_flip_p(np.array([[1.0, -1.0], [1.0, 1.0]])).tolist() == [1.0, 0.5]
    assert sign_flip_p(np.array([3.0, 2.0, 1.0, -1.0])) == 6 / 2**4  # 7, twice 5
    assert sign_flip_p(np.ones(40)) == 1 / 10001 == statistics.least_p(40)
    assert [statistics.least_p(n) for n in (0, 1, 5, 6)] == [1.0, 1.0, 2 / 2**5, 2 / 2**6]


def test_no_difference_is_rarely_significant():
    rng = np.random.default_rng(1)
    ps = [sign_flip_p(rng.normal(size=10)) for _ in range(300)]
    assert 0.02 < np.mean(np.array(ps) < 0.05) < 0.08


def test_clips_of_few_speakers_are_no_evidence():
    """Three speakers of ten clips, no difference: flipped clips found one in 59.5 % of sets."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        difference = np.repeat(rng.normal(size=3), 10) + rng.normal(0, 0.5, 30)
        result = paired(difference, np.zeros(30), list("abc") * 10, lower_is_better=False)
        assert result.p is None and result.least_p == 0.25
    one = paired(np.ones(12), np.zeros(12), ["a"] * 12, lower_is_better=False)
    unknown = paired(np.ones(12), np.zeros(12), [], lower_is_better=False)
    for result in (one, unknown):
        assert (result.p, result.low, result.high, result.least_p) == (None, None, None, 1.0)
        assert result.win_rate == 1 and result.n == 12


def test_paired():
    first, second = np.arange(10.0), np.arange(10.0) - 1
    result = paired(first, second, [f"s{i}" for i in range(10)], lower_is_better=False)
    assert (result.difference, result.win_rate, result.effect) == (1, 1, None)
    assert (result.low, result.high) == (1, 1) and result.p == result.least_p == 2 / 2**10
    result = paired(first, second, ["s1"] * 5 + ["s2"] * 5, lower_is_better=True)
    assert result.win_rate == 0 and result.p is None and result.least_p == 2 / 2**2
    assert paired([1, 2], [1, 2], ["a", "b"], lower_is_better=True).win_rate == 0.5


def test_the_effect_is_the_mean_difference_in_its_deviations():
    result = paired([1.0, 1.5, 2.0], [0.0, 1.0, 2.0], list("abc"), lower_is_better=False)
    assert result.difference == 0.5 and result.effect == pytest.approx(0.5 / 0.5)


def test_infinite_scores_win_and_count_as_the_cap():
    speakers = list("abcdef")
    first, second = [np.inf, np.inf, 40, 41, 42, 43], [50.0, np.inf, 39, 40, 41, 42]
    result = paired(first, second, speakers, lower_is_better=False, cap=100.0)
    assert result.win_rate == 5.5 / 6 and result.n == 6  # two exact clips are a tie
    assert result.difference == pytest.approx((50 + 0 + 4) / 6)
    assert np.isfinite([result.low, result.high]).all() and result.p == 2 / 2**5
    exact = paired([np.inf] * 6, [200.0] * 6, speakers, lower_is_better=False, cap=100.0)
    assert exact.win_rate == 1 and exact.difference == 0  # a win, though both count as 100


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
