"""Losses that know tensors alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tkit.face.geometry import MOUTH

LIPS_SHUT = 0.2  # of the range of a sequence's lip gap
OTHER = 0.25  # weight of jaw and place of the mouth beside its shape
SMOOTH = 1e-3  # inter-ocular distances: below it a distance counts as a square, whose slope is 0


def squared_error(pred: Tensor, gt: Tensor, weight: Tensor | None = None) -> Tensor:
    """Squared L2 norm of the error of all points, mean over the frames (eq. 2).

    Parameters
    ----------
    pred, gt : Tensor (..., P, 2)
    weight : Tensor (P,), optional
        Weight of each point.
    """
    error = (pred - gt).square().sum(dim=-1)
    if weight is not None:
        error = error * weight
    return error.sum(dim=-1).mean()


def velocity_error(pred: Tensor, gt: Tensor, weight: Tensor | None = None) -> Tensor:
    """:func:`squared_error` of first differences over frames (eq. 3), of (..., T, P, 2)."""
    return squared_error(pred.diff(dim=-3), gt.diff(dim=-3), weight)


def mean_length(error: Tensor) -> Tensor:
    """Mean length of the errors (..., 2) of points: what a landmark distance counts.

    Beside :func:`squared_error` it is moved less by what cannot be known, such as how far an unseen
    person opens the mouth.
    """
    return (error.square().sum(dim=-1) + SMOOTH**2).sqrt().mean() - SMOOTH


def shape_error(pred: Tensor, gt: Tensor, *, other: np.ndarray) -> tuple[Tensor, Tensor]:
    """Error of the mouth's shape about its centre, which is what LMD counts, and of its change.

    Parameters
    ----------
    pred, gt : Tensor (..., T, 68, 2)
    other : ndarray
        Indices of points that count ``OTHER`` beside the shape, as the mouth's centre does.
    """
    error = pred - gt
    mouth = error[..., MOUTH, :]
    centre = mouth.mean(dim=-2, keepdim=True)
    shape, others = mouth - centre, torch.cat([error[..., other, :], centre], dim=-2)
    return (
        mean_length(shape) + OTHER * mean_length(others),
        mean_length(shape.diff(dim=-3)),
    )


def lip_gap(points: Tensor) -> Tensor:
    """Mean height of the inner mouth (...) of level faces (..., 68, 2), below 0 if lips cross."""
    return (points[..., [67, 66, 65], 1] - points[..., [61, 62, 63], 1]).mean(dim=-1)


def closure_error(*, pred: Tensor, gt: Tensor) -> Tensor:
    """Mean error of lip gaps (n, T) in the frames in which a sequence has its lips shut."""
    low, high = gt.amin(dim=-1, keepdim=True), gt.amax(dim=-1, keepdim=True)
    shut = gt < low + LIPS_SHUT * (high - low)
    return ((pred - gt).abs() * shut).mean()


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared Euclidean distances between the rows of (..., N, D) and (..., M, D): (..., N, M)."""
    products = x @ y.transpose(-1, -2)
    squares = x.square().sum(-1)[..., :, None] + y.square().sum(-1)[..., None, :]
    return (squares - 2 * products).clamp(min=0)


def mmd2(
    real: Tensor, fake: Tensor, *, widths: Sequence[float], unit: Tensor | float | None = None
) -> Tensor:
    """Squared maximum mean discrepancy with a sum of Gaussian kernels.

    ``mean k(real, real) - 2 mean k(real, fake) + mean k(fake, fake)``, which is never negative. The
    formula printed in Sinha et al. 2020 (eq. 5) has a minus before the last term and no square on
    sigma; this is the right one (Gretton et al. 2012, Li et al. 2015), biased as printed: the means
    run over all pairs.

    Parameters
    ----------
    real : Tensor (..., N, D)
    fake : Tensor (..., M, D)
        Leading axes are separate distributions, e.g. one a landmark; the result is their mean.
    widths : sequence of float
        Sigmas of the kernels, in ``unit``.
    unit : Tensor (...) or float, optional
        By default :func:`rms_distance` of the real samples.

    Returns
    -------
    Tensor ()
        Mean over the kernels, so that it lies in [0, 2].
    """
    # Half precision would lose the differences of nearly equal distances.
    with torch.autocast(real.device.type, enabled=False):
        real, fake = real.float(), fake.float()
        within, across = squared_distances(real, real), squared_distances(real, fake)
        generated = squared_distances(fake, fake)
        if unit is None:
            unit = rms_distance(real)
        scale = torch.as_tensor(unit, device=real.device).square()[..., None, None]

        def kernel(squared: Tensor) -> Tensor:
            each = [torch.exp(squared / (-2 * width**2 * scale)) for width in widths]
            return torch.stack(each).mean(dim=0)

        pairs = [kernel(squared).mean(dim=(-2, -1)) for squared in (within, across, generated)]
        return (pairs[0] - 2 * pairs[1] + pairs[2]).mean()


def rms_distance(x: Tensor) -> Tensor:
    """Root mean squared distance (...) between different rows of (..., N, D)."""
    return (2 * x.var(dim=-2).sum(dim=-1)).clamp(min=1e-12).sqrt()


def range_penalty(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Mean distance by which values leave [low, high]: the min-max regularisation of §III-B."""
    return (F.relu(x - high) + F.relu(low - x)).mean()
