"""Arrays of MATLAB's files (version 5), read as a stranger's.

SciPy's reader takes what such a file declares for true, and damaged ones end the process. Here
sizes are compared with what is there, and only full arrays of real numbers are read. Source:
MathWorks, MAT-File Format, 2019.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

MAX_BYTES = 1 << 26  # of a file, and of what is packed in it
HEAD_BYTES = 128
KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, PACKED = 14, 15
NUMBERS = range(6, 16)  # classes of arrays: double, single, integers
COMPLEX = 0x0800


def read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name, float64.

    Raises
    ------
    ValueError
        If it is none, or holds less than it declares.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
    data = path.read_bytes()
    if data[124:HEAD_BYTES] not in (b"\0\1IM", b"\1\0MI"):
        raise ValueError("it is no MAT file of version 5")
    order = "<" if data[126:HEAD_BYTES] == b"IM" else ">"
    found = {}
    for kind, content in _elements(memoryview(data)[HEAD_BYTES:], order):
        if kind == PACKED:
            unpacked = zlib.decompressobj().decompress(content, MAX_BYTES)
            kind, content = next(_elements(memoryview(unpacked), order), (0, memoryview(b"")))
        if kind == MATRIX:
            name, array = _matrix(content, order)
            found[name] = array
    return found


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield kind and content of what stands one behind the other; small ones share their head."""
    while len(data) >= 8:
        kind, size = struct.unpack_from(f"{order}II", data)
        if kind >> 16:
            kind, size, start, end = kind & 0xFFFF, kind >> 16, 4, 8
        else:
            start, end = 8, 8 + size + (-size % 8 if kind != PACKED else 0)
        if start + size > len(data):
            raise ValueError("it breaks off")
        yield kind, data[start : start + size]
        data = data[end:]


def _matrix(data: memoryview, order: str) -> tuple[str, np.ndarray]:
    """Name and values of one array."""
    parts = [*_elements(data, order)]
    if len(parts) < 4:
        raise ValueError("an array breaks off")
    flags, shape, name, values = (_numbers(*part, order) for part in parts[:4])
    if not len(flags) or int(flags[0]) & 0xFF not in NUMBERS or int(flags[0]) & COMPLEX:
        raise ValueError("it holds something else than arrays of real numbers")
    # Columns come one behind the other. A product of other sizes is refused by reshape.
    array = values.astype(np.float64).reshape([int(side) for side in shape], order="F")
    return bytes(name.astype(np.uint8)).decode("ascii"), array


def _numbers(kind: int, data: memoryview, order: str) -> np.ndarray:
    if kind not in KINDS:
        raise ValueError(f"it holds values of a kind {kind}")
    return np.frombuffer(data, np.dtype(order + KINDS[kind]))
