"""Pictures are shown as the file says: turned, mirrored, with square pixels."""

from fractions import Fraction

import mediafiles
import numpy as np
import pytest

from tkit import media

ONE = 1 << 16
# a, b, c, d of the display matrix (ISO 14496-12: x' = a x + c y, y' = b x + d y), and what it does.
WAYS = {
    "none": ((1, 0, 0, 1), lambda p: p),
    "mirrored": ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda p: p[::-1]),
    "half a turn": ((-1, 0, 0, -1), lambda p: p[::-1, ::-1]),
    "clockwise": ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
    "counter-clockwise": ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
    "rows to columns": ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
    "the other diagonal": ((0, -1, -1, 0), lambda p: p.swapaxes(0, 1)[::-1, ::-1]),
}


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)


@pytest.mark.parametrize("way", WAYS)
def test_the_display_matrix_turns_and_mirrors(tmp_path, way):
    (a, b, c, d), expected = WAYS[way]
    matrix = [a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30]
    mediafiles.write_stamped(tmp_path / "x.mp4", [picture()] * 3, range(3), display=matrix)
    frames = media.read_clip(tmp_path / "x.mp4").frames
    np.testing.assert_array_equal(frames[1], expected(picture()))
    np.testing.assert_array_equal(next(media.iter_frames(tmp_path / "x.mp4")), frames[0])


@pytest.mark.parametrize(("ratio", "width"), [("4/3", 64), ("3/4", 36), ("16/11", 70), ("1", 48)])
def test_pixels_are_square(tmp_path, ratio, width):
    path = tmp_path / "x.mp4"
    across = np.linspace(0, 255, 48).astype(np.uint8)
    image = np.broadcast_to(across[None, :, None], (32, 48, 3)).copy()
    mediafiles.write_stamped(path, [image] * 2, range(2), pixel_ratio=Fraction(ratio))
    frames = media.read_clip(path).frames
    assert frames.shape == (2, 32, width, 3)
    middle = (np.arange(width) + 0.5) / width * 48 - 0.5  # of each pixel, in those of the stream
    truth = np.interp(middle, np.arange(48), across)
    assert np.abs(frames[0, 5, :, 1] - truth)[3:-3].max() < 4
