"""What lipseg's student is told: segments bent with their pictures."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tkit.pipelines.makers.lipseg import data, distil, vary
from tkit.zoo.nets import lipseg

LINES = {"mouth": (-9.0, -3.0, 2.0, 8.0), "eye": (-4.0, 3.0)}  # heights of level contours


def soft(count: int, height: int, width: int) -> torch.Tensor:
    """Smooth pictures (B, 3, h, w)."""
    torch.manual_seed(4)
    coarse = torch.rand(count, 3, height // 12, width // 12)
    return F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def wide(part: str) -> tuple[int, int]:
    """Width and height of a picture with a margin."""
    width, height = vary.SIZES[part]
    return 3 * width // 2, 3 * height // 2


def across(part: str) -> np.ndarray:
    """Level contours (A, 9, 2) across a picture with a margin, and beyond."""
    width, height = wide(part)
    x = np.linspace(-40, width + 40, 9)
    return np.stack([np.stack([x, np.full(9, y + (height - 1) / 2)], -1) for y in LINES[part]])


def like_a_mouth(straight: torch.Tensor) -> torch.Tensor:
    """Segments (B, 4, h / 2, w / 2) that are cells of the pictures, the last ones fainter."""
    cells = F.avg_pool2d(straight, 2)
    return torch.cat([cells, 0.3 * cells[:, :1]], dim=1)


@pytest.mark.parametrize("part", ["mouth", "eye"])
def test_pictures_and_segments_are_bent_alike(part):
    bends = distil.Bends(part)
    shown, moves = soft(8, *wide(part)[::-1]), bends.moves(8)
    straight = bends.straight(shown, moves)
    bent, segments = bends.bent(shown, moves, like_a_mouth(straight))
    # As segments: the mean over a cell of what is there before, at the place where it comes from.
    away = (segments - like_a_mouth(bent))[..., 4:-4, 4:-4].abs().mean()
    still = (like_a_mouth(straight) - like_a_mouth(bent))[..., 4:-4, 4:-4].abs().mean()
    assert away < min(0.01, still / 3)


@pytest.mark.parametrize("part, order", [("mouth", [0, 1, 3, 2]), ("eye", [0, 1, 2])])
def test_true_contours_lie_where_the_picture_is_seen(part, order):
    torch.manual_seed(1)
    bends, size = distil.Bends(part), wide(part)
    lines = across(part)
    rows = np.arange(size[1])[:, None]
    # Brightness counts the contours above.
    count = sum((rows > line).astype(np.uint8) for line in lines[:, 0, 1])
    shown = np.broadcast_to(60 * count[..., None], (*size[::-1], 3))[None].astype(np.uint8)
    for move in bends.moves(12):
        seen = bends.straight(distil.as_tensor(shown), move[None])[:, :1] * (255 / 60)
        truth = distil.drawn(part, lines, move.double().numpy(), size)
        expected = sum(above * truth[at] for above, at in enumerate(order))
        if part == "mouth":  # skin is below, too
            expected = expected + 4 * truth[0] * truth[10]
        assert np.abs(F.avg_pool2d(seen, 2)[0, 0].numpy() - expected).mean() < 0.12


def test_a_mouth_opens_and_its_lips_keep_their_thickness(monkeypatch):
    monkeypatch.setattr(distil, "BEND", 0.0)
    monkeypatch.setattr(distil, "THICKNESS", 0.0)
    torch.manual_seed(2)
    bends = distil.Bends("mouth")
    still = np.array([[1.0, 0, 0], [0, 1, 0]])
    truth = torch.from_numpy(distil.drawn("mouth", across("mouth"), still, wide("mouth")))
    truths = truth[None].expand(16, -1, -1, -1)
    heights = 2 * bends.segments(truths, bends.where(truths)).sum(dim=2)[:, :4].mean(dim=-1)
    opened, lips = (heights[:, 3] - 5).abs(), (heights[:, 1:3] - 6).abs()
    assert heights[:, 3].max() > 7 and heights[:, 3].min() < 4
    # Segments are soft: a little of what opens is lip.
    assert lips.max() < 1 and lips.mean() < opened.mean() / 4


def test_a_student_learns_from_its_teachers_and_from_true_contours():
    def net() -> lipseg.LipSeg:
        torch.manual_seed(0)
        return lipseg.NET.build(lipseg.Config(part="eye", widths=(4, 8, 16)))

    shown = (255 * soft(20, 48, 60)).byte().permute(0, 2, 3, 1).numpy()
    settings = distil.Settings(steps=2, batch=8, views=2, puppet_share=0.5)
    contours = np.stack([across("eye")] * 10).astype(np.float32)
    samples = data.Samples(shown[10:], contours, np.array(["puppet 0"] * 10))
    results = []
    for _ in range(2):
        torch.manual_seed(1)
        real = distil.told([net(), net()], shown[:10], np.array(["s1"] * 10), settings)
        generated = distil.known("eye", samples, settings)
        results.append(distil.train(net(), real, generated, settings))
    assert results[0].widths == (4, 8, 16) and not results[0].training
    for one, two, first in zip(*(each.parameters() for each in (*results, net())), strict=True):
        torch.testing.assert_close(one, two)
        assert not torch.equal(one, first)
