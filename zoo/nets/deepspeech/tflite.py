"""Networks in files of TensorFlow Lite, as the graph that they were converted from.

Only what a trained network needs: operations with the tensors that they read, constant tensors
(dequantised), options of custom operations. Formats: FlatBuffers (schema.fbs of TensorFlow Lite,
fields by number) and, for the options, FlexBuffers. No package of TensorFlow's is needed.

The files come from strangers: parts are looked for inside the file only, and as everything in it is
told by offsets, of which many may lead to the same large part, no more is read than it is long.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import UsageError, WeightsError
from tkit.zoo.nets.deepspeech.tensorflow import Node, Saved

_DTYPES = {0: "<f4", 1: "<f2", 2: "<i4", 4: "<i8", 9: "i1"}  # TensorType
_STRING, _INT8 = 5, 9
_TIMES_READ = 4  # how often all bytes of a file are read, at most
_CUSTOM = 32
_OPS = {  # BuiltinOperator, as the graph calls them
    0: "Add", 2: "ConcatV2", 6: "Dequantize", 9: "MatMul", 14: "Sigmoid", 18: "Mul", 19: "Relu",
    22: "Reshape", 25: "Softmax", 28: "Tanh", 45: "StridedSlice", 49: "Split", 57: "Minimum",
    88: "Unpack",
}  # fmt: skip


class File:
    """The bytes of a FlatBuffer, and how many more may be read in vectors."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self._left = _TIMES_READ * len(data)

    def number(self, place: int, kind: str) -> Any:
        """Return the number at a place, of a ``struct`` format."""
        if place < 0:
            raise ValueError("an offset that leads before the beginning")
        return struct.unpack_from(kind, self.data, place)[0]

    def follow(self, place: int) -> int:
        """Return where the offset at a place leads."""
        return place + int(self.number(place, "<I"))

    def spend(self, n_bytes: int) -> None:
        """Count what is read."""
        self._left -= n_bytes
        if self._left < 0:
            raise ValueError("its parts lie in each other")


@dataclass(frozen=True)
class Table:
    """One table of a FlatBuffer: fields by number, absent ones have a default."""

    file: File
    start: int

    def _place(self, number: int) -> int | None:
        vtable = self.start - self.file.number(self.start, "<i")
        entry = 4 + 2 * number
        if entry >= self.file.number(vtable, "<H"):
            return None
        offset = self.file.number(vtable + entry, "<H")
        return self.start + offset if offset else None

    def number(self, field: int, kind: str) -> int:
        """Return a number of the given ``struct`` format; 0 where it is left out."""
        place = self._place(field)
        return 0 if place is None else self.file.number(place, kind)

    def table(self, field: int) -> Table | None:
        """Return the table that a field points to."""
        place = self._place(field)
        return None if place is None else Table(self.file, self.file.follow(place))

    def tables(self, field: int) -> list[Table]:
        """Return a field's vector of tables."""
        start, size = self._vector(field)
        self.file.spend(4 * size)
        places = range(start, start + 4 * size, 4)
        return [Table(self.file, self.file.follow(place)) for place in places]

    def array(self, field: int, dtype: str) -> np.ndarray:
        """Return a field's vector of numbers."""
        start, size = self._vector(field)
        self.file.spend(np.dtype(dtype).itemsize * size)
        return np.frombuffer(self.file.data, dtype, size, start)

    def text(self, field: int) -> str:
        """Return a field's string."""
        return self.array(field, "u1").tobytes().decode()

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._place(field)
        if place is None:
            return 0, 0
        start = self.file.follow(place)
        return start + 4, self.file.number(start, "<I")


def read(path: str | Path) -> Saved:
    """Read a ``.tflite`` file with one graph.

    Returns
    -------
    Saved
        Constant tensors by name; nodes by the name of their first output, ``MatMul`` with the names
        of rows, weights (outputs x inputs) and bias.

    Raises
    ------
    UsageError
        If there is no such file.
    WeightsError
        If it is no such file, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    file = File(path.read_bytes())
    try:
        if bytes(file.data[4:8]) != b"TFL3":
            raise ValueError("it does not start like one")
        return _read_model(Table(file, file.follow(0)))
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise WeightsError(f"{path}: not a .tflite file that can be read ({error})") from error


def _read_model(model: Table) -> Saved:
    (graph,) = model.tables(2)
    buffers, found = model.tables(4), graph.tables(0)
    names = [f"{number}:{tensor.text(3)}" for number, tensor in enumerate(found)]  # not unique
    tensors = {}
    for name, tensor in zip(names, found, strict=True):
        value = _value(tensor, buffers[tensor.number(2, "<I")].array(0, "u1"))
        if value is not None:
            tensors[name] = value
    codes = [_op(code) for code in model.tables(1)]
    nodes = {}
    for operation in graph.tables(3):
        inputs = tuple(names[i] if i >= 0 else "" for i in operation.array(1, "<i4"))
        op = codes[operation.number(0, "<I")]
        options = operation.array(5, "u1").tobytes()
        target = names[operation.array(2, "<i4")[0]]
        nodes[target] = Node(op, inputs, _options(options) if options else {})
        if op == "Dequantize" and inputs[0] in tensors:
            tensors[target] = tensors[inputs[0]].astype(np.float32)
    return Saved(tensors, nodes)


def _op(code: Table) -> str:
    builtin = max(code.number(0, "<b"), code.number(3, "<i"))
    return code.text(1) if builtin == _CUSTOM else _OPS.get(builtin, f"builtin {builtin}")


def _value(tensor: Table, data: np.ndarray) -> np.ndarray | None:
    """Value of a constant; None for a tensor that is computed, or of a kind not needed."""
    kind = tensor.number(1, "<b")
    if not data.size:
        return None
    if kind == _STRING:  # count, count + 1 offsets, bytes
        count, *offsets = data[:12].view("<i4").tolist()
        return np.array([data[slice(*offsets)].tobytes()], object) if count == 1 else None
    if kind not in _DTYPES:
        return None
    values = data.view(_DTYPES[kind]).reshape(tensor.array(0, "<i4"))
    quantised = tensor.table(4)
    if kind != _INT8 or quantised is None:
        return values
    scale, zero = quantised.array(2, "<f4"), quantised.array(3, "<i8")
    if len(scale) > 1:  # one for each index of an axis
        shape = [1] * values.ndim
        shape[quantised.number(6, "<i")] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    if np.broadcast_shapes(values.shape, scale.shape, zero.shape) != values.shape:
        raise ValueError("more scales than values")
    return (values - zero.astype(np.float32)) * scale


# -- options of custom operations: a map in a FlexBuffer ------------------------------------------


def _options(data: bytes) -> dict[str, Any]:
    """Numbers of the map at a FlexBuffer's root: values, then their packed types, keys apart."""
    width, root = data[-1], len(data) - 2 - data[-1]
    width_of_map = 1 << (data[-2] & 3)
    start = root - _unsigned(data, root, width)
    size = _unsigned(data, start - width_of_map, width_of_map)
    place_of_keys = start - 3 * width_of_map
    keys = place_of_keys - _unsigned(data, place_of_keys, width_of_map)
    width_of_keys = _unsigned(data, start - 2 * width_of_map, width_of_map)
    found = {}
    for index in range(size):
        at = keys + index * width_of_keys
        text = at - _unsigned(data, at, width_of_keys)
        kind = data[start + size * width_of_map + index]
        place = start + index * width_of_map
        found[data[text : data.index(0, text)].decode()] = _scalar(data, place, width_of_map, kind)
    return found


def _unsigned(data: bytes, place: int, width: int) -> int:
    return int.from_bytes(data[place : place + width], "little")


def _scalar(data: bytes, place: int, width: int, kind: int) -> Any:
    """Value of a packed type: kind of value times 4, and the width where it lies elsewhere."""
    value, indirect = kind >> 2, kind >> 2 in (6, 7, 8)
    if indirect:
        place, width, value = place - _unsigned(data, place, width), 1 << (kind & 3), value - 5
    raw = data[place : place + width]
    if value == 3:
        return struct.unpack({2: "<e", 4: "<f", 8: "<d"}[width], raw)[0]
    return int.from_bytes(raw, "little", signed=value == 1)
