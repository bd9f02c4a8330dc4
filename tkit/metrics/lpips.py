"""LPIPS: distance of two pictures in the layers of a network, weighted as people see differences.

The network is AlexNet, VGG16 or SqueezeNet 1.1 from a file of the user's
(:mod:`tkit.metrics.backbones`); the weights of its channels, version 0.1, are those of the package
lpips, read where it is installed (``pip install --no-deps lpips``) or from a file; tkit holds no
copy. Values of two networks are not comparable. Mean over frames, 0 of equal pictures.

>>> import pathlib, numpy, tkit
>>> given = tkit.METRICS.families()["lpips"].example(pathlib.Path())  # all drawn at random
>>> lpips = tkit.METRICS.get("lpips")
>>> lpips(**{**given, "pred": given["gt"]}), lpips(**given) > 0
(0.0, True)
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

# Of pictures in -1..1, by channel: the package's.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


def measure(*, pred: np.ndarray, gt: np.ndarray, backbone: str, net: str, heads: str) -> Stats:
    """Sum over frames (T, H, W, 3) uint8 RGB of any part of a clip.

    Raises
    ------
    ScoreError
        If the two do not fit each other or are too small.
    UsageError
        If a file is missing, or another than it should be.
    """
    import torch

    module, weights = _loaded(BACKBONE.find_model(backbone), net, heads)
    shift, scale = (torch.tensor(value).view(1, 3, 1, 1) for value in (SHIFT, SCALE))

    def layers(x: torch.Tensor) -> list[torch.Tensor]:
        x, found = (2 * x - 1 - shift) / scale, []
        for start, stop in zip(module.ends[:-1], module.ends[1:], strict=True):
            x = module.features[start:stop](x)
            found.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        return found

    def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        pairs = zip(layers(x), layers(y), weights, strict=True)
        return sum(((a - b).square() * w).sum(dim=1).mean() for a, b, w in pairs)  # type: ignore[return-value]

    return {"frames": len(gt), "distance": backbones.compared(distance, pred=pred, gt=gt)}


@lru_cache
def _loaded(backbone: str, net: str, heads: str) -> tuple[Any, list[Any]]:
    """The stages of the network, and the weights (1, C, 1, 1) of each."""
    from torch import nn

    from tkit.zoo.checkpoints import load_into

    file = heads or str(backbones.installed("lpips", "weights", "v0.1", f"{net}.pth"))
    held = nn.Module()
    for index, width in enumerate(backbones.CHANNELS[net]):
        layer = nn.Sequential(nn.Identity(), nn.Conv2d(width, 1, 1, bias=False))
        held.add_module(f"lin{index}", nn.ModuleDict({"model": layer}))
    held = load_into(held, file, wanted=f"LPIPS' weights of {net}, usually {net}.pth")
    weights = [value.detach() for value in held.state_dict().values()]
    return backbones.load(backbone, net), weights


BACKBONE: Network = Network(
    name="lpips",
    title="AlexNet, VGG16 or SqueezeNet of torchvision, weighted by the package lpips",
    open=str,
    signature="lpips",
    licence="that of the file; BSD-2-Clause, that of lpips",
    model=ModelFile("a network of torchvision, e.g. alexnet-owt-7be5be79.pth"),
    setting="lpips.backbone",
)


def finish(stats: Stats) -> float:
    """Mean over frames, 0 upwards."""
    return stats["distance"] / stats["frames"]


def write_random_heads(path: Path, net: str) -> str:
    """Write weights of the channels drawn at random; return the path."""
    import torch

    rng = np.random.default_rng(1)
    weights = {
        f"lin{i}.model.1.weight": torch.from_numpy(rng.random((1, width, 1, 1), np.float32))
        for i, width in enumerate(backbones.CHANNELS[net])
    }
    torch.save(weights, path)
    return str(path)


def _example(folder: Path) -> dict[str, Any]:
    """Write a network and weights drawn at random; return two small pictures and darker ones."""
    rng = np.random.default_rng(1)
    heads = write_random_heads(folder / "alex.pth", "alex")
    gt = rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8).repeat(3, axis=1).repeat(3, axis=2)
    backbone = backbones.write_random(folder / "alexnet.pth", "alex")
    return {"pred": gt // 2, "gt": gt, "backbone": backbone, "heads": heads}


METRIC = Metric(
    title="Learned perceptual image patch similarity (LPIPS)",
    needs=Need("frames"),
    params={
        "backbone": Param("", "torchvision's state dict of the network", text=True),
        "net": Param("alex", "which network it is", choices=("alex", "vgg", "squeeze")),
        "heads": Param(
            "",
            "weights of the channels; without it those of the installed lpips, version 0.1",
            text=True,
            tokens={"": "heads:lpips-0.1"},
        ),
    },
    measure=measure,
    network=BACKBONE,
    example=_example,
    scores={"lpips": Score("", "lower", finish, apart=("static", "gt-lag3", "noise"))},
    citation="Zhang, Isola, Efros, Shechtman and Wang, The Unreasonable Effectiveness of Deep "
    "Features as a Perceptual Metric, CVPR 2018",
    limits="Pictures in their places, one by one: time is not looked at, and a small mouth weighs "
    "little.",
    checked="lpips 0.1.4 with AlexNet and SqueezeNet of random values, < 1e-5",
    ms=67,
)
