import numpy as np
import pytest
from skimage import data

from tkit.face import geometry
from tkit.landmarks import LANDMARKERS, dlib68
from tkit.landmarks.dlib68 import find_faces


@pytest.fixture(scope="module")
def track():
    return LANDMARKERS.get("dlib68").load()


def clip(shifts: np.ndarray) -> np.ndarray:
    face = data.astronaut()[0:240, 100:340]
    return np.stack([np.roll(face, shift, axis=1) for shift in shifts])


def test_points_follow_the_face_without_lag_or_jitter(track):
    shifts = np.round(12 * np.sin(np.arange(24) / 4)).astype(int)
    points = track(clip(shifts))
    assert points.shape == (24, 68, 2) and points.dtype == np.float32
    moved = points.mean(axis=1)[:, 0]
    steady = moved - shifts  # what is left when the true motion is taken off
    iod = geometry.inter_ocular(points).mean()
    assert np.ptp(steady) < 0.03 * iod
    lags = [np.corrcoef(moved[4:-4], np.roll(shifts, lag)[4:-4])[0, 1] for lag in (-1, 0, 1)]
    assert np.argmax(lags) == 1


def test_points_lie_where_a_face_has_them(track):
    points = track(clip(np.zeros(1, int)))[0]
    right, left = points[geometry.RIGHT_EYE].mean(0), points[geometry.LEFT_EYE].mean(0)
    mouth, chin = points[geometry.MOUTH].mean(0), points[8]
    assert right[0] < left[0] and right[1] < mouth[1] < chin[1]
    assert right[0] < mouth[0] < left[0]


def test_a_face_that_leaves_is_nan_from_there(track):
    frames = clip(np.zeros(45, int))
    frames[22:] = 128
    points = track(frames)
    seen = ~np.isnan(points).any(axis=(1, 2))
    assert seen[:22].all() and not seen[22:].any()


def test_no_face_is_nan(track):
    coins = np.repeat(data.coins()[None, :240, :240, None], 3, axis=3).repeat(12, axis=0)
    assert np.isnan(track(coins)).all()


@pytest.mark.parametrize("size", [96, 128, 256, 512])
def test_small_and_large_faces_are_found(track, size):
    import cv2

    picture = cv2.resize(data.astronaut()[10:220, 120:330], (size, size))
    points = track(picture[None])
    assert not np.isnan(points).any()


def test_largest_face_comes_first():
    import cv2

    face = data.astronaut()[0:240, 100:340]
    large = cv2.resize(face, (432, 432))
    small = np.full_like(large, 90)
    small[96:336, 96:336] = face
    boxes = find_faces(np.hstack([small, large]))
    assert len(boxes) == 2
    assert boxes[0][0] > 432 > boxes[1][0] and boxes[0][2] > 1.5 * boxes[1][2]


def enlarged(side: int) -> np.ndarray:
    """A gray picture (side, side) of a face."""
    import cv2

    return dlib68.in_gray(cv2.resize(data.astronaut()[0:240, 100:340], (side, side))[None])[0]


class Spy:
    """dlib's detector that remembers how large the pictures are that it is shown."""

    def __init__(self, detector):
        self._detector, self.shown = detector, []

    def run(self, grey, *rest):
        self.shown.append(grey.shape)
        return self._detector.run(grey, *rest)


@pytest.fixture
def spy(monkeypatch):
    spy = Spy(dlib68.detector())
    monkeypatch.setattr(dlib68, "detector", lambda: spy)
    return spy


def test_between_first_and_last_frame_a_face_is_sought_at_the_size_it_needs(spy):
    face = enlarged(480)
    greys = face[None].repeat(3 * dlib68.KEY_STEP + 1, axis=0)
    (found,) = dlib68.search(greys, 0, len(greys))
    assert sorted(found) == [step * dlib68.KEY_STEP for step in range(4)]
    sides = sorted(min(shape) for shape in spy.shown)
    assert sides[2:] == [480, 480] and sides[1] < 400
    boxes = np.stack(list(found.values()))
    assert np.ptp(boxes, axis=0).max() < 0.02 * boxes[0, 2]  # where the full search finds it


def test_a_face_that_moves_far_is_sought_more_often(spy):
    face = data.astronaut()[0:240, 100:340]
    wide = np.full((240, 900, 3), 90, np.uint8)
    wide[:, 600:840] = face
    shifts = np.round(300 * np.sin(np.arange(61) / 60 * np.pi) ** 2).astype(int)
    points = dlib68.track(np.stack([np.roll(wide, -shift, axis=1) for shift in shifts]))
    assert len(spy.shown) > 4
    still = points + np.stack([shifts, 0 * shifts], axis=1)[:, None]
    iod = geometry.inter_ocular(points).mean()
    assert np.ptp(still.mean(axis=1), axis=0).max() < 0.15 * iod


def test_large_faces_are_reduced_and_keep_their_place():
    face = enlarged(960)
    box = find_faces(face[..., None].repeat(3, axis=2))[0]
    assert dlib68.FACE_PX <= box[2] < 2 * dlib68.FACE_PX
    points = dlib68.fit(face[None], box[None])
    twice = face[None].repeat(2, axis=1).repeat(2, axis=2)
    again = dlib68.fit(twice, (2 * box + (0.5, 0.5, 0))[None])
    np.testing.assert_allclose(again, 2 * points + 0.5, atol=1e-3)
