"""A small shape predictor of random numbers, and its file as dlib writes it."""

import numpy as np

from tkit.landmarks.trees import DEPTH, Trees


def small(n_cascades: int = 2, n_trees: int = 6, n_pixels: int = 9, n_points: int = 5) -> Trees:
    """A model of random numbers, whose trees are no multiple of four."""
    rng = np.random.default_rng(3)
    nodes, leaves = 2**DEPTH - 1, 2**DEPTH
    pair = (n_cascades, n_trees, nodes, 2)
    return Trees(
        mean=rng.uniform(0.2, 0.8, (n_points, 2)).astype(np.float32),
        anchors=rng.integers(n_points, size=(n_cascades, n_pixels), dtype=np.int32),
        offsets=rng.normal(0, 0.1, (n_cascades, n_pixels, 2)).astype(np.float32),
        nodes=rng.integers(n_pixels, size=pair, dtype=np.int16),
        limits=rng.normal(0, 20, pair[:3]).astype(np.float32),
        leaves=rng.normal(0, 0.02, (n_cascades, n_trees, leaves, 2 * n_points)).astype(np.float32),
    )


def integer(value: int) -> bytes:
    size = max((abs(value).bit_length() + 7) // 8, 1)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def fraction(value: np.floating) -> bytes:
    mantissa, exponent = np.frexp(np.float64(value))
    return integer(int(mantissa * 2**24)) + integer(int(exponent) - 24)


def column(values: np.ndarray) -> bytes:
    return integer(-len(values)) + integer(-1) + b"".join(map(fraction, values))


def listed(items: list[bytes]) -> bytes:
    return integer(len(items)) + b"".join(items)


def tree(nodes: np.ndarray, limits: np.ndarray, leaves: np.ndarray) -> bytes:
    splits = [
        integer(int(first)) + integer(int(second)) + fraction(limit)
        for (first, second), limit in zip(nodes, limits, strict=True)
    ]
    return listed(splits) + listed([column(leaf) for leaf in leaves])


def written(model: Trees) -> bytes:
    """The file of a model, as dlib writes it."""
    forests = [
        listed([tree(*one) for one in zip(*cascade, strict=True)])
        for cascade in zip(model.nodes, model.limits, model.leaves, strict=True)
    ]
    anchors = [listed([integer(int(one)) for one in cascade]) for cascade in model.anchors]
    offsets = [listed([fraction(x) + fraction(y) for x, y in cascade]) for cascade in model.offsets]
    start = integer(1) + column(model.mean.ravel())
    return start + listed(forests) + listed(anchors) + listed(offsets)
