"""Heads that move: as in a video, or by themselves as people's do, and the picture around them."""

import numpy as np
import pytest

from tkit.face import geometry
from tkit.pipelines.animation import head as heads
from tkit.pipelines.animation.carry import Carry
from tkit.pipelines.makers import heads as maker
from tkit.seeds import generator

FPS = 25.0
PIECE = 75  # frames, three seconds


@pytest.fixture(scope="module")
def canonical(stores) -> np.ndarray:
    return geometry.normalise(stores.face())


@pytest.fixture(scope="module")
def long() -> np.ndarray:
    """The parts (6, T, 4) of ten minutes of movement of six seeds."""
    loud = np.clip(generator(0, "loud").normal(0.6, 0.3, 15000), 0, 1)
    return np.stack(
        [heads.parts(heads.Sway(1.0, fps=FPS, seed=seed).take(loud)) for seed in range(6)]
    )


def test_head_moves_are_those_of_the_face_whatever_its_size(canonical):
    angle = 0.1 * np.sin(np.linspace(0, 2 * np.pi, 240))
    moves = heads.similarities(np.stack([0.2 * angle, -0.1 * angle, 0 * angle, angle], axis=-1))
    pose = np.array([[40.0, 5.0, 100.0], [-5.0, 40.0, 80.0]])
    points = geometry.apply(geometry.compose(pose, moves), canonical)
    found = heads.head_moves(points)
    np.testing.assert_allclose(found[0], [[1, 0, 0], [0, 1, 0]], atol=1e-9)
    relative = geometry.compose(geometry.invert(moves[:1]), moves)
    np.testing.assert_allclose(found, relative, atol=0.01)  # smoothed over time


def test_a_short_head_movement_runs_there_and_back():
    head = np.arange(4.0)[:, None, None] * np.ones((1, 2, 3))
    taken = heads.repeated(head, 2, 8)[:, 0, 0]
    np.testing.assert_array_equal(taken, [2, 3, 2, 1, 0, 1, 2, 3])
    np.testing.assert_array_equal(heads.repeated(head[:1], 5, 3)[:, 0, 0], [0, 0, 0])


def test_the_parts_of_a_movement_are_found_again():
    moved = generator(0, "parts").normal(0, 0.1, (9, 4))
    np.testing.assert_allclose(heads.parts(heads.similarities(moved)), moved, atol=1e-12)


def test_heads_move_as_fast_and_as_often_as_those_of_real_speakers(long):
    """In pieces of three seconds, seen as the real ones were: within 95 % of the speakers."""
    measured = heads.numbers()
    pieces = [
        heads.parts(geometry.smooth_pose(heads.similarities(piece)))
        for piece in long.reshape(-1, PIECE, 4)
    ]
    speed = maker.mean_speed(pieces, FPS)
    assert (speed > measured["speed_low"]).all() and (speed < measured["speed_high"]).all()
    upto = 8  # 2.67 Hz: above, what is left of real movement is the tremble of the tracker
    found = maker.spectrum(pieces)[:upto]
    assert (found > np.array(measured["spectrum_low"])[:upto]).all()
    assert (found < np.array(measured["spectrum_high"])[:upto]).all()


def test_a_head_begins_at_rest_and_never_drifts_away(long):
    spread = np.array(heads.numbers()["deviation"])
    assert not long[:, 0].any() and (np.abs(long[:, 1]) < 0.5 * spread).all()
    minutes = long.reshape(6, 10, -1, 4)
    first, last = minutes[:, :2], minutes[:, -2:]
    np.testing.assert_allclose(last.std((0, 1, 2)), first.std((0, 1, 2)), rtol=0.2)
    assert (np.abs(minutes.mean(axis=2)) < 0.6 * spread).all()
    assert (np.abs(long) < 6 * spread).all()


def test_it_is_the_same_however_it_is_cut_at_any_frame_rate_and_scaled():
    loud = np.linspace(0, 1, 64)
    whole = heads.Sway(1.0, fps=FPS, seed=3).take(loud)
    cut = heads.Sway(1.0, fps=FPS, seed=3)
    parts = [cut.take(loud[at : at + 8]) for at in range(0, 64, 8)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(heads.Sway(1.0, fps=FPS, seed=4).take(loud), whole)
    half = heads.parts(heads.Sway(0.5, fps=FPS, seed=3).take(loud))
    np.testing.assert_allclose(half, heads.parts(whole) / 2, atol=1e-12)
    slow, fast = (
        heads.parts(heads.Sway(1.0, fps=fps, seed=0).take(np.ones(round(600 * fps)))).std(axis=0)
        for fps in (10.0, 50.0)
    )
    np.testing.assert_allclose(slow, fast, rtol=0.2)


def test_it_moves_more_while_somebody_speaks():
    speed = [
        maker.mean_speed([heads.parts(heads.Sway(1.0, fps=FPS, seed=0).take(loud))], FPS)
        for loud in (np.zeros(2000), np.ones(2000))
    ]
    ratio = heads.numbers()["speaking"] / heads.numbers()["quiet"]
    np.testing.assert_allclose(speed[1] / speed[0], ratio, rtol=1e-6)
    assert ratio > 1.05


@pytest.mark.parametrize("where", [(100.0, 80.0), (20.0, 110.0)])
def test_a_head_carries_the_picture_around_it_without_a_seam(where):
    """The head moves as one, the border stands still, and in between no step is seen."""
    pose = np.array([[20.0, 0.0, where[0]], [0.0, 20.0, where[1]]])
    carry = Carry(pose, (200, 240))
    moves = heads.similarities(np.array([[0.06, -0.08, 0.02, 0.04]]))[0]
    rows, columns = carry.region
    from_ = carry(moves) + np.array([columns.start, rows.start])
    y, x = np.mgrid[rows, columns]
    step = from_ - np.stack([x, y], axis=-1)
    level = geometry.apply(geometry.invert(pose), np.stack([x, y], -1).astype(float))
    head = np.hypot(level[..., 0] / 1.2, (level[..., 1] - 0.1) / 1.4) < 1
    head &= (np.minimum(x, y) > 17) & (x < 223) & (y < 183)
    assert head.any()
    moved = geometry.compose(pose, geometry.compose(moves, geometry.invert(pose)))
    back = geometry.apply(geometry.invert(moved), np.stack([x, y], -1).astype(float))
    np.testing.assert_allclose(from_[head], back[head], atol=0.05)
    on_edge = (x == 0) | (x == 239) | (y == 0) | (y == 199)
    assert np.abs(step[on_edge]).max(initial=0) < 0.05
    for side in (step[0], step[-1], step[:, 0], step[:, -1]):
        assert np.abs(side).max() < 0.05
    for axis in (0, 1):  # no pixel is squeezed or stretched by a third
        assert np.abs(np.diff(step, axis=axis)).max() < 1 / 3
    picture = generator(0, "picture").integers(0, 256, (200, 240, 3)).astype(np.uint8)
    still = heads.similarities(np.zeros((1, 4)))[0]
    np.testing.assert_array_equal(carry.carried(picture, still), picture)
    outside = np.ones((200, 240), bool)
    outside[carry.region] = False
    np.testing.assert_array_equal(carry.carried(picture, moves)[outside], picture[outside])
