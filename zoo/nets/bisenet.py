"""BiSeNet on a ResNet-18: a face to 19 classes (Yu et al. 2018), as Sinha et al. 2020 parse lips.

Layers and their names are those of the published checkpoint ``79999_iter.pth`` (trained on
CelebAMask-HQ), which is not distributed here. In it the spatial path of the paper is replaced by
the ResNet's own features at an eighth of the picture's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from tkit.zoo import Net
from tkit.zoo.checkpoints import load_into


@dataclass(frozen=True)
class Config:
    """Number of classes."""

    classes: int = 19


class BiSeNet(nn.Module):
    """Pictures (N, 3, H, W), normalised as ImageNet's, to logits (N, classes, H, W).

    H and W are multiples of 32. The heads ``conv_out16`` and ``conv_out32`` serve training alone;
    they are here because the checkpoint has them.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.cp = _ContextPath()
        self.ffm = _Fusion(256, 256)
        self.conv_out = _Head(256, 256, config.classes)
        self.conv_out16 = _Head(128, 64, config.classes)
        self.conv_out32 = _Head(128, 64, config.classes)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the logits at the pictures' size."""
        logits = self.conv_out(self.ffm(*self.cp(pictures)))
        size = pictures.shape[-2:]
        return functional.interpolate(logits, size, mode="bilinear", align_corners=True)


class _ConvNorm(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.bn(self.conv(x)))


class _Block(nn.Module):
    """The basic block of ResNet-18 (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride > 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)) + shortcut)


class _ResNet18(nn.Module):
    """Features at 1/8 (128), 1/16 (256) and 1/32 (512) of the picture's size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(_Block(64, 64, 1), _Block(64, 64, 1))
        self.layer2 = nn.Sequential(_Block(64, 128, 2), _Block(128, 128, 1))
        self.layer3 = nn.Sequential(_Block(128, 256, 2), _Block(256, 256, 1))
        self.layer4 = nn.Sequential(_Block(256, 512, 2), _Block(512, 512, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        eighth = self.layer2(self.layer1(x))
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


class _Attention(nn.Module):
    """Attention refinement: channels weighted by what the whole picture holds."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = _ConvNorm(inputs, outputs, 3)
        self.conv_atten = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        weight = self.bn_atten(self.conv_atten(functional.adaptive_avg_pool2d(x, 1)))
        return x * torch.sigmoid(weight)


class _ContextPath(nn.Module):
    """The ResNet's features at 1/8 and, as many pixels, what the deeper layers add."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = _ResNet18()
        self.arm16 = _Attention(256, 128)
        self.arm32 = _Attention(512, 128)
        self.conv_head32 = _ConvNorm(128, 128, 3)
        self.conv_head16 = _ConvNorm(128, 128, 3)
        self.conv_avg = _ConvNorm(512, 128, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        eighth, sixteenth, deep = self.resnet(x)
        whole = self.conv_avg(functional.adaptive_avg_pool2d(deep, 1))  # (N, 128, 1, 1)
        up = functional.interpolate(self.arm32(deep) + whole, sixteenth.shape[-2:])
        up = self.arm16(sixteenth) + self.conv_head32(up)
        up = functional.interpolate(up, eighth.shape[-2:])
        return eighth, self.conv_head16(up)


class _Fusion(nn.Module):
    """Feature fusion: both paths side by side, channels weighted once more."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convblk = _ConvNorm(inputs, outputs, 1)
        self.conv1 = nn.Conv2d(outputs, outputs // 4, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs // 4, outputs, 1, bias=False)

    def forward(self, spatial: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        x = self.convblk(torch.cat([spatial, context], dim=1))
        weight = functional.relu(self.conv1(functional.adaptive_avg_pool2d(x, 1)))
        return x + x * torch.sigmoid(self.conv2(weight))


class _Head(nn.Module):
    def __init__(self, inputs: int, between: int, classes: int) -> None:
        super().__init__()
        self.conv = _ConvNorm(inputs, between, 3)
        self.conv_out = nn.Conv2d(between, classes, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv_out(self.conv(x))


def load_checkpoint(path: str | Path) -> BiSeNet:
    """Load a state dict with the keys of ``79999_iter.pth``, in evaluation mode on the CPU.

    Raises
    ------
    WeightsError
        If the file is no checkpoint, or its keys or shapes are others; the message names them.
    """
    wanted = "BiSeNet trained on CelebAMask-HQ, usually 79999_iter.pth"
    return load_into(BiSeNet(Config()), path, wanted=wanted)


NET = Net("BiSeNet: a face to the 19 classes of CelebAMask-HQ", Config, BiSeNet)
