"""Lips that were open in the picture: white teeth with a green mark, and lips that are red."""

import cv2
import numpy as np
import pytest
import stores

from tkit.face import crops, geometry
from tkit.pipelines.stages.texture import teeth
from tkit.pipelines.stages.texture.data import STILL

SIZE = 128


def opened(by_px):
    """A face in pixels of the crop whose lower lip has sunk by so much from lips that meet."""
    points = geometry.apply(crops.canonical_to_crop(), geometry.normalise(stores.face()))
    middle = points[[61, 62, 63]].mean(axis=0)[1]
    points[60:68, 1] = middle
    points[[65, 66, 67], 1] += by_px
    points[48:60, 1] = middle + np.array([0, -3, -4, -4, -4, -3, 0, 3, 4, 4, 4, 3])
    points[55:60, 1] += by_px * np.array([0.6, 1, 1, 1, 0.6])
    points[5:12, 1] += 0.5 * by_px
    return points


@pytest.fixture(scope="module")
def still():
    return opened(9)


@pytest.fixture(scope="module")
def picture(still):
    image = np.full((SIZE, SIZE, 3), [200, 160, 140], np.uint8)
    places = np.rint(still).astype(np.int32)
    cv2.fillPoly(image, [places[geometry.OUTER_LIPS]], (180, 60, 60))
    cv2.fillPoly(image, [places[geometry.INNER_LIPS]], (250, 250, 250))
    image[places[62, 1] + 3, places[62, 0] - 1 : places[62, 0] + 2] = (0, 250, 0)
    image[places[[60, 64], 1], places[[60, 64], 0]] = (60, 20, 20)
    return image


def white(image):
    return (image.min(axis=-1) > 220).sum()


def shown(picture, still, points):
    """The picture carried to points, with its teeth."""
    flow = teeth.carried(np.zeros((SIZE, SIZE, 2)), points, still)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    frame = cv2.remap(picture, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    return teeth.Teeth(picture, still, STILL)(frame, points)


def test_teeth_are_told_from_the_dark_and_from_lips_that_meet(picture, still):
    assert teeth.shows(picture, still)
    assert not teeth.shows(picture, opened(0))
    dark = cv2.fillPoly(picture.copy(), [np.rint(still[60:68]).astype(np.int32)], (40, 20, 20))
    assert not teeth.shows(dark, still)


def test_a_mouth_that_stays_is_carried_nowhere(picture, still):
    flow = teeth.carried(np.zeros((SIZE, SIZE, 2)), still, still)
    assert np.abs(flow).max() < 0.02
    assert np.abs(shown(picture, still, still).astype(int) - picture).mean() < 1


def test_lips_are_carried_to_their_landmarks_and_nothing_folds(still):
    for by_px in (0, 4, 14):
        points = opened(by_px)
        flow = teeth.carried(np.zeros((SIZE, SIZE, 2)), points, still)
        for index in (50, 51, 52, 56, 57, 58):
            x, y = np.rint(points[index]).astype(int)
            assert flow[y, x] + (x, y) == pytest.approx(still[index], abs=1.5)
        rows = np.mgrid[:SIZE, :SIZE][0] + flow[..., 1]
        assert (np.diff(rows, axis=0) >= -0.05).all()


def test_lips_meet_over_the_teeth(picture, still):
    assert white(picture) > 80
    assert white(shown(picture, still, opened(0))) == 0


def test_teeth_rest_in_the_head_while_lips_move(picture, still):
    for by_px in (6, 9, 14):
        green = np.argwhere(shown(picture, still, opened(by_px))[..., 0] < 60)
        np.testing.assert_allclose(green.mean(axis=0), [np.rint(still[62, 1]) + 3, 64], atol=0.6)


def test_it_is_dark_where_a_mouth_opens_further_than_in_the_picture(picture, still):
    points = opened(16)
    frame = shown(picture, still, points)
    x, bottom = np.rint(points[66]).astype(int)
    assert frame[bottom - 3, x].max() < 200 < frame[int(points[62, 1]) + 6, x].min()
