import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tkit.errors import UsageError
from tkit.speech.windows import WINDOW, centre_rows, windows


@settings(deadline=None)
@given(
    n_frames=st.integers(1, 200),
    fps=st.sampled_from([12.5, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0]),
    rate_hz=st.sampled_from([40.0, 50.0, 62.5, 100.0]),
    offset_s=st.floats(0.0, 0.03),
    missing=st.integers(0, 10),
)
def test_one_window_a_frame_centred_on_it(n_frames, fps, rate_hz, offset_s, missing):
    n_rows = max(int(n_frames / fps * rate_hz) - missing, 1)
    features = np.arange(n_rows, dtype=np.float32)[:, None]
    cut = windows(features, n_frames, fps=fps, rate_hz=rate_hz, offset_s=offset_s)
    assert cut.shape == (n_frames, WINDOW, 1)
    centres = centre_rows(n_frames, fps=fps, rate_hz=rate_hz, offset_s=offset_s)
    wanted = centres[:, None] + np.arange(WINDOW) - WINDOW // 2
    np.testing.assert_array_equal(cut[:, :, 0], np.clip(wanted, 0, n_rows - 1))
    middle_s = (np.arange(n_frames) + 0.5) / fps
    assert np.abs(offset_s + centres / rate_hz - middle_s).max() <= 0.5 / rate_hz + 1e-9


def test_whole_steps_are_strided_views():
    features = np.random.default_rng(0).normal(size=(150, 29)).astype(np.float32)
    cut = windows(features, 75, fps=25, rate_hz=50)
    assert not cut.flags.owndata and not cut.flags.writeable
    assert cut.strides[0] == 2 * cut.strides[1]  # two rows a frame, nothing copied


def test_features_that_start_after_the_clip_are_refused():
    with pytest.raises(ValueError, match="too late"):
        windows(np.zeros((10, 2)), 5, fps=25, rate_hz=50, offset_s=3.0)


@settings(deadline=None)
@given(
    n_frames=st.integers(1, 100),
    fps=st.sampled_from([12.5, 25.0, 29.97, 50.0, 60.0]),
    offset_s=st.floats(0.0, 0.03),
)
def test_windows_at_video_rate_hold_one_row_a_frame(n_frames, fps, offset_s):
    """Features that count the seconds: row r of window t says the time of frame t + r - 8."""
    n_rows = int(n_frames / fps * 50) + 3
    features = (offset_s + np.arange(n_rows) / 50)[:, None] + 1
    cut = windows(features, n_frames, fps=fps, rate_hz=50, offset_s=offset_s, rate="video")
    assert cut.shape == (n_frames, WINDOW, 1) and not cut.flags.writeable
    frame = np.arange(n_frames)[:, None] + np.arange(WINDOW) - WINDOW // 2
    middle_s = np.clip((frame + 0.5) / fps, offset_s, features[-1, 0] - 1)
    wanted = np.where((frame >= 0) & (frame < n_frames), middle_s + 1, 0)  # zeros beyond the clip
    np.testing.assert_allclose(cut[:, :, 0], wanted, atol=1e-9)


def test_an_unknown_rate_is_refused():
    with pytest.raises(UsageError, match="native or video, not 'fast'"):
        windows(np.zeros((10, 2)), 5, fps=25, rate_hz=50, rate="fast")
