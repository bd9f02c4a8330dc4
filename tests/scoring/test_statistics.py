"""Intervals and tests: coverage by simulation, identities, numbers done by hand."""

import numpy as np
import pytest

from tkit.scoring.statistics import holm, mean_interval, paired, sign_flip_p


def simulate(rng, *, speakers=10, clips=10, frames=75):
    """Frame scores (S, C, T) of mean 0: speaker, clip and slowly varying frame effects."""
    steps = rng.normal(0, 1, (speakers, clips, frames))
    for t in range(1, frames):
        steps[..., t] = 0.95 * steps[..., t - 1] + np.sqrt(1 - 0.95**2) * steps[..., t]
    return (
        rng.normal(0, 1, (speakers, 1, 1)) + rng.normal(0, 0.7, (speakers, clips, 1)) + 0.5 * steps
    )


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_speakers_cover_where_frames_do_not(method):
    rng = np.random.default_rng(0)
    covered = {"speakers": [], "frames": []}
    for seed in range(300):
        scores = simulate(rng)
        clips = scores.mean(axis=2)
        speakers = np.repeat([f"s{i}" for i in range(10)], 10)
        low, high = mean_interval(
            clips.ravel(), speakers, method=method, n_resamples=500, seed=seed
        )
        covered["speakers"].append(low <= 0 <= high)
        naive = 1.96 * scores.std() / np.sqrt(scores.size)
        covered["frames"].append(abs(scores.mean()) <= naive)
    assert np.mean(covered["frames"]) < 0.20
    assert np.mean(covered["speakers"]) >= 0.85


def test_interval_holds_the_mean_and_needs_groups():
    values = [1.0, 2.0, 4.0, 8.0]
    low, high = mean_interval(values, list("abcd"))
    assert 1.0 <= low < np.mean(values) < high <= 8.0
    assert mean_interval(values, list("abcd")) == (low, high)
    assert mean_interval(values, list("aaaa")) is None
    assert mean_interval([1.0, np.inf], list("ab")) is None
    assert mean_interval([3.0, 3.0, 3.0], list("abc"), method="bca") == (3.0, 3.0)


def test_sign_flips_by_hand():
    # All of 2^8 sign patterns: only the two extreme ones reach the observed sum.
    assert sign_flip_p(np.ones(8), list("abcdefgh")) == 2 / 2**8
    assert sign_flip_p(np.array([1.0, -1.0]), list("ab")) == 1.0
    many = sign_flip_p(np.ones(40), [str(i) for i in range(40)])
    assert many == 1 / 10001


def test_no_difference_is_rarely_significant():
    rng = np.random.default_rng(1)
    ps = [sign_flip_p(rng.normal(size=10), list("abcdefghij")) for _ in range(300)]
    assert 0.02 < np.mean(np.array(ps) < 0.05) < 0.08


def test_paired():
    first, second = np.arange(10.0), np.arange(10.0) - 1
    result = paired(first, second, [f"s{i}" for i in range(10)], lower_is_better=False)
    assert (result.difference, result.win_rate, result.unit, result.effect) == (
        1,
        1,
        "speaker",
        None,
    )
    assert (result.low, result.high) == (1, 1)
    result = paired(first, second, ["s1"] * 5 + ["s2"] * 5, lower_is_better=True)
    assert result.win_rate == 0 and result.unit == "clip" and result.p == 2 / 2**10
    assert paired([1, 2], [1, 2], ["a", "b"], lower_is_better=True).win_rate == 0.5


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
