"""Graphs of TensorFlow, written byte by byte."""

import struct

import numpy as np

from tkit.zoo.nets.deepspeech import tensorflow


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def message(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def attribute(key: str, value: bytes) -> bytes:
    return message(5, message(1, key.encode()) + message(2, value))


def memory_mapped(graph: bytes, *, lengths: bool) -> bytes:
    """Convert a frozen graph as TensorFlow's convert_graphdef_memmapped_format does."""
    body, regions, small = b"", [], b""
    for number, value in tensorflow.fields(memoryview(graph)):
        name, node = tensorflow.parse_node(value) if number == 1 else ("", None)
        tensor = (
            tensorflow.parse_tensor(node.attributes["value"]) if node and node.op == "Const" else 0
        )
        if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32 or tensor.size < 20:
            small += message(number, bytes(value))
            continue
        region = f"memmapped_package://region{len(regions)}"
        regions.append((region, len(body), tensor.nbytes))
        body += tensor.tobytes()
        shape = b"".join(message(2, message(1, size)) for size in tensor.shape)
        small += message(
            1,
            message(1, name.encode())
            + message(2, b"ImmutableConst")
            + attribute("dtype", message(6, 1))
            + attribute("shape", message(7, shape))
            + attribute("memory_region_name", message(2, region.encode())),
        )
    regions.append(("memmapped_package://.", len(body), len(small)))
    body += small
    directory = b""
    for name, start, size in regions:
        element = message(1, start) + message(2, name.encode())
        directory += message(1, element + (message(3, size) if lengths else b""))
    return body + directory + struct.pack("<Q", len(body))
