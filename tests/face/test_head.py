"""Head poses: projections of the model turned by known angles, OpenCV's PnP, puppets."""

import numpy as np
import pytest

from tkit.corpora import puppet
from tkit.face import geometry, head

RNG = np.random.default_rng(0)
ANGLES = RNG.uniform(-30, 30, (400, 3))
TURNED = head.rotation(*ANGLES.T)


def errors(points):
    return head.between(head.pose(points), TURNED)


def test_angles_and_rotations_are_inverse():
    np.testing.assert_allclose(head.angles(TURNED), ANGLES, atol=1e-9)
    np.testing.assert_allclose(TURNED @ np.swapaxes(TURNED, 1, 2) - np.eye(3), 0, atol=1e-12)
    signs = head.project(head.rotation(*np.diag([20.0, 20.0, 20.0])))
    nose = signs[:, 30]
    assert nose[0, 1] > head.MODEL[30, 1] and nose[1, 0] < 0  # down, to the left
    right, left = (
        signs[2, geometry.RIGHT_EYE].mean(axis=0),
        signs[2, geometry.LEFT_EYE].mean(axis=0),
    )
    assert right[1] < left[1]  # clockwise


def test_the_model_is_a_face():
    flipped = head.MODEL[geometry.MIRROR] * [-1, 1, 1]
    np.testing.assert_array_equal(flipped, head.MODEL)
    assert geometry.inter_ocular(head.MODEL[:, :2]) == pytest.approx(1, abs=1e-3)
    assert head.MODEL[30, 2] == head.MODEL[:, 2].min()  # the tip of the nose


@pytest.mark.parametrize("size_px", [30, 60, 200])
def test_the_pose_of_a_projected_model_is_known(size_px):
    assert errors(size_px * head.project(TURNED) + [640, 360]).max() < 1e-5


@pytest.mark.parametrize(("size_px", "most", "usual"), [(48, 2.0, 1.3), (60, 2.0, 1.0)])
def test_a_pixel_of_noise_turns_it_by_less_than_two_degrees(size_px, most, usual):
    noisy = size_px * head.project(TURNED) + RNG.normal(0, 1, (400, 68, 2))
    assert errors(noisy).max() <= most
    assert np.quantile(errors(noisy), 0.95) <= usual


@pytest.mark.parametrize("distance", [8.0, np.inf])
def test_another_distance_of_the_camera_turns_it_by_less_than_three_degrees(distance):
    assert errors(60 * head.project(TURNED, distance=distance)).max() < 3


def test_it_is_the_pose_of_opencv_where_the_camera_is_known():
    import cv2

    size = 60 * head.DISTANCE
    camera = np.array([[size, 0, 300], [0, size, 200], [0, 0, 1]])
    solid = head.MODEL[head.POSE_INDEX]
    points = 60 * head.project(TURNED[:50]) + [300, 200]
    looked_at = np.ascontiguousarray(points[:, head.POSE_INDEX])
    for seen, turn in zip(looked_at, head.pose(points), strict=True):
        vector = cv2.solvePnP(solid, seen, camera, None, flags=cv2.SOLVEPNP_ITERATIVE)[1]
        assert head.between(cv2.Rodrigues(vector)[0], turn) < 1e-4


def test_where_and_how_large_the_head_is_does_not_matter():
    points = 60 * head.project(TURNED) + RNG.normal(0, 1, (400, 68, 2))
    moved = 3 * points + [1e4, -5e3]
    assert head.between(head.pose(points), head.pose(moved)).max() < 1e-6


def test_a_mouth_that_opens_turns_nothing():
    points = 60 * head.project(TURNED)
    spoken = points.copy()
    spoken[:, 5:12, 1] += 20
    spoken[:, geometry.MOUTH] += RNG.normal(0, 8, (400, 20, 2))
    np.testing.assert_array_equal(head.pose(points), head.pose(spoken))


def test_frames_without_a_face_have_no_pose():
    points = 60 * head.project(TURNED[:5])
    points[2, 42] = np.nan
    found = head.pose(points)
    assert np.isnan(found).all(axis=(1, 2)).tolist() == [False, False, True, False, False]
    assert np.isfinite(head.pose(np.zeros((2, 68, 2)))).all()  # no error: there is no face to turn


@pytest.mark.parametrize("number", [1, 2, 3])
def test_puppets_roll_as_they_were_turned(number):
    """They move by similarities in the picture: of the three angles roll alone may change."""
    person = puppet.face_of(number, 0).points
    roll = np.linspace(-25, 25, 51)
    turns = np.stack([[[np.cos(a), -np.sin(a), 30], [np.sin(a), np.cos(a), -20]]
                      for a in np.radians(roll)])  # fmt: skip
    turns[:, :, :2] *= np.linspace(0.8, 1.3, 51)[:, None, None]
    found = head.angles(head.pose(geometry.apply(turns, person)))
    assert abs(found[:, 2] - found[25, 2] - roll).max() < 1e-4
    assert abs(found[:, :2] - found[25, :2]).max() < 1e-4
    assert abs(found[25, 2]) < 1  # drawn from a photo of a head that is nearly upright
