"""Speech is heard piece by piece, as long as the video, and as often as the encoder wants."""

import numpy as np
import pytest

from tkit.pipelines.animation.speech import Speech

RATE, FPS = 16000, 25.0
SOUND = [np.full(RATE, second, np.float32) for second in range(3)]


@pytest.mark.parametrize(("wanted", "n_frames"), [(0, 75), (60, 60), (100, 100)])
def test_it_lasts_as_long_as_the_sound_or_as_it_is_told(wanted, n_frames):
    speech = Speech(SOUND, rate_hz=RATE, fps=FPS, n_frames=wanted)
    assert speech.n_frames == (wanted or None)  # not known before it was heard
    for _ in range(2):
        heard = np.concatenate(list(speech))
        assert speech.n_frames == n_frames
        assert len(heard) == max(3, n_frames / FPS) * RATE
        np.testing.assert_array_equal(heard[: 3 * RATE], np.concatenate(SOUND))
        assert not heard[3 * RATE :].any()


def test_it_is_read_no_further_than_it_is_needed():
    read: list[int] = []

    class Hour:
        def __iter__(self):
            for second in range(3600):
                read.append(second)
                yield SOUND[0]

    speech = iter(Speech(Hour(), rate_hz=RATE, fps=FPS))
    for _ in range(5):
        next(speech)
    assert read == [0, 1, 2, 3, 4]
