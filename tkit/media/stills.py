"""Picture files of strangers: what they declare, and whatever Pillow raises of damaged ones."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tkit.errors import MediaError, one_line
from tkit.files import require_path

MOST_PIXELS = 2**27  # of a picture, 134 million: more than cameras take, and 400 MB as RGB


@contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """Open a picture with Pillow and raise :class:`MediaError` for whatever is wrong with it.

    Nothing is unpacked before the declared size has been looked at.
    """
    from PIL import Image

    path = require_path(path, "picture")
    if not path.is_file():
        raise MediaError(f"{path}: not a picture file")
    try:
        with warnings.catch_warnings():
            # Pillow warns of half the size that it refuses; the limit here lies between them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise MediaError(f"{path}: declares {width} x {height} pixels, more than any")
                yield image
    # Its readers of formats raise what they stumble over.
    except (
        OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError, AttributeError,
        OverflowError, NotImplementedError, MemoryError, RuntimeError, ZeroDivisionError,
        struct.error, zlib.error, Image.DecompressionBombError,
    ) as error:  # fmt: skip
        reason = one_line(str(error))
        raise MediaError(f"{path}: not a picture that can be read ({reason})") from error
