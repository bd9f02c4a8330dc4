"""Golden numbers of public implementations, made by a survey of them (see ``meta`` in the file).

The pictures are rebuilt by the recipe stored beside the numbers, from scikit-image's own pictures.
One whose hash differs is another picture (another SciPy rounds elsewhere): its numbers say nothing.
"""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tkit.face import geometry
from tkit.metrics import METRICS
from tkit.metrics.ssim import ssim

FILE = Path(__file__).parents[2].parent / "shared" / "data" / "reference_values.json"
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


@pytest.fixture(scope="module")
def reference():
    if not FILE.exists():
        pytest.skip(f"{FILE} is not there: the survey's numbers are not part of the repository")
    return json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def recipes(reference):
    module = ModuleType("recipes")
    exec(reference["recipes"]["python_source"], module.__dict__)
    return module


def score(name: str, pred: np.ndarray, gt: np.ndarray, **params) -> float:
    metric = METRICS.get(name)
    return metric.finish(metric.measure(pred=pred, gt=gt, **params))


@pytest.mark.parametrize(
    "base", ["astro128", "astro256", "astro360x288", "camera256", "coffee360x288"]
)
def test_pictures(reference, recipes, base):
    gt, compared = recipes.base(base), 0
    for key, entry in reference["pairs"].items():
        if key.split("|")[0] != base:
            continue
        pred = recipes.distort(gt, key.split("|")[1])
        if recipes.sha(pred) != entry["sha16"]:
            continue
        sharpness = entry["cpbd_of_distorted"]
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
    if not compared:
        pytest.skip("no picture has the recorded hash with this SciPy")


def test_floats_with_the_wrong_range(reference, recipes):
    """Pictures in [0, 1] under a range of 2: the slip of older scikit-image is a range of 510."""
    entry = reference["pairs"]["camera256|blur0.7"]
    gt = recipes.base("camera256")
    pred = recipes.distort(gt, "blur0.7")
    if recipes.sha(pred) != entry["sha16"]:
        pytest.skip("another picture with this SciPy")
    expected = entry["ssim"]["skimage_gray_float01_data_range2"]
    assert ssim(pred=pred, gt=gt, data_range=510) == pytest.approx(expected, abs=TOLERANCE)


def test_sequence_with_an_identical_frame(reference, recipes):
    entry = reference["sequence"]
    still = recipes.gray601(recipes.base("astro256"))
    pred = np.stack([still, *(recipes.noise(still, t, seed=t) for t in range(1, 10))])
    if [recipes.sha(frame) for frame in pred] != entry["sha16"]:
        pytest.skip("other pictures with this NumPy")
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


def test_landmark_distances(reference):
    random = np.random.RandomState(0)  # the recipe names the legacy generator
    gt = random.uniform(0, 128, (5, 68, 2))
    pred = gt + random.normal(0, 1, (5, 68, 2)) + [2, -1]
    entry = reference["landmark_distance"]
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


def test_blur_of_edge_cases(reference, recipes):
    for name, entry in reference["synthetic"].items():
        image = recipes.synth(name)[None]
        if recipes.sha(image[0]) != entry["sha16"]:
            continue
        assert round(score("cpbd", image, image), 9) == entry["cpbd_1.0.7"], name
        matlab = score("cpbd", image, image, mode="matlab")
        assert round(matlab, 9) == entry["matlab_like"], name


def test_eye_aspect_ratio(reference):
    points = np.random.RandomState(0).uniform(0, 128, (5, 68, 2))
    ear = geometry.eye_aspect_ratio(points).mean(axis=1)
    assert ear == pytest.approx(reference["ear"]["ear_per_frame"], abs=TOLERANCE)
