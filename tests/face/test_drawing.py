import numpy as np
import pytest

from tkit.face import crops, drawing, geometry


@pytest.fixture
def points(stores) -> np.ndarray:
    """A neutral face (68, 2) in pixels of a 128-pixel crop."""
    return geometry.apply(crops.canonical_to_crop(), geometry.normalise(stores.face()))


def value_at(picture: np.ndarray, point: np.ndarray) -> int:
    x, y = np.rint(point).astype(int)
    return int(picture[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max())


def test_lines_run_through_the_points_and_nowhere_else(points):
    (picture,) = drawing.draw(points[None])
    assert picture.shape == (128, 128) and picture.dtype == np.uint8
    assert all(value_at(picture, point) > 120 for point in points)
    rows, columns = np.nonzero(picture)
    lit = np.stack([columns, rows], -1)
    dense = np.linspace(points[:-1], points[1:], 50).reshape(-1, 2)
    closing = [
        np.linspace(points[a], points[b], 50) for a, b in ((41, 36), (47, 42), (59, 48), (67, 60))
    ]
    lines = np.concatenate([dense, *closing])
    nearest = np.linalg.norm(lit[:, None] - lines[None], axis=-1).min(axis=1)
    assert nearest.max() < 2.0


def test_eyes_and_lips_are_closed_and_the_rest_is_open(points):
    (picture,) = drawing.draw(points[None])
    for last, first in ((41, 36), (47, 42), (59, 48), (67, 60)):
        assert value_at(picture, (points[last] + points[first]) / 2) > 120
    for last, first in ((16, 0), (21, 22), (30, 31)):
        middle = points[last] + 0.5 * (points[first] - points[last])
        assert value_at(picture, middle) == 0


def test_lines_are_anti_aliased_to_a_fraction_of_a_pixel(points):
    upright = np.full((68, 2), -500.0)
    upright[27:31] = np.stack([np.full(4, 60.0), np.linspace(30.0, 90.0, 4)], -1)

    def centre(shift: float) -> float:
        row = drawing.draw(upright[None] + [shift, 0.0])[0, 60].astype(float)
        assert ((row > 0) & (row < 255)).any()
        return float((row * np.arange(128)).sum() / row.sum())

    for shift in (0.0, 0.25, 0.5, 0.75):
        assert centre(shift) == pytest.approx(60 + shift, abs=0.06)


def test_a_batch_is_its_faces_one_by_one(points):
    rng = np.random.default_rng(0)
    faces = points + rng.normal(0, 3, (5, 68, 2))
    together = drawing.draw(faces)
    for face, picture in zip(faces, together, strict=True):
        np.testing.assert_array_equal(drawing.draw(face[None])[0], picture)
    assert drawing.draw(faces[:0]).shape == (0, 128, 128)


def test_a_larger_picture_has_thicker_lines(points):
    small = drawing.draw(points[None])[0].astype(float)
    large = drawing.draw(2 * points[None] + 0.5, size=256)[0].astype(float)
    halved = large.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), halved.ravel())[0, 1] > 0.9


def test_points_far_outside_draw_nothing(points):
    assert not drawing.draw(points[None] + 1e9).any()
    assert not drawing.draw(points[None] - [1000.0, 0.0]).any()
