"""What an animated face does: blinks at a rate."""

import numpy as np
import pytest

from tkit.errors import UsageError
from tkit.face import geometry
from tkit.pipelines.animation import blink_rate, moves
from tkit.pipelines.stages.blink.survey import blinks_in
from tkit.pipelines.stages.blink.work import EYES, eye_opening
from tkit.seeds import generator
from tkit.zoo.nets.blink import draw_begins
from tkit.zoo.released import weights


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


def test_eyes_blink_as_often_at_the_beginning_as_later():
    """As if they had lived before the video: the last blink was never, or just before."""
    hazard = weights.load("blink").module.hazard.numpy()
    rng, before = generator(0, "first"), round(moves.BEFORE_S * 25)
    first = rest = 0.0
    for _ in range(2000):
        chance = rng.random(before + 300)
        begins, _ = draw_begins(hazard, chance, since=len(hazard))
        first += begins[before : before + 75].sum()
        rest += begins[before + 75 :].sum()
    assert first / 75 == pytest.approx(rest / 225, rel=0.1)
