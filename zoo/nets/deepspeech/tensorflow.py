"""Files of TensorFlow without TensorFlow: frozen graphs, memory-mapped graphs, checkpoints.

Only what a trained network needs is read: the nodes of a graph with their attributes, and the
values of constants and variables. Formats: protocol buffers (GraphDef, TensorProto, BundleEntry),
the directory at the end of a ``.pbmm`` and the LevelDB table of a checkpoint's ``.index``.

The files come from strangers: every size is compared with the bytes that there are before anything
is allocated, every field with the kind that it has in the format.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import UsageError, WeightsError

_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}  # DataType of types.proto
_VALUE_FIELDS = {5: "<f4", 6: "<f8"}  # of TensorProto: float_val, double_val
_INTEGER_FIELDS = (7, 10)  # int_val, int64_val
_TABLE_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_PACKAGE = "memmapped_package://"
# No file of Mozilla's comes near these.
_MOST_REPEATED = 2**16  # values of a constant that is one number
_MOST_NODES, _MOST_AXES = 100_000, 8
_INDEX_BYTES, _KEY_BYTES, _MOST_ENTRIES = 2**20, 2**9, 10_000


@dataclass(frozen=True)
class Node:
    """One operation of a graph: its kind, what it reads, its attributes by name."""

    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Saved:
    """What a file holds: tensors by name and, if it is a graph, its nodes by name."""

    tensors: dict[str, np.ndarray]
    nodes: dict[str, Node] = field(default_factory=dict)


def read(path: str | Path) -> Saved:
    """Read a ``.pb``, a ``.pbmm``, or a checkpoint (its ``.index`` file, or the name without it).

    Raises
    ------
    UsageError
        If there is no such file.
    WeightsError
        If it is none of these formats, or damaged.
    """
    path = Path(path)
    index = path if path.suffix == ".index" else path.with_name(path.name + ".index")
    if not path.is_file() and not index.is_file():
        raise UsageError(f"{path}: no such file, and no checkpoint {index.name} beside it")
    try:
        if path == index or not path.is_file():
            return Saved(_read_checkpoint(index))
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        directory = _directory(data)
        if directory:
            return _read_graph(directory.pop(_PACKAGE + "."), directory)
        return _read_graph(data, {})
    except (ValueError, KeyError, IndexError, struct.error, OSError) as error:
        raise WeightsError(
            f"{path}: not a TensorFlow graph (.pb, .pbmm) or checkpoint that can be read ({error})"
        ) from error


# -- protocol buffers ---------------------------------------------------------------------------


def fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a message: number, and int (varint) or bytes (all other kinds)."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if kind == 2:
            size, position = _varint(data, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind} at byte {position}")
        if position + size > len(data):
            raise ValueError(f"a field of {size} bytes reaches beyond the end")
        yield key >> 3, data[position : position + size]
        position += size


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
        if shift > 63:
            raise ValueError(f"an integer without end at byte {position}")


def _message(value: Any) -> memoryview:
    """A field's bytes; a number in their place would be taken for a length."""
    if isinstance(value, memoryview):
        return value
    raise ValueError("a number where there should be a text or message")


def _number(value: Any) -> int:
    if isinstance(value, int):
        return value
    raise ValueError("a text or message where there should be a number")


def _text(value: Any) -> str:
    return bytes(_message(value)).decode()


def _signed(value: Any) -> int:
    value = _number(value) & (2**64 - 1)
    return value - (1 << 64) if value >> 63 else value


def _integers(value: Any) -> np.ndarray:
    """Return a repeated integer (n,) int64, which is packed or comes one by one."""
    if isinstance(value, int):
        return np.array([_signed(value)], np.int64)
    data = np.frombuffer(value, np.uint8)
    ends = np.flatnonzero(data < 0x80) + 1
    if not len(ends) or ends[-1] != len(data):
        raise ValueError("packed integers that break off")
    starts = np.concatenate([[0], ends[:-1]])
    lengths = ends - starts
    if lengths.max() > 10:
        raise ValueError("an integer without end")
    found = np.zeros(len(ends), np.uint64)
    for place in range(int(lengths.max())):
        more = np.flatnonzero(lengths > place)
        bits = data[starts[more] + place].astype(np.uint64) & np.uint64(0x7F)
        found[more] |= bits << np.uint64(7 * place)
    return found.view(np.int64)


# -- graphs -------------------------------------------------------------------------------------


def _read_graph(data: memoryview, regions: dict[str, memoryview]) -> Saved:
    nodes, tensors = {}, {}
    for number, value in fields(data):
        if number == 1:
            name, node = parse_node(_message(value))
            nodes[name] = node
            if len(nodes) > _MOST_NODES:
                raise ValueError(f"it holds more than {_MOST_NODES} nodes")
            if node.op == "Const":
                tensor = parse_tensor(_message(node.attributes["value"]))
                if tensor is not None:
                    tensors[name] = tensor
            elif node.op == "ImmutableConst":
                tensors[name] = _mapped(node, regions)
    if not nodes:
        raise ValueError("it holds no nodes")
    return Saved(tensors, nodes)


def parse_node(data: memoryview) -> tuple[str, Node]:
    """Name and content of a NodeDef message."""
    name = op = ""
    inputs, attributes = [], {}
    for number, value in fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            op = _text(value)
        elif number == 3:
            inputs.append(_text(value))
        elif number == 5:
            entry = dict(fields(_message(value)))
            attributes[_text(entry[1])] = _attribute(_message(entry.get(2, memoryview(b""))))
    return name, Node(op, tuple(inputs), attributes)


def _attribute(data: memoryview) -> Any:
    """Value of an attribute; shapes become tuples, tensors stay bytes until they are needed."""
    for number, value in fields(data):
        if number == 2:
            return bytes(_message(value))
        if number in (3, 5, 6):  # integer, bool, type
            return _signed(value)
        if number == 4:
            return struct.unpack("<f", _message(value))[0]
        if number == 7:
            return _shape(value)
        if number == 8:
            return _message(value)
    return None


def _shape(data: memoryview) -> tuple[int, ...]:
    messages = [value for number, value in fields(_message(data)) if number == 2]
    if len(messages) > _MOST_AXES:
        raise ValueError(f"an array of {len(messages)} axes")
    return tuple(_signed(dict(fields(_message(value))).get(1, 0)) for value in messages)


def _size(shape: tuple[int, ...]) -> int:
    """Values of an array; the lengths of one that is stored are known."""
    if min(shape, default=0) < 0:
        raise ValueError(f"an array of the shape {shape}")
    return math.prod(shape)


def parse_tensor(data: memoryview) -> np.ndarray | None:
    """Value of a TensorProto; strings become an object array, other kinds are left out (None)."""
    dtype, content = 0, None
    shape: tuple[int, ...] = ()
    values: list[np.ndarray] = [np.zeros(0, np.int64)]
    strings: list[bytes] = []
    for number, value in fields(data):
        if number == 1:
            dtype = _number(value)
        elif number == 2:
            shape = _shape(value)
        elif number == 4:
            content = _message(value)
        elif number in _VALUE_FIELDS:
            values.append(np.frombuffer(_message(value), _VALUE_FIELDS[number]))
        elif number in _INTEGER_FIELDS:
            values.append(_integers(value))
        elif number == 8:
            strings.append(bytes(_message(value)))
    if strings:
        return np.array(strings, object)
    if dtype not in _DTYPES:
        return None
    if content is not None:
        return np.frombuffer(content, _DTYPES[dtype], _size(shape)).reshape(shape)
    return _filled(np.concatenate(values), shape, _DTYPES[dtype])


def _filled(values: np.ndarray, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Array of the values in a file, of which the last repeats."""
    size = _size(shape)
    if size > max(len(values), _MOST_REPEATED):
        raise ValueError(f"an array of {size} numbers of which {len(values)} are there")
    last = values[-1:] if len(values) else np.zeros(1)
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.concatenate([values[:size], np.repeat(last, max(size - len(values), 0))])
        return whole.astype(dtype).reshape(shape)


def _mapped(node: Node, regions: dict[str, memoryview]) -> np.ndarray:
    about = node.attributes
    region, shape = about.get("memory_region_name"), about.get("shape")
    if not isinstance(region, bytes) or not isinstance(shape, tuple):
        raise ValueError("a constant that does not say where it lies, or how large it is")
    dtype = np.dtype(_DTYPES[_number(about.get("dtype"))])
    return np.frombuffer(regions[region.decode()], dtype, _size(shape)).reshape(shape)


def _directory(data: memoryview) -> dict[str, memoryview]:
    """Regions of a ``.pbmm`` by name; empty where the file is none."""
    if len(data) < 8:
        return {}
    (start,) = struct.unpack("<Q", data[-8:])
    if not 0 < start < len(data) - 8:
        return {}
    try:
        elements = [dict(fields(_message(value))) for _, value in fields(data[start:-8])]
        found = {
            _text(element[2]): (_number(element.get(1, 0)), _number(element.get(3, 0)))
            for element in elements
        }
    except (ValueError, KeyError, IndexError):
        return {}  # the last bytes of an ordinary graph happened to be a small number
    if _PACKAGE + "." not in found:
        return {}
    offsets = sorted([*(offset for offset, _ in found.values()), start])
    regions = {}
    for name, (offset, length) in found.items():
        following = offsets[offsets.index(offset) + 1]  # older files give no lengths
        regions[name] = data[offset : offset + length if length else following]
    return regions


# -- checkpoints --------------------------------------------------------------------------------


def _read_checkpoint(index: Path) -> dict[str, np.ndarray]:
    """Read all variables of a checkpoint (V2: a table of entries, and raw data)."""
    if index.stat().st_size > _INDEX_BYTES:
        raise ValueError("its index is larger than any")
    prefix, tensors, shards = index.with_suffix(""), {}, {}
    entries = {}
    for key, value in _table(memoryview(index.read_bytes())):
        entries[key.decode()] = dict(fields(memoryview(value)))
        if len(entries) > _MOST_ENTRIES:
            raise ValueError(f"it holds more than {_MOST_ENTRIES} variables")
    n_shards = _number(entries.pop("").get(1, 1))
    for name, entry in entries.items():
        dtype = _DTYPES.get(_number(entry.get(1, 0)))
        if dtype is None:
            continue
        shard = _number(entry.get(3, 0))
        if shard not in shards:
            path = prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{n_shards:05d}")
            if not path.is_file():
                raise UsageError(f"{path}: missing; a checkpoint is an index and its data files")
            shards[shard] = memoryview(path.read_bytes())
        start, size = _number(entry.get(4, 0)), _number(entry[5])
        shape = _shape(entry.get(2, memoryview(b"")))
        values = np.frombuffer(shards[shard][start : start + size], dtype, _size(shape))
        tensors[name] = values.reshape(shape)
    return tensors


def _table(data: memoryview) -> Iterator[tuple[bytes, bytes]]:
    """Entries of an uncompressed LevelDB table, in order of their keys."""
    if bytes(data[-8:]) != _TABLE_MAGIC:
        raise ValueError("the index does not end like one")
    position = len(data) - 48
    for _ in range(2):  # the handle of the meta block, which is not needed
        _, position = _varint(data, position)
    seen = set()
    for _, handle in _block(data, *_handle(data, position)):
        place = _handle(memoryview(handle), 0)
        if place in seen:
            raise ValueError("a block that stands in the index twice")
        seen.add(place)
        yield from _block(data, *place)


def _handle(data: memoryview, position: int) -> tuple[int, int]:
    start, position = _varint(data, position)
    size, _ = _varint(data, position)
    return start, size


def _block(data: memoryview, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    if data[start + size]:
        raise ValueError("a compressed index")
    block = data[start : start + size]
    (restarts,) = struct.unpack("<I", block[-4:])
    end, position, key = size - 4 - 4 * restarts, 0, b""
    while position < end:
        shared, position = _varint(block, position)
        fresh, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + bytes(block[position : position + fresh])
        position += fresh
        if len(key) > _KEY_BYTES:
            raise ValueError("a name that is longer than any")
        yield key, bytes(block[position : position + length])
        position += length
