"""Speech windows: for every video frame the 16 feature rows around it, as a view."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tkit.errors import UsageError

WINDOW = 16  # rows; Sinha et al. 2020, §IV
RATES = ("native", "video")


def centre_rows(n_frames: int, *, fps: float, rate_hz: float, offset_s: float = 0.0) -> np.ndarray:
    """Index of the feature row nearest to the middle of each video frame, (T,) int.

    Parameters
    ----------
    offset_s : float
        Time of feature row 0 (its centre) in seconds of the clip.
    """
    middle_s = (np.arange(n_frames) + 0.5) / fps
    return np.floor((middle_s - offset_s) * rate_hz + 0.5).astype(np.int64)


def pad_features(features: np.ndarray, n_rows: int, *, size: int = WINDOW) -> np.ndarray:
    """Put ``size`` edge rows before the features and enough behind them for ``n_rows`` rows."""
    behind = max(n_rows - len(features), 0) + size
    before, after = features[:1].repeat(size, axis=0), features[-1:].repeat(behind, axis=0)
    return np.concatenate([before, features, after])  # np.pad takes ten times as long


def windows(
    features: np.ndarray,
    n_frames: int,
    *,
    fps: float,
    rate_hz: float,
    offset_s: float = 0.0,
    size: int = WINDOW,
    rate: str = "native",
) -> np.ndarray:
    """Cut one window of ``size`` rows around each video frame.

    Parameters
    ----------
    features : ndarray (N, D)
    n_frames : int
        Number of windows; beyond the ends of the features their first or last row is repeated.
    rate : str
        ``native``: the rows as they are, at 50 Hz 16 of them are 320 ms. ``video``: one row a video
        frame, see :func:`video_windows`; at 25 fps 16 of them are 640 ms.

    Returns
    -------
    ndarray (T, size, D)
        Row ``size // 2`` is the one nearest to the frame's middle. A strided view (no copy of the
        rows) when a frame is a whole number of rows, e.g. 25 fps and 50 Hz.
    """
    if rate == "video":
        return video_windows(
            features, n_frames, fps=fps, rate_hz=rate_hz, offset_s=offset_s, size=size
        )
    if rate != "native":
        raise UsageError(f"the rate of windows is {' or '.join(RATES)}, not {rate!r}")
    centres = centre_rows(n_frames, fps=fps, rate_hz=rate_hz, offset_s=offset_s)
    last = int(centres[-1]) if n_frames else 0
    padded = pad_features(features, last + size, size=size)
    every = sliding_window_view(padded, size, axis=0)  # (rows, D, size)
    starts = centres + size - size // 2  # of each window, in padded rows
    if n_frames and starts[0] < 0:
        raise ValueError(f"row 0 at {offset_s} s lies too late for {n_frames} frames")
    steps = np.diff(starts)
    if len(steps) and (steps == steps[0]).all() and steps[0] > 0:
        every = every[starts[0] : starts[-1] + 1 : steps[0]]
    else:
        every = every[starts]
    return every.swapaxes(1, 2)


def video_windows(
    features: np.ndarray,
    n_frames: int,
    *,
    fps: float,
    rate_hz: float,
    offset_s: float = 0.0,
    size: int = WINDOW,
) -> np.ndarray:
    """Cut windows at video rate, as VOCA does (Cudeiro et al. 2019, their audio handler).

    The features are interpolated linearly to one row a frame (here to the frame's middle), zero
    rows are put around them, and a window is ``size`` of these rows.

    Returns
    -------
    ndarray (T, size, D)
        Row ``size // 2`` of window t is that of frame t. A strided view.
    """
    middle_s = (np.arange(n_frames) + 0.5) / fps
    rows = rows_at((middle_s - offset_s) * rate_hz, features)
    padded = np.pad(rows, ((size // 2, size - size // 2), (0, 0)))
    return sliding_window_view(padded, size, axis=0)[:n_frames].swapaxes(1, 2)


def rows_at(places: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Interpolate features (N, D) linearly at ``places`` (T,) in rows: (T, D)."""
    places = np.clip(places, 0, len(features) - 1)
    before = np.minimum(places.astype(np.int64), max(len(features) - 2, 0))
    after = np.minimum(before + 1, len(features) - 1)
    share = (places - before).astype(features.dtype)[:, None]
    found: np.ndarray = (1 - share) * features[before] + share * features[after]
    return found
