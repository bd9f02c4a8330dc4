"""As ``dlib68-plain``, of pictures that OpenCV has turned to gray."""

from __future__ import annotations

from functools import partial

import numpy as np

from tkit.landmarks import Landmarker, Note, Raw, Track, ignore
from tkit.landmarks.dlib68 import in_gray
from tkit.landmarks.dlib68_plain import LANDMARKER as PLAIN
from tkit.landmarks.dlib68_plain import open_plain


def _track(
    frames: np.ndarray,
    *,
    video: str = "",
    fps: float = 25.0,
    note: Note = ignore,
    raw: Raw = ignore,
    plain: Track,
) -> np.ndarray:
    return plain(in_gray(frames), raw=raw)


def _open() -> Track:
    return partial(_track, plain=open_plain())


LANDMARKER = Landmarker(
    name="dlib68-plain-gray",
    title="dlib's 68 points of each frame by itself, in gray, in whole pixels",
    open=_open,
    signature=PLAIN.signature.replace("plain", "plain-gray"),
    licence=PLAIN.licence,
)
