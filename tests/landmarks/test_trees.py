"""Regression trees: dlib's own evaluation, a plain second one on a small model, damaged files."""

import dlib
import face_recognition_models
import numpy as np
import pytest
from skimage import data

from tkit.errors import TkitError
from tkit.landmarks.dlib68 import find_faces, in_gray
from tkit.landmarks.trees import DEPTH, TOGETHER, Trees, read

MODEL = face_recognition_models.pose_predictor_model_location()
FACE = in_gray(data.astronaut()[None, 0:240, 100:340])[0]


# ---- a small model and its file ---------------------------------------------------------------


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


@pytest.fixture(scope="module")
def whole():
    return written(small())


def test_a_file_gives_back_what_was_written(tmp_path, whole):
    (tmp_path / "model.dat").write_bytes(whole)
    model, found = small(), read(tmp_path / "model.dat")
    for name in vars(model):
        np.testing.assert_array_equal(getattr(found, name), getattr(model, name), err_msg=name)


def test_dlib_reads_the_same_file(tmp_path, whole):
    (tmp_path / "model.dat").write_bytes(whole)
    predictor = dlib.shape_predictor(str(tmp_path / "model.dat"))
    shape = predictor(FACE, dlib.rectangle(60, 60, 180, 180))
    points = small()(FACE[None], np.array([[120.0, 120, 120]]), nearest=True)[0]
    theirs = np.array([(part.x, part.y) for part in shape.parts()])
    assert np.abs(points - theirs).max() < 0.501


# ---- evaluation -------------------------------------------------------------------------------


def plainly(model: Trees, grey: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Fit one face as the paper describes it, node by node."""
    corner, side = box[:2] - box[2] / 2, box[2]
    mean, shape = model.mean.astype(float), model.mean.astype(float)
    for cascade in range(len(model.nodes)):
        centred = (mean - mean.mean(axis=0)) @ [1, 1j]
        turn = np.vdot(centred, (shape - shape.mean(axis=0)) @ [1, 1j]) / np.vdot(centred, centred)
        moved = turn * (model.offsets[cascade] @ [1, 1j])
        moved = np.stack([moved.real, moved.imag], axis=1)
        x, y = (corner + side * (shape[model.anchors[cascade]] + moved)).T
        left, top = np.floor(x).astype(int), np.floor(y).astype(int)
        grey_at = [grey[top + row, left + column] for row in (0, 1) for column in (0, 1)]
        share = [(1 - y + top) * (1 - x + left), (1 - y + top) * (x - left)]
        share += [(y - top) * (1 - x + left), (y - top) * (x - left)]
        seen = sum(weight * value for weight, value in zip(share, grey_at, strict=True))
        for number, limits in enumerate(model.limits[cascade]):
            node = 0
            while node < len(limits):
                first, second = model.nodes[cascade, number, node]
                node = 2 * node + (1 if seen[first] - seen[second] > limits[node] else 2)
            shape = shape + model.leaves[cascade, number, node - len(limits)].reshape(-1, 2)
    return corner + side * shape


def test_points_are_those_of_a_plain_evaluation():
    boxes = np.array([[120.0, 120, 120], [100.3, 111.9, 97.6], [131.2, 99.5, 140.1]])
    points = small()(np.stack([FACE] * 3), boxes)
    for box, found in zip(boxes, points, strict=True):
        np.testing.assert_allclose(found, plainly(small(), FACE, box), atol=1e-3)


def test_a_frame_does_not_depend_on_those_around_it():
    rng = np.random.default_rng(0)
    count = TOGETHER + 7
    boxes = np.array([120.0, 120, 120]) + rng.normal(0, 5, (count, 3))
    greys = np.stack([np.roll(FACE, step % 9, axis=1) for step in range(count)])
    together = small()(greys, boxes)
    for index in (0, TOGETHER - 1, TOGETHER, count - 1):
        alone = small()(greys[index : index + 1], boxes[index : index + 1])[0]
        np.testing.assert_array_equal(alone, together[index])
    assert small()(greys[:0], boxes[:0]).shape == (0, 5, 2)


def test_a_face_beyond_the_edge_of_the_picture_is_fitted():
    points = small()(FACE[None], np.array([[-500.0, 900, 120]]))
    assert np.isfinite(points).all()


def test_the_trees_are_those_of_dlib():
    """Shown the same pixels, they place the points where dlib rounds them."""
    predictor, ours = dlib.shape_predictor(MODEL), read(MODEL)
    x, y, side = find_faces(data.astronaut()[0:240, 100:340])[0].round().astype(int)
    places = [(x + dx, y + dy, side + size) for dx in (-6, 0, 5) for dy in (-4, 0, 7)
              for size in (-10, 0, 12)]  # fmt: skip
    theirs = []
    for left, top, size in places:
        half = size // 2
        corners = (int(v) for v in (left - half, top - half, left + half, top + half))
        parts = predictor(FACE, dlib.rectangle(*corners)).parts()
        theirs.append([(part.x, part.y) for part in parts])
    boxes = np.array([(left, top, size // 2 * 2) for left, top, size in places], float)
    found = ours(np.stack([FACE] * len(boxes)), boxes, nearest=True)
    away = np.abs(found - np.array(theirs)).max(axis=-1)
    assert np.mean(away <= 0.6) >= 0.999


# ---- damaged files ----------------------------------------------------------------------------


def refused(tmp_path, content: bytes) -> str:
    path = tmp_path / "broken.dat"
    path.write_bytes(content)
    with pytest.raises(TkitError) as caught:
        read(path)
    text = str(caught.value)
    assert "broken.dat" in text and "\n" not in text
    return text


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_file_that_ends_too_early_is_refused(tmp_path, whole, share):
    refused(tmp_path, whole[: int(share * len(whole))])


def test_other_files_are_refused(tmp_path, whole):
    refused(tmp_path, b"\x01\x02" + whole[2:])  # version 2
    refused(tmp_path, whole + b"\x01\x00")  # something follows
    refused(tmp_path, b"no model of faces at all")
    with pytest.raises(TkitError, match="absent"):
        read(tmp_path / "absent.dat")


def test_sizes_that_the_file_cannot_hold_are_refused_before_memory_is_asked_for(tmp_path, whole):
    start = integer(1) + column(small().mean.ravel())
    assert "cannot" in refused(tmp_path, start + integer(2**30) + integer(2**30) + whole)
    refused(tmp_path, integer(1) + integer(-(2**30)) + integer(-1) + whole)


def test_no_damaged_byte_is_worse_than_an_error(tmp_path, whole):
    rng = np.random.default_rng(1)
    path = tmp_path / "model.dat"
    refusals = 0
    for place in rng.integers(len(whole), size=300):
        content = bytearray(whole)
        content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            model = read(path)
        except TkitError:
            refusals += 1
            continue
        assert np.isfinite(model(FACE[None], np.array([[120.0, 120, 120]]))).all()
    assert refusals > 50
