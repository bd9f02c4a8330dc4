"""Every frame is where its time stamp says, on every path."""

import mediafiles
import numpy as np
import pytest

from tkit import media, scoring
from tkit.errors import MediaError
from tkit.media.clock import Grid
from tkit.media.frames import Reader

PSNR = scoring.Protocol("custom", {"psnr": {}}, fps="error")


def pictures(n_frames: int) -> np.ndarray:
    """Frames (n, 16, 32, 3) that are told apart by their level."""
    levels = 10 + 3 * np.arange(n_frames, dtype=np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (n_frames, 16, 32, 3)).copy()


def shown(frames: np.ndarray) -> list[int]:
    return [(int(frame[0, 0, 0]) - 10) // 3 for frame in frames]


def test_a_variable_rate_is_held_alike_for_scores_and_for_stores(tmp_path):
    stamps = [stamp for stamp in range(40) if stamp % 7 not in (2, 3) and not 20 < stamp < 30]
    path = tmp_path / "x.mkv"
    mediafiles.write_stamped(path, pictures(40)[stamps], stamps)
    truth = [max(s for s in stamps if s <= t) for t in range(stamps[-1] + 1)]
    clip = media.read_clip(path)
    assert shown(clip.frames) == truth
    assert list(np.flatnonzero(clip.held)) == sorted(set(range(40)) - set(stamps))
    reader = Reader(path)
    assert reader.fps == 25 and shown(reader.read()) == truth
    assert shown(Reader(path, fps=25).read()) == truth
    assert shown(np.stack(list(media.iter_frames(path)))) == truth


def test_a_prediction_of_variable_rate_is_scored_by_what_it_shows(tmp_path):
    stamps = [0, 1, 2, 5, 6, 9]
    frames = pictures(10)
    (tmp_path / "gt").mkdir(), (tmp_path / "pred").mkdir()
    held = [max(s for s in stamps if s <= t) for t in range(10)]
    mediafiles.write_stamped(tmp_path / "gt" / "a.mkv", frames[held], range(10))
    mediafiles.write_stamped(tmp_path / "pred" / "a.mkv", frames[stamps], stamps)
    report = scoring.score({"ours": tmp_path / "pred"}, tmp_path / "gt", protocol=PSNR, rows=())
    assert report.rejects == [] and report.methods["ours"]["psnr"].value == np.inf


def test_of_twice_the_rate_every_other_frame_is_taken(tmp_path):
    path = tmp_path / "x.mp4"
    media.write_video(path, pictures(20), fps=50, crf=0)
    assert shown(media.read_clip(path).frames) == list(range(0, 20, 2))
    assert shown(Reader(path, fps=25).read()) == list(range(0, 20, 2))


@pytest.mark.parametrize("jump", [25 * 100, 25 * 95443])
def test_a_jump_is_refused_before_it_is_filled(tmp_path, jump):
    path = tmp_path / "x.mkv"
    mediafiles.write_stamped(path, pictures(20), [*range(10), *range(10 + jump, 20 + jump)])
    with pytest.raises(MediaError, match=f"jump by {jump / 25:.6g}.* s at frame 10"):
        media.read_clip(path)
    reader = Reader(path)
    assert len(reader.read()) == 10 and "jump" in reader.problem


def test_stamps_that_go_back_within_a_recording_are_refused(tmp_path):
    path = tmp_path / "x.nut"
    with pytest.raises(MediaError, match=r"go back by .* at frame 30"):
        stamps = [*range(30), *range(10)]
        grid = Grid(25, path)
        for stamp in stamps:
            grid.add(Stamped(stamp / 25), pictures(1)[0])


class Stamped:
    """A decoded frame as the grid sees it."""

    key_frame = False  # with which no other recording can begin

    def __init__(self, time: float) -> None:
        self.time = time


@pytest.mark.parametrize("rate", [25, 29.97, 30, 48, 50, 59.94, 60, 100, 119.88])
@pytest.mark.parametrize("digits", [3, 9])
def test_of_frames_that_claim_a_point_the_nearest_is_shown(rate, digits):
    """Time stamps may be rounded to milliseconds: never 20 ms off, and never late on the whole."""
    grid, shown = Grid(25, "x.mkv"), []
    times = np.round(np.arange(int(rate * 8)) / rate, digits)
    for time in times:
        shown += grid.add(Stamped(time), np.array([time]))
    shown += grid.finish()
    off = np.array([image[0] for image, _ in shown]) - np.arange(len(shown)) / 25
    nearest = np.abs(times[:, None] - np.arange(len(shown)) / 25).min(axis=0)
    assert len(shown) in (200, 201) and abs(off.mean()) < 0.0006
    np.testing.assert_allclose(np.abs(off), nearest, atol=0.0011)
    assert np.abs(off).max() <= 0.0206
