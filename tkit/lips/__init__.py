"""Lip segmenters: faces and their tracked points to regions whose boundaries lips and lids are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from tkit.registry import BackEnd, Registry

SEGMENTERS: Registry[Segmenter] = Registry(
    "tkit.lips", "SEGMENTER", exclude=frozenset({"pictures"})
)

# Lip points by the boundary they lie on.
OUTER_SIDES = (*range(49, 54), *range(55, 60))  # without the corners 48 and 54
INNER_UPPER, INNER_LOWER = (61, 62, 63), (65, 66, 67)  # without the corners 60 and 64


@dataclass(frozen=True)
class Region:
    """A segment of N frames, and the points that lie on its boundary.

    Parameters
    ----------
    index : tuple of int
        Of the iBUG-68 points.
    inside : ndarray (N, h, w), float32
        Probability that a cell belongs to the region.
    transforms : ndarray (N, 2, 3)
        Pixels of the frame to cells; whole numbers are their centres.
    along : bool
        The points leave the region along their contour, not across it (corners of the mouth).
    doubt : ndarray (N,), optional
        How little the segmenter knows of what it sees in each frame: up to 1 as with faces that it
        has learned from. None where it cannot tell.
    """

    index: tuple[int, ...]
    inside: np.ndarray
    transforms: np.ndarray
    along: bool = False
    doubt: np.ndarray | None = None


class Segment(Protocol):
    """What an opened :class:`Segmenter` is: faces to the regions of their mouths and eyes."""

    def __call__(self, frames: Sequence[np.ndarray], points: np.ndarray) -> list[Region]:
        """Segment one face in each frame.

        Parameters
        ----------
        frames : sequence of N ndarrays (H, W, 3), uint8 RGB
        points : ndarray (N, 68, 2)
            Tracked, in pixels; every one finite. They say where the face is, not where the lips
            end.
        """


@dataclass(frozen=True, kw_only=True)
class Segmenter(BackEnd[Segment]):
    """One lip segmenter; opened, it is a :class:`Segment`."""

    kind: ClassVar[str] = "lip segmenter"
    option: ClassVar[str] = "--lips-model FILE"
