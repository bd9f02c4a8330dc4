"""Sound and feature rows that come piece by piece, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from tkit.files import atomic_path


def gathered(pieces: Iterable[np.ndarray], least: int) -> Iterator[np.ndarray]:
    """Join pieces (n,) to such of at least so many samples; the last may be shorter."""
    waiting: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += len(piece)
        if count >= least:
            yield np.concatenate(waiting)
            waiting, count = [], 0
    if count:
        yield np.concatenate(waiting)


class RowFile:
    """An array (N, D) float32 in a ``.npy`` file that grows.

    A write that fails is told at the end, by :meth:`finish`: what is heard is not lost with it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._count, self._dim = file, 0, 0
        self._problem: OSError | None = None

    def add(self, rows: np.ndarray) -> None:
        """Append rows (n, D)."""
        if self._problem:
            return
        try:
            if not self._count:
                self._dim = rows.shape[1]
                self._write_header()
            self._file.write(np.ascontiguousarray(rows, np.float32).data)
        except OSError as error:
            self._problem = error
        self._count += len(rows)

    def finish(self) -> None:
        """State how many rows there are; ``OSError`` if one of them could not be written."""
        if self._problem:
            raise self._problem
        self._file.seek(0)
        self._write_header()  # as long as the first: NumPy leaves room for 21 digits
        self._file.flush()

    def _write_header(self) -> None:
        shape = self._count, self._dim
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)


@contextmanager
def written(path: Path | None) -> Iterator[RowFile | None]:
    """Yield the file of rows that stands at ``path`` afterwards; None without a path."""
    if path is None:
        yield None
        return
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        rows = RowFile(file)
        yield rows
        rows.finish()
