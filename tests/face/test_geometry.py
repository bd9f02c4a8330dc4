import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tkit.face import geometry
from tkit.face.crops import REFERENCE_RIGID


def face(rng: np.random.Generator, spread: float = 0.04) -> np.ndarray:
    """A random face in canonical coordinates: the reference's rigid points, the rest around it."""
    points = np.zeros((68, 2))
    angle = np.linspace(0, np.pi, 17)
    points[geometry.JAW] = np.c_[-1.15 * np.cos(angle), 1.95 * np.sin(angle)]
    points[17:22] = np.c_[np.linspace(-0.95, -0.15, 5), [-0.2, -0.35, -0.4, -0.38, -0.3]]
    points[22:27] = points[21:16:-1] * [-1, 1]
    eye = np.array(
        [[-0.2, 0], [-0.08, -0.07], [0.08, -0.07], [0.2, 0], [0.08, 0.06], [-0.08, 0.06]]
    )
    points[36:42], points[42:48] = np.add(eye, (-0.5, 0.0)), np.add(eye, (0.5, 0.0))
    turn = np.linspace(-np.pi, np.pi, 12, endpoint=False)
    points[geometry.OUTER_LIPS] = np.c_[0.42 * np.cos(turn), 1.17 + 0.13 * np.sin(turn)]
    points[60:65] = np.c_[np.linspace(-0.34, 0.34, 5), np.full(5, 1.16)]
    points[65:68] = np.c_[[0.1, 0, -0.1], np.full(3, 1.18)]
    points[geometry.RIGID_INDEX] = REFERENCE_RIGID
    return points + spread * rng.normal(size=points.shape)


def pose(scale: float, angle: float, x: float, y: float) -> np.ndarray:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


POSES = st.builds(
    pose, st.floats(15, 400), st.floats(-0.6, 0.6), st.floats(0, 2000), st.floats(0, 2000)
)
SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, POSES)
def test_canonicalise_then_retarget_is_the_identity(seed, transform):
    rng = np.random.default_rng(seed)
    canonical, neutral = face(rng), face(rng)
    motion = 0.1 * rng.normal(size=(5, 68, 2))
    points = geometry.apply(transform, neutral + motion)
    displacement, poses = geometry.canonicalise(points, neutral=neutral, canonical=canonical)
    back = geometry.retarget(displacement, pose=poses, neutral=neutral, canonical=canonical)
    np.testing.assert_allclose(back, points, atol=1e-5)


@given(SEEDS, POSES)
def test_head_motion_is_no_displacement(seed, transform):
    rng = np.random.default_rng(seed)
    canonical, neutral = face(rng), face(rng)
    points = geometry.apply(transform, neutral)
    displacement, found = geometry.canonicalise(points, neutral=neutral, canonical=canonical)
    np.testing.assert_allclose(displacement, 0, atol=1e-9)
    np.testing.assert_allclose(found, transform, atol=1e-6)


@given(SEEDS, POSES)
def test_displacement_is_scaled_per_axis(seed, transform):
    """A face twice as wide moves its mouth corners half as far in canonical units."""
    rng = np.random.default_rng(seed)
    canonical = face(rng)
    wide = canonical * [2.0, 1.0]
    wide[geometry.RIGID_INDEX] = canonical[geometry.RIGID_INDEX]
    wide[[0, 16]] = canonical[[0, 16]] * [2.0, 1.0]
    move = np.zeros((68, 2))
    move[48] = 0.2, 0.1
    points = geometry.apply(transform, wide + move)
    displacement, _ = geometry.canonicalise(points, neutral=wide, canonical=canonical)
    ratio = geometry.face_size(canonical) / geometry.face_size(wide)
    np.testing.assert_allclose(displacement[48], move[48] * ratio, atol=1e-7)


@given(SEEDS, POSES)
def test_similarity_recovers_what_was_applied(seed, transform):
    points = np.random.default_rng(seed).normal(size=(7, 2))
    found = geometry.similarity(points, geometry.apply(transform, points))
    np.testing.assert_allclose(found, transform, rtol=1e-9, atol=1e-7)


@given(SEEDS, POSES)
def test_invert_and_compose(seed, transform):
    points = np.random.default_rng(seed).normal(size=(7, 2))
    there = geometry.apply(transform, points)
    np.testing.assert_allclose(geometry.apply(geometry.invert(transform), there), points, atol=1e-9)
    both = geometry.compose(geometry.invert(transform), transform)
    np.testing.assert_allclose(both, [[1, 0, 0], [0, 1, 0]], atol=1e-9)


def test_similarity_is_the_least_squares_optimum():
    rng = np.random.default_rng(3)
    source, target = rng.normal(size=(2, 9, 2))
    best = geometry.similarity(source, target)
    cost = np.square(geometry.apply(best, source) - target).sum()
    for _ in range(200):
        other = best + 1e-3 * rng.normal(size=(2, 3))
        other[1, 1], other[1, 0] = other[0, 0], -other[0, 1]  # stay a similarity
        assert np.square(geometry.apply(other, source) - target).sum() >= cost


def test_mean_neutral_of_one_symmetric_face_is_that_face():
    half = face(np.random.default_rng(0), spread=0.0)
    symmetric = geometry.normalise((half + geometry.mirror(half)) / 2)
    seen = [geometry.apply(pose(60, 0.2, 100, 90), symmetric), 3.0 * symmetric]
    np.testing.assert_allclose(geometry.mean_neutral(np.stack(seen)), symmetric, atol=1e-9)
    assert geometry.inter_ocular(symmetric) == pytest.approx(1.0)


def test_mirror_twice_is_the_identity():
    points = face(np.random.default_rng(5))
    np.testing.assert_allclose(geometry.mirror(geometry.mirror(points, width=9), width=9), points)
    assert sorted(geometry.MIRROR) == list(range(68))


def test_neutral_is_the_closed_mouth_with_open_eyes():
    base = face(np.random.default_rng(1), spread=0.0)
    points = np.repeat(base[None], 100, axis=0)
    opening = np.abs(np.sin(np.arange(100) / 7))
    points[:, 65:68, 1] += 0.3 * opening[:, None]  # the lower inner lip moves
    blinking = np.arange(100) % 25 < 4
    points[blinking, 37:39, 1] = points[blinking, 40:42, 1].mean()
    points[blinking, 43:45, 1] = points[blinking, 46:48, 1].mean()
    images = geometry.apply(pose(55, 0.1, 180, 140), points)
    neutral = geometry.speaker_neutral(images, base)
    assert geometry.mouth_opening(neutral) < geometry.mouth_opening(base) + 0.03
    assert geometry.eye_aspect_ratio(neutral).mean() == pytest.approx(
        geometry.eye_aspect_ratio(base).mean(), abs=0.01
    )


def test_ear_of_known_eyes():
    points = np.zeros((68, 2))
    for start in (36, 42):
        points[start : start + 6] = [[0, 0], [1, -1], [3, -1], [4, 0], [3, 1], [1, 1]]
    np.testing.assert_allclose(geometry.eye_aspect_ratio(points), [0.5, 0.5])
    points[[37, 38, 40, 41], 1] = 0
    assert geometry.eye_aspect_ratio(points)[0] == 0


def test_fill_gaps_interpolates_short_runs_only():
    points = np.arange(10.0)[:, None, None] * np.ones((10, 68, 2))
    broken = points.copy()
    broken[[3, 4, 9]] = np.nan
    filled, longest = geometry.fill_gaps(broken, max_gap=2)
    assert longest == 2
    np.testing.assert_allclose(filled[:9], points[:9])
    np.testing.assert_allclose(filled[9], points[8])  # the end is held
    kept, longest = geometry.fill_gaps(broken, max_gap=1)
    assert longest == 2 and np.isnan(kept[3]).all()
    nothing, longest = geometry.fill_gaps(np.full((4, 68, 2), np.nan), max_gap=9)
    assert longest == 4 and np.isnan(nothing).all()


def test_the_size_of_a_face_is_from_jaw_to_jaw_and_nasion_to_chin():
    points = np.random.default_rng(0).normal(size=(2, 68, 2))
    points[:, 0], points[:, 16] = (-3.0, 1.0), (5.0, 7.0)
    points[:, 27], points[:, 8] = (1.0, 2.0), (1.0, 14.0)
    assert geometry.face_size(points).tolist() == [[10.0, 12.0]] * 2


def test_the_opening_of_a_mouth_is_the_mean_of_three_distances_of_inner_lips():
    points = np.random.default_rng(0).normal(size=(68, 2))
    for (upper, lower), gap in zip(((61, 67), (62, 66), (63, 65)), (1.0, 2.0, 6.0), strict=True):
        points[lower] = points[upper] + [0.0, gap]
    assert geometry.mouth_opening(points) == pytest.approx(3.0)
