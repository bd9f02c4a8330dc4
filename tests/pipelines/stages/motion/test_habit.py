"""How far somebody moves the mouth: people who do what is heard, by a factor that is known."""

import numpy as np
import pytest
import stores

from tkit.errors import UsageError
from tkit.face import geometry
from tkit.pipelines.stages.motion import habit

FPS = 25.0
CANONICAL = geometry.normalise(stores.face())


def talking(factor, seconds=12.0, head=None):
    """What is heard, (T, 68, 2), and points of somebody who does so much of it."""
    time = np.arange(round(seconds * FPS)) / FPS
    opened = np.abs(np.sin(5 * time)) * 0.15 + 0.02
    heard = np.zeros((len(time), 68, 2))
    heard[:, [65, 66, 67, 56, 57, 58], 1] = opened[:, None]
    points = CANONICAL + factor * heard
    if head is not None:
        points = geometry.apply(head, points)
    return heard, points


def pouting(across, down):
    """What is heard and seen of somebody who does so much of it across and down."""
    heard, _ = talking(1.0)
    heard[:, 48, 0] = 0.06 * np.sin(2 * np.arange(len(heard)) / FPS)
    heard[:, 54, 0] = -heard[:, 48, 0]
    return heard, CANONICAL + np.array([across, down]) * heard


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.7])
def test_a_factor_is_found_and_a_person_who_is_far_away_or_tilted_opens_as_far(factor):
    tilted = np.array([[86.0, -50.0, 200.0], [50.0, 86.0, 100.0]])
    heard, points = talking(factor, head=tilted)
    found = habit.of_person(points, lambda picture: heard, canonical=CANONICAL, fps=FPS)
    assert found == pytest.approx([1, factor], rel=0.1)


def test_who_opens_far_need_not_pout_far():
    heard, points = pouting(0.7, 1.5)
    found = habit.of_person(points, lambda picture: heard, canonical=CANONICAL, fps=FPS)
    assert found[1] == pytest.approx(1.5, rel=0.1)
    assert found[0] == pytest.approx(0.7 ** (12 / (12 + habit.WIDTH_KNOWN_S)), rel=0.02)


def test_few_seconds_tell_less_than_many():
    heard = np.sin(np.arange(1000))
    found = [habit.scale(seen=2 * heard[:n], heard=heard[:n], fps=FPS) for n in (25, 100, 1000)]
    assert 1.3 < found[0] < found[1] < found[2] <= 2
    narrow = [habit.scale(seen=0.6 * heard[:n], heard=heard[:n], fps=FPS) for n in (25, 1000)]
    assert 1 > narrow[0] > narrow[1] > 0.59


def test_the_moments_of_opening_are_not_changed():
    """What is scaled goes on to correlate as it did."""
    heard, points = talking(1.7)
    found = habit.of_person(points, lambda picture: heard, canonical=CANONICAL, fps=FPS)
    before, after = (geometry.mouth_opening(CANONICAL + k * heard) for k in (1, found))
    assert np.corrcoef(before, after)[0, 1] > 0.999
    assert np.std(after) > 1.5 * np.std(before)


def test_a_habit_has_limits():
    heard = np.sin(np.arange(1000))
    assert habit.scale(seen=9 * heard, heard=heard, fps=FPS) == 2.0
    assert habit.scale(seen=0.01 * heard, heard=heard, fps=FPS) == 0.5


def test_what_tells_no_habit_is_refused():
    heard = np.sin(np.arange(100))
    with pytest.raises(UsageError, match=r"0\.8 s are too few"):
        habit.scale(seen=heard[:20], heard=heard[:20], fps=FPS)
    with pytest.raises(UsageError, match="the mouth does not move"):
        habit.scale(seen=np.ones(100), heard=heard, fps=FPS)
