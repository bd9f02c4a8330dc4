"""Landmark back-ends: frames of one clip to 68 tracked points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from tkit.registry import BackEnd, Registry

LANDMARKERS: Registry[Landmarker] = Registry(
    "tkit.landmarks", "LANDMARKER", exclude=frozenset({"boxes", "talks", "task_models", "trees"})
)

Note = Callable[[str], None]
Raw = Callable[[np.ndarray], None]


def ignore(said: object) -> None:
    """Take a remark, or points, and do nothing with them."""


class Track(Protocol):
    """What an opened :class:`Landmarker` is: the frames of one clip to its points."""

    def __call__(
        self,
        frames: np.ndarray,
        *,
        video: str = "",
        fps: float = 25.0,
        note: Note = ignore,
        raw: Raw = ignore,
    ) -> np.ndarray:
        """Return points (T, 68, 2) float32 in pixels, NaN where no face was found.

        Parameters
        ----------
        frames : ndarray (T, H, W, 3), uint8 RGB
        video : str
            Path of the clip, for back-ends that read a file beside it; others ignore it.
        fps : float
            Rate of ``frames``; frame ``t`` is shown at ``t / fps`` seconds of the clip.
        note : callable
            Receives remarks for the user: one sentence each, e.g. that there are two faces.
        raw : callable
            Receives the points (T, 68, 2) as they were found in each frame, before anything is
            averaged over time: those returned, where the back-end does not steady them.
        """


@dataclass(frozen=True, kw_only=True)
class Landmarker(BackEnd[Track]):
    """One landmark back-end; opened, it is a :class:`Track`.

    Parameters
    ----------
    scheme : str
        Layout of the points; ``ibug68`` for every back-end that feeds a store.
    lips : str
        The lip segmenter that refines its points where the user names none; ``none`` for none.
    sidecar : str
        Suffix of the file beside each video that the back-end reads instead of the frames.
    """

    kind: ClassVar[str] = "landmark back-end"
    option: ClassVar[str] = "--landmarks-model FILE"

    scheme: str = "ibug68"
    lips: str = "none"
    sidecar: str = ""
