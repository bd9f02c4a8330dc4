"""Convolutions of 3 x 3 on a CPU with a quarter of the multiplications.

Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", F(4 x 4, 3 x 3): a square
of 6 x 6 inputs and the kernel are transformed, multiplied place by place and transformed back to
4 x 4 outputs. With many channels the products between them are most of the work, one matrix
product a place; the libraries behind torch do not take this way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

TILE, TAKES = 4, 6  # outputs and inputs of a square along an axis
CHANNELS = 64  # with fewer the transforms cost more than they save
INPUT = np.array([
    [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1],
])  # fmt: skip
KERNEL = np.array([
    [6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24],
]) / 24  # fmt: skip
OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0],
                   [0, 1, -1, 8, -8, 1]])  # fmt: skip
BOTH_INPUT, BOTH_OUTPUT = (  # along both axes at once
    torch.from_numpy(np.kron(one, one)).float() for one in (INPUT, OUTPUT)
)


class Conv3x3(nn.Conv2d):
    """Convolution of 3 x 3 that keeps the size, faster without gradients on a CPU once it is ready.

    There it differs from ``nn.Conv2d`` by rounding, some 1e-5 of the largest output. Weights are
    transformed by :func:`make_ready`; what is meant to change them (``train``, ``eval``,
    ``load_state_dict``, ``to``) sends the layer the usual way again, until it is made ready anew.
    """

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__(channels, channels, 3, padding=1, bias=bias)
        self.kernels: Tensor | None = None  # transformed weights (36, C, C)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        if self.kernels is None or not self._fits(x):
            return super().forward(x)
        found = winograd(x, self.kernels)
        return found if self.bias is None else found + self.bias[:, None, None]

    def make_ready(self) -> None:
        """Transform the weights, if that is not done yet and pays."""
        pays = self.in_channels >= CHANNELS and self.weight.device.type == "cpu"
        if self.kernels is None and pays:
            self.kernels = transform(self.weight)

    def train(self, mode: bool = True) -> Conv3x3:
        """Forget the transformed weights: training changes them, and it ends with ``eval``."""
        self.kernels = None
        return super().train(mode)

    def _apply(self, *arguments: Any, **settings: Any) -> Any:
        self.kernels = None  # of another type, or elsewhere
        return super()._apply(*arguments, **settings)

    def _load_from_state_dict(self, *arguments: Any, **settings: Any) -> None:
        self.kernels = None
        super()._load_from_state_dict(*arguments, **settings)

    def _fits(self, x: Tensor) -> bool:
        return (
            not torch.is_grad_enabled()
            and x.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
            and x.dtype == self.weight.dtype == torch.float32
            and x.shape[-2] % TILE == x.shape[-1] % TILE == 0
        )


def make_ready(net: nn.Module) -> None:
    """Transform, once, the kernels of a network that is done with training.

    Weights that are changed in place afterwards, without a word to the module, are not seen.
    """
    for layer in net.modules():
        if isinstance(layer, Conv3x3):
            layer.make_ready()


def transform(weight: Tensor) -> Tensor:
    """Transform kernels (O, C, 3, 3) to (36, C, O)."""
    kernel = torch.from_numpy(KERNEL)
    places = torch.einsum("ij,ocjk,lk->ilco", kernel, weight.detach().double(), kernel)
    return places.flatten(0, 1).float().contiguous()


def winograd(x: Tensor, kernels: Tensor) -> Tensor:
    """Convolve (B, C, H, W), padded with zeros, with transformed kernels (36, C, O).

    Returns
    -------
    Tensor (B, O, H, W)
        In channels-last memory. H and W are multiples of 4.
    """
    n, channels, height, width = x.shape
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    squares = padded.unfold(1, TAKES, TILE).unfold(2, TAKES, TILE)  # (B, h, w, C, 6, 6)
    places = squares.permute(4, 5, 0, 1, 2, 3).reshape(TAKES**2, -1)
    products = torch.bmm((BOTH_INPUT @ places).view(TAKES**2, -1, channels), kernels)
    found = (BOTH_OUTPUT @ products.flatten(1)).view(
        TILE, TILE, n, height // TILE, width // TILE, -1
    )
    return found.permute(2, 3, 0, 4, 1, 5).reshape(n, height, width, -1).permute(0, 3, 1, 2)
