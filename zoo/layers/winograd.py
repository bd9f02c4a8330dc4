"""Convolutions of 3 x 3 on a CPU with a quarter of the multiplications.

Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", F(4 x 4, 3 x 3): a square
of 6 x 6 inputs and the kernel are transformed, multiplied place by place and transformed back to
4 x 4 outputs. With many channels the products between them are most of the work, one matrix
product a place; the libraries behind torch do not take this way.
"""

from __future__ import annotations

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
    """Convolution of 3 x 3 that keeps the size, faster without gradients on a CPU.

    There it differs from ``nn.Conv2d`` by rounding, some 1e-5 of the largest output.
    """

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__(channels, channels, 3, padding=1, bias=bias)
        self._made: tuple[tuple[int, int], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        if not self._is_faster(x):
            return super().forward(x)
        found = winograd(x, self._kernels())
        return found if self.bias is None else found + self.bias[:, None, None]

    def _is_faster(self, x: Tensor) -> bool:
        return (
            not torch.is_grad_enabled()
            and x.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
            and x.dtype == self.weight.dtype == torch.float32
            and x.shape[-2] % TILE == x.shape[-1] % TILE == 0
            and self.in_channels >= CHANNELS
        )

    def _kernels(self) -> Tensor:
        """Transformed weights, kept until the weights change."""
        if self.weight.is_inference():  # whose changes cannot be told
            return transform(self.weight)
        state = self.weight.data_ptr(), self.weight._version
        if self._made is None or self._made[0] != state:
            self._made = state, transform(self.weight)
        return self._made[1]


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
