"""Landmark back-ends: frames of one clip to 68 tracked points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tkit.registry import Registry

LANDMARKERS: Registry[Landmarker] = Registry(
    "tkit.landmarks", "LANDMARKER", exclude=frozenset({"boxes", "talks", "task_models"})
)

Note = Callable[[str], None]
Raw = Callable[[np.ndarray], None]


def ignore(said: object) -> None:
    """Take a remark, or points, and do nothing with them."""


class Track(Protocol):
    """What :attr:`Landmarker.open` returns: the frames of one clip to its points."""

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


@dataclass(frozen=True)
class Landmarker:
    """One landmark back-end.

    Parameters
    ----------
    title : str
    scheme : str
        Layout of the points; ``ibug68`` for every back-end that feeds a store.
    open : callable
        ``open(**params)`` loads the models and returns a :class:`Track`. Every back-end also
        opens without parameters.
    signature : str
        Name and versions; scores and stores made with different signatures are not mixed.
    licence : str
        Of the models.
    lips : str
        The lip segmenter that refines its points where the user names none; ``none`` for none.
    sidecar : str, optional
        Suffix of the file beside each video that the back-end reads instead of the frames.
    sign : callable, optional
        ``sign(**params)`` returns the signature where it depends on the parameters, e.g. on a
        model file that the user gives.
    """

    title: str
    scheme: str
    open: Callable[..., Track]
    signature: str
    licence: str
    lips: str = "none"
    sidecar: str = ""
    sign: Callable[..., str] | None = None

    def signature_with(self, **params: str) -> str:
        """Return the signature of this back-end opened with ``params``."""
        return self.sign(**params) if self.sign else self.signature
