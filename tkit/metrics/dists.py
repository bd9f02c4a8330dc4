"""DISTS: distance of structure and texture of two pictures in the layers of VGG16.

Means and covariances of the pictures and of five layers are compared as SSIM does. VGG16 is a file
of the user's (:mod:`tkit.metrics.backbones`), its halvings are replaced by smooth ones; the weights
of the channels are those of the package DISTS-pytorch, read where it is installed (``pip install
--no-deps DISTS-pytorch``) or from a file; tkit holds no copy. Mean over frames, 0 of equal ones.

>>> import pathlib, numpy, tkit
>>> given = tkit.METRICS.families()["dists"].example(pathlib.Path())  # all drawn at random
>>> dists = tkit.METRICS.get("dists")
>>> bool(abs(dists(**{**given, "pred": given["gt"]})) < 1e-6), dists(**given) > 0.01
(True, True)
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit.metrics import Metric, Need, Network, Param, Score, Stats, backbones
from tkit.registry import ModelFile

if TYPE_CHECKING:
    import torch

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, in 0..1
WIDTHS = 3, *backbones.CHANNELS["vgg"]
SMALL = 1e-6


def measure(*, pred: np.ndarray, gt: np.ndarray, backbone: str, heads: str) -> Stats:
    """Sum over frames (T, H, W, 3) uint8 RGB of any part of a clip; raises as ``lpips`` does."""
    module, alpha, beta = _loaded(BACKBONE.find_model(backbone), heads)

    def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        like: Any = 0.0
        for a, b, u, v in zip(_layers(module, x), _layers(module, y), alpha, beta, strict=True):
            mean_a, mean_b = a.mean(dim=(2, 3)), b.mean(dim=(2, 3))
            var_a = (a - mean_a[..., None, None]).square().mean(dim=(2, 3))
            var_b = (b - mean_b[..., None, None]).square().mean(dim=(2, 3))
            cov = (a * b).mean(dim=(2, 3)) - mean_a * mean_b
            texture = (2 * mean_a * mean_b + SMALL) / (mean_a**2 + mean_b**2 + SMALL)
            like = (
                like + (u * texture).sum() + (v * (2 * cov + SMALL) / (var_a + var_b + SMALL)).sum()
            )
        return 1 - like  # type: ignore[no-any-return]

    return {"frames": len(gt), "distance": backbones.compared(distance, pred=pred, gt=gt)}


def _layers(module: Any, x: torch.Tensor) -> list[torch.Tensor]:
    """The picture and its five layers."""
    import torch

    mean, spread = (torch.tensor(value).view(1, 3, 1, 1) for value in (MEAN, SPREAD))
    taps = torch.from_numpy(np.hanning(5)[1:-1])
    taps = torch.outer(taps, taps).float()
    taps = taps / taps.sum()
    found, h = [x], (x - mean) / spread
    for index, (start, stop) in enumerate(zip(module.ends[:-1], module.ends[1:], strict=True)):
        if index:  # root of the mean of squares in a Hanning window, in place of the largest
            window = taps.expand(h.shape[1], 1, 3, 3)
            h = torch.nn.functional.conv2d(
                h.square(), window, stride=2, padding=1, groups=h.shape[1]
            )
            h, start = (h + 1e-12).sqrt(), start + 1
        h = module.features[start:stop](h)
        found.append(h)
    return found


@lru_cache
def _loaded(backbone: str, heads: str) -> tuple[Any, Any, Any]:
    """VGG16's stages, and the weights of texture and structure of each layer (1, C)."""
    import torch
    from torch import nn

    from tkit.zoo.checkpoints import load_into

    file = heads or str(backbones.installed("DISTS_pytorch", "weights.pt"))
    held = nn.Module()
    for name in ("alpha", "beta"):
        held.register_parameter(name, nn.Parameter(torch.zeros(1, sum(WIDTHS), 1, 1)))
    state = load_into(held, file, wanted="DISTS' weights, usually weights.pt").state_dict()
    total = state["alpha"].sum() + state["beta"].sum()
    alpha, beta = (
        torch.split((state[name] / total).flatten(1), list(WIDTHS), dim=1)
        for name in ("alpha", "beta")
    )
    return backbones.load(backbone, "vgg"), alpha, beta


BACKBONE: Network = Network(
    name="dists",
    title="VGG16 of torchvision, weighted by the package DISTS-pytorch",
    open=str,
    signature="dists",
    licence="that of the file; MIT, that of DISTS-pytorch",
    model=ModelFile("VGG16 of torchvision, e.g. vgg16-397923af.pth"),
    setting="dists.backbone",
)


def finish(stats: Stats) -> float:
    """Mean over frames, 0 to 1."""
    return stats["distance"] / stats["frames"]


def _example(folder: Path) -> dict[str, Any]:
    """Write a network and weights drawn at random; return two small pictures and darker ones."""
    import torch

    rng = np.random.default_rng(1)
    weights = {
        name: torch.from_numpy(rng.random((1, sum(WIDTHS), 1, 1), np.float32))
        for name in ("alpha", "beta")
    }
    torch.save(weights, folder / "weights.pt")
    gt = rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8).repeat(2, axis=1).repeat(2, axis=2)
    backbone = backbones.write_random(folder / "vgg16.pth", "vgg")
    return {"pred": gt // 2, "gt": gt, "backbone": backbone, "heads": str(folder / "weights.pt")}


METRIC = Metric(
    title="Deep image structure and texture similarity (DISTS)",
    needs=Need("frames"),
    params={
        "backbone": Param("", "torchvision's state dict of VGG16", text=True),
        "heads": Param(
            "",
            "weights of the channels; without it those of the installed DISTS-pytorch",
            text=True,
            tokens={"": "heads:dists"},
        ),
    },
    measure=measure,
    network=BACKBONE,
    example=_example,
    scores={"dists": Score("", "lower", finish, apart=("static", "gt-lag3", "noise"))},
    citation="Ding, Ma, Wang and Simoncelli, Image Quality Assessment: Unifying Structure and "
    "Texture Similarity, IEEE Trans. PAMI 44(5), 2022",
    limits="Texture that is resampled is forgiven, also where it should not be, as of teeth; time "
    "is not looked at.",
    checked="DISTS-pytorch 0.1 with a network of random values, < 1e-5",
    ms=1300,
)
