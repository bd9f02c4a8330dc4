"""The head of ``chars29``: hidden states of the acoustic model to DeepSpeech's 29 symbols."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from tkit.zoo import Net

SYMBOLS = (*" abcdefghijklmnopqrstuvwxyz'", "")  # DeepSpeech's order; the last is CTC's blank


@dataclass(frozen=True)
class Config:
    """Sizes of the head.

    Parameters
    ----------
    states : tuple of int
        Blocks of the acoustic model whose outputs it sees side by side.
    state_width, width : int
        Columns of one of these outputs, and of the head's own layers.
    kernel, layers : int
        Rows that a convolution spans; spelling needs the sounds around.
    dropout : float
        In training.
    """

    states: tuple[int, ...] = (1, 2, 3)
    state_width: int = 144
    width: int = 192
    kernel: int = 15
    layers: int = 4
    dropout: float = 0.1


class ChannelDropout(nn.Module):
    """Leaves whole channels of an utterance out, for its rows are much alike."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(B, N, width) to the same."""
        return rows * F.dropout(torch.ones_like(rows[:, :1]), self.share, self.training)


class Layer(nn.Module):
    """Depthwise convolution over time, then a gated mix of the channels, around a shortcut."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, half = config.width, config.kernel // 2
        self.norm = nn.LayerNorm(width)
        self.time = nn.Conv1d(width, width, config.kernel, padding=half, groups=width)
        self.mix = nn.Linear(width, 2 * width)
        self.dropout = ChannelDropout(config.dropout)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(B, N, width) to the same."""
        # As a picture of one column: torch has fast code for this order of axes in 2D only.
        columns = self.norm(rows)[:, :, None].permute(0, 3, 1, 2)
        near = F.conv2d(
            columns,
            self.time.weight[..., None],
            self.time.bias,
            padding=(self.time.kernel_size[0] // 2, 0),
            groups=columns.shape[1],
        )[..., 0].transpose(1, 2)
        return rows + self.dropout(F.glu(self.mix(F.silu(near)), dim=-1))


class Chars29(nn.Module):
    """Hidden states to logits of space, a to z, apostrophe and blank."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        n_in = len(config.states) * config.state_width
        self.enter = nn.Sequential(nn.LayerNorm(n_in), nn.Linear(n_in, config.width))
        self.dropout = ChannelDropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.leave = nn.Sequential(
            nn.LayerNorm(config.width), nn.Linear(config.width, len(SYMBOLS))
        )

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """(B, N, len(states) * state_width) to logits (B, N, 29), before the softmax."""
        rows = self.dropout(self.enter(states))
        for layer in self.layers:
            rows = layer(rows)
        return self.leave(rows)


NET = Net(title="29 characters from phone states", config=Config, build=Chars29)
