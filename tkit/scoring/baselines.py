"""Control rows: what stands beside the predictions, each made from the ground truth alone.

How frames and points of every row come from those of the ground truth is said here, and nowhere
else; the rows' names belong to the format of a report.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

if TYPE_CHECKING:
    from tkit.metrics import Metric

Chunk = dict[str, np.ndarray]  # the same frames under the names of tkit.metrics.VIEWS

LAG_FRAMES = 3
SHIFT_PX = 0.5  # of the frames in which points are found again, right and down


class Baseline(Protocol):
    """One control row of one clip.

    Parameters
    ----------
    again : bool
        It wants the points of the ground truth found a second time.
    other_sound : bool
        It is heard with the sound of another clip.
    """

    again: ClassVar[bool] = False
    other_sound: ClassVar[bool] = False

    def frames(self, truth: Chunk) -> Chunk:
        """Return its frames beside the next ones of the ground truth, nothing if it has none."""

    def points(self, truth: Chunk, again: Chunk) -> Chunk:
        """Return its points (T, 68, 2) beside those of the ground truth, found once and again."""

    @classmethod
    def why_not(cls, family: Metric) -> str:
        """Why it has no score in the metrics of a family, after "n/a: "; empty if it has."""
        return ""


class Static(Baseline):
    """The first frame of the ground truth, repeated."""

    def __init__(self) -> None:
        self._first: Chunk = {}

    def frames(self, truth: Chunk) -> Chunk:
        """Return views of one array: a still is kept, and can be looked at, once."""
        self._first = self._first or {view: array[:1].copy() for view, array in truth.items()}
        return _repeated(self._first, len(truth["frames"]))

    def points(self, truth: Chunk, again: Chunk) -> Chunk:
        """Return the first points, repeated."""
        return {view: array[:1].repeat(len(array), axis=0) for view, array in truth.items()}


class Itself(Baseline):
    """The ground truth against itself."""

    def frames(self, truth: Chunk) -> Chunk:
        """Return what is given."""
        return truth

    def points(self, truth: Chunk, again: Chunk) -> Chunk:
        """Return what was found first."""
        return truth


class Late(Baseline):
    """The ground truth ``LAG_FRAMES`` frames late, its first frame held."""

    def __init__(self) -> None:
        self._tail: Chunk = {}

    def frames(self, truth: Chunk) -> Chunk:
        """Return the last frames of what came before, and all but as many of these."""
        first = {view: array[:1] for view, array in truth.items()}
        before = self._tail or _repeated(first, LAG_FRAMES)
        joined = {view: np.concatenate([before[view], truth[view]]) for view in truth}
        self._tail = {view: array[-LAG_FRAMES:].copy() for view, array in joined.items()}
        return {view: array[:-LAG_FRAMES] for view, array in joined.items()}

    def points(self, truth: Chunk, again: Chunk) -> Chunk:
        """Return the points of the frames shown."""
        return {
            view: array[np.maximum(np.arange(len(array)) - LAG_FRAMES, 0)]
            for view, array in truth.items()
        }


class FoundAgain(Baseline):
    """The ground truth's points found again in shifted frames; pictures know no detector."""

    again = True

    def frames(self, truth: Chunk) -> Chunk:
        """Return nothing."""
        return {}

    def points(self, truth: Chunk, again: Chunk) -> Chunk:
        """Return what was found the second time."""
        return again

    @classmethod
    def why_not(cls, family: Metric) -> str:
        """Say that metrics of pictures do not have it."""
        if family.needs.of_points:
            return ""
        return "n/a: pictures know no detector, only metrics of points have this row"


class WithOtherSound(Itself):
    """The ground truth, heard with the sound of the next clip."""

    other_sound = True

    @classmethod
    def why_not(cls, family: Metric) -> str:
        """Say that metrics that do not listen do not have it."""
        return "" if "wave" in family.inputs else "n/a: only metrics that listen have this row"


BASELINES: dict[str, type[Baseline]] = {
    "static": Static,
    "gt": Itself,
    "gt-lag3": Late,
    "detector-noise": FoundAgain,
    "other-sound": WithOtherSound,
}
STAND_IN = "static"  # the row that stands for a missing prediction, where the policy says so


def shifted(frames: np.ndarray, shift_px: float = SHIFT_PX) -> np.ndarray:
    """Frames (T, H, W, 3) moved right and down by ``shift_px``, bilinear, edges repeated."""
    if not shift_px or not len(frames):
        return frames
    import cv2

    move = np.array([[1.0, 0.0, shift_px], [0.0, 1.0, shift_px]])
    size = frames.shape[2], frames.shape[1]
    return np.stack(
        [cv2.warpAffine(f, move, size, borderMode=cv2.BORDER_REPLICATE) for f in frames]
    )


def fresh(rows: Iterable[str]) -> dict[str, Baseline]:
    """Fresh control rows of one clip, by name."""
    return {name: BASELINES[name]() for name in rows}


def _repeated(first: Chunk, n_frames: int) -> Chunk:
    return {
        view: np.broadcast_to(array, (n_frames, *array.shape[1:])) for view, array in first.items()
    }
