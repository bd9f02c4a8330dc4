"""Runs the two networks of a face-landmarker ``.task`` file: face detector and 478-point mesh.

A ``.task`` file is a zip of TFLite models. They run on LiteRT (``ai-edge-litert``, the extra
``mesh``) where it is installed, else on OpenCV's own reader, which gives the same numbers slower.
"""

from __future__ import annotations

import importlib.util
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from tkit.errors import WeightsError
from tkit.face import geometry
from tkit.files import require_path
from tkit.landmarks.boxes import Box

DETECTOR, MESH = "face_detector.tflite", "face_landmarks_detector.tflite"
DETECTOR_PX, MESH_PX = 128, 256
N_MESH = 478
MIN_SCORE = 0.5  # of a face, and of the mesh lying on one
MARGIN = 1.5  # side of the square that is looked at, in sides of the face
OVERLAP = 0.3  # boxes that share more (intersection over union) are one face

MODEL_BYTES = 2**26  # of a network; those of the released files have 4 MB at most
_NONE = np.zeros(0)

Run = Callable[[np.ndarray], dict[str, np.ndarray]]


@cache
def load(path: str) -> tuple[Run, Run]:
    """Load detector and mesh network of a ``.task`` file.

    Raises
    ------
    WeightsError
        If the file is not a face landmarker.
    """
    detector, mesh = unpack(path)
    make = by_litert if importlib.util.find_spec("ai_edge_litert") else by_opencv
    try:
        networks = make(detector), make(mesh)
        _fits(*networks)
    except (ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: its networks cannot be loaded ({error})") from error
    return networks


def unpack(path: str | Path) -> tuple[bytes, bytes]:
    """Take both networks out of a ``.task`` file; :class:`WeightsError` if they are not in it."""
    try:
        with zipfile.ZipFile(require_path(path, "model file")) as archive:
            return _member(archive, DETECTOR), _member(archive, MESH)
    # What zipfile raises of archives that are damaged, locked, or packed in other ways.
    except (
        zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, RuntimeError,
        NotImplementedError, zlib.error, lzma.LZMAError, struct.error,
    ) as error:  # fmt: skip
        raise WeightsError(
            f"{path}: not a face landmarker; wanted is a .task file that holds {DETECTOR} and "
            f"{MESH}"
        ) from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Unpack one network; the archive says how large it is, and no more of it is unpacked."""
    if archive.getinfo(name).file_size > MODEL_BYTES:
        raise ValueError(f"{name} is larger than any")
    return archive.read(name)


def _fits(detector: Run, mesh: Run) -> None:
    """Run both networks once; ``ValueError`` unless they give what is asked of them later."""
    found = detector(np.zeros((DETECTOR_PX, DETECTOR_PX, 3), np.float32))
    laid = mesh(np.zeros((MESH_PX, MESH_PX, 3), np.float32))
    sizes = [found.get(name, np.zeros(0)).size for name in ("classificators", "regressors")]
    n_anchors = len(_anchors())
    meshes = [value for value in laid.values() if value.size == 3 * N_MESH]
    if sizes != [n_anchors, 16 * n_anchors] or not meshes or not laid.get("Identity_1", _NONE).size:
        raise ValueError("they are others than those of a face landmarker")


def by_litert(model: bytes) -> Run:
    """Run a network by the package ai-edge-litert."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    outputs = interpreter.get_output_details()

    def run(image: np.ndarray) -> dict[str, np.ndarray]:
        interpreter.set_tensor(entry["index"], image[None])
        interpreter.invoke()
        return {each["name"]: interpreter.get_tensor(each["index"]) for each in outputs}

    return run


def by_opencv(model: bytes) -> Run:
    """Run a network by OpenCV."""
    import cv2

    try:
        net = cv2.dnn.readNetFromTFLite(np.frombuffer(model, np.uint8))
    except cv2.error as error:
        raise ValueError(error.err) from error
    names = net.getUnconnectedOutLayersNames()

    def run(image: np.ndarray) -> dict[str, np.ndarray]:
        net.setInput(np.ascontiguousarray(image.transpose(2, 0, 1)[None]))  # (1, 3, H, W)
        return dict(zip(names, net.forward(names), strict=True))

    return run


@cache
def _anchors() -> np.ndarray:
    """Centres (896, 2) of the detector's anchors in parts of the picture.

    Two a cell of the 16 x 16 grid, then six a cell of the 8 x 8 grid.
    """
    layers = []
    for cells, per_cell in ((16, 2), (8, 6)):
        middles = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middles, middles, indexing="ij")
        layers.append(np.stack([x, y], -1).reshape(-1, 2).repeat(per_cell, axis=0))
    return np.concatenate(layers)


def detect(run: Run, image: np.ndarray) -> list[tuple[Box, float]]:
    """Find the faces of a picture (H, W, 3) uint8 RGB.

    Returns
    -------
    list of (box, angle)
        Centre x, centre y and side in pixels; the angle of the line through the eyes in radians.
    """
    import cv2

    height, width = image.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    bottom, right = side - height - top, side - width - left
    square = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT)
    small = cv2.resize(square, (DETECTOR_PX, DETECTOR_PX), interpolation=cv2.INTER_AREA)
    found = run(small.astype(np.float32) / 127.5 - 1)
    scores = _sigmoid(found["classificators"].reshape(-1))
    keep = np.flatnonzero(scores >= MIN_SCORE)
    # Rows: box centre, box size, then six points: right eye, left eye, nose, mouth, both ears.
    values = found["regressors"].reshape(-1, 8, 2)[keep].astype(np.float64) / DETECTOR_PX
    where = [0, *range(2, 8)]
    values[:, where] += _anchors()[keep, None]
    values *= side
    values[:, where] -= (left + 0.5, top + 0.5)  # whole numbers are pixel centres
    faces = []
    for group in _groups(values[:, 0], values[:, 1].max(axis=1), scores[keep]):
        face = np.average(values[group], axis=0, weights=scores[keep][group])
        across = face[3] - face[2]
        box = np.array([*face[0], float(face[1].max())])
        faces.append((box, float(np.arctan2(across[1], across[0]))))
    return faces


def fit_mesh(run: Run, image: np.ndarray, box: Box, angle: float) -> tuple[np.ndarray, float]:
    """Lay the mesh on the face in a box.

    Parameters
    ----------
    image : ndarray (H, W, 3), uint8 RGB
    box : ndarray (3,)
        Centre x, centre y and side of the square that is looked at, in pixels.
    angle : float
        Radians by which the face is turned clockwise.

    Returns
    -------
    points : ndarray (478, 2)
        Pixels.
    score : float
        Probability that there is a face in the box.
    """
    import cv2

    x, y, side = box
    scale = MESH_PX / side
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = (MESH_PX - 1) / 2
    transform = np.column_stack([linear, middle - linear @ (x, y)])
    patch = cv2.warpAffine(
        image, transform, (MESH_PX, MESH_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    found = run(patch.astype(np.float32) / 255)
    mesh = next(value for value in found.values() if value.size == 3 * N_MESH)
    points = mesh.reshape(N_MESH, 3)[:, :2].astype(np.float64) - 0.5
    score = float(_sigmoid(found["Identity_1"].reshape(-1))[0])
    return geometry.apply(geometry.invert(transform), points), score


def around(mesh: np.ndarray) -> tuple[Box, float]:
    """Where to look for the mesh (478, 2) in the next frame: box and angle of :func:`fit_mesh`."""
    across = mesh[263] - mesh[33]  # outer corners of the eyes
    angle = float(np.arctan2(across[1], across[0]))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    level = mesh @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    centre = turn.T @ ((low + high) / 2)
    return np.array([*centre, MARGIN * float((high - low).max())]), angle


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values.astype(np.float64), -80, 80)))


def _groups(centres: np.ndarray, sides: np.ndarray, scores: np.ndarray) -> list[np.ndarray]:
    """Indices of the detections of each face: those that overlap the best one that is left."""
    groups = []
    left = np.argsort(-scores)
    while left.size:
        best = left[0]
        reach = (sides[left] + sides[best])[:, None] / 2 - np.abs(centres[left] - centres[best])
        shared = np.minimum(np.clip(reach, 0, None), np.minimum(sides[left], sides[best])[:, None])
        common = shared.prod(axis=1)
        same = common / (sides[left] ** 2 + sides[best] ** 2 - common) > OVERLAP
        groups.append(left[same])
        left = left[~same]
    return groups
