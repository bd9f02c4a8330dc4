"""What an animated face does: speech in parts, blinks at a rate, heads that move."""

import numpy as np
import pytest

from tkit.errors import UsageError
from tkit.face import geometry
from tkit.pipelines.animation import blink_rate
from tkit.pipelines.animation import moves as moves_module
from tkit.pipelines.stages.blink.survey import blinks_in
from tkit.pipelines.stages.blink.work import EYES, eye_opening
from tkit.seeds import generator


@pytest.fixture(scope="module")
def canonical(stores) -> np.ndarray:
    return geometry.normalise(stores.face())


def blinking(canonical: np.ndarray, n_frames: int, at: list[int]) -> np.ndarray:
    """Displacement of eyes that shut and open within seven frames from each of ``at``."""
    moved = np.zeros((n_frames, 68, 2))
    shut = np.zeros((68, 2))
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        gap = canonical[lower, 1] - canonical[upper, 1]
        shut[upper, 1], shut[lower, 1] = 0.6 * gap, -0.3 * gap
    for start in at:
        moved[start : start + 7] += np.sin(np.linspace(0, np.pi, 7))[:, None, None] * shut
    return moved


@pytest.mark.parametrize("rate_hz", [0.1, 0.5, 1.0])
def test_blinks_come_as_often_as_asked_for(canonical, rate_hz):
    moved = blinking(canonical, 3000, list(range(50, 2950, 75)))  # one in three seconds
    made = blink_rate.at_rate(
        moved, canonical, rate_hz=rate_hz, n_frames=2500, fps=25.0, rng=generator(0)
    )
    assert made.shape == (2500, 68, 2)
    opening = eye_opening(made[:, EYES], canonical)
    assert len(blinks_in(opening, 25.0)) == pytest.approx(100 * rate_hz, rel=0.35)
    deepest = eye_opening(moved[:, EYES], canonical).min()
    assert opening.min() == pytest.approx(deepest, rel=0.05)  # as deep as they were
    others = np.setdiff1d(np.arange(68), EYES)
    assert not made[:, others].any()


def test_a_rate_of_zero_keeps_the_eyes_open(canonical):
    moved = blinking(canonical, 500, [40, 200, 333])
    still = blink_rate.at_rate(
        moved, canonical, rate_hz=0.0, n_frames=500, fps=25.0, rng=generator(0)
    )
    opening = eye_opening(still[:, EYES], canonical)
    assert opening.min() > 0.9 * opening.max()


def test_rates_that_cannot_be_are_refused(canonical):
    moved = blinking(canonical, 500, [40, 200, 333])
    with pytest.raises(UsageError, match="at most"):
        blink_rate.at_rate(moved, canonical, rate_hz=9.0, n_frames=500, fps=25.0, rng=generator(0))
    with pytest.raises(UsageError, match="no blink"):
        blink_rate.at_rate(
            0 * moved, canonical, rate_hz=1.0, n_frames=500, fps=25.0, rng=generator(0)
        )


def test_head_moves_are_those_of_the_face_whatever_its_size(canonical):
    angle = 0.1 * np.sin(np.linspace(0, 2 * np.pi, 240))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    shift = np.stack([0.2 * angle, -0.1 * angle], axis=-1)
    moves = np.concatenate([turn, shift[..., None]], axis=-1)
    pose = np.array([[40.0, 5.0, 100.0], [-5.0, 40.0, 80.0]])
    points = geometry.apply(geometry.compose(pose, moves), canonical)
    found = moves_module.head_moves(points)
    np.testing.assert_allclose(found[0], [[1, 0, 0], [0, 1, 0]], atol=1e-9)
    relative = geometry.compose(geometry.invert(moves[:1]), moves)
    np.testing.assert_allclose(found, relative, atol=0.01)  # smoothed over time


def test_a_short_head_movement_runs_there_and_back():
    head = np.arange(4.0)[:, None, None] * np.ones((1, 2, 3))
    taken = moves_module.repeated(head, 2, 8)[:, 0, 0]
    np.testing.assert_array_equal(taken, [2, 3, 2, 1, 0, 1, 2, 3])
    assert moves_module.repeated(None, 0, 3) is None
    np.testing.assert_array_equal(moves_module.repeated(head[:1], 5, 3)[:, 0, 0], [0, 0, 0])


def test_a_swaying_head_begins_at_rest_turns_without_growing_and_is_scaled():
    head = moves_module.sway(1.0, 25.0)
    assert np.allclose(head[0], [[1, 0, 0], [0, 1, 0]])
    assert np.allclose(np.linalg.det(head[:, :, :2]), 1)
    face = np.array([[0.0, 0.0], [0.0, 1.0]])

    def shift(amount):
        moved = geometry.apply(moves_module.sway(amount, 25.0), np.broadcast_to(face, (1000, 2, 2)))
        return np.abs(moved - face).max()

    assert 0.02 < shift(1.0) < 0.1 and shift(0.5) < 0.6 * shift(1.0) and shift(0.0) < 1e-12
    jump = np.abs(np.diff(moves_module.repeated(head, 0, 3000), axis=0)).max()
    assert jump < 0.02  # there and back, without a jump
