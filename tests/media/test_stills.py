"""Picture files that declare too much, or are damaged."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tkit import media
from tkit.errors import MediaError


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *others: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(height * (1 + 3 * width) if width < 100 else 100)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(others) + rows + chunk(b"IEND", b"")


def test_a_small_one_is_read(tmp_path):
    (tmp_path / "x.png").write_bytes(png(4, 3))
    assert media.read_image(tmp_path / "x.png").shape == (3, 4, 3)


TEXT = chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(10**8)))


@pytest.mark.parametrize(
    "content",
    [png(20_000, 20_000), png(12_000, 12_000), png(2**31 - 1, 2**31 - 1), png(0, 5),
     png(4, 3, TEXT), png(4, 3)[:45], b"", b"GIF89a", b"BM" + bytes(50)],
)  # fmt: skip
def test_what_declares_too_much_or_is_damaged_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(MediaError, match=r"^[^\n]*x\.png[^\n]*$"):
        media.read_image(tmp_path / "x.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(MediaError, match="not a picture"):
        media.read_image(tmp_path / "x.png")


def test_a_large_photo_is_read_without_a_word(tmp_path):
    Image.fromarray(np.zeros((10_000, 9_500, 3), np.uint8)).save(
        tmp_path / "x.png", compress_level=1
    )
    assert media.read_image(tmp_path / "x.png").shape == (10_000, 9_500, 3)
