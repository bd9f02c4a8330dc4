"""Terms of the motion stage's loss: displacement, its differences, width, shut lips (eq. 2-4)."""

from __future__ import annotations

import torch
from torch import Tensor

from tkit.face.geometry import LIP_CORNERS, MOUTH

LIPS_SHUT = 0.2  # of the range of a sequence's lip gap
OTHER = 0.25  # weight of jaw and place of the mouth beside its shape
SMOOTH = 1e-3  # inter-ocular distances: below it a distance counts as a square, whose slope is 0
# Inter-ocular distances that a mouth's width deviates by (people do by .03 in speech): less is
# nothing but tremble, and of the second half counts.
STILL, QUIET = 5e-3, 2e-2


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


def shape_error(pred: Tensor, gt: Tensor, *, other: slice) -> tuple[Tensor, Tensor]:
    """Error of the mouth's shape about its centre, which is what LMD counts, and of its change.

    Parameters
    ----------
    pred, gt : Tensor (..., T, 68, 2)
    other : slice
        Points that count ``OTHER`` beside the shape, as the mouth's centre does.
    """
    error = pred - gt
    mouth = error[..., MOUTH, :]
    centre = mouth.mean(dim=-2, keepdim=True)
    shape, others = mouth - centre, torch.cat([error[..., other, :], centre], dim=-2)
    return (
        mean_length(shape) + OTHER * mean_length(others),
        mean_length(shape.diff(dim=-3)),
    )


def lip_width(points: Tensor) -> Tensor:
    """Width of the outer mouth (...) of level faces (..., 68, 2), corner to corner."""
    right, left = LIP_CORNERS
    return points[..., left, 0] - points[..., right, 0]


def discord(*, pred: Tensor, gt: Tensor) -> Tensor:
    """How far widths (n, T) are from following the true ones: 0 if they do, 1 if they are still.

    One less the concordance correlation of each about its own mean (Lin 1989); mean, in which
    widths that hardly change count little. Errors of distance alone make small what is heard badly,
    as the mean is the safest guess; this asks for the right size as well as for the right course.
    """
    pred, gt = (width - width.mean(dim=-1, keepdim=True) for width in (pred, gt))
    power = gt.square().mean(dim=-1)
    both = pred.square().mean(dim=-1) + power + STILL**2
    followed = 2 * (pred * gt).mean(dim=-1) / both
    return ((1 - followed) * power / (power + QUIET**2)).mean()


def lip_gap(points: Tensor) -> Tensor:
    """Mean height of the inner mouth (...) of level faces (..., 68, 2), below 0 if lips cross."""
    return (points[..., 65:68, 1].flip(-1) - points[..., 61:64, 1]).mean(dim=-1)


def closure_error(*, pred: Tensor, gt: Tensor) -> Tensor:
    """Mean error of lip gaps (n, T) in the frames in which a sequence has its lips shut."""
    low, high = gt.amin(dim=-1, keepdim=True), gt.amax(dim=-1, keepdim=True)
    shut = gt < low + LIPS_SHUT * (high - low)
    return ((pred - gt).abs() * shut).mean()
