"""Which landmark back-end and lip segmenter find the points of a face: one value for both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from tkit.landmarks import LANDMARKERS, Landmarker, Note, Raw, Track, ignore
from tkit.lips import SEGMENTERS, Segment, Segmenter
from tkit.tracking.refine import refine_lips
from tkit.tracking.upright import upright_only

NO_LIPS = "none"  # the lips stay where they were tracked


@dataclass(frozen=True)
class FrontEnds:
    """A landmark back-end and a lip segmenter, each with the model file that it takes.

    Models are loaded when they are first used, once a process; so the value can be sent to others.

    Parameters
    ----------
    landmarks : str
        Name in the registry of landmark back-ends.
    landmarks_model : str
        Model file for one that takes a file (``mesh``).
    lips : str
        Name of the lip segmenter; empty for the landmark back-end's own choice, ``none`` for none.
    lips_model : str
        Model file for one that takes a file (``bisenet``).
    """

    landmarks: str = "dlib68"
    landmarks_model: str = ""
    lips: str = ""
    lips_model: str = ""

    @property
    def landmarker(self) -> Landmarker:
        """Entry of the landmark back-end; :class:`UnknownNameError` if there is none."""
        return LANDMARKERS.get(self.landmarks)

    @property
    def segmenter(self) -> Segmenter | None:
        """Entry of the lip segmenter, None for ``none``; :class:`UnknownNameError` if unknown."""
        name = self.lips or self.landmarker.lips
        return None if name == NO_LIPS else SEGMENTERS.get(name)

    def check(self) -> None:
        """Raise :class:`UsageError` for an unknown name or a model file that is not wanted."""
        self.signature()
        self.lips_signature()

    def signature(self) -> str:
        """Return what distinguishes the points of this back-end from those of any other."""
        return self.landmarker.signature_with(self.landmarks_model)

    def lips_signature(self) -> str:
        """Return what distinguishes lips refined by this segmenter from any others."""
        segmenter = self.segmenter
        return segmenter.signature_with(self.lips_model) if segmenter else NO_LIPS

    def track(self) -> Track:
        """Return the landmark back-end, loaded; it refuses faces that do not stand upright."""
        return _tracks(self.landmarker, self.landmarks_model)

    def segment(self) -> Segment | None:
        """Return the lip segmenter, loaded; None for ``none``."""
        segmenter = self.segmenter
        return _segments(segmenter, self.lips_model) if segmenter else None

    def refined(self) -> Track:
        """Return the landmark back-end with its lips refined, as ``tkit prep`` does."""
        track, segment = self.track(), self.segment()

        def refined(
            frames: np.ndarray,
            *,
            video: str = "",
            fps: float = 25.0,
            note: Note = ignore,
            raw: Raw = ignore,
        ) -> np.ndarray:
            points = track(frames, video=video, fps=fps, note=note, raw=raw)
            return refine_lips(frames, points, segment)[0]

        return refined


@cache
def _tracks(entry: Landmarker, model: str) -> Track:
    return upright_only(entry.load(model))


@cache
def _segments(entry: Segmenter, model: str) -> Segment:
    return entry.load(model)
