"""FID: Fréchet distance of the features of all frames, in the features of a network the user gives.

``net`` is a TorchScript file that maps (N, 3, H, W) float pictures in 0..1 to (N, D) features.
Values of different networks are not comparable; its name and hash are in the signature.

>>> import pathlib, numpy, tkit
>>> given = tkit.METRICS.families()["fid"].example(pathlib.Path())  # two random filters a channel
>>> gt = numpy.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), numpy.uint8)
>>> fid = tkit.METRICS.get("fid")
>>> abs(round(fid(pred=gt, gt=gt, **given), 6)), fid(pred=255 - gt, gt=gt, **given) > 0
(0.0, True)
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.metrics import Metric, Need, Network, Param, Score, Stats
from tkit.metrics.pictures import matched
from tkit.registry import ModelFile

BATCH = 16


def measure(*, pred: np.ndarray, gt: np.ndarray, net: str) -> Stats:
    """Features of all frames; frames (T, H, W, 3) uint8 RGB of any part of a clip."""
    pred, gt = matched(pred, gt, "rgb")
    return {"frames": len(gt), "pred": (_features(pred, net),), "gt": (_features(gt, net),)}


def _features(frames: np.ndarray, path: str) -> np.ndarray:
    import torch

    net, parts = _net(path), []
    with torch.inference_mode():
        for start in range(0, len(frames), BATCH):
            batch = np.ascontiguousarray(frames[start : start + BATCH].transpose(0, 3, 1, 2))
            parts.append(net(torch.from_numpy(batch).float() / 255).float().flatten(1).numpy())
    return np.concatenate(parts)  # (T, D)


def _open(path: str) -> Any:
    import torch

    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise UsageError(f"{path}: not a TorchScript network") from error


FEATURES = Network(
    name="features",
    title="any TorchScript network from pictures to features",
    open=_open,
    signature="features",
    licence="that of the file",
    model=ModelFile("a feature network (TorchScript)"),
    setting="fid.net",
)
_net = lru_cache(FEATURES.load)


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Squared Fréchet distance of Gaussians fitted to features (N, D) and (M, D)."""
    if min(len(x), len(y)) < 2:
        raise ScoreError("a Fréchet distance needs two frames at least")
    means = x.mean(axis=0), y.mean(axis=0)
    cov_x, cov_y = (np.atleast_2d(np.cov(f, rowvar=False)) for f in (x, y))
    # The trace of sqrt(A B) is the sum of the roots of its eigenvalues; rounding makes some < 0.
    roots = np.sqrt(np.maximum(np.linalg.eigvals(cov_x @ cov_y).real, 0)).sum()
    shift = ((means[0] - means[1]) ** 2).sum()
    return float(shift + np.trace(cov_x) + np.trace(cov_y) - 2 * roots)


def finish(stats: Stats) -> float:
    """Distance of the pooled features."""
    pred, gt = (np.concatenate(stats[name]).astype(np.float64) for name in ("pred", "gt"))
    return frechet(pred, gt)


def _example(folder: Path) -> dict[str, Any]:
    """Write a network of two random filters a channel; return the parameters that name it."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    torch.jit.trace(net, torch.zeros(1, 3, 8, 8)).save(str(folder / "net.pt"))
    return {"net": str(folder / "net.pt")}


METRIC = Metric(
    title="Fréchet distance of frame features",
    needs=Need("frames"),
    params={"net": Param("", "TorchScript file of the feature network", text=True)},
    measure=measure,
    network=FEATURES,
    example=_example,
    scores={"fid": Score("", "lower", finish, pooled=True)},
    citation="Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter, GANs Trained by TTUR, 2017",
)
