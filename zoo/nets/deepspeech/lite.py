"""DeepSpeech in a ``.tflite`` file, under the names that its frozen graph gives to its parts."""

from __future__ import annotations

import numpy as np

from tkit.zoo.nets.deepspeech.tensorflow import Node, Saved

_SCOPE = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"
_LAYERS = (  # in the order of use; the LSTM's are used again for every one of the 16 steps
    ("layer_1/weights", "layer_1/bias"),
    ("layer_2/weights", "layer_2/bias"),
    ("layer_3/weights", "layer_3/bias"),
    (f"{_SCOPE}/kernel", f"{_SCOPE}/bias"),
    ("layer_5/weights", "layer_5/bias"),
    ("layer_6/weights", "layer_6/bias"),
)


def as_graph(saved: Saved) -> Saved:
    """Rename the layers and metadata, and stand one BlockLSTM for the steps that were unrolled.

    A file with another number of layers comes back as it is; that is for the caller to refuse.
    """
    tensors = saved.tensors
    products = [node for node in saved.nodes.values() if node.op == "MatMul"]
    layers = [node.inputs for node in products if len(node.inputs) == 3]
    biases = {weights: bias for _, weights, bias in layers if weights in tensors}
    if len(biases) != len(_LAYERS):
        return saved
    named = {}
    for (weights, bias), names in zip(biases.items(), _LAYERS, strict=True):
        named[names[0]] = tensors[weights].T
        named[names[1]] = tensors.get(bias, np.zeros(len(tensors[weights]), np.float32))
    nodes = dict(saved.nodes)
    nodes["lstm"] = Node("BlockLSTM", (), {"forget_bias": _forget_bias(saved)})
    for name, value in tensors.items():
        plain = name.partition(":")[2].removesuffix("_copy")
        if plain.startswith("metadata_"):
            named[plain], nodes[plain] = value, Node("Const", (), {})
    return Saved(tensors | named, nodes)


def _forget_bias(saved: Saved) -> float:
    """Return the number that is added to a gate before its sigmoid, if there is one."""
    for node in saved.nodes.values():
        before = saved.nodes.get(node.inputs[0]) if node.op == "Sigmoid" and node.inputs else None
        if before and before.op == "Add":
            added = [saved.tensors[name] for name in before.inputs if name in saved.tensors]
            return float(added[0].item()) if added and added[0].size == 1 else 0.0
    return 0.0
