"""Pictures of any depth are shown alike; transparent ones lie on white."""

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from tkit import media
from tkit.errors import MediaError

RGB = np.asarray(data.astronaut()[:64, :96])
GRAY = RGB[..., 1]


def read(path) -> np.ndarray:
    return media.read_image(path)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "rgb"])
def test_sixteen_bits_are_scaled(tmp_path, suffix, pixels):
    path = tmp_path / f"x.{suffix}"
    deep = pixels.astype(np.uint16) * 257
    cv2.imwrite(str(path), deep if deep.ndim == 2 else deep[..., ::-1])
    shown = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    np.testing.assert_array_equal(read(path), shown)


def test_sixteen_bits_are_rounded_not_cut_off(tmp_path):
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(deep).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read(tmp_path / "x.png")[..., 0], np.rint(deep / 257))


def test_floats_are_from_0_to_1(tmp_path):
    path = tmp_path / "x.tif"
    Image.fromarray((GRAY / 255).astype(np.float32)).save(path)
    np.testing.assert_array_equal(read(path)[..., 2], GRAY)
    for wrong in (GRAY.astype(np.float32), np.full((4, 4), np.nan, np.float32)):
        Image.fromarray(wrong).save(path)
        with pytest.raises(MediaError, match=r"float32 pixels from .* 0 to 1 have a meaning"):
            read(path)


def test_what_is_transparent_is_white(tmp_path):
    half = np.zeros((64, 96), np.uint8)
    half[:, 48:] = 255
    half[:, 40:48] = 128
    cases = {
        "rgba.png": Image.fromarray(np.dstack([RGB, half])),
        "la.png": Image.fromarray(np.dstack([GRAY, half])),
        "rgba.webp": Image.fromarray(np.dstack([RGB, half])),
    }
    for name, image in cases.items():
        image.save(tmp_path / name, lossless=True)
        shown, own = read(tmp_path / name), GRAY[..., None] if "la" in name else RGB
        assert (shown[:, :40] == 255).all()
        np.testing.assert_array_equal(shown[:, 48:], np.broadcast_to(own[:, 48:], (64, 48, 3)))
        mean = (own[:, 40:48] * (128 / 255) + 255 * (127 / 255)) - shown[:, 40:48]
        assert np.abs(mean).max() <= 1
    palette = Image.fromarray(RGB).quantize(8)
    palette.save(tmp_path / "p.png", transparency=palette.getpixel((0, 0)))
    assert (read(tmp_path / "p.png")[0, 0] == 255).all()


def test_a_picture_lies_as_its_orientation_says_at_any_depth(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for pixels in (GRAY, GRAY.astype(np.uint16) * 257):
        Image.fromarray(pixels).save(tmp_path / "x.png", exif=exif)
        np.testing.assert_array_equal(read(tmp_path / "x.png")[..., 0], np.rot90(GRAY, -1))
