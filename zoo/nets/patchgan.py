"""PatchGAN discriminator with instance norm (Isola et al. 2017; Sinha et al. 2020, §IV)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tkit.zoo import Net
from tkit.zoo.nets.texture import InstanceNorm, init_normal


@dataclass(frozen=True)
class Config:
    """Sizes of the discriminator.

    Parameters
    ----------
    width : int
        Channels of the first layer; doubled by each layer, at most eightfold.
    layers : int
        Strided layers. The paper gives no list; 3 is the 70 x 70 patch of pix2pix (a 14 x 14 map of
        decisions on 128 x 128 images), 2 a patch of 34 x 34.
    """

    width: int = 64
    layers: int = 3


class PatchGAN(nn.Module):
    """Decide real or generated for every patch; least squares, so no sigmoid at the end."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * min(2**layer, 8) for layer in range(config.layers + 1)]
        body: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for layer in range(1, config.layers + 1):
            stride = 2 if layer < config.layers else 1
            body += [
                nn.Conv2d(widths[layer - 1], widths[layer], 4, stride, 1, bias=False),
                InstanceNorm(widths[layer]),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.body = nn.Sequential(*body, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        self.apply(init_normal)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) in [-1, 1] to a map of decisions (B, 1, h, w): 1 real, 0 generated."""
        return self.body(images.contiguous(memory_format=torch.channels_last))


NET = Net(title="frames to a map of decisions, real or generated", config=Config, build=PatchGAN)
