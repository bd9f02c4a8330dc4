"""Read what strangers wrote, JSON, TOML and arrays, so that nothing but ``ValueError`` is raised.

And show their texts so that they steer nothing.

The libraries raise what they like of files that are damaged or made to do harm: ``RecursionError``
of values within values within values, ``tokenize.TokenError`` of the head of an array. Sizes that a
file declares are compared with those it has before anything is allocated.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import json
import math
import os
import struct
import tokenize
import tomllib
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tkit.errors import one_line

if TYPE_CHECKING:
    import numpy as np

# Line ends, what steers a terminal or turns the direction of a text, and halves of characters,
# which no file can hold.
CONTROLS = dict.fromkeys(
    (*range(32), *range(127, 160), 0x061C, *range(0x200E, 0x2010), *range(0x2028, 0x202F),
     *range(0x2066, 0x206A), 0xFEFF, *range(0xD800, 0xE000)),
    "?",
)  # fmt: skip
_SEAL = b"\nsha256 "  # and 64 digits: the last bytes of a sealed file


def read_text(path: str | Path) -> str:
    """Read a text in UTF-8, with or without a byte-order mark, in UTF-16, or else in Latin-1.

    What is neither of the first two is of one of the 8-bit codes that people have, of which only
    the most frequent can be told; its plain letters are right in any case.
    """
    data = Path(path).read_bytes()
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def from_json(text: str) -> Any:
    """Return the value of a JSON text; ``ValueError`` if it is none, or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("values are nested too deeply") from None


def from_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML text; ``ValueError`` if it is none, or nested too deeply."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("values are nested too deeply") from None


def toml_of(values: Mapping[str, Any]) -> str:
    """Write values, lists of values and lists of tables as TOML, which the library only reads.

    ``tomllib`` reads the same back.

    Parameters
    ----------
    values : mapping
        Values are bool, int, float, str, a list or tuple of those, or a list of mappings (an array
        of tables, written last).
    """
    lines, tables = [], []
    for key, value in values.items():
        if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            tables += [f"\n[[{key}]]\n{toml_of(item)}" for item in value]
        else:
            lines.append(f"{key} = {_toml_value(value)}\n")
    return "".join(lines + tables)


def _toml_value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    # A JSON string is a TOML string (DEL apart, which nobody types); repr of a number reads back
    # exactly, inf and nan included.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def plain(text: str) -> str:
    """Replace control characters and line ends, so that a name stays within its cell or line.

    Examples
    --------
    >>> plain("two\\nlines")
    'two?lines'
    """
    return text.translate(CONTROLS)


def read_array(path: str | Path) -> np.ndarray[Any, Any]:
    """Map a ``.npy`` file of numbers into memory, read-only; no archive and no pickle is opened.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no such file, or shorter than the array that it declares.
    """
    import numpy as np

    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (tokenize.TokenError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"its head is damaged ({type(error).__name__})") from None
    except (TypeError, OverflowError, EOFError, AttributeError) as error:
        raise ValueError(one_line(str(error))) from None


def read_arrays(
    path: str | Path, kinds: Mapping[str, Any], *, most_bytes: int
) -> dict[str, np.ndarray[Any, Any]]:
    """Read named arrays of a ``.npz`` file; no pickle is opened, nothing of other names looked at.

    Parameters
    ----------
    kinds : mapping
        Name to the type of number that the array must be of.
    most_bytes : int
        More than so many in one array are refused before anything is unpacked.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no such file, or lacks an array, or has one of another type.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _member(archive, name, kinds[name], most_bytes) for name in kinds}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(f"no sound archive ({one_line(str(error))})") from None
    except (KeyError, struct.error, OverflowError) as error:
        raise ValueError(f"an archive of something else ({one_line(str(error))})") from None


def _member(
    archive: zipfile.ZipFile, name: str, kind: Any, most_bytes: int
) -> np.ndarray[Any, Any]:
    """One array of an archive, unpacked as far as it says that it goes, and not further."""
    import numpy as np

    about = archive.getinfo(f"{name}.npy")
    if about.file_size > most_bytes:
        raise ValueError(f"{name} says that it is of {about.file_size} bytes")
    with archive.open(about) as file:
        data = io.BytesIO(file.read(about.file_size))
    try:
        major, _ = np.lib.format.read_magic(data)
        read_head = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        shape, by_columns, dtype = read_head[major](data)
    except (tokenize.TokenError, SyntaxError, RecursionError, MemoryError, KeyError) as error:
        raise ValueError(f"the head of {name} is damaged ({type(error).__name__})") from None
    except (TypeError, EOFError, AttributeError) as error:
        raise ValueError(one_line(str(error))) from None
    rest = data.getbuffer()[data.tell() :]
    if dtype != np.dtype(kind) or by_columns:
        raise ValueError(f"{name} is of {dtype}, not {np.dtype(kind)}")
    found = np.frombuffer(rest, dtype)
    if min(shape, default=0) < 0 or len(found) != math.prod(shape):
        raise ValueError(f"{name} is of shape {shape}, of which it has {len(found)} numbers")
    return found.reshape(shape)


def sealed(content: bytes) -> bytes:
    """Return content with its SHA-256 behind it, by which :func:`unsealed` notices any change."""
    return content + seal(hashlib.sha256(content).hexdigest())


def seal(sha256: str) -> bytes:
    """Return what stands behind sealed content of which this is the SHA-256, in hexadecimal."""
    return _SEAL + sha256.encode()


def unsealed(data: bytes) -> bytes:
    """Return what :func:`sealed` was given; ``ValueError`` if it has changed or has no seal.

    Examples
    --------
    >>> unsealed(sealed(b"kept"))
    b'kept'
    """
    length = len(data) - len(_SEAL) - 64
    if length < 0 or data != sealed(data[:length]):
        raise ValueError("it is not as it was written: its SHA-256 is another")
    return data[:length]


def is_sealed(path: str | Path) -> bool:
    """Whether a file ends with the SHA-256 of what stands before; it is read piece by piece."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        left = os.fstat(file.fileno()).st_size - len(_SEAL) - 64
        while left > 0 and (piece := file.read(min(left, 2**20))):
            digest.update(piece)
            left -= len(piece)
        return left == 0 and file.read() == seal(digest.hexdigest())
