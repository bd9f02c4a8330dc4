"""Lids that shut by geometry, on a drawn face whose eyeballs are blue and whose skin is not."""

import cv2
import numpy as np
import pytest
import stores

from tkit.face import crops, geometry
from tkit.pipelines.stages.texture import lids
from tkit.pipelines.stages.texture.data import STILL

PAIRS = np.array([[37, 41], [38, 40], [43, 47], [44, 46]])
SCALE = 3  # of the picture beside the crop


def shut(points, share):
    """Lids that have come together by such a share of the way."""
    points = points.copy()
    half = share / 2 * (points[PAIRS[:, 1]] - points[PAIRS[:, 0]])
    points[PAIRS[:, 0]] += half
    points[PAIRS[:, 1]] -= half
    return points


@pytest.fixture(scope="module")
def points():
    """A face in pixels of the crop, whose eyes are open."""
    return geometry.apply(crops.canonical_to_crop(), geometry.normalise(stores.face()))


@pytest.fixture(scope="module")
def to_crop():
    return np.array([[1 / SCALE, 0, -2.0], [0, 1 / SCALE, -1.0]])


@pytest.fixture(scope="module")
def picture(points, to_crop):
    """Skin that is darker downwards, and blue eyes."""
    image = np.empty((140 * SCALE, 140 * SCALE, 3), np.uint8)
    image[:] = [220, 170, 140]
    image -= np.linspace(0, 60, len(image)).astype(np.uint8)[:, None, None]
    places = geometry.apply(geometry.invert(to_crop), points)
    for eye in (geometry.RIGHT_EYE, geometry.LEFT_EYE):
        corners = [np.rint(places[eye]).astype(np.int32)]
        cv2.polylines(cv2.fillPoly(image, corners, (0, 0, 255)), corners, True, (20, 10, 10), 2)
    return image


def blue(image):
    return ((image[..., 2] > 200) & (image[..., 0] < 60)).sum()


def test_eyes_at_rest_leave_a_picture_as_it_is(picture, points, to_crop):
    close = lids.Lids(picture, points, to_crop)
    for share in (0, 0.05, -0.2):  # trembling, and wider
        frame = close(picture.copy(), shut(points, share), points)
        np.testing.assert_array_equal(frame, picture)


def test_shut_lids_cover_the_eye_with_skin(picture, points, to_crop):
    close = lids.Lids(picture, points, to_crop)
    shares = 0, 0.2, 0.35, 0.8, 1
    seen = [blue(close(picture.copy(), shut(points, share), points)) for share in shares]
    assert seen[0] == blue(picture) > 200
    assert seen[0] > seen[1] > seen[2] > seen[3] == seen[4] == 0
    frame = close(picture.copy(), shut(points, 1.0), points)
    assert (frame[..., 0] + 5 >= frame[..., 2]).all(), (
        "what is drawn has no blue in it, nor a speck"
    )


def test_nothing_but_the_eyes_is_changed(picture, points, to_crop):
    frame = lids.Lids(picture, points, to_crop)(picture.copy(), shut(points, 1.0), points)
    rows, columns = np.nonzero((frame != picture).any(axis=-1))
    changed = geometry.apply(to_crop, np.stack([columns, rows], axis=-1).astype(float))
    width = points[39, 0] - points[36, 0]
    for eye in (geometry.RIGHT_EYE, geometry.LEFT_EYE):
        middle = points[eye].mean(axis=0)
        changed = changed[(abs(changed - middle) > [0.8 * width, 1.1 * width]).any(axis=-1)]
    assert not len(changed)


def test_one_eye_winks(picture, points, to_crop):
    wink = points.copy()
    wink[geometry.LEFT_EYE] = shut(points, 1.0)[geometry.LEFT_EYE]
    frame = lids.Lids(picture, points, to_crop)(picture.copy(), wink, points)
    middle = int((points[39, 0] + points[42, 0]) / 2 * SCALE)
    np.testing.assert_array_equal(frame[:, :middle], picture[:, :middle])
    assert blue(frame[:, middle:]) == 0


def test_lids_go_along_with_the_head(points):
    """Moving the head after lids have shut, or shutting lids after it has moved, is the same."""
    crop = cv2.GaussianBlur(np.full((128, 128, 3), 180, np.uint8), (0, 0), 2)
    for eye in (geometry.RIGHT_EYE, geometry.LEFT_EYE):
        cv2.fillPoly(crop, [np.rint(points[eye]).astype(np.int32)], (0, 0, 255))
    moved = np.array([[1, 0, 5.0], [0, 1, -3.0]])
    close = lids.Lids(crop, points, STILL)
    before = close(crop.copy(), shut(points, 0.6), points)
    after = close(
        cv2.warpAffine(crop, moved, (128, 128)), geometry.apply(moved, shut(points, 0.6)),
        geometry.apply(moved, points),
    )  # fmt: skip
    inner = slice(10, 110)
    expected = cv2.warpAffine(before, moved, (128, 128))[inner, inner]
    assert abs(after[inner, inner].astype(int) - expected).max() <= 1


def test_eyes_that_are_shut_in_the_picture_stay_shut(picture, points, to_crop):
    asleep = shut(points, 1.0)
    frame = lids.Lids(picture, asleep, to_crop)(picture.copy(), asleep, asleep)
    np.testing.assert_array_equal(frame, picture)


def test_eyes_at_the_border_of_a_picture_are_shut(points):
    near = points - [points[36, 0] + 1, points[37, 1] + 1]
    crop = np.full((128, 128, 3), 180, np.uint8)
    frame = lids.Lids(crop, near, STILL)(crop.copy(), shut(near, 1.0), near)
    assert frame.shape == crop.shape


def test_the_face_is_calm_above_the_cheeks_and_speaks_below(points):
    mask = lids.calm_mask(points, 128)
    assert (mask[: int(points[geometry.EYES, 1].max()) + 1] == 1).all()
    assert (mask[int(points[33, 1]) :] == 0).all()
    assert (np.diff(mask, axis=0) <= 0).all() and np.abs(np.diff(mask, axis=0)).max() < 0.3
