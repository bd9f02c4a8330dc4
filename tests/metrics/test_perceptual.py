"""LPIPS and DISTS: the packages' formulas on networks of random values, files of another kind."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tkit.errors import ScoreError, UsageError, WeightsError
from tkit.metrics import METRICS, backbones, identity_source
from tkit.metrics.lpips import write_random_heads

VALUES = json.loads((Path(__file__).parents[1] / "data" / "golden_perceptual.json").read_text())


def pictures():
    from skimage import data

    face = data.astronaut()[0:128, 150:278]
    gt = np.stack([face, face[::-1]])
    noise = np.random.default_rng(0).normal(0, 15, gt.shape)
    return np.clip(gt + noise, 0, 255).astype(np.uint8), gt


@pytest.fixture(scope="module", params=["lpips", "dists"])
def given(request, tmp_path_factory):
    family = METRICS.families()[request.param]
    example = family.example(tmp_path_factory.mktemp(request.param))
    settings = {key: value for key, value in example.items() if key in family.params}
    return request.param, settings


def test_it_is_the_formula_of_the_package(given):
    name, settings = given
    pred, gt = pictures()
    value = METRICS.get(name)(pred=pred, gt=gt, **settings)
    assert value == pytest.approx(VALUES[name], abs=1e-5)
    assert METRICS.get(name)(pred=gt, gt=gt, **settings) == pytest.approx(0, abs=1e-6)


def test_squeezenet_is_the_package_s_too(tmp_path):
    backbone = backbones.write_random(tmp_path / "squeezenet1_1.pth", "squeeze")
    heads = write_random_heads(tmp_path / "squeeze.pth", "squeeze")
    pred, gt = pictures()
    value = METRICS.get("lpips")(pred=pred, gt=gt, backbone=backbone, heads=heads, net="squeeze")
    assert value == pytest.approx(VALUES["lpips_squeeze"], abs=1e-5)
    shapes = {name: tuple(v.shape) for name, v in torch.load(backbone, weights_only=True).items()}
    assert shapes["features.0.weight"] == (64, 3, 3, 3)
    assert shapes["features.3.squeeze.weight"] == (16, 64, 1, 1)
    assert shapes["features.12.expand3x3.weight"] == (256, 64, 3, 3) and len(shapes) == 50


def test_files_of_another_kind_are_refused(given, tmp_path):
    name, settings = given
    pred, gt = pictures()
    metric = METRICS.get(name)
    with pytest.raises(UsageError, match=rf"--set {name}\.backbone=FILE"):
        metric(pred=pred, gt=gt)
    (tmp_path / "text.pth").write_text("no network")
    torch.save({"features.0.weight": torch.zeros(2)}, tmp_path / "other.pth")
    for wrong in ("text.pth", "other.pth"):
        for key in ("backbone", "heads"):
            with pytest.raises(WeightsError, match="not a checkpoint of"):
                metric(pred=pred, gt=gt, **{**settings, key: str(tmp_path / wrong)})
    with pytest.raises(ScoreError, match="less than 32 pixels"):
        metric(pred=pred[:, :20], gt=gt[:, :20], **settings)


def test_without_the_package_it_is_named(given, monkeypatch):
    name, settings = given
    missing, find = {"lpips", "DISTS_pytorch"}, importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n in missing else find(n))
    pred, gt = pictures()
    with pytest.raises(UsageError, match=r"pip install --no-deps (lpips|DISTS-pytorch)"):
        METRICS.get(name)(pred=pred, gt=gt, backbone=settings["backbone"])


def test_a_classifier_in_the_file_is_left_out(tmp_path):
    path = backbones.write_random(tmp_path / "alex.pth", "alex")
    state = torch.load(path, weights_only=True)
    torch.save({**state, "classifier.1.weight": torch.zeros(4, 4)}, path)
    loaded = backbones.load(path, "alex").state_dict()
    assert loaded.keys() == state.keys()
    assert [len(loaded[f"features.{i}.bias"]) for i in (0, 3, 6, 8, 10)] == [64, 192, 384, 256, 256]


def test_frames_without_a_face_are_refused_or_left_out_as_asked():
    faces = np.array([10, 0, 10], np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)

    def embed(frame):
        return np.array([0.6, 0.8]) if frame.any() else None

    given = {"pred": faces, "source": faces, "step": 1}
    with pytest.raises(ScoreError, match="no face in frame 1 of the prediction"):
        identity_source.cosines(embed, **given, missing_face="error")
    left = identity_source.cosines(embed, **given, missing_face="skip")
    assert left == {"frames": 2, "cosine": pytest.approx(2.0)}
