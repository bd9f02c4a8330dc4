"""Open what a file declares only after it was compared with the layout and the size of the file.

A store may come from strangers: no reference that leaves the file is followed, and whatever h5py
raises of a damaged one becomes a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tkit.errors import StoreError, one_line
from tkit.parsing import from_json
from tkit.store.layout import ATTRIBUTES, ENCODER, LATER, SCHEMA, EncoderInfo, StoreInfo

_CHUNK_BYTES = 2**26  # of the largest chunk that is unpacked for one row
_DEFLATE, _FLETCHER32 = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32
_MOST_DEFLATED = 1032  # bytes that one byte of deflate can stand for
_ATTRIBUTE_BYTES = 2**16
# What h5py raises, depending on what is damaged, wherever HDF5 finds it or h5py stumbles over it.
_DAMAGED = (
    OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError,
    IndexError, MemoryError, SystemError,
)  # fmt: skip


def read_sums(file: h5py.File) -> dict[str, str] | None:
    """The SHA-256 of the parts by their names; None in a store without."""
    if "checksums" not in file:
        return None
    sums = from_json(attribute(group(file, "checksums"), "sha256", str))
    if not isinstance(sums, dict):
        raise ValueError("its checksums are none")
    return sums


def attribute(place: h5py.Group, name: str, kind: type) -> Any:
    """One attribute as a Python value of a kind."""
    found = h5py.h5a.open(place.id, name.encode())
    if found.shape != () or found.get_storage_size() > _ATTRIBUTE_BYTES:
        raise ValueError(f"its {name} is no single value")
    return _fitting(name, np.asarray(place.attrs[name]).item(), kind)


def _fitting(name: str, value: Any, kind: type) -> Any:
    fitting = float(value) if kind is float and type(value) is int else value
    if type(fitting) is not kind or fitting != fitting or fitting in (math.inf, -math.inf):
        raise ValueError(f"its {name} is {value!r:.80}")
    return fitting


def read_info(file: h5py.File) -> StoreInfo:
    """Read the root attributes; ``ValueError`` of values that cannot be meant."""
    schema = attribute(file, "schema", int) if "schema" in file.attrs else None
    if schema != SCHEMA:
        raise StoreError(
            f"{file.filename}: store schema is {schema}, this tkit reads "
            f"{SCHEMA}; prepare the corpus again"
        )
    values: dict[str, Any] = dict(LATER)
    for name, kind in ATTRIBUTES.items():
        if name not in LATER or name in file.attrs:
            values[name] = attribute(file, name, kind)
    told = from_json(values.pop("encoder"))
    if not isinstance(told, dict):
        raise ValueError(f"its encoder is {told!r}")
    told = {name: _fitting(f"encoder's {name}", value, ENCODER.get(name, type(None)))
            for name, value in told.items()}  # fmt: skip
    encoder = EncoderInfo(**told)
    info = StoreInfo(encoder=encoder, **values)
    for name, value in (("fps", info.fps), ("speech rate", encoder.rate_hz)):
        if not 0 < value <= 1e6:
            raise ValueError(f"its {name} is {value:g}")
    if info.window < 1 or encoder.dim < 1:
        raise ValueError(f"its window is {info.window}, of {encoder.dim} columns")
    return info


def group(file: h5py.Group, name: str) -> Any:
    """What a name in a file stands for; a name that leads elsewhere is refused."""
    link = file.get(name, getlink=True)
    if link is not None and not isinstance(link, h5py.HardLink):
        raise StoreError(
            f"{file.file.filename}: /{name} is a link to elsewhere; it is not followed"
        )
    return file[name]


def dataset_of(file: h5py.File, name: str, shape: Any, kind: str | None) -> h5py.Dataset:
    """Open a data set whose values lie in this file, and whose type and sizes can be true.

    Parameters
    ----------
    shape : tuple or None
        Its lengths, None where any will do.
    kind : str or None
        Of its values, as numpy's ``dtype.kind``.
    """
    found: Any = file
    for part in name.split("/"):
        found = group(found, part)
    where = f"{file.filename}: /{name}"
    if not isinstance(found, h5py.Dataset):
        raise StoreError(f"{where} is no array")
    if found.is_virtual or found.external:
        raise StoreError(f"{where} lies in other files; they are not read")
    if shape is not None and not (
        len(shape) == len(found.shape or ())
        and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
    ):
        raise StoreError(f"{where} has the shape {found.shape}")
    if kind is not None and found.dtype.kind != kind:
        raise StoreError(f"{where} has values of type {found.dtype}")
    about = found.id.get_create_plist()
    filters = {about.get_filter(index)[0] for index in range(about.get_nfilters())}
    if not filters <= {_DEFLATE, _FLETCHER32}:
        raise StoreError(f"{where} is packed by a filter that no store uses")
    size = math.prod(found.shape) * found.dtype.itemsize
    most = Path(file.filename).stat().st_size * (_MOST_DEFLATED if _DEFLATE in filters else 1)
    chunk = math.prod(found.chunks or (0,)) * found.dtype.itemsize
    if size > most or (filters and chunk > max(_CHUNK_BYTES, size)):
        raise StoreError(f"{where} declares {size} bytes, which this file cannot hold")
    return found


def small(file: h5py.File, name: str, shape: tuple[int | None, ...], kind: str) -> np.ndarray:
    """Read a data set as a whole; it is never packed, so the file's size bounds it."""
    return whole(dataset_of(file, name, shape, kind))


def whole(found: h5py.Dataset) -> np.ndarray:
    """Read all of a data set; a packed one, which the file's size does not bound, is refused."""
    if found.compression:
        raise StoreError(f"{found.file.filename}: {found.name} is packed, which no store does")
    return found[...]


def table(file: h5py.File, name: str, columns: Mapping[str, Any] | None) -> np.ndarray:
    """Read a table and check its columns; without any they may be what texts they like."""
    found = dataset_of(file, name, (None,), "V")
    columns = dict.fromkeys(found.dtype.names, str) if columns is None else columns
    kinds = ["S" if kind is str else kind[0] for kind in columns.values()]
    dtype = found.dtype
    if dtype.names != tuple(columns) or [dtype[column].kind for column in columns] != kinds:
        raise StoreError(f"{file.filename}: /{name} has other columns: {dtype}")
    return whole(found)


def rows_of(data: np.ndarray) -> Iterator[tuple[Any, ...]]:
    """Rows of a table as Python values; column by column, so that 33,000 clips open quickly."""
    columns = ((data.dtype[name].kind, data[name].tolist()) for name in data.dtype.names or ())
    return zip(*(map(bytes.decode, v) if kind == "S" else v for kind, v in columns), strict=True)


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Make one sentence of whatever h5py raises of a damaged file."""
    try:
        yield
    except _DAMAGED as error:
        raise StoreError(f"{what} ({reason_of(error)})") from error


def reason_of(error: BaseException) -> str:
    """What h5py says, on one line."""
    return one_line(str(error)) or type(error).__name__


def why_not_opened(error: OSError) -> str:
    """The system's reason, where it is one, or that this is another kind of file."""
    if error.errno:
        return f"cannot be opened ({error.strerror or reason_of(error)})"
    return f"not an HDF5 file that can be read ({reason_of(error)})"
