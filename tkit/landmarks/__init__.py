"""Landmark back-ends: frames of one clip to 68 tracked points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tkit.registry import Registry

LANDMARKERS = Registry("tkit.landmarks", "LANDMARKER")

Track = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Landmarker:
    """One landmark back-end.

    Parameters
    ----------
    title : str
    scheme : str
        Layout of the points; ``ibug68`` for every back-end that feeds a store.
    open : callable
        ``open(**params)`` loads the models and returns ``track(frames)``, which maps the frames of
        one clip (T, H, W, 3) uint8 RGB to points (T, 68, 2) float32 in pixels, NaN where no face
        was found.
    signature : str
        Name and versions; scores and stores made with different signatures are not mixed.
    licence : str
        Of the models.
    """

    title: str
    scheme: str
    open: Callable[..., Track]
    signature: str
    licence: str
