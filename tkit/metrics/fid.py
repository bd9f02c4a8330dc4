"""FID: Fréchet distance of the features of all frames, in the features of a network the user gives.

``net`` is a TorchScript file that maps (N, 3, H, W) float pictures in 0..1 to (N, D) features.
Values of different networks are not comparable; its name and hash are in the signature.

>>> import pathlib, numpy, tkit
>>> given = tkit.METRICS.families()["fid"].example(pathlib.Path())  # two random filters a channel
>>> gt = numpy.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), numpy.uint8)
>>> fid = tkit.METRICS.get("fid")
>>> fid(pred=gt, gt=gt, **given), fid(pred=255 - gt, gt=gt, **given) > 0
(0.0, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.metrics import Metric, Need, Network, Param, Score, Stats
from tkit.metrics.pictures import matched
from tkit.registry import ModelFile

BATCH = 16
TOO_FEW = "a Fréchet distance needs two frames at least, or two clips where it is one of clips"
ROUNDING = 1e-12  # of the sums of a distance, relative


def measure(*, pred: np.ndarray, gt: np.ndarray, net: str) -> Stats:
    """Features of all frames; frames (T, H, W, 3) uint8 RGB of any part of a clip."""
    pred, gt = matched(pred, gt, "rgb")
    network = _net(net)
    mine, truth = (features(side, network) for side in (pred, gt))
    return {"frames": len(gt), "pred": (mine,), "gt": (truth,)}


def features(frames: np.ndarray, net: Any) -> np.ndarray:
    """Features (T, D) of frames (T, H, W, 3) uint8 RGB."""
    import torch

    parts = []
    with torch.inference_mode():
        for start in range(0, len(frames), BATCH):
            batch = np.ascontiguousarray(frames[start : start + BATCH].transpose(0, 3, 1, 2))
            parts.append(net(torch.from_numpy(batch).float() / 255).float().flatten(1).numpy())
    return np.concatenate(parts)  # (T, D)


def open_network(path: str) -> Any:
    """Load a TorchScript network; :class:`UsageError` if the file is none."""
    import torch

    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise UsageError(f"{path}: not a TorchScript network") from error


FEATURES = Network(
    name="features",
    title="any TorchScript network from pictures to features",
    open=open_network,
    signature="features",
    licence="that of the file",
    model=ModelFile("a feature network (TorchScript)"),
    setting="fid.net",
)
_net = lru_cache(FEATURES.load)


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian fitted to features.

    Parameters
    ----------
    mean : ndarray (D,)
    root : ndarray (K, D)
        A root of the covariance: ``root.T @ root``, K at most D and one less than the features.
    """

    mean: np.ndarray
    root: np.ndarray


def distance(x: Gaussian, y: Gaussian) -> float:
    """Squared Fréchet distance of two Gaussians.

    The trace of ``(Cx Cy)^(1/2)`` is the nuclear norm of ``Rx Ry^T`` for any roots R of the two
    covariances C, so no root of a product is ever taken: one that is singular, as of fewer frames
    than features or of a still, is as good as any.
    """
    import torch

    shift = float(((x.mean - y.mean) ** 2).sum())
    spreads = float((x.root**2).sum() + (y.root**2).sum())
    cross = torch.linalg.svdvals(torch.from_numpy(x.root @ y.root.T)).sum().item()
    value = shift + spreads - 2 * cross
    # Rounding of the sums: what is smaller cannot be told from no distance at all.
    return value if value > ROUNDING * (shift + spreads) else 0.0


class Features:
    """The features (N, D) of one side in the terms in which frames can be left out.

    A QR decomposition of the features with a first column of ones takes the mean away and leaves
    orthonormal columns of frames, ``basis`` (N, K), and ``root`` (K, D): ``basis @ root`` are the
    centred features, K is the smaller of N - 1 and D.
    """

    def __init__(self, features: np.ndarray) -> None:
        import torch

        if len(features) < 2:
            raise ScoreError(TOO_FEW)
        self._mean = features.mean(axis=0, dtype=np.float64)
        columns = np.column_stack([np.ones(len(features)), features])
        # torch's LAPACK takes a third of the time of numpy's.
        basis, root = torch.linalg.qr(torch.from_numpy(columns))
        self._basis, self._root = basis.numpy()[:, 1:], root.numpy()[1:, 1:]

    def all(self) -> Gaussian:
        """The Gaussian fitted to all frames."""
        return Gaussian(self._mean, self._root / np.sqrt(len(self._basis) - 1))

    def without(self, frames: slice) -> Gaussian:
        """The Gaussian fitted to all frames but these, without looking at the others again."""
        gone = self._basis[frames]
        n_kept = len(self._basis) - len(gone)
        if n_kept < 2:
            raise ScoreError(TOO_FEW)
        moved = gone.sum(axis=0, keepdims=True)  # minus the sum of the frames that are kept
        # In the basis the scatter of all frames is I, that of the kept ones I - B^T B.
        b = np.concatenate([gone, moved / np.sqrt(n_kept)])
        squares, turn = np.linalg.eigh(b @ b.T)
        # (I - B^T B)^(1/2) = I - B^T W B, W with the turn and 1 / (1 + (1 - squares)^(1/2)).
        cosines = np.sqrt(np.clip(1 - squares, 0, None))
        within = (turn / (1 + cosines)) @ (turn.T @ (b @ self._root))
        root = (self._root - b.T @ within) / np.sqrt(n_kept - 1)
        return Gaussian(self._mean - (moved[0] @ self._root) / n_kept, root)


def finish(stats: Stats) -> float:
    """Distance of the pooled features."""
    pred, gt = (Features(np.concatenate(stats[name])) for name in ("pred", "gt"))
    return distance(pred.all(), gt.all())


def without(parts: Sequence[Stats]) -> list[float]:
    """Distances of the pooled features of all parts but one, each left out in turn."""
    pred, gt = (
        Features(np.concatenate([frames for part in parts for frames in part[name]]))
        for name in ("pred", "gt")
    )
    ends = np.cumsum([0, *(sum(map(len, part["gt"])) for part in parts)])
    gone = [slice(*ends) for ends in pairwise(ends)]
    return [distance(pred.without(rows), gt.without(rows)) for rows in gone]


def example(folder: Path) -> dict[str, Any]:
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
    example=example,
    scores={
        "fid": Score("", "lower", finish, pooled=True, without=without, apart=("static", "noise"))
    },
    citation="Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter, GANs Trained by TTUR, 2017",
    limits="Of few frames it is too high, and frames of a clip are not independent. It knows no "
    "time: shuffled frames are as good. Features of a network that learned objects say "
    "little of mouths.",
    checked="SciPy's matrix square root, 1e-14 relative",
)
