"""Terms of the blink stage's loss: the distance of two sets of samples (MMD), and ranges."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tkit.zoo.layers import single


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
        real, fake = single(real), single(fake)
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
