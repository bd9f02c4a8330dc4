"""Losses of the texture stage (Sinha et al. 2020, eqs. 7 to 13).

The paper sums over frames and does not say what its norms run over. Here every term is a mean over
the frames of a batch and independent of the image size: L1 is a mean over pixels and channels, and
the L2 norms are root mean squares over the pixels of one frame.
"""

from __future__ import annotations

import torch
from torch import Tensor

FAINT = 1.0  # squared gradients of a frame, summed: so weak are those of lips that are shut
SATURATED = 0.95  # attention above it keeps the identity image, to the eye


def pixel(image: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """L1 with a fixed spatial mask (eq. 7); ``weight`` broadcasts to (B, 3, H, W), mean 1."""
    return (weight * (image - target).abs()).mean()


def square(image: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Squared error with the same mask: what PSNR is made of."""
    return (weight * (image - target).square()).mean()


def edges(image: Tensor, target: Tensor, inside: Tensor) -> Tensor:
    """How far edges are from those of the truth, from 0 (equal) to 2; the paper has no such term.

    ``1 - 2 <p, t> / (<p, p> + <t, t>)`` of the gradients p and t of one frame: edges that are too
    weak cost as much as edges in other places, where a squared error rather has none at all (the
    form of SSIM, for gradients; Wang et al. 2004; Xue et al. 2014).

    Parameters
    ----------
    image, target : Tensor (B, 3, H, W)
        In [-1, 1].
    inside : Tensor (B, 1, H, W) bool
        Where edges count.
    """
    p, t = (torch.stack(torch.gradient(x.float(), dim=(-2, -1))) * inside for x in (image, target))
    across = (0, 2, 3, 4)
    own, true, both = ((x * y).sum(across) for x, y in ((p, p), (t, t), (p, t)))
    return 1 - ((2 * both + FAINT) / (own + true + FAINT)).mean()


def discriminator(real: Tensor, generated: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Least-squares loss of the discriminator's decisions, any shape (eq. 8).

    ``weight`` says how much each decision counts; mean 1.
    """
    return 0.5 * (weight * (real - 1) ** 2).mean() + 0.5 * (weight * generated**2).mean()


def adversarial(generated: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Least-squares loss of the generator; ``generated``: the discriminator's decisions (eq. 9)."""
    return 0.5 * (weight * (generated - 1) ** 2).mean()


def attention(att: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Distance of attention maps (B, 1, H, W) from keeping the identity everywhere (eq. 11).

    ``weight`` says how much that matters where; the paper's is 1 everywhere.
    """
    return _rms(weight * (1 - att)).mean()


def temporal(att: Tensor, colour: Tensor) -> Tensor:
    """Change of attention and colour from frame to frame (eq. 12).

    Parameters
    ----------
    att : Tensor (P, N, 1, H, W)
        Attention of P runs of N consecutive frames.
    colour : Tensor (P, N, 3, H, W)
    """
    return _rms(att[:, 1:] - att[:, :-1]).mean() + _rms(colour[:, 1:] - colour[:, :-1]).mean()


def attention_statistics(att: Tensor, mouth: Tensor) -> dict[str, Tensor]:
    """How open the attention is: what to watch against a frozen or a blurred face.

    Parameters
    ----------
    att : Tensor (B, 1, H, W)
    mouth : Tensor, broadcasts to (B, 1, H, W)
        1 in the mouth region, 0 elsewhere.

    Returns
    -------
    dict of str to Tensor
        ``att_mean``, ``att_saturated`` (fraction above 0.95), and the means ``att_mouth`` and
        ``att_elsewhere``.
    """
    att = att.detach()
    mouth = mouth.expand_as(att)
    return {
        "att_mean": att.mean(),
        "att_saturated": (att > SATURATED).float().mean(),
        "att_mouth": (att * mouth).sum() / mouth.sum(),
        "att_elsewhere": (att * (1 - mouth)).sum() / (1 - mouth).sum(),
    }


def _rms(x: Tensor) -> Tensor:
    """Root mean square over the last three axes; the floor keeps the gradient finite at zero."""
    return torch.sqrt((x**2).mean(dim=(-3, -2, -1)) + 1e-8)
