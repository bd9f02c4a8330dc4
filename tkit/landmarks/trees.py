"""dlib's shape predictor: cascades of regression trees (Kazemi and Sullivan 2014), compiled here.

The model file is the one that dlib itself loads. It is evaluated in floating point on the picture
as it is: brightness is taken between pixels and points are not rounded, where dlib takes the
nearest pixel for both. All frames of a clip go through a tree together, so that its leaves are
fetched from memory once a clip and not once a frame.

A tree compares the brightness of two pixels at each of its nodes, and the leaf in which it ends
moves all points. The pixels are given by their offsets from points of the mean face and turn and
grow with the face. Points that are off by a hair lead to other pixels and so to other leaves:
numbers of 32 bits are added in dlib's order, and where the trees are shown the same pixels the
points are dlib's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tkit.compiled import compiled
from tkit.errors import TkitError

DEPTH = 4  # levels of a tree; other depths are refused
N_NODES, N_LEAVES = 2**DEPTH - 1, 2**DEPTH
TOGETHER = 96  # frames at once: their brightness, 500 numbers each, stays near the processor
WHOLE = 16  # frames are made up to a multiple of so many, that compiled loops have no rest


@dataclass(frozen=True)
class Trees:
    """A shape predictor: C cascades of N trees that look at P pixels and place K points.

    Parameters
    ----------
    mean : ndarray (K, 2), float32
        The mean face, in face boxes from their upper left corner: what every fit begins with.
    anchors : ndarray (C, P), int32
        The point of the mean face that each pixel lies nearest to.
    offsets : ndarray (C, P, 2), float32
        From those points to the pixels, in face boxes.
    nodes : ndarray (C, N, 15, 2), int16
        Two pixels that are compared at each node; the root first, level by level.
    limits : ndarray (C, N, 15), float32
        Left is taken where the first is brighter than the second by more than this.
    leaves : ndarray (C, N, 16, 2 K), float32
        What each leaf adds to the points, x and y in turns, in face boxes.
    """

    mean: np.ndarray
    anchors: np.ndarray
    offsets: np.ndarray
    nodes: np.ndarray
    limits: np.ndarray
    leaves: np.ndarray

    def __call__(
        self, greys: np.ndarray, boxes: np.ndarray, *, nearest: bool = False
    ) -> np.ndarray:
        """Fit the points of one face in each picture.

        Parameters
        ----------
        greys : ndarray (T, H, W), uint8
            At least two pixels high and wide.
        boxes : ndarray (T, 3)
            Centre x, centre y and side of the face boxes, in pixels.
        nearest : bool
            Look at the nearest pixels, as dlib does, and not between them.

        Returns
        -------
        ndarray (T, K, 2), float64
            Pixels; whole numbers are their centres. What a frame gives does not depend on others.
        """
        boxes = np.asarray(boxes, np.float64)
        parts = [
            self._fit(greys[start : start + TOGETHER], boxes[start : start + TOGETHER], nearest)
            for start in range(0, len(greys), TOGETHER)
        ]
        return np.concatenate(parts) if parts else np.empty((0, *self.mean.shape))

    def _fit(self, greys: np.ndarray, boxes: np.ndarray, nearest: bool) -> np.ndarray:
        count = -(-len(greys) // WHOLE) * WHOLE  # those beyond the pictures see black
        n_trees, size = self.leaves.shape[1], self.mean.size
        shapes = np.repeat(self.mean.reshape(1, size), count, axis=0)
        seen = np.zeros((self.anchors.shape[1], count), np.float32)
        turns, ends = np.empty(count, np.int32), np.empty((n_trees, count), np.int32)
        for anchors, offsets, nodes, limits, leaves in zip(
            self.anchors, self.offsets, self.nodes, self.limits, self.leaves, strict=True
        ):
            look(greys, boxes, self.mean, shapes, anchors, offsets, int(nearest), seen)
            descend(seen, nodes, limits, turns, ends)
            move(leaves, ends, shapes)
        corner, side = boxes[:, None, :2] - boxes[:, None, 2:] / 2, boxes[:, None, 2:]
        points: np.ndarray = corner + side * shapes[: len(greys)].reshape(-1, *self.mean.shape)
        return points


@compiled(
    "void(uint8[:,:,:], float64[:,:], float32[:,:], float32[:,:], int32[:], float32[:,:], int64,"
    " float32[:,:])"
)
def look(
    greys: np.ndarray,
    boxes: np.ndarray,
    mean: np.ndarray,
    shapes: np.ndarray,
    anchors: np.ndarray,
    offsets: np.ndarray,
    nearest: int,
    seen: np.ndarray,
) -> None:
    """Fill ``seen`` (P, T) with the brightness of a cascade's pixels in every picture.

    There may be fewer pictures than it has room for.
    Beyond its edges a picture goes on as its last pixels.
    """
    height, width = greys.shape[1:]
    n_points = len(mean)
    middle_x, middle_y = 0.0, 0.0
    for point in range(n_points):
        middle_x += mean[point, 0] / n_points
        middle_y += mean[point, 1] / n_points
    for frame in range(len(greys)):
        # How the mean face turns and grows to be most like this one: least squares.
        cos, sin, square = 0.0, 0.0, 0.0
        for point in range(n_points):
            x, y = mean[point, 0] - middle_x, mean[point, 1] - middle_y
            cos += x * shapes[frame, 2 * point] + y * shapes[frame, 2 * point + 1]
            sin += x * shapes[frame, 2 * point + 1] - y * shapes[frame, 2 * point]
            square += x * x + y * y
        turn_x, turn_y = np.float32(cos / square), np.float32(sin / square)
        side = boxes[frame, 2]
        left, top = boxes[frame, 0] - side / 2, boxes[frame, 1] - side / 2
        for index in range(len(anchors)):
            anchor = 2 * anchors[index]
            right, low = offsets[index, 0], offsets[index, 1]
            at_x = left + side * ((turn_x * right - turn_y * low) + shapes[frame, anchor])
            at_y = top + side * ((turn_y * right + turn_x * low) + shapes[frame, anchor + 1])
            if nearest:
                at_x, at_y = np.floor(at_x + 0.5), np.floor(at_y + 0.5)
            at_x = min(max(at_x, 0.0), width - 1.0)
            at_y = min(max(at_y, 0.0), height - 1.0)
            column, row = min(int(at_x), width - 2), min(int(at_y), height - 2)
            right, low = np.float32(at_x - column), np.float32(at_y - row)
            upper = np.float32(greys[frame, row, column])
            upper += right * (np.float32(greys[frame, row, column + 1]) - upper)
            lower = np.float32(greys[frame, row + 1, column])
            lower += right * (np.float32(greys[frame, row + 1, column + 1]) - lower)
            seen[index, frame] = upper + low * (lower - upper)


@compiled("void(float32[:,:], int16[:,:,:], float32[:,:], int32[:], int32[:,:])")
def descend(
    seen: np.ndarray, nodes: np.ndarray, limits: np.ndarray, turns: np.ndarray, ends: np.ndarray
) -> None:
    """Fill ``ends`` (N, T) with the leaf in which every tree ends in every picture.

    All nodes of a tree are asked, also those that it does not come by: many pictures are compared
    in one step of the processor, and none waits for the answer of another.
    """
    count = len(turns)
    one, two = np.int32(1), np.int32(2)
    for tree in range(len(nodes)):
        turns[:] = 0
        for node in range(N_NODES):
            first, second = seen[nodes[tree, node, 0]], seen[nodes[tree, node, 1]]
            limit, left = limits[tree, node], np.int32(1 << node)
            for frame in range(count):
                turns[frame] |= left if first[frame] - second[frame] > limit else np.int32(0)
        for frame in range(count):
            answers, at = turns[frame], np.int32(0)
            for _ in range(DEPTH):
                at = two * at + two - ((answers >> at) & one)
            ends[tree, frame] = at - np.int32(N_NODES)


@compiled("void(float32[:,:,:], int32[:,:], float32[:,:])")
def move(leaves: np.ndarray, ends: np.ndarray, shapes: np.ndarray) -> None:
    """Add to ``shapes`` (T, 2 K) the leaves in which all trees end, tree by tree."""
    n_trees, count = ends.shape
    size = shapes.shape[1]
    whole = n_trees // 4 * 4
    for tree in range(0, whole, 4):  # four at a time, so that points are fetched once for four
        for frame in range(count):
            one = leaves[tree, ends[tree, frame]]
            two = leaves[tree + 1, ends[tree + 1, frame]]
            three = leaves[tree + 2, ends[tree + 2, frame]]
            four = leaves[tree + 3, ends[tree + 3, frame]]
            for index in range(size):
                moved = shapes[frame, index] + one[index]
                shapes[frame, index] = ((moved + two[index]) + three[index]) + four[index]
    for tree in range(whole, n_trees):
        for frame in range(count):
            one = leaves[tree, ends[tree, frame]]
            for index in range(size):
                shapes[frame, index] += one[index]


# -- the file ---------------------------------------------------------------------------------
#
# Nothing but whole numbers: a byte with the sign (its highest bit) and the length (its lowest four
# bits), then the number from its lowest byte on. A fraction is its mantissa and its exponent of 2;
# lists begin with their length, matrices with their two sizes, which are written negative.

LARGEST = 1000.0  # fraction: no point is moved by so many face boxes, no limit as many grey levels


def read(path: str | Path) -> Trees:
    """Read the file of a shape predictor that dlib has written.

    Raises
    ------
    TkitError
        If it is none, is damaged, or has trees of another depth.
    """
    try:
        return _parse(_Numbers(np.fromfile(path, np.uint8)))
    except (OSError, ValueError) as error:
        raise TkitError(f"{path}: cannot be read as a shape predictor of dlib ({error})") from error


def _parse(numbers: _Numbers) -> Trees:
    version, rows, columns = numbers.take(3).tolist()
    size = abs(rows)
    _require(version == 1 and size % 2 == 0 < size and abs(columns) == 1, "its first numbers")
    mean = _fractions(numbers.take(size, 2)).reshape(-1, 2)
    _require(np.ptp(mean, axis=0).max() > 0, "the mean face")
    n_cascades, n_trees = numbers.take(2).tolist()
    node, leaf = 4, 2 + 2 * size
    tree = 1 + N_NODES * node + 1 + N_LEAVES * leaf
    numbers.expect(n_cascades, n_trees, tree)
    nodes = np.empty((n_cascades, n_trees, N_NODES, 2), np.int16)
    limits = np.empty((n_cascades, n_trees, N_NODES), np.float32)
    leaves = np.empty((n_cascades, n_trees, N_LEAVES, size), np.float32)
    n_pixels = 0
    for cascade in range(n_cascades):
        if cascade:
            _require(numbers.take(1)[0] == n_trees, "the number of trees")
        block = numbers.take(n_trees, tree)
        splits = block[:, 1 : 1 + N_NODES * node].reshape(n_trees, N_NODES, node)
        moves = block[:, -N_LEAVES * leaf :].reshape(n_trees, N_LEAVES, leaf)
        sizes = np.abs(moves[..., :2]) == (size, 1)
        whole = block[:, 0] == N_NODES, block[:, 1 + N_NODES * node] == N_LEAVES
        _require(np.all(sizes) and np.all(whole), "the size of a tree")
        pixels = splits[..., :2]
        _require(pixels.min() >= 0 and pixels.max() < 2**15, "a pixel of a node")
        n_pixels = max(n_pixels, int(pixels.max()) + 1)
        nodes[cascade], limits[cascade] = pixels, _fractions(splits[..., 2:])
        leaves[cascade] = _fractions(moves[..., 2:].reshape(n_trees, N_LEAVES, size, 2))
    anchors = _lists(numbers, n_cascades)
    offsets = _fractions(_lists(numbers, n_cascades, 2, 2))
    _require(n_pixels <= anchors.shape[1] == offsets.shape[1], "the number of pixels")
    _require(anchors.min() >= 0 and anchors.max() < len(mean), "the point next to a pixel")
    _require(numbers.ended, "its end")
    return Trees(mean, anchors, offsets, nodes, limits, leaves)


def _lists(numbers: _Numbers, n_cascades: int, *shape: int) -> np.ndarray:
    """What a file says of the pixels of every cascade; (C, P, *shape) int32."""
    _require(numbers.take(1)[0] == n_cascades, "the number of cascades")
    lists = [numbers.take(*numbers.take(1).tolist(), *shape) for _ in range(n_cascades)]
    _require(len({len(one) for one in lists}) == 1, "the number of pixels")
    return np.stack(lists)


def _fractions(pairs: np.ndarray) -> np.ndarray:
    """Fractions (...) float32 of mantissas and exponents (..., 2)."""
    mantissas, exponents = pairs[..., 0], pairs[..., 1]
    _require(exponents.min() >= -126 and exponents.max() <= 127, "an exponent")
    powers = ((exponents + 127) << 23).view(np.float32)  # of two, bit by bit: quicker than ldexp
    with np.errstate(over="ignore"):
        values = mantissas.astype(np.float32) * powers
    _require(values.min() > -LARGEST and values.max() < LARGEST, "a fraction")
    return values


def _require(right: bool | np.bool_, what: str) -> None:
    if not right:
        raise ValueError(f"{what} is not as expected")


class _Numbers:
    """The numbers of a file, in order; ``ValueError`` where there are none."""

    def __init__(self, data: np.ndarray) -> None:
        self._data, self._at = data, 0

    @property
    def ended(self) -> bool:
        """Whether all of them were taken."""
        return self._at == len(self._data)

    def expect(self, *shape: int) -> int:
        """Return how many numbers an array of this shape holds, if the file can hold them."""
        count = math.prod(shape)
        if min(shape) < 1 or 2 * count > len(self._data) - self._at:  # none takes less than 2 bytes
            raise ValueError(f"{' x '.join(map(str, shape))} numbers cannot follow byte {self._at}")
        return count

    def take(self, *shape: int) -> np.ndarray:
        """Return the next numbers, int32."""
        out = np.empty(self.expect(*shape), np.int32)
        at = int(integers(self._data, self._at, out))
        if at < 0:
            raise ValueError(f"there are no {len(out)} numbers from byte {self._at} on")
        self._at = at
        return out.reshape(shape)


@compiled("int64(uint8[:], int64, int32[:])")
def integers(data: np.ndarray, at: int, out: np.ndarray) -> int:
    """Read the numbers at ``at`` into ``out`` (n,) int32; return where the next one is, or -1."""
    for index in range(len(out)):
        if at >= len(data):
            return -1
        control = data[at]
        length = np.int64(control & 0x0F)
        if control & 0x70 or length < 1 or length > 4 or at + length >= len(data):
            return -1
        value = np.int32(data[at + 1])
        for place in range(1, length):
            value |= np.int32(data[at + 1 + place]) << np.int32(8 * place)
        out[index] = -value if control & 0x80 else value
        at = int(at + 1 + length)
    return at
