"""What lipseg's student is told: segments bent with their pictures."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tkit.pipelines.makers.lipseg import distil, vary
from tkit.zoo.nets import lipseg


def soft(count: int, height: int, width: int) -> torch.Tensor:
    """Smooth pictures (B, 3, h, w)."""
    torch.manual_seed(4)
    coarse = torch.rand(count, 3, height // 12, width // 12)
    return F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("part", ["mouth", "eye"])
def test_pictures_and_segments_are_bent_alike(part):
    width, height = vary.SIZES[part]
    bends = distil.Bends(part, torch.device("cpu"))
    straight, bent, where = bends(soft(8, 3 * height // 2, 3 * width // 2))
    inside = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    half = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    again = F.grid_sample(straight, where / half, padding_mode="border", align_corners=True)
    assert (again - bent)[inside].abs().mean() < 0.005
    # As segments: the mean over a cell of what is there before, at the place where it comes from.
    cells = bends.segments(F.avg_pool2d(straight, 2), where)
    still = (F.avg_pool2d(straight, 2) - F.avg_pool2d(bent, 2))[..., 4:-4, 4:-4].abs().mean()
    assert (cells - F.avg_pool2d(bent, 2))[..., 4:-4, 4:-4].abs().mean() < min(0.01, still / 3)


def test_a_student_learns_from_its_teacher():
    torch.manual_seed(0)
    teacher = lipseg.NET.build(lipseg.Config(part="eye", widths=(4, 8, 16)))
    pictures = (255 * soft(20, 48, 60)).byte().permute(0, 2, 3, 1).numpy()
    people = np.array(["s1"] * 10 + ["puppet 0"] * 10)
    settings = distil.Settings(steps=2, batch=4)
    net = distil.train(teacher, pictures, people, settings)
    assert net.widths == distil.WIDTHS["eye"] and not net.training
    again = distil.train(teacher, pictures, people, settings)
    for one, two in zip(net.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, two)
