"""CSIM: cosine of the face embeddings of a network the user gives, as ArcFace's.

``weights`` is an ONNX file that maps faces (1, 3, 112, 112), RGB in -1..1, laid on ArcFace's
template by eyes, nose and mouth corners, to embeddings (1, D): what insightface publishes. YuNet
finds the faces. Values of different networks are not comparable; the file's name and hash are in
the signature.

>>> import pathlib, tkit
>>> given = tkit.METRICS.families()["csim"].example(pathlib.Path())  # a network of block means
>>> csim = tkit.METRICS.get("csim")
>>> round(csim(**{**given, "pred": given["gt"]}), 6), csim(**given) < 0.99
(1.0, True)
"""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.files import require_path
from tkit.metrics import MISSING_FACE, Metric, Need, Network, Param, Score, Stats
from tkit.metrics.identity import Remembered, crop, embeddings, mean_cosine
from tkit.registry import ModelFile

SIDE_PX = 112
# A network is first tried in a process of its own, which damaged ones were seen to end.
TRIAL = """
import sys, cv2, numpy
net = cv2.dnn.readNetFromONNX(sys.argv[1])
try:
    net.setInput(numpy.zeros((1, 3, int(sys.argv[2]), int(sys.argv[2])), numpy.float32))
    net.forward()
except cv2.error:
    pass  # a network all the same, of which is said later what it does not take
"""
TRIAL_S = 60


def measure(
    *, pred: np.ndarray, gt: np.ndarray, step: float, weights: str, missing_face: str
) -> Stats:
    """Sum of the cosines of the frames looked at.

    Parameters
    ----------
    pred, gt : ndarray (T, H, W, 3), uint8 RGB
        A whole clip: frames are counted from its start.
    step, weights, missing_face
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If a face is missing and ``missing_face`` is ``error``, or no frame has one in both.
    UsageError
        If the file is no such network, or the models that find faces are not installed.
    """
    mine, truth = embeddings(
        embedder(weights), pred=pred, gt=gt, step=step, missing_face=missing_face
    )
    return {"frames": len(mine), "cosine": float((mine * truth).sum())}


@lru_cache
def embedder(weights: str) -> Remembered:
    """What gives unit embeddings (D,) of the largest face of RGB frames by a network; None without.

    It raises :class:`UsageError` if the file is no such network.
    """
    return Remembered(partial(_embedded, weights))


def _embedded(weights: str, frame: np.ndarray) -> np.ndarray | None:
    import cv2

    net, face = _net(weights), crop(frame)
    if face is None:
        return None
    size = SIDE_PX, SIDE_PX
    net.setInput(cv2.dnn.blobFromImage(face, 1 / 127.5, size, (127.5,) * 3, swapRB=True))
    try:
        found = np.asarray(net.forward(), np.float64)
    except cv2.error as error:
        raise UsageError(
            f"{weights}: takes no pictures (1, 3, {SIDE_PX}, {SIDE_PX}) ({error.err})"
        ) from error
    if found.ndim != 2 or len(found) != 1 or found.shape[1] < 2:
        raise UsageError(f"{weights}: gives {found.shape} of a face, not an embedding (1, D)")
    length = np.linalg.norm(found)
    if not 0 < length < float("inf"):
        raise ScoreError("the network gives no direction of a face: nothing but zeros, or NaN")
    return found[0] / length


def _open(path: str) -> Any:
    import cv2

    require_path(path, "network")
    trial = [sys.executable, "-c", TRIAL, path, str(SIDE_PX)]
    try:
        subprocess.run(trial, check=True, capture_output=True, timeout=TRIAL_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{path}: not an ONNX network that OpenCV can read") from error
    return cv2.dnn.readNetFromONNX(path)


FACES = Network(
    name="face-embedding",
    title="an ONNX network from aligned faces to embeddings, as ArcFace",
    open=_open,
    signature="face-embedding",
    licence="that of the file",
    model=ModelFile("a face embedding network, e.g. w600k_r50.onnx"),
    setting="csim.weights",
)
_net = lru_cache(FACES.load)


def _example(folder: Path) -> dict[str, Any]:
    """Write a network that takes the mean of blocks; return a person, and lit from a side."""
    import onnx
    from onnx import TensorProto, helper
    from skimage import data

    shape = [1, 3, SIDE_PX, SIDE_PX]
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["face"], ["pooled"], kernel_shape=[16, 16],
                             strides=[16, 16]),
            helper.make_node("Flatten", ["pooled"], ["embedding"]),
        ],
        "means",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 147])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    onnx.save(model, str(folder / "means.onnx"))
    gt = np.repeat(data.astronaut()[None, 0:256, 96:352], 2, axis=0)
    pred = (gt * np.linspace(0.4, 1, 256)[:, None]).astype(np.uint8)  # lit from the side
    return {"pred": pred, "gt": gt, "step": 1.0, "weights": str(folder / "means.onnx")}


METRIC = Metric(
    title="Cosine similarity of face embeddings (CSIM)",
    citation="Deng, Guo, Xue and Zafeiriou, ArcFace, CVPR 2019",
    needs=Need("frames", whole=True),
    params={
        "step": Param(5.0, "of how many frames one is looked at"),
        "weights": Param("", "ONNX file of the user's face embedding network", text=True),
        "missing_face": MISSING_FACE,
    },
    measure=measure,
    network=FACES,
    example=_example,
    scores={"csim": Score("", "higher", mean_cosine)},
    limits="Of the network that was given, and of nothing else; as identity, a still is as good as "
    "a video.",
    checked="block means by hand, < 1e-6",
    ms=4,
)
