import numpy as np
import pytest
from skimage.metrics import structural_similarity

from tkit.errors import ScoreError
from tkit.metrics import METRICS
from tkit.metrics.pictures import to_gray
from tkit.metrics.ssim import WINDOWS, ssim

SSIM = METRICS.get("ssim")
SKIMAGE = {
    "uniform7": {},
    "gauss11": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
    "uniform11": {"win_size": 11, "use_sample_covariance": False},
    "uniform11-sample": {"win_size": 11},
    "gauss11-sample": {"gaussian_weights": True, "sigma": 1.5},
}


def score(pred, gt, **params):
    return SSIM.finish(SSIM.measure(pred=pred, gt=gt, **params))


def pictures(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture with noise, and the same with other noise: SSIM well inside 0..1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    smooth = 128 + 90 * np.sin(x[..., None] / 9 + np.arange(3)) * np.cos(y[..., None] / 7)
    noisy = smooth + rng.normal(0, 12, (2, height, width, 3))
    gt, pred = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return gt, pred


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("size", [(11, 11), (12, 31), (64, 48), (97, 130)])
def test_second_implementation(window, size):
    gt, pred = pictures(*size)
    gray = to_gray(np.stack([gt, pred]))
    expected = structural_similarity(*gray, data_range=255, **SKIMAGE[window])
    assert score(pred[None], gt[None], window=window) == pytest.approx(expected, abs=1e-11)
    colour = structural_similarity(gt, pred, data_range=255, channel_axis=-1, **SKIMAGE[window])
    found = score(pred[None], gt[None], window=window, color="rgb")
    assert found == pytest.approx(colour, abs=1e-11)


@pytest.mark.parametrize("window", WINDOWS)
def test_extremes(window):
    gt, _ = pictures(40, 50)
    assert score(gt[None], gt[None], window=window) == 1.0
    white, black = np.full((1, 20, 20), 255, np.uint8), np.zeros((1, 20, 20), np.uint8)
    # No structure at all: the luminance term C1 / (255^2 + C1) alone is left.
    c1 = (0.01 * 255) ** 2
    assert score(white, black, window=window) == pytest.approx(c1 / (255**2 + c1), rel=1e-9)
    checker = (np.indices((1, 30, 30)).sum(0) % 2 * 255).astype(np.uint8)
    assert score(255 - checker, checker, window=window) < -0.9


def test_clip_is_the_mean_of_its_frames():
    gt, pred = np.stack([pictures(32, 40, t) for t in range(3)], axis=1)
    each = [score(pred[t : t + 1], gt[t : t + 1]) for t in range(3)]
    assert score(pred, gt) == pytest.approx(np.mean(each), abs=1e-14)


def test_repeated_frames_may_be_views():
    gt, pred = pictures(32, 40)
    view = np.broadcast_to(pred, (5, *pred.shape))
    clip = np.stack([gt] * 5)
    assert score(view, clip) == pytest.approx(score(pred[None], gt[None]), abs=1e-14)


@pytest.mark.parametrize("size", [(1, 1), (6, 20), (20, 6)])
def test_pictures_smaller_than_the_window_are_refused(size):
    image = np.zeros(size, np.uint8)
    with pytest.raises(ScoreError, match="smaller than the window, 7 pixels"):
        ssim(pred=image, gt=image)
    smallest = np.zeros((7, 7), np.uint8)
    assert ssim(pred=smallest, gt=smallest) == 1.0
