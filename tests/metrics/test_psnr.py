import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from tkit.errors import ConfigError, ScoreError
from tkit.metrics import METRICS
from tkit.metrics.pictures import to_gray
from tkit.metrics.psnr import squared_error

PSNR = METRICS.get("psnr")
GT = np.random.default_rng(1).integers(0, 256, (4, 24, 30, 3), dtype=np.uint8)


def score(pred, gt, **params):
    return PSNR.finish(PSNR.measure(pred=pred, gt=gt, **params))


def test_known_error_gives_known_decibels():
    gt = np.full((3, 16, 16, 3), 100, np.uint8)
    # Every value off by 5: MSE 25. By 255: MSE of the peak, 0 dB.
    assert score(gt + 5, gt) == pytest.approx(20 * math.log10(255 / 5), abs=1e-12)
    black, white = np.zeros_like(gt), np.full_like(gt, 255)
    assert score(black, white) == 0.0


def test_differences_do_not_wrap_at_256():
    low, high = np.zeros((1, 8, 8), np.uint8), np.full((1, 8, 8), 200, np.uint8)
    assert score(low, high) == score(high, low) == pytest.approx(20 * math.log10(255 / 200))


def test_identical_clips_are_infinite_unless_capped():
    assert score(GT, GT) == math.inf
    assert score(GT, GT, pool="frame") == math.inf
    assert score(GT, GT, cap=60) == pytest.approx(60, abs=1e-12)
    assert score(GT, GT, pool="frame", cap=100) == pytest.approx(100)


def test_a_cap_above_the_score_changes_nothing():
    pred = GT[::-1]
    assert score(pred, GT, cap=60) == score(pred, GT)


def test_error_is_pooled_over_the_clip_and_frames_are_averaged_on_request():
    gt = np.full((2, 16, 16), 100, np.uint8)
    pred = gt.copy()
    pred[0] += 1
    pred[1] += 3
    assert score(pred, gt) == pytest.approx(10 * math.log10(255**2 / 5))
    each = [20 * math.log10(255 / error) for error in (1, 3)]
    assert score(pred, gt, pool="frame") == pytest.approx(sum(each) / 2)


@pytest.mark.parametrize("color", ["gray", "rgb"])
def test_second_implementation(color):
    pred = np.random.default_rng(2).integers(0, 256, GT.shape, dtype=np.uint8)
    images = (to_gray(GT), to_gray(pred)) if color == "gray" else (GT, pred)
    expected = peak_signal_noise_ratio(*images, data_range=255)
    assert score(pred, GT, color=color) == pytest.approx(expected, abs=1e-11)


def test_squared_error_is_an_exact_integer():
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 256, (2, 37, 300, 400, 3), dtype=np.uint8)
    expected = int(((a.astype(np.int64) - b) ** 2).sum())
    assert squared_error(pred=a, gt=b) == expected
    assert squared_error(pred=a[:, ::2, 1:], gt=b[:, ::2, 1:]) == int(
        ((a[:, ::2, 1:].astype(np.int64) - b[:, ::2, 1:]) ** 2).sum()
    )


def test_gray_is_the_integer_luma():
    r, g, b = (GT[..., channel].astype(np.int64) for channel in range(3))
    expected = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
    np.testing.assert_array_equal(to_gray(GT), expected)
    # Frames that are gray already are taken as they are.
    assert score(to_gray(GT[::-1]), to_gray(GT)) == score(GT[::-1], GT)


@pytest.mark.parametrize(
    ("pred", "reason"),
    [
        (GT[:3], r"shape \(3, 24, 30, 3\), ground truth of shape \(4, 24, 30, 3\)"),
        (GT[:, :20], r"shape \(4, 20, 30, 3\)"),
        (to_gray(GT), r"shape \(4, 24, 30\)"),
        (GT / 255, "float64 values; frames are uint8"),
        (GT[0, 0], "not \\(T, H, W\\)"),
        (GT[..., :2], "not \\(T, H, W\\)"),
        (GT[:0], "no pixels"),
    ],
)
def test_frames_that_do_not_fit_are_refused(pred, reason):
    with pytest.raises(ScoreError, match=reason):
        score(pred, GT)


def test_colour_of_gray_frames_is_refused():
    with pytest.raises(ScoreError, match="three channels"):
        score(to_gray(GT), to_gray(GT), color="rgb")


def test_misspelt_choice_is_refused():
    with pytest.raises(ConfigError, match=r"psnr\.pool: 'frames' is none of clip, frame"):
        score(GT, GT, pool="frames")
