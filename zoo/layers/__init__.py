"""Parts that several networks share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tkit.face.geometry import N_POINTS


def single(x: Tensor) -> Tensor:
    """Return ``x`` in single precision at least: half is raised, double stays."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Standardise(nn.Module):
    """Subtract a mean and divide by a standard deviation per channel; both are buffers."""

    mean: Tensor
    std: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def set(self, mean: np.ndarray, covariance: np.ndarray) -> None:
        """Take mean (D,) and covariance (D, D) from the training data."""
        std = np.sqrt(np.diag(covariance))
        # A channel that never changes in training says nothing; a tiny divisor would blow it up.
        std = np.where(std > 1e-6 * max(std.max(), 1e-12), std, 1.0)
        self.mean.copy_(torch.from_numpy(mean))
        self.std.copy_(torch.from_numpy(std))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to the same shape."""
        return (x - self.mean) / self.std


def pca(mean: np.ndarray, covariance: np.ndarray, variance: float) -> tuple[np.ndarray, np.ndarray]:
    """Principal components that hold a share of the variance.

    Parameters
    ----------
    mean : ndarray (D,)
    covariance : ndarray (D, D)
    variance : float
        Share of the total variance, in (0, 1].

    Returns
    -------
    mean : ndarray (D,)
    basis : ndarray (K, D)
        Orthogonal rows, each as long as the standard deviation along it: coefficients of unit
        variance reproduce the data.
    """
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    share = np.cumsum(values) / max(values.sum(), np.finfo(float).tiny)
    n = min(int(np.searchsorted(share, variance - 1e-9)) + 1, len(values))
    return mean, (vectors[:, :n] * np.sqrt(values[:n])).T


@torch.no_grad()
def init_pca(layer: nn.Linear, mean: np.ndarray, basis: np.ndarray) -> None:
    """Make a linear layer map PCA coefficients (K,) to data (D,), with the mean as bias."""
    layer.weight.copy_(torch.from_numpy(basis.T))
    layer.bias.copy_(torch.from_numpy(mean))


class Scatter(nn.Module):
    """Put predicted points into the full set of 68; the others do not move."""

    index: Tensor

    def __init__(self, index: np.ndarray) -> None:
        super().__init__()
        # Not in the weight file: it follows from the config.
        self.register_buffer("index", torch.as_tensor(index), persistent=False)

    def forward(self, flat: Tensor) -> Tensor:
        """Map (..., 2 * P) to (..., 68, 2)."""
        full = flat.new_zeros(*flat.shape[:-1], N_POINTS, 2)
        full[..., self.index, :] = flat.unflatten(-1, (len(self.index), 2))
        return full
