"""The acoustic model inside the package ``hama`` (1.7.0): speech to phones, every 20 ms.

Only its weight file is used, read by :func:`read_archive`; the network is written here, so it runs
batched, on any device, and gives its hidden states. Shape of the network, found from the tensors of
the archive and checked against the package's own library (``tests/zoo/nets/test_hama.py``):
log-mel, a
convolution that halves the rate, Conformer blocks (Gulati et al. 2020, fig. 1) without positional
encoding, and a linear layer to phones.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tkit.errors import WeightsError
from tkit.zoo import Net

VERSION = "1.7.0"
SHA256 = "a9fcfe73e179ca48e399cd76a90a6b3e1887bf5037ecc52b778d13a149563328"
SAMPLE_RATE = 16000
HOP = 320  # samples per row: STFT hop of 160, halved by the first convolution
_MAGIC = b"HAMAPK"
_DTYPES: dict[int, Any] = {0: np.dtype("<f4"), 1: np.dtype("<f2")}


@dataclass(frozen=True)
class Config:
    """Sizes of the acoustic model; the defaults are those of the released weights."""

    frame: int = 400
    bands: int = 80
    width: int = 144
    heads: int = 4
    inner: int = 576
    kernel: int = 31
    blocks: int = 4
    tokens: int = 191


class FeedForward(nn.Sequential):
    """LayerNorm, widen, SiLU, narrow."""

    def __init__(self, width: int, inner: int) -> None:
        layers = nn.LayerNorm(width), nn.Linear(width, inner), nn.SiLU(), nn.Linear(inner, width)
        super().__init__(*layers)


class Convolution(nn.Module):
    """LayerNorm, gated pointwise, depthwise (batch norm folded in), SiLU, pointwise."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gated = nn.Conv1d(width, 2 * width, 1)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(B, N, width) to the same."""
        gated = F.glu(self.gated(self.norm(rows).transpose(1, 2)), dim=1)
        return self.mix(F.silu(self.depthwise(gated))).transpose(1, 2)


class Block(nn.Module):
    """One Conformer block."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.before = FeedForward(config.width, config.inner)
        self.norm_attention = nn.LayerNorm(config.width)
        self.attention = nn.MultiheadAttention(config.width, config.heads, batch_first=True)
        self.convolution = Convolution(config.width, config.kernel)
        self.after = FeedForward(config.width, config.inner)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(B, N, width) to the same."""
        rows = rows + 0.5 * self.before(rows)
        normed = self.norm_attention(rows)
        rows = rows + self.attention(normed, normed, normed, need_weights=False)[0]
        rows = rows + self.convolution(rows)
        return self.norm(rows + 0.5 * self.after(rows))


class Hama(nn.Module):
    """Sound to phone log-probabilities, one row every 320 samples, centred on them."""

    kernels: torch.Tensor
    mel: torch.Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        bins = config.frame // 2 + 1
        self.register_buffer("kernels", torch.zeros(2, bins, config.frame))
        self.register_buffer("mel", torch.zeros(bins, config.bands))
        self.subsample = nn.Conv1d(config.bands, config.width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.project = nn.Linear(config.width, config.tokens)

    def log_mel(self, waves: torch.Tensor) -> torch.Tensor:
        """(B, S) sound at 16 kHz to (B, bands, S // 160 + 1)."""
        half = self.config.frame // 2
        padded = F.pad(waves[:, None], (half, half), mode="reflect")[:, 0]
        frames = padded.unfold(1, self.config.frame, HOP // 2)
        power = (frames @ self.kernels[0].T).square() + (frames @ self.kernels[1].T).square()
        return (power @ self.mel).clamp(min=1e-10).log().transpose(1, 2)

    def hidden(self, waves: torch.Tensor) -> list[torch.Tensor]:
        """(B, S) sound at 16 kHz, S > 200, to the output of every block, (B, S // 320 + 1, width).

        Attention sees all rows: give clips of one length together, and at most 30 s at a time.
        """
        rows = F.gelu(self.subsample(self.log_mel(waves))).transpose(1, 2)
        outputs = []
        for block in self.blocks:
            rows = block(rows)
            outputs.append(rows)
        return outputs

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """(B, S) sound at 16 kHz to log-probabilities (B, S // 320 + 1, tokens)."""
        return F.log_softmax(self.project(self.hidden(waves)[-1]), dim=-1)


NET = Net(title="Conformer from speech to phones (hama)", config=Config, build=Hama)


# -- the weights in the package ---------------------------------------------------------------


def load(folder: str | Path | None = None) -> Hama:
    """Load the released weights, in evaluation mode on the CPU.

    Parameters
    ----------
    folder : path, optional
        The package's folder of assets; found by itself where the package is installed.

    Raises
    ------
    WeightsError
        If the package is not installed, or its file is not the one that tkit knows.
    """
    data = (assets(folder) / "asr_waveform.hama").read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise WeightsError(
            f"the acoustic model in the package hama has sha256 {found[:8]}…, not {SHA256[:8]}… as "
            f"version {VERSION} has; pip install hama=={VERSION}"
        )
    model = Hama(Config())
    model.load_state_dict(_renamed(read_archive(data), model.config))
    return model.eval().requires_grad_(False)


def tokens(folder: str | Path | None = None) -> tuple[str, ...]:
    """Return the 191 symbols of the columns: phones in IPA, ``<wb>`` and ``<blank>`` last."""
    text = (assets(folder) / "g2p_vocab.json").read_text(encoding="utf-8")
    return (*json.loads(text)["decoder"], "<wb>", "<blank>")


def assets(folder: str | Path | None) -> Path:
    """Find the package's folder of data without importing it: it would load its native library.

    Raises
    ------
    WeightsError
        If the package is not installed, or the folder given is another one.
    """
    if folder is None:
        try:
            found = importlib.metadata.distribution("hama").locate_file("hama/assets")
        except importlib.metadata.PackageNotFoundError as error:
            raise WeightsError(
                "the package hama, whose acoustic model is needed here, is not installed; "
                f"pip install hama=={VERSION}"
            ) from error
        folder = str(found)
    if not (Path(folder) / "asr_waveform.hama").is_file():
        raise WeightsError(f"{folder}: no asr_waveform.hama here; pip install hama=={VERSION}")
    return Path(folder)


def read_archive(data: bytes) -> dict[str, np.ndarray]:
    """Read the tensors of a ``.hama`` archive by name, as float32.

    Layout, little-endian: ``HAMAPK``, version u8, kind u8, count u32; for each tensor the length of
    its name u16 and the name, dtype u8 (0 float32, 1 float16), dimensions u8 and their sizes u32,
    offset u64 and size u64 in bytes; the data start at the next multiple of 16.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise WeightsError("not a .hama archive: it does not start with HAMAPK")
    entries, position = [], 12
    try:
        for _ in range(struct.unpack_from("<I", data, 8)[0]):
            (length,) = struct.unpack_from("<H", data, position)
            name = data[position + 2 : position + 2 + length].decode()
            position += 2 + length
            dtype, n_dims = struct.unpack_from("<BB", data, position)
            shape = struct.unpack_from(f"<{n_dims}I", data, position + 2)
            offset, _ = struct.unpack_from("<QQ", data, position + 2 + 4 * n_dims)
            position += 18 + 4 * n_dims
            entries.append((name, _DTYPES[dtype], shape, offset))
        start = -(-position // 16) * 16
        return {
            name: np.frombuffer(data, dtype, int(np.prod(shape)), start + offset)
            .reshape(shape)
            .astype(np.float32)
            for name, dtype, shape, offset in entries
        }
    except (struct.error, KeyError, ValueError) as error:
        raise WeightsError(f"a damaged .hama archive ({error})") from error


_PARTS = {  # of the archive (after "blocks.0."), and of Block
    "ffn1.norm": "before.0", "ffn1.fc1": "before.1", "ffn1.fc2": "before.3",
    "attn_norm": "norm_attention",
    "conv.norm": "convolution.norm", "conv.pointwise1": "convolution.gated",
    "conv.pointwise2": "convolution.mix",
    "ffn2.norm": "after.0", "ffn2.fc1": "after.1", "ffn2.fc2": "after.3",
    "norm": "norm",
}  # fmt: skip


def _renamed(found: dict[str, np.ndarray], config: Config) -> dict[str, torch.Tensor]:
    """Give the archive's tensors the names and layouts of :class:`Hama`.

    Matrices and folded convolutions carry only the numbers that the export gave them; they are in
    the order of use.
    """
    kernels = [found.pop(f"stft_{part}_kernel")[:, 0] for part in ("real", "imag")]
    state = {"kernels": np.stack(kernels), "mel": found.pop("mel_fb")}
    numbered = sorted((name for name in found if "onnx" in name), key=lambda name: int(name[-3:]))
    convolutions = iter([found.pop(name) for name in numbered if "Conv" in name])
    matrices = iter([found.pop(name).T for name in numbered if "MatMul" in name])
    state["subsample.weight"], state["subsample.bias"] = next(convolutions), next(convolutions)
    for index in range(config.blocks):
        block = f"blocks.{index}"
        for theirs, ours in _PARTS.items():
            for kind in ("weight", "bias"):
                name = f"acoustic_model.model.{block}.{theirs}.{kind}"
                if name in found:
                    state[f"{block}.{ours}.{kind}"] = found.pop(name)
        for kind in ("in_proj_bias", "out_proj.bias"):
            name = f"acoustic_model.model.{block}.attn.{kind}"
            state[f"{block}.attention.{kind}"] = found.pop(name)
        for kind in ("weight", "bias"):
            state[f"{block}.convolution.depthwise.{kind}"] = next(convolutions)
        for ours in ("before.1.weight", "before.3.weight", "attention.in_proj_weight",
                     "attention.out_proj.weight", "after.1.weight", "after.3.weight"):  # fmt: skip
            state[f"{block}.{ours}"] = next(matrices)
    state["project.weight"] = found.pop("acoustic_model.model.proj.weight")[..., 0]
    state["project.bias"] = found.pop("acoustic_model.model.proj.bias")
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()}
