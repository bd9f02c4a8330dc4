"""Made people: shapes between two faces, and pictures that are bent with their contours."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from tkit.pipelines.makers.lipseg import people


def face(seed, *, turned=0.0, size=(150, 180)):
    """A face of random vertices in a smooth picture; lips and eyes are where a face has them."""
    rng = np.random.default_rng(seed)
    height, width = size
    vertices = rng.uniform((45, 35), (135, 125), (478, 2))
    vertices[people.RIGHT_EYE], vertices[people.LEFT_EYE] = [[66, 60]], [[114, 60]]
    x = np.linspace(70, 110, 9)
    for outer, inner, side in zip(people.OUTER, people.INNER, (-1, 1), strict=True):
        vertices[outer] = np.stack([x, 100 + side * (9 + rng.random(9))], axis=-1)
        vertices[inner] = np.stack([x, 100 + side * 2 + rng.random(9)], axis=-1)
    cos, sin = np.cos(turned), np.sin(turned)
    vertices = (vertices - 90) @ np.array([[cos, sin], [-sin, cos]]) + 90
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9 + seed), np.cos(y / 8 - seed), np.sin((x + y) / 12)]
    frame = np.rint(127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)
    return people.Face(frame, vertices, vertices[:68] + 0.25)


def test_no_share_of_the_other_leaves_a_shape_and_all_of_it_takes_the_others_in_its_own_place():
    one, two = face(0).vertices, face(1, turned=0.3).vertices
    np.testing.assert_allclose(people.mixed(one, two, 0.0), one, atol=1e-9)
    other = people.mixed(one, two, 1.0)
    right, left = (other[eye].mean(axis=0) for eye in (people.RIGHT_EYE, people.LEFT_EYE))
    np.testing.assert_allclose([right, left], [[66, 60], [114, 60]], atol=1e-9)
    # The same shape: distances are equal, the eyes being as far apart in both.
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(other, axis=0), axis=1), np.linalg.norm(np.diff(two, axis=0), axis=1)
    )


def test_lips_get_thicker_about_the_inner_mouth_and_nothing_else_moves():
    before = face(0).vertices
    after = people.thickened(before, np.random.default_rng(3))
    lips = np.unique(people.OUTER)
    assert np.array_equal(np.delete(after, lips, axis=0), np.delete(before, lips, axis=0))
    for outer, inner in zip(people.OUTER, people.INNER, strict=True):
        then, now = (shape[outer] - shape[inner] for shape in (before, after))
        factor = now[:, 1] / then[:, 1]
        assert factor == pytest.approx(factor[0])
        assert factor[0] != pytest.approx(1)


@pytest.mark.parametrize("seed", range(4))
def test_what_was_at_a_contour_is_at_the_contour_of_the_made_face(monkeypatch, seed):
    monkeypatch.setattr(people, "MIXED", 0.0)
    one = face(seed)
    made = people.another(one, face(9), np.random.default_rng(seed))
    assert np.abs(made.vertices - one.vertices).max() > 1
    lips = np.unique([*people.OUTER, *people.INNER])
    away = np.abs(colours(made, lips) - colours(one, lips))
    assert away.mean() < 3  # of 255; a pixel of shift is up to 13
    moved = made.points - one.points
    near = np.abs(moved - (made.vertices - one.vertices)[:68])
    assert np.median(near) < 0.5  # the tracked points go along


def test_a_mixed_face_has_something_of_both_and_the_rest_of_the_picture_stays(monkeypatch):
    monkeypatch.setattr(people, "MIXED", 1.0)
    one, two = face(0), face(5)
    made = people.another(one, two, np.random.default_rng(2))
    assert made.frame.shape == one.frame.shape
    assert made.frame.dtype == np.uint8
    assert np.array_equal(made.frame[:5], one.frame[:5])
    inside = np.arange(200, 300)
    looks = [np.abs(colours(made, inside) - colours(who, inside)).mean() for who in (one, two)]
    assert min(looks) > 3


def colours(who, vertices):
    x, y = who.vertices[vertices].T
    return np.stack(
        [
            map_coordinates(band.astype(float), [y, x], order=1)
            for band in who.frame.transpose(2, 0, 1)
        ]
    )
