"""Crops of protocols: places of the template, smoothing over seven frames, exact resampling."""

import cv2
import numpy as np
import pytest

from tkit.errors import ScoreError
from tkit.face import crops, geometry
from tkit.media.pictures import stretch


def faces(n_frames, *, shift_px=0.0):
    """A face that fits the template after scaling by 2, turning and moving."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (68, 2))
    points[crops.SDA_INDEX] = crops.SDA_TARGET
    pose = np.array([[1.9, -0.3, 60.0], [0.3, 1.9, 40.0]])
    moved = geometry.apply(pose, points)[None].repeat(n_frames, axis=0)
    return moved + shift_px * np.arange(n_frames)[:, None, None]


def test_template_points_land_in_their_places():
    points = faces(10)
    found = geometry.apply(crops.align(points, "sda96x128"), points)[:, crops.SDA_INDEX]
    np.testing.assert_allclose(found, np.broadcast_to(crops.SDA_TARGET, found.shape), atol=1e-9)


def test_seven_frames_are_averaged_and_the_last_transform_is_held():
    points = faces(12, shift_px=1.0)
    transforms = crops.align(points, "sda96x128")
    np.testing.assert_array_equal(transforms[5:], transforms[5:6].repeat(7, axis=0))
    # The mean of t .. t + 6 is the face three frames on.
    at = geometry.apply(transforms[2], points[5][crops.SDA_INDEX])
    np.testing.assert_allclose(at, crops.SDA_TARGET, atol=1e-9)
    assert len(crops.align(points[:3], "sda96x128")) == 3


def test_cutting_is_bilinear_and_truncates():
    from scipy.ndimage import map_coordinates

    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (1, 200, 220, 3), dtype=np.uint8)
    transform = np.array([[[0.5, 0.05, -9.3], [-0.05, 0.5, -4.7]]])
    crop = crops.cut_named(frame, transform, "sda96x128")[0]
    assert crop.shape == (128, 96, 3)
    inverse = geometry.invert(transform)[0]
    rows, columns = np.mgrid[0:128, 0:96]
    source = geometry.apply(inverse, np.stack([columns, rows], -1).reshape(-1, 2).astype(float))
    exact = map_coordinates(
        frame[0, ..., 1].astype(float), source[:, ::-1].T, order=1, mode="constant"
    )
    inside = (source.min(axis=1) > 1) & (source[:, 0] < 218) & (source[:, 1] < 198)
    np.testing.assert_array_equal(
        crop[..., 1].ravel()[inside], np.floor(exact[inside] + 1e-6).astype(np.uint8)
    )


def test_gaps_are_bridged_up_to_ten_frames():
    points = faces(30)
    points[5:15] = np.nan
    assert np.isfinite(crops.align(points, "sda96x128")).all()
    points[5:16] = np.nan
    with pytest.raises(ScoreError, match="no face in 11 consecutive frames"):
        crops.align(points, "sda96x128")


def test_stretching_reaches_both_ends():
    frames = np.full((2, 4, 4, 3), 110, np.uint8)
    frames[0, 0, 0], frames[0, 1, 1] = 50, 150
    stretched = stretch(frames)
    assert stretched[0].min() == 0 and stretched[0].max() == 255 and stretched[0, 2, 2, 0] == 153
    assert (stretched[1] == 0).all()


def syncnets_square(frame, box):
    """The square of SyncNet's pipelines, as they cut it: padded, sliced, resized."""
    left, top, right, bottom = box
    half = max(bottom - top, right - left) / 2
    x, y, pad = (left + right) / 2, (top + bottom) / 2, int(half * 1.8)
    padded = np.pad(frame, ((pad, pad), (pad, pad), (0, 0)), constant_values=110)
    rows = slice(int(y + pad - half), int(y + pad + half * 1.8))
    columns = slice(int(x + pad - half * 1.4), int(x + pad + half * 1.4))
    return cv2.resize(padded[rows, columns], (224, 224))


@pytest.mark.parametrize("left", [40, 2])
def test_syncnets_square_is_that_of_its_pipelines(left):
    rng = np.random.default_rng(0)
    frame = cv2.resize(rng.integers(0, 256, (24, 30, 3), dtype=np.uint8), (300, 240))
    points = np.zeros((20, 68, 2))
    points[:, :17, 0] = np.linspace(left, left + 80, 17)  # the jaw; the chin is its point 8
    points[:, 8, 1], points[:, 17:27, 1] = 170, 170 - 200 / 3  # so the hairline is at 70
    transforms = crops.align(points, "syncnet224")
    found = crops.cut_named(np.repeat(frame[None], 20, axis=0), transforms, "syncnet224")
    expected = syncnets_square(frame, (left, 70, left + 80, 170))
    assert np.abs(found[10].astype(int) - expected).mean() < 0.5
    # Where the face is near the edge there is grey, and a face that stands still is cut alike.
    assert (found[10, :, 0] == 110).all() == (left == 2)
    np.testing.assert_array_equal(found[0], found[10])


def test_syncnets_square_does_not_follow_a_face_that_was_found_elsewhere_once():
    points = np.random.default_rng(0).uniform(50, 90, (1, 68, 2)).repeat(30, axis=0)
    still = crops.align(points, "syncnet224")
    points[12] += 40
    np.testing.assert_allclose(crops.align(points, "syncnet224"), still)
    assert np.isfinite(crops.align(points[:3], "syncnet224")).all()
