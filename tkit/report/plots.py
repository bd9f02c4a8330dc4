"""Figures of reports (matplotlib, drawn without a screen)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tkit.face import geometry
from tkit.face.drawing import CLOSED_LINES, OPEN_LINES
from tkit.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tkit.store import EncoderInfo

SIDE = 3.0  # side of the square that a strip shows of a face, inter-ocular distances
# It says in three lines that a home folder is read only, which keeps it from nothing.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
INK, SOFT, LIPS = "#1c1f23", "#9aa3ad", "#d93636"


def speech(
    path: Path,
    features: NDArray[np.float32],
    info: EncoderInfo,
    symbols: Sequence[str] | None = None,
) -> None:
    """Draw speech features over time.

    Parameters
    ----------
    path : Path
        PNG to write.
    features : ndarray (N, D)
    info : EncoderInfo
        Which encoder made them, and where the rows lie in time.
    symbols : sequence of str, optional
        What the columns stand for; they are named if there are few.
    """
    from matplotlib.figure import Figure

    half_s = 0.5 / info.rate_hz
    start_s = info.offset_s - half_s
    end_s = start_s + len(features) / info.rate_hz
    # About 2 inches a second, within what a picture viewer opens.
    figure = Figure(figsize=(min(max(2 * end_s, 5), 60), 5), layout="constrained")
    axes = figure.subplots()
    extent = (start_s, end_s, info.dim - 0.5, -0.5)
    axes.imshow(features.T, aspect="auto", interpolation="nearest", extent=extent)
    axes.set(xlabel="seconds", ylabel="column", title=info.signature)
    if symbols is not None and len(symbols) <= 64:
        names = [{" ": "space", "": "blank"}.get(symbol, symbol) for symbol in symbols]
        axes.set_yticks(range(len(names)), names, fontsize=6)
        axes.set_ylabel("")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def moments(opening: NDArray[np.float64], count: int) -> list[int]:
    """Choose frames that show a mouth at work.

    Parameters
    ----------
    opening : ndarray (T,)
        Of the mouth in each frame.
    count : int
        Frames wanted, at most T.

    Returns
    -------
    list of int
        Half of them the frames whose mouth is open widest, the others those in which it is the most
        shut, no two of them near each other; in the order of time.
    """
    chosen: list[int] = []
    apart = (len(opening) // count - 1) // 2  # those chosen never rule out all that are left
    for ranked, wanted in ((-opening, count // 2), (opening, count)):
        for index in map(int, np.argsort(ranked, kind="stable")):
            if len(chosen) < wanted and all(abs(index - other) > apart for other in chosen):
                chosen.append(index)
    return sorted(chosen)


def strip(
    path: Path,
    photo: NDArray[np.uint8],
    frames: NDArray[np.uint8],
    points: NDArray[np.float64],
    wave: NDArray[np.float32],
    *,
    fps: float,
    count: int = 6,
) -> None:
    """Draw a talking video as one picture: photo, frames, their landmarks, and the speech.

    Parameters
    ----------
    path : Path
        PNG to write, 900 x 307 px.
    photo : ndarray (H, W, 3), uint8 RGB
        What the video was made from.
    frames : ndarray (T, H', W', 3), uint8 RGB
    points : ndarray (T, 68, 2)
        Landmarks of the frames, px.
    wave : ndarray (S,)
        The speech, as long as the video.
    fps : float
        Frames a second.
    count : int
        Frames shown, see :func:`moments`.
    """
    from matplotlib.figure import Figure

    opening = geometry.mouth_opening(points) / geometry.inter_ocular(points)
    shown = moments(opening, count)
    figure = Figure(figsize=(12, 4.1), dpi=75)
    space = {
        "left": 0.01,
        "right": 0.99,
        "bottom": 0.07,
        "top": 0.99,
        "wspace": 0.04,
        "hspace": 0.04,
    }
    grid = figure.add_gridspec(3, count + 2, height_ratios=(1, 1, 0.55), **space)
    still = figure.add_subplot(grid[:2, :2])
    still.imshow(photo)
    still.axis("off")
    centre, half = points.mean(axis=(0, 1)), SIDE / 2 * float(geometry.inter_ocular(points).mean())
    for column, index in enumerate(shown, start=2):
        for row in range(2):
            axes = figure.add_subplot(grid[row, column])
            if row == 0:
                axes.imshow(frames[index], interpolation="bicubic")
            else:
                _face_lines(axes, points[index])
            axes.set(xlim=(centre[0] - half, centre[0] + half), aspect="equal")
            axes.set(ylim=(centre[1] + half, centre[1] - half))  # rows of a picture go down
            axes.axis("off")
    _speech(figure.add_subplot(grid[2, :]), wave, opening, shown, fps=fps)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, facecolor="white", pil_kwargs={"optimize": True})


def _face_lines(axes: Axes, face: NDArray[np.float64]) -> None:
    for line in [*OPEN_LINES, *(np.r_[line, line[:1]] for line in CLOSED_LINES)]:
        lips = line[0] >= geometry.MOUTH.start
        axes.plot(*face[line].T, color=LIPS if lips else INK, linewidth=1.6 if lips else 1.1)
    axes.plot(*face.T, ".", color=INK, markersize=2)


def _speech(
    axes: Axes,
    wave: NDArray[np.float32],
    opening: NDArray[np.float64],
    shown: list[int],
    *,
    fps: float,
) -> None:
    """The envelope of the sound, the mouth's opening over it, and dots at the frames shown."""
    time_s = (np.arange(len(opening)) + 0.5) / fps
    parts = np.array_split(np.abs(wave), 10 * len(opening))
    loud = np.array([part.max(initial=0) for part in parts])
    seconds = len(opening) / fps
    loud_s = (np.arange(len(loud)) + 0.5) / len(loud) * seconds
    scale = max(float(opening.max()), 1e-9) / max(float(loud.max()), 1e-9)
    axes.fill_between(loud_s, loud * scale, color=SOFT, alpha=0.45, linewidth=0, label="speech")
    axes.plot(time_s, opening, color=LIPS, linewidth=1.6, label="mouth opening")
    axes.plot(time_s[shown], opening[shown], "o", color=LIPS, markersize=5)
    top = 1.5 * max(float(opening.max()), 1e-9)  # room for the legend
    axes.set(xlim=(0, seconds), ylim=(0, top), yticks=[])
    axes.xaxis.set_major_formatter("{x:g} s")
    axes.tick_params(labelsize="small", color=SOFT, labelcolor=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.legend(fontsize="small", frameon=False, loc="upper right", ncols=2, borderaxespad=0)
