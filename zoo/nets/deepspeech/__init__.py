"""Mozilla's DeepSpeech (0.1 to 0.9) in torch, with the weights of the files Mozilla released.

Hannun et al. 2014 as Mozilla built it: three clipped dense layers over 19 stacked feature rows, an
LSTM (0.1: one in each direction), a clipped dense layer, and logits of the alphabet and CTC's
blank. Which version a file is, and how its features are made, follows from the file itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from tkit.errors import WeightsError
from tkit.parsing import plain
from tkit.zoo import Net
from tkit.zoo.nets.deepspeech.tensorflow import Node, Saved

ENGLISH = (*" abcdefghijklmnopqrstuvwxyz'",)
_SCOPES = {  # where the LSTM's kernel and bias lie
    "0.1": ("bidirectional_rnn/fw/basic_lstm_cell", "bidirectional_rnn/bw/basic_lstm_cell"),
    "0.2": ("lstm_fused_cell",),
    "0.6": ("cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell",),
}


@dataclass(frozen=True)
class Config:
    """Sizes of the network and how its features are made.

    Parameters
    ----------
    version : str
        Of DeepSpeech; releases that no file can be told apart by are a range.
    widths : tuple of int
        Outputs of the dense layers 1, 2, 3 and 5.
    cell : int
        Cells of the LSTM in one direction.
    bidirectional : bool
    symbols : tuple of str
        Text of the columns; the blank, which is last, is empty.
    clip : float
        Upper limit of the dense layers' outputs.
    chain : str
        ``psf`` (python_speech_features) or ``tensorflow``.
    window, hop : int
        Samples.
    hamming, whiten : bool
        For ``psf``: weight the frames; scale the features of a clip to mean 0 and deviation 1.
    every : int
        Keep one of so many frames.
    low_hz, high_hz : float
        For ``tensorflow``: limits of the mel bands.
    sample_rate, inputs : int
    """

    version: str
    widths: tuple[int, ...]
    cell: int
    bidirectional: bool
    symbols: tuple[str, ...]
    clip: float = 20.0
    chain: str = "tensorflow"
    window: int = 512
    hop: int = 320
    hamming: bool = False
    whiten: bool = False
    every: int = 1
    low_hz: float = 20.0
    high_hz: float = 8000.0
    sample_rate: int = 16000
    inputs: int = 494


class DeepSpeech(nn.Module):
    """Stacked feature rows to logits."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        first, second, third, fifth = config.widths
        directions = 2 if config.bidirectional else 1
        self.dense1 = nn.Linear(config.inputs, first)
        self.dense2 = nn.Linear(first, second)
        self.dense3 = nn.Linear(second, third)
        self.lstm = nn.LSTM(
            third, config.cell, batch_first=True, bidirectional=config.bidirectional
        )
        self.dense5 = nn.Linear(directions * config.cell, fifth)
        self.dense6 = nn.Linear(fifth, len(config.symbols))

    def forward(
        self, rows: torch.Tensor, lengths: torch.Tensor | None = None, state: Any = None
    ) -> tuple[torch.Tensor, Any]:
        """Return logits before the softmax, and the LSTM's state after the last row.

        Parameters
        ----------
        rows : Tensor (B, N, 494)
        lengths : Tensor (B,), optional
            Rows of each clip, where clips of several lengths are padded to one.
        state : optional
            From the rows before; not for a network that also reads backwards.
        """
        for dense in (self.dense1, self.dense2, self.dense3):
            rows = dense(rows).clamp(0, self.config.clip)
        if lengths is None:
            rows, state = self.lstm(rows, state)
        else:
            packed = nn.utils.rnn.pack_padded_sequence(
                rows, lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            packed, state = self.lstm(packed, state)
            rows, _ = nn.utils.rnn.pad_packed_sequence(
                packed, batch_first=True, total_length=rows.shape[1]
            )
        return self.dense6(self.dense5(rows).clamp(0, self.config.clip)), state


EXAMPLE = Config("0.9", widths=(8, 8, 8, 8), cell=8, bidirectional=False, symbols=(" ", "a", ""))
NET = Net("DeepSpeech 0.1 to 0.9", Config, DeepSpeech, EXAMPLE)


# -- Mozilla's files ----------------------------------------------------------------------------


def convert(saved: Saved, *, where: str) -> DeepSpeech:
    """Build the network that a graph or checkpoint of DeepSpeech holds.

    Parameters
    ----------
    saved : Saved
        From :func:`tkit.zoo.nets.deepspeech.tensorflow.read`.
    where : str
        Name of the file, for messages.

    Raises
    ------
    WeightsError
        If this is no DeepSpeech that is known here; the message names the file's operations.
    """
    try:
        return _built(saved, where)
    except WeightsError:
        raise
    # What arrays and attributes of other kinds or shapes than DeepSpeech's lead to.
    except (KeyError, ValueError, IndexError, TypeError, struct.error, RuntimeError) as error:
        raise _unknown(saved, where) from error


def _built(saved: Saved, where: str) -> DeepSpeech:
    family = next((key for key in _SCOPES if f"{_SCOPES[key][0]}/kernel" in saved.tensors), None)
    old_names = "h1" in saved.tensors
    if family is None or not (old_names or "layer_1/weights" in saved.tensors):
        raise _unknown(saved, where)
    if family == "0.1":
        facts, forget_bias = _features_01(), 1.0
    else:
        facts, forget_bias = _features(saved, family)
    dense = [_dense(saved.tensors, number, old_names) for number in (1, 2, 3, 5, 6)]
    kernels = [saved.tensors[f"{scope}/kernel"] for scope in _SCOPES[family]]
    biases = [saved.tensors[f"{scope}/bias"] for scope in _SCOPES[family]]
    config = Config(
        widths=tuple(weights.shape[1] for weights, _ in dense[:4]),
        cell=kernels[0].shape[1] // 4,
        bidirectional=len(kernels) == 2,
        symbols=_symbols(saved, dense[-1][0].shape[1], where),
        clip=_clip(saved),
        inputs=dense[0][0].shape[0],
        **facts,
    )
    check(config)
    state = _dense_state(dense)
    for kernel, bias, suffix in zip(kernels, biases, ("", "_reverse"), strict=False):
        state |= _lstm_state(kernel, bias, config.cell, forget_bias, suffix)
    # Sizes first: they are compared with those of the arrays before there is any memory for them.
    with torch.device("meta"):
        wanted = DeepSpeech(config).state_dict()
    if any(state[name].shape != tuple(value.shape) for name, value in wanted.items()):
        raise _unknown(saved, where)
    module = DeepSpeech(config)
    module.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return module.eval().requires_grad_(False)


def check(config: Config) -> None:
    """Raise ``ValueError`` unless features can be made as a file says."""
    window, hop, every = config.window, config.hop, config.every
    times = 0 < hop <= window <= config.sample_rate == 16000 and 0 < every <= 10
    bands = 0 <= config.low_hz < config.high_hz <= config.sample_rate / 2 and config.clip > 0
    if not (times and bands and config.inputs == 494 and config.chain in ("psf", "tensorflow")):
        raise ValueError("features that cannot be made")


def _features_01() -> dict[str, Any]:
    facts = {"version": "0.1", "chain": "psf", "window": 400, "hop": 160, "every": 2}
    return {**facts, "whiten": True}


def _features(saved: Saved, family: str) -> tuple[dict[str, Any], float]:
    """Version and features of a network with one LSTM, and its forget bias, from the graph."""
    if not saved.nodes:  # a checkpoint: only the names of its variables tell
        if family == "0.6":
            return {"version": "0.7-0.9"}, 0.0
        raise ValueError("variables alone do not tell the version")
    lstm = _only(saved, "BlockLSTM")
    if lstm.attributes.get("use_peephole") or lstm.attributes.get("cell_clip", -1.0) > 0:
        raise ValueError("an LSTM with peepholes or clipped cells")
    forget_bias = lstm.attributes.get("forget_bias", 1.0)
    if any(node.op == "Mfcc" for node in saved.nodes.values()):
        mfcc, power = _only(saved, "Mfcc"), _only(saved, "AudioSpectrogram")
        newest = "metadata_version" in saved.nodes
        facts = {
            "version": "0.7-0.9" if newest else "0.6" if forget_bias == 0 else "0.5",
            "window": power.attributes["window_size"],
            "hop": power.attributes["stride"],
            "low_hz": mfcc.attributes.get("lower_frequency_limit", 20.0),
            "high_hz": mfcc.attributes.get("upper_frequency_limit", 4000.0),
        }
        if mfcc.attributes.get("dct_coefficient_count", 13) != 26:
            raise ValueError("not 26 cepstra")
        return facts, forget_bias
    if saved.nodes["logits"].op == "Softmax":
        facts = {"version": "0.4", "window": 512, "hop": 320, "hamming": True}
    else:
        facts = {"version": "0.2-0.3", "window": 400, "hop": 160, "every": 2}
    return {**facts, "chain": "psf"}, forget_bias


def _only(saved: Saved, op: str) -> Node:
    found = [node for node in saved.nodes.values() if node.op == op]
    if len(found) != 1:
        raise ValueError(f"{len(found)} operations {op}")
    return found[0]


def _dense(
    tensors: dict[str, np.ndarray], number: int, old_names: bool
) -> tuple[np.ndarray, np.ndarray]:
    names = (f"h{number}", f"b{number}")
    if not old_names:
        names = (f"layer_{number}/weights", f"layer_{number}/bias")
    return tensors[names[0]], tensors[names[1]]


def _dense_state(dense: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    state = {}
    for number, (weights, bias) in zip((1, 2, 3, 5, 6), dense, strict=True):
        state[f"dense{number}.weight"] = np.ascontiguousarray(weights.T)
        state[f"dense{number}.bias"] = np.array(bias)
    return state


def _lstm_state(
    kernel: np.ndarray, bias: np.ndarray, cell: int, forget_bias: float, suffix: str
) -> dict[str, np.ndarray]:
    """TensorFlow's gates are input, new, forget, output; torch's input, forget, new, output."""
    order = np.concatenate([np.arange(cell) + cell * gate for gate in (0, 2, 1, 3)])
    weights, bias = kernel[:, order].T, bias[order].astype(np.float32)
    bias[cell : 2 * cell] += forget_bias
    n_in = len(kernel) - cell
    return {
        f"lstm.weight_ih_l0{suffix}": np.ascontiguousarray(weights[:, :n_in]),
        f"lstm.weight_hh_l0{suffix}": np.ascontiguousarray(weights[:, n_in:]),
        f"lstm.bias_ih_l0{suffix}": bias,
        f"lstm.bias_hh_l0{suffix}": np.zeros_like(bias),
    }


def _clip(saved: Saved) -> float:
    """Limit of the dense layers: the constant that the graph's Minimum operations read."""
    names = {name for node in saved.nodes.values() if node.op == "Minimum" for name in node.inputs}
    limits = {float(saved.tensors[name].item()) for name in names if name in saved.tensors}
    return limits.pop() if len(limits) == 1 else 20.0


def _symbols(saved: Saved, n_columns: int, where: str) -> tuple[str, ...]:
    """Alphabet of the metadata (count, then label, length and bytes of each), or English."""
    symbols = list(ENGLISH)
    if "metadata_alphabet" in saved.tensors:
        packed = saved.tensors["metadata_alphabet"].ravel()[0]
        (count,) = struct.unpack_from("<H", packed)
        symbols, position = [""] * count, 2
        for _ in range(count):
            label, length = struct.unpack_from("<HH", packed, position)
            symbols[label] = packed[position + 4 : position + 4 + length].decode()
            position += 4 + length
    if len(symbols) + 1 != n_columns:
        raise WeightsError(
            f"{where}: {n_columns} outputs, but an alphabet of {len(symbols)} symbols and the "
            "blank; only graphs that carry their alphabet, or English ones, can be used"
        )
    return (*symbols, "")


def _unknown(saved: Saved, where: str) -> WeightsError:
    if saved.nodes:
        ops = sorted({node.op for node in saved.nodes.values()})
        held = f"a graph with the operations {', '.join(ops[:40])}"
    else:
        held = f"a checkpoint with the variables {', '.join(sorted(saved.tensors)[:20])}"
    held = plain(held)
    return WeightsError(
        f"{where}: not a DeepSpeech graph of version 0.1 to 0.9, nor a checkpoint of 0.1 or 0.7 to "
        f"0.9; it is {held}"
    )
