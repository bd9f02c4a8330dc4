"""What frames are made with: the trained stages, what finds faces, and the choices of a call."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit.landmarks import Track

if TYPE_CHECKING:
    from tkit.pipelines.training.runs import Trained


@dataclass(frozen=True)
class Studio:
    """What all videos of one call are made with.

    Parameters
    ----------
    motion, blink, texture : Trained
    landmarker : callable
        An opened landmark back-end.
    fps : float
        Frames a second.
    seed : int
        Of the blinks; each job blinks in its own way, in any selection.
    crop : bool
        Write the bare face crop instead of the picture.
    speech_weights : str
        Weight file of the speech encoder; empty for its own.
    blink_rate : float, optional
        Blinks a second; by default as learned.
    expression : float
        How far speech moves the mouth: 0 not at all, 1 as learned.
    max_side : int
        Pixels of a picture's longer side above which it is made smaller first; 0: never.
    habit : ndarray (2,) or float
        How far the person moves it beside others, across and down
        (:mod:`tkit.pipelines.stages.motion.habit`); 1 as others do.
    head : ndarray (N, 2, 3), optional
        Movement of the head, from :func:`tkit.pipelines.animation.head.head_moves`, repeated there
        and back.
    sway : float
        Without ``head``, how much the head moves by itself: 0 not at all, 1 as people do.
    """

    motion: Trained
    blink: Trained
    texture: Trained
    landmarker: Track
    fps: float = 25.0
    seed: int = 0
    crop: bool = False
    speech_weights: str = ""
    blink_rate: float | None = None
    expression: float = 1.0
    max_side: int = 0
    habit: np.ndarray | float = 1.0
    head: np.ndarray | None = None
    sway: float = 0.0

    def facts(self) -> dict[str, Any]:
        """What the videos depend on, for :func:`tkit.pipelines.animation.mark.mark`."""
        named = [field.name for field in fields(self) if field.name != "landmarker"]
        return {name: getattr(self, name) for name in named}
