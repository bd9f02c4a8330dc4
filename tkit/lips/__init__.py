"""Lip segmenters: faces and their tracked points to probabilities of lips and inner mouth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tkit.registry import Registry

SEGMENTERS = Registry("tkit.lips", "SEGMENTER")


@dataclass(frozen=True)
class Segments:
    """Segmented mouths of N faces, each in a crop of its own.

    Parameters
    ----------
    lips : ndarray (N, h, w), float32
        Probability of lip or mouth; its boundary is the outer contour of the lips.
    mouth : ndarray (N, h, w), float32
        Probability of the inner mouth; its boundary is the inner contour of the lips.
    transforms : ndarray (N, 2, 3)
        Pixels of the frame to pixels of the crop; whole numbers are the centres of pixels.
    """

    lips: np.ndarray
    mouth: np.ndarray
    transforms: np.ndarray


class Segment(Protocol):
    """What :attr:`Segmenter.open` returns: faces to their segmented mouths."""

    def __call__(self, frames: np.ndarray, points: np.ndarray) -> Segments:
        """Segment the mouth of one face in each frame.

        Parameters
        ----------
        frames : ndarray (N, H, W, 3), uint8 RGB
        points : ndarray (N, 68, 2)
            Tracked, in pixels; every one finite. They say where the face is, not where the lips
            end.
        """


@dataclass(frozen=True)
class Segmenter:
    """One lip segmenter.

    Parameters
    ----------
    title : str
    open : callable
        ``open(**params)`` loads the model and returns a :class:`Segment`.
    signature : str
        Name and version; lip points refined by different segmenters are not mixed.
    licence : str
        Of the model.
    sign : callable, optional
        ``sign(**params)`` returns the signature where it depends on the parameters, e.g. on a
        model file that the user gives.
    """

    title: str
    open: Callable[..., Segment]
    signature: str
    licence: str
    sign: Callable[..., str] | None = None

    def signature_with(self, **params: str) -> str:
        """Return the signature of this segmenter opened with ``params``."""
        return self.sign(**params) if self.sign else self.signature
