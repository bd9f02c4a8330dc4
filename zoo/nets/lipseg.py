"""A small U-Net (Ronneberger et al. 2015) that divides a picture of a mouth or of an eye.

It divides each picture in several ways at once (:data:`DIVISIONS`). Lips and inner mouth are
segments as usual. But the corners of a mouth are tips too thin to be seen in a segment's outline:
they are where columns of the picture end, and where what lies over the line between the lips meets
what lies under it. An eye is divided into what lies above its opening, the opening, and what lies
below, so that a closed eye has a line too.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from tkit.zoo import Net

DIVISIONS = {
    "mouth": (
        ("skin", "upper lip", "lower lip", "inner mouth"),
        ("left", "left corner", "middle", "right corner", "right"),
        ("over", "under"),
    ),
    "eye": (("above", "opening", "below"),),
}


@dataclass(frozen=True)
class Config:
    """Part of the face and channels at a half, a quarter and an eighth of the picture's size."""

    part: str = "mouth"
    widths: tuple[int, int, int] = (12, 24, 48)


class LipSeg(nn.Module):
    """Picture to the classes of its divisions, one cell for two by two pixels."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.part, self.widths = config.part, config.widths
        fine, middle, coarse = config.widths
        self.fine = nn.Sequential(_conv(3, fine, stride=2), _conv(fine, fine))
        self.middle = nn.Sequential(
            _conv(fine, middle, stride=2), _conv(middle, middle), _conv(middle, middle)
        )
        self.coarse = nn.Sequential(
            _conv(middle, coarse, stride=2), _conv(coarse, coarse), _conv(coarse, coarse)
        )
        self.up_middle: _Up | _FoldedUp = _Up(middle, coarse)
        self.up_fine: _Up | _FoldedUp = _Up(fine, middle)
        self.sizes = [len(names) for names in DIVISIONS[config.part]]
        self.classify = nn.Conv2d(fine, sum(self.sizes), 3, padding=1)

    def logits(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, 3, H, W), RGB from 0 to 1, to logits (B, K, H / 2, W / 2) of each division.

        Height and width are divisible by 8.
        """
        fine = self.fine(pictures - 0.5)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.up_middle(middle, coarse)
        fine = self.up_fine(fine, middle)
        return self.classify(fine).split(self.sizes, dim=1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to the probabilities of all classes (B, K, H / 2, W / 2), side by side."""
        return torch.cat([_softmax(logits) for logits in self.logits(pictures)], dim=1)

    def folded(self) -> LipSeg:
        """Return a network that computes the same with fewer operations, to be run, not trained."""
        net = deepcopy(self).eval()
        for name in ("up_middle", "up_fine"):
            setattr(net, name, getattr(net, name).folded())
        return net


def _conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.ReLU())


class _Up(nn.Module):
    """Convolves maps beside coarser ones, whose cells are doubled."""

    def __init__(self, channels: int, coarser: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels + coarser, channels, 3, padding=1)

    def forward(self, maps: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        doubled = F.interpolate(coarse, scale_factor=2.0, mode="nearest")
        return F.relu(self.conv(torch.cat([maps, doubled], dim=1)))

    def folded(self) -> _FoldedUp:
        """Return the same without doubled cells.

        To convolve doubled cells by 3 x 3 is a transposed convolution of stride two, whose kernel
        is the turned one summed over two by two places: four ninths of the products.
        """
        channels = self.conv.out_channels
        same = _FoldedUp(channels, self.conv.in_channels - channels)
        weights = self.conv.state_dict()
        beside, above = weights["weight"].tensor_split([channels], dim=1)
        turned = above.flip(2, 3).transpose(0, 1)
        places = [F.pad(turned, (x, 1 - x, y, 1 - y)) for x in (0, 1) for y in (0, 1)]
        same.conv.load_state_dict(weights | {"weight": beside})
        same.rise.load_state_dict({"weight": torch.stack(places).sum(dim=0)})
        return same


class _FoldedUp(nn.Module):
    def __init__(self, channels: int, coarser: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.rise = nn.ConvTranspose2d(coarser, channels, 4, stride=2, padding=1, bias=False)

    def forward(self, maps: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        return F.relu(self.conv(maps) + self.rise(coarse))


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    """Along the second axis, of logits up to 40: as onnxruntime is quick at it."""
    shares = logits.clamp(-40, 40).exp()
    return shares / shares.sum(dim=1, keepdim=True)


NET = Net(title="segments of mouth and eyes, small U-Net", config=Config, build=LipSeg)
