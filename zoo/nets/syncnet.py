"""SyncNet: embeddings of lips and sound that are near where they fit (Chung and Zisserman 2016).

The layers and their names are those of the published checkpoint ``syncnet_v2.model``, which is not
distributed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from tkit.zoo import Net
from tkit.zoo.checkpoints import load_into

FRAMES = 5  # video frames a window
ROWS = 20  # MFCC rows a window, 100 a second
SIDE_PX = 224


@dataclass(frozen=True)
class Config:
    """Size of the embeddings."""

    dim: int = 1024


class SyncNet(nn.Module):
    """Two towers: ``lips`` (N, 3, 5, 224, 224) and ``sound`` (N, 1, 13, 20) to (N, dim)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_conv2(1, 64), nn.MaxPool2d(1, 1),
            *_conv2(64, 192), nn.MaxPool2d(3, (1, 2)),
            *_conv2(192, 384), *_conv2(384, 256), *_conv2(256, 256), nn.MaxPool2d(3, 2),
            *_conv2(256, 512, (5, 4), 0),
        )  # fmt: skip
        self.netfcaud = _head(config.dim)
        self.netfclip = _head(config.dim)
        self.netcnnlip = nn.Sequential(
            *_conv3(3, 96, (5, 7, 7), 2, 0), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3(96, 256, (1, 5, 5), 2, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3(256, 256, (1, 3, 3), 1, 1), *_conv3(256, 256, (1, 3, 3), 1, 1),
            *_conv3(256, 256, (1, 3, 3), 1, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3(256, 512, (1, 6, 6), 1, 0),
        )  # fmt: skip

    def lips(self, windows: torch.Tensor) -> torch.Tensor:
        """Embed windows of five BGR frames, values 0 to 255."""
        return self.netfclip(self.netcnnlip(windows).flatten(1))

    def sound(self, windows: torch.Tensor) -> torch.Tensor:
        """Embed windows of twenty MFCC rows."""
        return self.netfcaud(self.netcnnaud(windows).flatten(1))


def _conv2(inputs: int, outputs: int, kernel=3, padding=1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _conv3(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int, padding: int
) -> list[nn.Module]:
    conv = nn.Conv3d(inputs, outputs, kernel, (1, stride, stride), (0, padding, padding))
    return [conv, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)]


def _head(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, dim))


def load_checkpoint(path: str | Path) -> SyncNet:
    """Load a state dict with the keys of ``syncnet_v2.model``, in evaluation mode on the CPU.

    Raises
    ------
    WeightsError
        If the file holds none, or other keys or shapes.
    """
    return load_into(SyncNet(Config()), path, wanted="SyncNet v2, usually syncnet_v2.model")


NET = Net("SyncNet v2: lips against sound", Config, SyncNet)
