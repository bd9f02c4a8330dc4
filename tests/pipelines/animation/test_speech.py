"""Speech is decoded as far as the frames have come, and forgotten behind them."""

import numpy as np
import pytest

from tkit.pipelines.animation.speech import Speech

RATE, FPS = 16000, 25.0


def pieces(length_s: float, read: list[int]):
    for second in range(round(length_s)):
        read.append(second)
        yield [np.full(RATE, second, np.float32), np.full(3 * RATE, second, np.float32)]


def test_it_is_read_as_far_as_it_is_needed_and_forgotten_behind():
    read: list[int] = []
    speech = Speech(pieces(3600, read), rate_hz=RATE, fps=FPS)
    for second in range(100):
        assert speech.frames_until(25 * second + 50) == 25 * second + 50
        assert speech.n_frames is None and len(read) <= second + 4
        part = speech.cut(second * RATE, (second + 1) * RATE)
        assert len(part) == RATE and (part == second).all()


@pytest.mark.parametrize(("wanted", "n_frames"), [(0, 75), (60, 60), (100, 100)])
def test_it_lasts_as_long_as_the_sound_or_as_it_is_told(wanted, n_frames):
    speech = Speech(pieces(3, []), rate_hz=RATE, fps=FPS, n_frames=wanted)
    assert speech.frames_until(1000) == n_frames
    assert speech.samples_until(10**9) >= n_frames / FPS * RATE
    heard = np.concatenate(list(speech.ear()))
    np.testing.assert_array_equal(heard, np.repeat([0, 1, 2], 3 * RATE))
