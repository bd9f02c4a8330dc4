"""Golden numbers of public implementations, see ``tests/helpers/golden.py``."""

import golden
import numpy as np
import pytest

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import METRICS, cpbd
from tkit.metrics.ssim import ssim

VALUES = golden.values()
TOLERANCE = 1e-9  # the file has nine decimals

PSNR = {
    "skimage_gray": {},
    "sewar_gray": {},
    "skimage_rgb": {"color": "rgb"},
}
SSIM = {
    "skimage_gray_uniform7_default": {},
    "skimage_gray_gauss_wang": {"window": "gauss11"},
    "sewar_gray_gauss": {"window": "gauss11"},
    "sewar_gray_uniform11_default": {"window": "uniform11"},
    "skimage_gray_uniform11": {"window": "uniform11-sample"},
    "skimage_gray_gauss_samplecov": {"window": "gauss11-sample"},
    "skimage_rgb_uniform7": {"color": "rgb"},
    "skimage_rgb_gauss_wang": {"color": "rgb", "window": "gauss11"},
}


def distorted(key: str, gt: np.ndarray) -> np.ndarray | None:
    """Rebuild one picture; None if this SciPy makes another of it."""
    kind, entry = key.split("|")[1], VALUES["pairs"][key]
    pred = golden.distort(gt, kind)
    if golden.sha16(pred) == entry["sha16"]:
        return pred
    assert kind.startswith(golden.ROUNDED_BY_SCIPY), f"{key} is not the picture it was"
    return None


def score(name: str, pred: np.ndarray, gt: np.ndarray, **params) -> float:
    metric = METRICS.get(name)
    return metric.finish(metric.measure(pred=pred, gt=gt, **params))


@pytest.mark.parametrize("base", golden.BASES)
def test_pictures(base):
    gt, compared = golden.base(base), 0
    for key, entry in VALUES["pairs"].items():
        if key.split("|")[0] != base or (pred := distorted(key, gt)) is None:
            continue
        sharpness = entry["cpbd"]
        assert round(score("cpbd", pred[None], gt[None]), 9) == sharpness["cpbd_1.0.7"], key
        matlab = score("cpbd", pred[None], gt[None], mode="matlab")
        assert round(matlab, 9) == sharpness["matlab_like"], key
        for metric, variants in (("psnr", PSNR), ("ssim", SSIM)):
            for variant, params in variants.items():
                if variant in entry[metric]:
                    value = score(metric, pred[None], gt[None], **params)
                    expected = float(entry[metric][variant])
                    assert value == pytest.approx(expected, abs=TOLERANCE, rel=0), (key, variant)
                    compared += 1
    assert compared >= 30  # those of six distortions that SciPy has no part in


def test_floats_with_the_wrong_range():
    """Pictures in [0, 1] under a range of 2: the slip of older scikit-image is a range of 510."""
    gt = golden.base("camera256")
    for kind in ("blur0.7", "noise10"):
        key = f"camera256|{kind}"
        if (pred := distorted(key, gt)) is None:
            continue
        expected = VALUES["pairs"][key]["ssim"]["skimage_gray_float01_data_range2"]
        assert ssim(pred=pred, gt=gt, data_range=510) == pytest.approx(expected, abs=TOLERANCE)


def test_sequence_with_an_identical_frame():
    entry = VALUES["sequence"]
    still = golden.gray601(golden.base("astro256"))
    pred = np.stack([still, *(golden.noise(still, t, seed=t) for t in range(1, 10))])
    assert [golden.sha16(frame) for frame in pred] == entry["sha16"]
    gt = np.broadcast_to(still, pred.shape)
    expected = {
        "psnr_pooled_mse": score("psnr", pred, gt),
        "psnr_mean_of_frames": score("psnr", pred, gt, pool="frame"),
        "psnr_mean_capped_60": score("psnr", pred, gt, pool="frame", cap=60),
        "psnr_mean_capped_100": score("psnr", pred, gt, pool="frame", cap=100),
        "ssim_uniform7_mean": score("ssim", pred, gt),
        "ssim_wang_mean": score("ssim", pred, gt, window="gauss11"),
        "cpbd_mean": score("cpbd", pred, gt),
    }
    for key, value in expected.items():
        assert value == pytest.approx(float(entry[key]), abs=TOLERANCE), key


def test_landmark_distances():
    random = np.random.RandomState(0)  # the recipe names the legacy generator
    gt = random.uniform(0, 128, (5, 68, 2))
    pred = gt + random.normal(0, 1, (5, 68, 2)) + [2, -1]
    entry = VALUES["landmark_distance"]
    raw = {"centre": "none", "scale": "px"}
    measured = {
        "mouth20_centred_over_iod": score("lmd", pred, gt) / 100,
        "mouth20_mean_l2_centred": score("lmd", pred, gt, scale="px"),
        "mouth20_mean_l2_raw": score("lmd", pred, gt, **raw),
        "mouth20_mean_abs_per_coordinate_raw": score("lmd", pred, gt, norm="l1", **raw),
        "mouth20_sum_l2_centred_per_frame": score("lmd", pred, gt, reduce="sum", scale="px"),
        "all68_mean_l2": score("lmd", pred, gt, points="all", **raw),
    }
    for key, value in measured.items():
        assert value == pytest.approx(entry[key], abs=TOLERANCE), key
    # Summed over the mouth, divided by 68: uncentred, as the evaluator that does so.
    sum68 = score("lmd", pred, gt, reduce="sum68", **raw)
    assert sum68 == pytest.approx(entry["mouth20_sum_l2_over_68"], abs=TOLERANCE)


def test_blur_of_edge_cases():
    for name, entry in VALUES["edge_cases"].items():
        image = golden.edge_case(name)[None]
        assert golden.sha16(image[0]) == entry["sha16"], name
        if min(image[0].shape) < cpbd.BLOCK:  # others say that nothing is sharp
            assert entry["cpbd_1.0.7"] == entry["matlab_like"] == 0
            with pytest.raises(ScoreError, match="no whole block"):
                score("cpbd", image, image)
            continue
        assert round(score("cpbd", image, image), 9) == entry["cpbd_1.0.7"], name
        matlab = score("cpbd", image, image, mode="matlab")
        assert round(matlab, 9) == entry["matlab_like"], name


def test_eye_aspect_ratio():
    points = np.random.RandomState(0).uniform(0, 128, (5, 68, 2))
    ear = geometry.eye_aspect_ratio(points).mean(axis=1)
    assert ear == pytest.approx(VALUES["ear"]["ear_per_frame"], abs=TOLERANCE)
