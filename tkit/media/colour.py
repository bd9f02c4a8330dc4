"""Decoded frames to RGB: the matrix and range that the stream states, rounded once.

Chroma is taken to lie in the middle of its pixels. So FFmpeg's scaler leaves it, and all that write
videos of RGB pictures by it; cameras put it half a pixel to the left, which few files state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from tkit.errors import MediaError
from tkit.media.kernels import yuv420_to_rgb

# Shares of red and blue in luma by code of the matrix (ITU-T H.273, table 4); a stream that states
# none has BT.601's, as FFmpeg and all that build on it read it.
MATRICES = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
    **dict.fromkeys((2, 5, 6), (0.299, 0.114)),  # none stated, BT.601
}
RGB = 0
FULL_RANGE = 2  # code of the range; another is 16..235 and 16..240
# What is not shown as the numbers say, by code of transfer function and of primaries (tables 3, 2).
TRANSFERS = {8: "linear light", 9: "logarithmic", 10: "logarithmic", 16: "HDR (PQ, SMPTE 2084)",
             17: "digital cinema (SMPTE 428)", 18: "HDR (HLG, ARIB B67)"}  # fmt: skip
PRIMARIES = {9: "a wide gamut (BT.2020)", 10: "CIE XYZ", 11: "a wide gamut (DCI-P3)",
             12: "a wide gamut (Display P3)"}  # fmt: skip
TO_BT709 = "-vf zscale=t=linear:npl=100,tonemap=hable,zscale=p=709:t=709:m=709:r=tv,format=yuv420p"
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class ToRgb:
    """Frames of one stream to RGB, with one reused scaler: making one a frame is slow.

    Parameters
    ----------
    name : path
        Of the file, for messages.
    """

    def __init__(self, name: Any) -> None:
        self._reformatter = VideoReformatter()
        self._name = name
        self._kind: tuple[Any, ...] = ()
        self._numbers, self._factors = np.zeros((3, 4), np.float32), np.zeros(6, np.int16)
        self._rows = np.zeros((4, 0), np.int16)
        self._level, self._bytes = 1.0, 1  # of samples, in levels of 255
        self._each = 1, 1  # pixels of a sample of chroma, across and down
        self._convert = self._by_scaler

    def __call__(self, frame: Any) -> np.ndarray:
        """Return the frame (H, W, 3) uint8 RGB as it is stored; its rows may lie apart in memory.

        Raises
        ------
        MediaError
            If its colours are not those of an ordinary picture.
        """
        kind = (frame.format.name, frame.width, frame.colorspace, frame.color_range,
                frame.color_trc, frame.color_primaries)  # fmt: skip
        if kind != self._kind:
            self._require_ordinary(frame)
            self._prepare(frame)
            self._kind = kind
        return self._convert(frame)

    def _prepare(self, frame: Any) -> None:
        """Choose the way from the frame's format."""
        form = frame.format
        full = frame.color_range == FULL_RANGE or form.name.startswith("yuvj")
        self._numbers = numbers(MATRICES.get(frame.colorspace, MATRICES[2]), full=full)
        planar = form.name.startswith("yuv") and form.is_planar and not form.is_big_endian
        if not planar:
            self._convert = self._by_scaler
        elif form.name in ("yuv420p", "yuvj420p"):
            self._convert = self._by_kernel
            self._factors = factors(self._numbers, full=full)
            self._rows = np.zeros((4, frame.width + 8), np.int16)
        else:
            self._convert = self._by_numbers
            depth = form.components[0].bits
            self._level = 255 / (2**depth - 1) if full else 1 / 2 ** (depth - 8)
            self._bytes = 2 if depth > 8 else 1
            self._each = 16 // form.chroma_width(16), 16 // form.chroma_height(16)

    def _by_kernel(self, frame: Any) -> np.ndarray:
        out = np.empty((frame.height, frame.width * 3), np.uint8)
        yuv420_to_rgb(*map(_samples, frame.planes), self._factors, self._rows, out)
        return out.reshape(frame.height, frame.width, 3)

    def _by_scaler(self, frame: Any) -> np.ndarray:
        converted = self._reformatter.reformat(
            frame, format="rgb24", interpolation=_EXACT, threads=1
        )
        plane = converted.planes[0]
        shape, strides = (converted.height, converted.width, 3), (plane.line_size, 3, 1)
        return np.ndarray(shape, np.uint8, memoryview(plane), strides=strides)

    def _by_numbers(self, frame: Any) -> np.ndarray:
        """Planes of any depth and subsampling: exact, and not as quick."""
        import cv2

        planes, each = [], ((1, 1), self._each, self._each)
        for plane, (across, down) in zip(frame.planes, each, strict=False):  # alpha is left
            samples = _samples(plane, self._bytes)[:, : plane.width]
            level = samples.astype(np.float32) * np.float32(self._level)
            # The last sample of chroma may reach over the edge of a picture of odd size.
            whole = plane.width * across, plane.height * down
            full = cv2.resize(level, whole, interpolation=cv2.INTER_CUBIC)
            planes.append(full[: frame.height, : frame.width])
        rgb = cv2.transform(cv2.merge(planes), self._numbers)
        return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)

    def _require_ordinary(self, frame: Any) -> None:
        problem = TRANSFERS.get(frame.color_trc) or PRIMARIES.get(frame.color_primaries)
        if not problem and frame.colorspace not in (*MATRICES, RGB):
            problem = f"another colour space (matrix {frame.colorspace} of ITU-T H.273)"
        if problem:
            raise MediaError(
                f"{self._name}: the picture is {problem}, whose numbers are not colours of an "
                f"ordinary screen; convert it: ffmpeg -i IN {TO_BT709} OUT"
            )


def _samples(plane: Any, size: int = 1) -> np.ndarray:
    """Samples of a plane with what lies behind each row; no copy."""
    kind = np.uint8 if size == 1 else np.uint16
    flat = np.frombuffer(plane, kind, count=plane.height * plane.line_size // size)
    return flat.reshape(plane.height, -1)


def numbers(shares: tuple[float, float], *, full: bool) -> np.ndarray:
    """Matrix (3, 4) float32 from luma, blue, red and one, all in levels of 255, to RGB.

    Parameters
    ----------
    shares : pair of float
        Of red and blue in luma.
    full : bool
        The numbers fill 0..255.
    """
    red, blue = shares
    green = 1 - red - blue
    of_luma, of_chroma, low = (1.0, 1.0, 0) if full else (255 / 219, 255 / 224, 16)
    to_red, to_blue = 2 * (1 - red) * of_chroma, 2 * (1 - blue) * of_chroma
    matrix = np.array(
        [[of_luma, 0, to_red], [of_luma, -to_blue * blue / green, -to_red * red / green],
         [of_luma, to_blue, 0]]
    )  # fmt: skip
    return np.column_stack([matrix, -matrix @ [low, 128, 128]]).astype(np.float32)


def factors(matrix: np.ndarray, *, full: bool) -> np.ndarray:
    """Turn it into the integers (6,) that :func:`tkit.media.kernels.yuv420_to_rgb` takes."""
    of_luma = matrix[0, 0]
    chroma = matrix[0, 2], matrix[1, 1], matrix[1, 2], matrix[2, 1]
    low = 0 if full else 16
    black = 16 * low * of_luma - 8 - 1  # 16 a level; half a level rounds, and products are cut off
    scaled = [round(float(factor) * 2**13) for factor in (of_luma, *chroma)]
    return np.array([*scaled, round(float(black))], np.int16)
