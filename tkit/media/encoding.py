"""From RGB arrays to PyAV frames that an encoder takes."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

BT601, LIMITED_RANGE = 6, 1  # codes of ITU-T H.273; stated, so that no player guesses BT.709
_EXACT = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class Subsampler:
    """RGB frames to 4:2:0, by the definition: who reads it by the same gets the RGB back."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, image: np.ndarray) -> Any:
        """Convert (H, W, 3) uint8 RGB of even sides to a frame in ``yuv420p``."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        return self._reformatter.reformat(frame, format="yuv420p", interpolation=_EXACT, threads=1)
