"""A small U-Net (Ronneberger et al. 2015) that divides a picture of a mouth or of an eye.

It divides each picture in several ways at once (:data:`DIVISIONS`). Lips and inner mouth are
segments as usual. But the corners of a mouth are tips too thin to be seen in a segment's outline:
they are where columns of the picture end, and where what lies over the line between the lips meets
what lies under it. An eye is divided into what lies above its opening, the opening, and what lies
below, so that a closed eye has a line too.
"""

from __future__ import annotations

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
        self.up_middle = _conv(coarse + middle, middle)
        self.up_fine = _conv(middle + fine, fine)
        self.sizes = [len(names) for names in DIVISIONS[config.part]]
        self.classify = nn.Conv2d(fine, sum(self.sizes), 3, padding=1)

    def logits(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, 3, H, W), RGB from 0 to 1, to logits (B, K, H / 2, W / 2) of each division.

        Height and width are divisible by 8.
        """
        fine = self.fine(pictures - 0.5)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.up_middle(torch.cat([middle, _double(coarse)], dim=1))
        fine = self.up_fine(torch.cat([fine, _double(middle)], dim=1))
        return self.classify(fine).split(self.sizes, dim=1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to the probabilities of all classes (B, K, H / 2, W / 2), side by side."""
        return torch.cat([logits.softmax(dim=1) for logits in self.logits(pictures)], dim=1)


def _conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.ReLU())


def _double(maps: torch.Tensor) -> torch.Tensor:
    return F.interpolate(maps, scale_factor=2.0, mode="nearest")


NET = Net(title="segments of mouth and eyes, small U-Net", config=Config, build=LipSeg)
