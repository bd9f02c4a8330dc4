"""The Fréchet distance of features: against the textbook's form, and with parts left out."""

from itertools import pairwise

import numpy as np
import pytest

from tkit import scoring
from tkit.errors import ScoreError
from tkit.metrics import METRICS
from tkit.scoring import statistics

FID = METRICS.get("fid")


def features(n_frames, n_dims, *, seed=0):
    """Positive features whose variances fall off, as those of a network do."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(n_dims, n_dims)))
    spread = np.arange(1, n_dims + 1) ** -0.8
    return abs(rng.normal(size=(n_frames, n_dims)) * spread @ turn).astype(np.float32)


def stats(pred, gt):
    return {"frames": len(gt), "pred": (pred,), "gt": (gt,)}


def by_square_root(pred, gt):
    """The form that everybody writes: the trace of a matrix square root (SciPy)."""
    from scipy.linalg import sqrtm

    pred, gt = pred.astype(np.float64), gt.astype(np.float64)
    covs = np.cov(pred, rowvar=False), np.cov(gt, rowvar=False)
    shift = ((pred.mean(axis=0) - gt.mean(axis=0)) ** 2).sum()
    traces = np.trace(covs[0]) + np.trace(covs[1])
    return shift + traces - 2 * np.trace(sqrtm(covs[0] @ covs[1])).real


@pytest.mark.parametrize(
    ("n_pred", "n_gt", "n_dims", "tolerance"),
    [
        (500, 400, 64, 1e-9),
        (900, 1000, 200, 1e-9),
        # Fewer frames than features: SciPy's root of a singular product is itself inexact.
        (60, 80, 100, 1e-3),
        (60, 400, 100, 1e-3),
    ],
)
def test_the_distance_is_that_of_the_matrix_square_root(n_pred, n_gt, n_dims, tolerance):
    pred, gt = 1.1 * features(n_pred, n_dims), features(n_gt, n_dims, seed=1)
    expected = by_square_root(pred, gt)
    assert FID.finish(stats(pred, gt)) == pytest.approx(expected, rel=tolerance)


def test_the_distance_of_a_set_from_itself_is_nought():
    for n_frames, n_dims in ((300, 40), (40, 300)):
        same = features(n_frames, n_dims)
        assert f"{FID.finish(stats(same, same)):.3f}" == "0.000"
        still = np.repeat(same[:1], 50, axis=0)
        assert FID.finish(stats(still, still)) == 0


def test_the_distance_of_a_moved_and_stretched_set_is_known():
    gt = features(200, 8).astype(np.float64)
    centred = gt - gt.mean(axis=0)
    moved = gt.mean(axis=0) + 3 + 2 * centred  # means differ by 3 eight times, roots by their own
    expected = 8 * 9 + np.square(centred).sum() / 199
    assert FID.finish(stats(moved, gt)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n_dims", [12, 90])
def test_leaving_out_a_part_is_finishing_the_others(n_dims):
    pred, gt = features(120, n_dims), features(120, n_dims, seed=1)
    pred[40:80] = pred[40]  # a still, as of the static row
    cuts = [0, 3, 40, 80, 120]
    parts = [stats(pred[a:b], gt[a:b]) for a, b in pairwise(cuts)]
    for gone, value in enumerate(FID.score.without(parts)):
        kept = [part for index, part in enumerate(parts) if index != gone]
        others = stats(*(np.concatenate([part[n][0] for part in kept]) for n in ("pred", "gt")))
        assert value == pytest.approx(FID.finish(others), rel=1e-6)


def test_one_frame_has_no_distance():
    with pytest.raises(ScoreError, match="two frames at least"):
        FID.finish(stats(features(1, 4), features(1, 4)))
    part = stats(features(2, 4), features(2, 4))
    with pytest.raises(ScoreError, match="two frames at least"):
        FID.score.without([part, stats(features(1, 4), features(1, 4))])


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_its_interval_leaves_out_speakers(tmp_path):
    rng = np.random.default_rng(0)
    for speaker in range(4):
        for side in ("gt", "ours"):
            path = tmp_path / side / f"s{speaker}" / "clip.npy"
            path.parent.mkdir(parents=True)
            np.save(path, rng.integers(10 * speaker, 200, (6, 12, 12, 3), dtype=np.uint8))
    net = METRICS.families()["fid"].example(tmp_path)["net"]
    report = scoring.score(
        {"ours": tmp_path / "ours"},
        tmp_path / "gt",
        metrics=["fid"],
        settings={"fid": {"net": net}},
        rows=("gt",),
    )
    ours, gt = (report.methods[name]["fid"] for name in ("ours", "gt"))
    assert ours.low < ours.value < ours.high and "|ci:speaker-t-20|" in ours.signature
    assert (gt.low, gt.value, gt.high) == (0, 0, 0)
    parts = [
        METRICS.get("fid").measure(
            pred=np.load(tmp_path / "ours" / f"s{speaker}" / "clip.npy"),
            gt=np.load(tmp_path / "gt" / f"s{speaker}" / "clip.npy"),
            net=net,
        )
        for speaker in range(4)
    ]
    left_out, quarter = np.array(FID.score.without(parts)), np.full(4, 0.25)
    expected = statistics.interval(np.float64(ours.value), left_out, quarter)
    np.testing.assert_allclose((ours.low, ours.high), expected)
