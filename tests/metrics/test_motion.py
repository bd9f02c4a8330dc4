"""Openings, velocities, jitter and synchrony of drawn points with known motion."""

import numpy as np
import pytest

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import METRICS

FPS = 25.0


def face(opening, *, seed=0):
    """Points (T, 68, 2), eyes 40 px apart, inner lips open by ``opening`` (T,) px."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 100, (1, 68, 2)).repeat(len(opening), axis=0)
    points[:, geometry.RIGHT_EYE] = 30.0, 40.0
    points[:, geometry.LEFT_EYE] = 70.0, 40.0
    for x, (upper, lower) in enumerate([(61, 67), (62, 66), (63, 65)]):
        points[:, upper] = [45 + 5 * x, 80]
        points[:, lower, 0] = 45 + 5 * x
        points[:, lower, 1] = 80 + np.asarray(opening)
    return points


def value(name, pred, gt, **extra):
    metric = METRICS.get(name)
    return metric.finish(metric.measure(pred=pred, gt=gt, **extra))


def test_mouth_opening_error_by_hand():
    gt, pred = face(np.array([4.0, 8.0])), face(np.array([6.0, 4.0]))
    assert value("mouth-opening", pred, gt) == pytest.approx(100 * (2 + 4) / 2 / 40)
    assert value("mouth-opening", 2 * pred, gt) == pytest.approx(100 * (2 + 4) / 2 / 40)


def test_velocity_error_by_hand_and_without_head_motion():
    steady = face(np.zeros(10))
    moving = steady.copy()
    moving[:, 48:68, 1] += 2.0 * np.arange(10)[:, None]  # 2 px a frame = 5 % IOD, 25 times a second
    assert value("velocity", moving, steady, fps=FPS) == pytest.approx(5 * 25, rel=1e-6)
    head = moving + np.arange(10)[:, None, None] * [3.0, 1.0]
    assert value("velocity", head, moving, fps=FPS) == pytest.approx(0, abs=1e-6)
    assert np.isnan(value("velocity", moving[:1], moving[:1], fps=FPS))


def test_jitter_sees_trembling_and_no_smooth_motion():
    steady = face(np.zeros(30))
    drift = steady + np.arange(30)[:, None, None] * 0.5
    assert value("jitter", drift, drift) == pytest.approx(0, abs=1e-6)
    tremble = steady + np.random.default_rng(1).normal(0, 0.4, steady.shape)
    assert value("jitter", tremble, steady) > 1


def test_lost_frames_raise_or_are_left_out():
    gt = face(np.linspace(0, 9, 10))
    lost = gt.copy()
    lost[4] = np.nan
    for name in ("mouth-opening", "velocity", "jitter"):
        with pytest.raises(ScoreError, match="no face in 1 of 10 frames"):
            METRICS.get(name).measure(pred=lost, gt=gt)
        metric = METRICS.get(name)
        assert metric.measure(pred=lost, gt=gt, missing_face="drop")["frames"] == 9


def spoken(lag=0, *, n_frames=75, seed=2):
    """A hum whose loudness the mouth follows, ``lag`` frames late."""
    rng = np.random.default_rng(seed)
    loud = np.convolve(rng.uniform(0, 1, n_frames + 40), np.ones(4) / 4, "same")
    level = np.repeat(loud[20 : 20 + n_frames], 640)
    wave = level**2 * np.sin(np.arange(n_frames * 640) / 16000 * 2 * np.pi * 200)
    return face(5 * loud[20 - lag : 20 - lag + n_frames]), wave.astype(np.float32)


@pytest.mark.parametrize("lag", [-4, 0, 3])
def test_lag_between_mouth_and_sound(lag):
    points, wave = spoken(lag)
    assert value("av-lag", points, points, wave=wave, fps=FPS) == lag
    assert value("av-corr", points, points, wave=wave, fps=FPS) > 0.8


def test_the_correlation_is_numpys_at_the_best_lag():
    points, wave = spoken(2, seed=5)
    opening = geometry.mouth_opening(points) / 40
    power = (wave.reshape(75, 640).astype(np.float64) ** 2).mean(axis=1)
    energy = np.maximum(10 * np.log10(np.maximum(power / power.max(), 1e-30)) + 50, 0)
    found = {
        lag: np.corrcoef(
            opening[max(lag, 0) : 75 + min(lag, 0)], energy[max(-lag, 0) : 75 + min(-lag, 0)]
        )[0, 1]
        for lag in range(-10, 11)
    }
    given = {"wave": wave, "fps": FPS}
    assert value("av-corr", points, points, **given) == pytest.approx(max(found.values()), 1e-12)
    assert value("av-lag", points, points, **given) == max(found, key=found.get)


def test_a_mouth_that_hardly_opens_follows_the_sound_as_well():
    points, wave = spoken()
    little = points.mean(axis=0) + 0.01 * (points - points.mean(axis=0))
    wide, small = (value("av-corr", p, points, wave=wave, fps=FPS) for p in (points, little))
    assert small == pytest.approx(wide, abs=1e-6)


def test_a_resting_mouth_has_no_lag():
    points, wave = spoken()
    still = points[:1].repeat(75, axis=0)
    assert value("av-corr", still, points, wave=wave, fps=FPS) == 0
    with pytest.raises(ScoreError, match="does not change"):
        value("av-lag", still, points, wave=wave, fps=FPS)
    with pytest.raises(ScoreError, match="silent"):
        METRICS.get("av-corr").measure(pred=points, gt=points, wave=0 * wave, fps=FPS)
    with pytest.raises(ScoreError, match="too few"):
        METRICS.get("av-corr").measure(pred=points[:20], gt=points[:20], wave=wave, fps=FPS)


def test_multi_scale_similarity():
    from skimage import data

    gt = data.camera()[None, :256, :256]
    metric = METRICS.get("msssim")
    assert value("msssim", gt, gt) == pytest.approx(1)
    rng = np.random.default_rng(0)
    noise = [np.clip(gt + rng.normal(0, s, gt.shape), 0, 255).astype(np.uint8) for s in (5, 20)]
    assert value("msssim", noise[1], gt) < value("msssim", noise[0], gt) < 1
    for side in (100, 161, 175):  # 161 has five scales, the coarsest smaller than the window
        with pytest.raises(ScoreError, match="too small for five scales"):
            metric.measure(pred=gt[:, :side], gt=gt[:, :side])
    assert value("msssim", gt[:, :176, :177], gt[:, :176, :177]) == pytest.approx(1)


def test_multi_scale_similarity_is_that_of_its_definition():
    """In NumPy and OpenCV: five scales, Gaussian window 11, whole windows only."""
    import cv2
    from skimage import data

    rng = np.random.default_rng(0)
    gt = data.camera()[100:300, 90:311]
    pred = np.clip(gt + rng.normal(0, 12, gt.shape), 0, 255).astype(np.uint8)
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()
    x, y, expected = gt.astype(np.float64), pred.astype(np.float64), 1.0
    for scale, exponent in enumerate([0.0448, 0.2856, 0.3001, 0.2363, 0.1333]):
        a, b, product, power = (
            cv2.sepFilter2D(m, -1, taps, taps)[5:-5, 5:-5] for m in (x, y, x * y, x * x + y * y)
        )
        terms = (2 * (product - a * b) + 58.5225) / (power - a * a - b * b + 58.5225)
        if scale == 4:
            terms = terms * (2 * a * b + 6.5025) / (a * a + b * b + 6.5025)
        expected *= terms.mean() ** exponent
        height, width = (side // 2 * 2 for side in x.shape)
        x, y = (m[:height, :width].reshape(height // 2, 2, -1, 2).mean((1, 3)) for m in (x, y))
    assert value("msssim", pred[None], gt[None]) == pytest.approx(expected, rel=1e-9)
