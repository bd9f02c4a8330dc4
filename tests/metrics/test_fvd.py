"""Distances of clips and kernels: against the textbook's forms, ranges, files of another kind."""

import os
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from tkit import scoring
from tkit.errors import MissingPathError, ScoreError, UsageError
from tkit.metrics import METRICS, add, fvd
from tkit.scoring import protocols

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


class Known(nn.Module):
    """Called as the known file is; its features are the least and largest number that it saw."""

    def forward(
        self, x: torch.Tensor, rescale: bool = True, resize: bool = True,
        return_features: bool = False,
    ) -> torch.Tensor:  # fmt: skip
        if rescale or resize or not return_features:
            return torch.zeros(x.shape[0], 2)
        flat = x.flatten(1)
        return torch.stack([flat.min(dim=1)[0], flat.max(dim=1)[0]], dim=1)


def save(net, path):
    torch.jit.script(net).save(str(path))
    return str(path)


def clips(number, *, seed, frames=4):
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 150, (number, 1, 1, 1, 3))
    return np.clip(low + rng.integers(0, 90, (number, frames, 8, 8, 3)), 0, 255).astype(np.uint8)


def pooled(name, preds, gts, **given):
    metric, total = METRICS.get(name), {}
    for pred, gt in zip(preds, gts, strict=True):
        total = add(total, metric.measure(pred=pred, gt=gt, **given))
    return metric.finish(total), total


def colours(side):
    """Features of the example's network, by hand."""
    flat = side.reshape(len(side), -1, 3) / 127.5 - 1
    return np.concatenate([flat.mean(axis=1), flat.std(axis=1, ddof=1)], axis=1)


def cubic(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def by_hand(x, y):
    """The unbiased estimate, pair by pair."""
    n, m = len(x), len(y)
    xx = sum(cubic(x, x)[i, j] for i in range(n) for j in range(n) if i != j)
    yy = sum(cubic(y, y)[i, j] for i in range(m) for j in range(m) if i != j)
    return xx / n / (n - 1) + yy / m / (m - 1) - 2 * cubic(x, y).mean()


def test_the_frechet_video_distance_is_that_of_the_matrix_square_root(tmp_path):
    from scipy.linalg import sqrtm

    net = METRICS.families()["fvd"].example(tmp_path)["net"]
    preds, gts = clips(40, seed=0), clips(40, seed=1)
    value, stats = pooled("fvd", preds, gts, net=net, length=4)
    x, y = (np.concatenate(stats[side]).astype(float) for side in ("pred", "gt"))
    assert x.shape == (40, 6)
    covs = np.cov(x.T), np.cov(y.T)
    shift = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()
    expected = shift + np.trace(covs[0] + covs[1] - 2 * sqrtm(covs[0] @ covs[1]).real)
    assert value == pytest.approx(expected, abs=1e-6)


def test_the_network_sees_pictures_from_minus_one_to_one(tmp_path):
    given = METRICS.families()["fvd"].example(tmp_path)
    flat = np.repeat(clips(6, seed=2)[:, :, :1, :1], 8, axis=2).repeat(8, axis=3)
    stats = pooled("fvd", flat, flat, net=given["net"], length=4)[1]
    expected = flat.mean(axis=(1, 2, 3)) / 127.5 - 1
    np.testing.assert_allclose(np.concatenate(stats["gt"])[:, :3], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["kvd", "kid"])
def test_kernel_distances_are_those_pair_by_pair(name, tmp_path):
    preds, gts = clips(12, seed=0), clips(12, seed=1)
    given = METRICS.get(name).family.example(tmp_path)
    more = {"net": given["net"], **({"length": 4} if name == "kvd" else {"step": 2})}
    value, stats = pooled(name, preds, gts, **more)
    x, y = (np.concatenate(stats[side]).astype(float) for side in ("pred", "gt"))
    assert len(x) == (12 if name == "kvd" else 24)
    assert value == pytest.approx(by_hand(x, y), rel=1e-9)
    parts = [METRICS.get(name).measure(pred=p, gt=g, **more)
             for p, g in zip(preds, gts, strict=True)]  # fmt: skip
    parts = [add(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    ends = np.cumsum([0, *(sum(map(len, part["gt"])) for part in parts)])
    for left_out, (start, stop) in zip(
        METRICS.get(name).score.without(parts), pairwise(ends), strict=True
    ):
        kept = np.r_[0:start, stop : len(x)]
        assert left_out == pytest.approx(by_hand(x[kept], y[kept]), rel=1e-8)


def test_windows_are_the_first_or_all(tmp_path):
    net = METRICS.families()["fvd"].example(tmp_path)["net"]
    clip = clips(1, seed=3, frames=11)[0]
    metric = METRICS.get("fvd")
    for windows, n in (("first", 1), ("all", 2)):
        stats = metric.measure(pred=clip, gt=clip, net=net, length=5, windows=windows)
        assert stats["frames"] == 5 * n and len(stats["gt"][0]) == n
    with pytest.raises(ScoreError, match="11 frames are fewer than a window of 16"):
        metric.measure(pred=clip, gt=clip, net=net)
    with pytest.raises(ScoreError, match="two clips"):
        metric(pred=clip, gt=clip, net=net, length=5)


def test_a_range_as_released_belongs_to_the_known_file(tmp_path, monkeypatch):
    net = save(Known(), tmp_path / "i3d.pt")
    clip = np.zeros((16, 8, 8, 3), np.uint8)
    clip[:, 4:] = 255
    metric = METRICS.get("fvd")
    with pytest.raises(UsageError, match=r"one of i3d_torchscript\.pt, this is another"):
        metric.measure(pred=clip, gt=clip, net=net, variant="latentsync-asreleased")
    monkeypatch.setattr(fvd, "I3D", fvd.git_blob(net))
    copy = tmp_path / "copy.pt"
    copy.write_bytes((tmp_path / "i3d.pt").read_bytes())
    seen = {}
    for name in protocols.names():
        if name.startswith("fvd-"):
            protocol = protocols.load(name)
            assert protocol.metrics["fvd"] == protocol.metrics["kvd"]
            stats = metric.measure(pred=clip, gt=clip, net=str(copy), **protocol.metrics["fvd"])
            seen[name] = [round(float(v), 4) for v in stats["gt"][0][0]]  # resizing rounds
    assert seen == {
        "fvd-styleganv": [-1, 1],
        "fvd-latentsync-asreleased": [0, 1],
        "fvd-videvalkit-asreleased": [0, 255],
    }


def test_a_file_is_known_by_its_git_blob(tmp_path):
    (tmp_path / "file").write_bytes(b"hello\n")
    assert fvd.git_blob(tmp_path / "file") == "ce013625030ba8dba906f756967f9e9ca394464a"


class Flat(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(1, 2))


class OfPictures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


def test_a_network_of_another_kind_is_refused_in_one_line(tmp_path):
    clip = clips(1, seed=0, frames=16)[0]
    metric = METRICS.get("fvd")
    for net, why in ((Flat(), r"gives no finite features \(N, D\)"),
                     (OfPictures(), r"takes no clips \(1, 3, 16, 224, 224\)")):  # fmt: skip
        with pytest.raises(UsageError, match=why) as caught:
            metric(pred=clip, gt=clip, net=save(net, tmp_path / f"{type(net).__name__}.pt"))
        assert "\n" not in str(caught.value)
    (tmp_path / "text.pt").write_text("no network")
    with pytest.raises(UsageError, match="not a TorchScript network"):
        metric(pred=clip, gt=clip, net=str(tmp_path / "text.pt"))
    with pytest.raises(MissingPathError, match="no such feature network"):
        metric(pred=clip, gt=clip, net=str(tmp_path / "absent.pt"))
    with pytest.raises(UsageError, match=r"needs a network of clips.*--set fvd\.net=FILE"):
        metric(pred=clip, gt=clip)


def test_few_clips_are_remarked():
    remark = METRICS.get("fvd").score.remark
    rows = {"gt": (np.zeros((3, 400)), np.zeros((2, 400)))}
    assert remark(rows) == "5 clips for 400 features: the value is far too high, kvd is not"
    assert remark({"gt": (np.zeros((401, 400)),)}) == ""


def test_its_interval_leaves_out_speakers(tmp_path):
    for side, seed in (("gt", 0), ("ours", 1)):
        for index, clip in enumerate(clips(12, seed=seed)):
            path = tmp_path / side / f"s{index // 3}" / f"c{index}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, clip)
    net = METRICS.families()["fvd"].example(tmp_path)["net"]
    report = scoring.score(
        {"ours": tmp_path / "ours"},
        tmp_path / "gt",
        metrics=["fvd", "kvd"],
        settings={name: {"net": net, "length": 4} for name in ("fvd", "kvd")},
        rows=("gt",),
    )
    for name in ("fvd", "kvd"):
        ours = report.methods["ours"][name]
        assert ours.low < ours.value < ours.high and ours.n == 12
        assert report.methods["gt"][name].value < ours.value


def test_a_table_of_few_clips_has_the_remark(tmp_path):
    for side, seed in (("gt", 0), ("ours", 1)):
        for index, clip in enumerate(clips(4, seed=seed)):
            (tmp_path / side).mkdir(exist_ok=True)
            np.save(tmp_path / side / f"c{index}.npy", clip)
    settings = {"fvd": {"net": METRICS.families()["fvd"].example(tmp_path)["net"], "length": 4}}
    report = scoring.score(tmp_path / "ours", tmp_path / "gt", metrics="fvd", settings=settings)
    said = "4 clips for 6 features: the value is far too high, kvd is not"
    assert report.methods["ours"]["fvd"].note.endswith(said)
    assert said in " ".join(report.table().split())


@pytest.mark.slow
def test_the_known_file_gives_the_published_number():
    path = os.environ.get("TKIT_I3D")
    if not path:
        pytest.skip("needs i3d_torchscript.pt, named by TKIT_I3D")
    black = np.zeros((30, 64, 64, 3), np.uint8)
    value, _ = pooled("fvd", [black] * 8, [black + 255] * 8, net=path, length=30)
    assert value == pytest.approx(151.256, abs=0.05)
