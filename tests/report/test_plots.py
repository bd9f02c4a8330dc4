"""Figures of reports."""

import numpy as np
import pytest
from PIL import Image

from tkit.report import plots
from tkit.store import EncoderInfo


def test_speech_is_drawn_with_its_symbols_in_two_inches_a_second(tmp_path):
    info = EncoderInfo("letters", "1", "", dim=3, rate_hz=50.0, offset_s=0.01)
    features = np.eye(3, dtype=np.float32)[np.arange(500) % 3]
    for symbols in (None, [" ", "a", ""]):
        plots.speech(tmp_path / "s.png", features, info, symbols)
        with Image.open(tmp_path / "s.png") as picture:
            assert picture.size == (2000, 500)


def test_moments_are_the_mouth_at_its_widest_and_most_shut():
    opening = np.full(60, 5.0)
    opening[[4, 5, 30, 50]] = 9, 8, 9, 7  # 5 is too near to 4
    opening[[15, 40]] = 1, 2
    assert plots.moments(opening, 4) == [4, 15, 30, 40]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7])
@pytest.mark.parametrize("n_frames", [7, 15, 29, 75])
def test_there_are_always_enough_moments(n_frames, count):
    for opening in (np.zeros(n_frames), np.sin(np.arange(n_frames) * 0.7)):
        chosen = plots.moments(opening, count)
        assert len(set(chosen)) == count and chosen == sorted(chosen)


def test_a_strip_shows_photo_frames_and_landmarks(tmp_path, stores):
    points = np.repeat(128 + 60 * stores.face()[None], 10, axis=0)
    points[::2, [65, 66, 67], 1] += 12  # every other mouth is open
    photo = np.full((64, 64, 3), (200, 0, 0), np.uint8)  # a red photo, a green video
    frames = np.full((10, 256, 256, 3), (0, 200, 0), np.uint8)
    wave = np.sin(np.arange(6400) / 7).astype(np.float32)
    path = tmp_path / "strip.png"
    plots.strip(path, photo, frames, points, wave, fps=25)
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert picture.shape == (307, 900, 3)
    red, green = [(np.abs(picture - colour).max(axis=-1) < 8) for colour in
                  ((200, 0, 0), (0, 200, 0))]  # fmt: skip
    left = np.arange(900) < 228
    assert red[:, left].sum() > 0.5 * 225 * 200 and not red[:, ~left].any()
    assert green[:, ~left].sum() > 6 * 90 * 90 and not green[:, left].any()
    lips = np.abs(picture - (0xD9, 0x36, 0x36)).max(axis=-1) < 30
    assert lips[110:220, ~left].any() and lips[225:].any()


def test_a_silent_and_still_video_has_a_strip_too(tmp_path, stores):
    points = np.repeat(128 + 60 * stores.face()[None], 6, axis=0)
    frames = np.zeros((6, 256, 256, 3), np.uint8)
    plots.strip(tmp_path / "s.png", frames[0], frames, points, np.zeros(3840, np.float32), fps=25)
    assert (tmp_path / "s.png").stat().st_size > 1000
