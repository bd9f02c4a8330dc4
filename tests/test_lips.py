"""Lip refinement on drawn lips whose boundaries are known."""

import numpy as np
import pytest

from tkit import geometry
from tkit.landmarks._lips import REACH, crossings, normals, refine

CENTRE = np.array([100.0, 120.0])
IOD = 60.0
OUTER, INNER = (26.0, 13.0), (19.0, 6.0)  # half axes of the lips' two contours, px
SHAPE = 160, 200


def ellipse(axes: tuple[float, float], count: int) -> np.ndarray:
    """Contour in iBUG's order: from the person's right corner over the upper lip and back below."""
    angle = np.pi + 2 * np.pi * np.arange(count) / count
    return CENTRE + np.stack([axes[0] * np.cos(angle), axes[1] * np.sin(angle)], axis=1)


def soft(axes: tuple[float, float]) -> np.ndarray:
    """Probability map of a filled ellipse whose boundary is two pixels soft; one half on it."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    level = np.sqrt(((x - CENTRE[0]) / axes[0]) ** 2 + ((y - CENTRE[1]) / axes[1]) ** 2)
    gradient = np.hypot(
        (x - CENTRE[0]) / axes[0] ** 2, (y - CENTRE[1]) / axes[1] ** 2
    ) / np.maximum(level, 1e-6)
    distance = (level - 1) / np.maximum(gradient, 1e-6)
    return np.clip(0.5 - distance / 2, 0, 1)


def face() -> np.ndarray:
    points = np.zeros((68, 2))
    points[geometry.RIGHT_EYE], points[geometry.LEFT_EYE] = (70, 60), (70 + IOD, 60)
    points[geometry.OUTER_LIPS], points[geometry.INNER_LIPS] = ellipse(OUTER, 12), ellipse(INNER, 8)
    return points


def off(points: np.ndarray, axes: tuple[float, float]) -> np.ndarray:
    """Distance of points from an ellipse to first order, px."""
    scaled = (points - CENTRE) / axes
    level = np.linalg.norm(scaled, axis=1)
    return np.abs(level - 1) * level / np.linalg.norm(scaled / axes, axis=1)


def test_normals_point_outward_in_ibug_order():
    contour = ellipse((10, 10), 12)
    np.testing.assert_allclose(normals(contour), (contour - CENTRE) / 10, atol=1e-9)


@pytest.mark.parametrize("squeeze", [0.7, 0.85, 1.15])
def test_points_land_on_the_boundary(squeeze):
    """The tracker sees the lips too flat or too tall; the segmentation knows better."""
    points = face()
    points[geometry.MOUTH, 1] = CENTRE[1] + squeeze * (points[geometry.MOUTH, 1] - CENTRE[1])
    before = points.copy()
    refined = refine(points, soft(OUTER), soft(INNER))
    np.testing.assert_array_equal(points, before)
    np.testing.assert_array_equal(refined.points[:48], before[:48])
    assert refined.moved[geometry.MOUTH].all() and not refined.moved[:48].any()
    assert off(refined.points[geometry.OUTER_LIPS], OUTER).max() < 0.3
    assert off(refined.points[geometry.INNER_LIPS], INNER).max() < 0.3


def test_right_points_hardly_move():
    refined = refine(face(), soft(OUTER), soft(INNER))
    assert np.abs(refined.points - face()).max() < 0.1


def test_a_closed_mouth_keeps_its_inner_points():
    points = face()
    refined = refine(points, soft(OUTER), np.zeros(SHAPE))
    assert not refined.moved[geometry.INNER_LIPS].any()
    np.testing.assert_array_equal(refined.points[geometry.INNER_LIPS], points[geometry.INNER_LIPS])
    assert refined.moved[geometry.OUTER_LIPS].all()


def test_an_uncertain_segmentation_moves_nothing():
    guess = 0.35 + 0.3 * soft(OUTER)
    assert not refine(face(), guess, guess).moved.any()


def test_a_boundary_far_away_is_not_that_of_this_point():
    points = face()
    points[51, 1] -= 2 * REACH * IOD
    refined = refine(points, soft(OUTER), soft(INNER))
    assert not refined.moved[51]
    np.testing.assert_array_equal(refined.points[51], points[51])


def test_of_two_boundaries_the_nearest_counts():
    segment = np.zeros((20, 60))
    segment[:, 10:20] = segment[:, 30:41] = 1
    origin, right = np.array([[38.0, 10.0]]), np.array([[1.0, 0.0]])
    assert crossings(segment, origin, right, reach_px=30) == pytest.approx(2.5)
    assert crossings(segment, origin - (16, 0), right, reach_px=30) == pytest.approx(-2.5)
    assert np.isnan(crossings(segment, origin, right, reach_px=2.0)).all()
