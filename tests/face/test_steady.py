"""Smoothing of points: truth known by construction, noise added."""

import numpy as np
import pytest

from tkit.face import geometry
from tkit.face.steady import average_alike, noise_variance, parabolas, steady

IOD = 50.0
NOISE_PX = 0.3  # dlib's own at this size: 0.008 of the inter-ocular distance in x and y together


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """A face of 68 points with an inter-ocular distance of 50 px."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-30, 30, (68, 2))
    points[geometry.RIGHT_EYE] = np.array((-25, -10)) + rng.uniform(-3, 3, (6, 2))
    points[geometry.LEFT_EYE] = np.array((25, -10)) + rng.uniform(-3, 3, (6, 2))
    points[geometry.MOUTH] = np.array((0, 30)) + rng.uniform(-8, 8, (20, 2))
    return points + 150


def talking(face: np.ndarray, n_frames: int = 75) -> tuple[np.ndarray, np.ndarray]:
    """Still for 25 frames, then the lower lip opens and closes five times, 10 frames each."""
    opening = np.zeros(n_frames)
    opening[25:] = 6 * (1 - np.cos(2 * np.pi * np.arange(n_frames - 25) / 10))
    points = np.repeat(face[None], n_frames, axis=0)
    points[:, 63:68, 1] += opening[:, None]
    points[:, 55:60, 1] += opening[:, None]
    return points, opening


def noisy(points: np.ndarray, seed: int = 1) -> np.ndarray:
    return points + np.random.default_rng(seed).normal(0, NOISE_PX, points.shape)


def test_rest_becomes_quiet_and_motion_keeps_its_height_and_time(face):
    truth, opening = talking(face)
    smooth = steady(noisy(truth))
    error = np.sqrt(np.square(smooth - truth).mean(axis=(1, 2)))
    assert error[3:20].mean() < 0.55 * NOISE_PX
    assert error[28:].mean() < 1.05 * NOISE_PX
    moved = (smooth - truth[0])[:, 63:68, 1].mean(axis=1)
    peaks = [30, 40, 50, 60, 70]
    assert moved[peaks].mean() == pytest.approx(12, rel=0.03)
    lags = [np.corrcoef(moved[28:70], opening[28 + lag : 70 + lag])[0, 1] for lag in (-1, 0, 1)]
    assert np.argmax(lags) == 1 and lags[0] == pytest.approx(lags[2], abs=0.02)


def test_a_moving_head_is_followed(face):
    way = np.stack([40 * np.sin(np.arange(60) / 8), np.zeros(60)], axis=1)
    truth = face + way[:, None]
    error = np.sqrt(np.square(steady(noisy(truth)) - truth).mean())
    assert error < 0.7 * NOISE_PX


def test_a_jerk_is_not_smeared(face):
    truth = np.repeat(face[None], 40, axis=0)
    truth[20:] += 15
    smooth = steady(noisy(truth))
    assert np.abs(smooth[[18, 19, 20, 21]] - truth[[18, 19, 20, 21]]).mean() < 1.2 * NOISE_PX


def test_time_reversed_is_the_same(face):
    points = noisy(talking(face)[0])
    np.testing.assert_allclose(steady(points[::-1])[::-1], steady(points), atol=1e-8)


def test_exact_points_stay_exact(face):
    still = np.repeat(face[None], 20, axis=0)
    np.testing.assert_allclose(steady(still), still, atol=1e-9)


def test_missing_frames_stay_missing_and_separate(face):
    points = noisy(np.repeat(face[None], 20, axis=0)).astype(np.float32)
    points[9:11] = np.nan
    smooth = steady(points)
    assert smooth.dtype == np.float32
    assert list(np.flatnonzero(np.isnan(smooth).any(axis=(1, 2)))) == [9, 10]
    np.testing.assert_allclose(smooth[:9], steady(points[:9]), atol=1e-4)
    np.testing.assert_array_equal(steady(points[:2]), points[:2])
    points[15] = np.nan  # a third stretch, and a fourth
    points[18] = np.nan
    smooth = steady(points)
    np.testing.assert_allclose(smooth[11:15], steady(points[11:15]), atol=1e-4)
    assert abs(smooth[11:15] - points[11:15]).max() > 1e-3
    np.testing.assert_array_equal(smooth[16:18], points[16:18])  # too short to tell noise


def test_noise_is_measured_without_slow_motion():
    rng = np.random.default_rng(0)
    track = rng.normal(0, 0.02, (400, 20, 2)) + np.arange(400)[:, None, None] * 0.01
    assert noise_variance(track) == pytest.approx(0.9 * 2 * 0.02**2, rel=0.1)


def test_what_differs_more_than_noise_does_is_motion_in_every_frame_and_stays():
    track = np.random.default_rng(0).normal(0, 0.1, (40, 6, 2))
    np.testing.assert_allclose(average_alike(track), track, atol=1e-6)


def test_averaging_divides_pure_noise_by_the_frames_it_takes():
    track = np.random.default_rng(0).normal(0, 0.005, (400, 20, 2))
    smooth = average_alike(track)
    assert smooth[5:-5].std() < 0.5 * 0.005


@pytest.mark.parametrize("count, frames", [(75, 9), (9, 9), (8, 7), (3, 3)])
def test_the_filter_of_poses_is_that_of_savitzky_and_golay(count, frames):
    from scipy.signal import savgol_filter

    pose = np.random.default_rng(count).normal(100, 5, (count, 2, 3))
    expected = savgol_filter(pose, frames, 2, axis=0)
    np.testing.assert_allclose(parabolas(pose, frames), expected, rtol=1e-13)
    line = np.arange(float(count))[:, None]
    np.testing.assert_allclose(parabolas(line**2, frames), line**2, atol=1e-9)
