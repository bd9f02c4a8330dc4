"""Noise to blinks: a recurrent network that moves the eye region, without speech.

Sinha et al. 2020, §III-B: Gaussian noise (n, T, 10) to displacement (n, T, 44) of the 22 points of
brows and eyes; the last linear layer starts as the PCA basis of the training displacements.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tkit.geometry import EYE_REGION_INDEX, N_POINTS
from tkit.zoo import Net


@dataclass(frozen=True)
class Config:
    """Sizes of the network.

    Parameters
    ----------
    components : int
        PCA components of the last layer.
    noise : int
        Gaussian numbers a frame; the paper's 10.
    hidden : int
        Units of the recurrent layer; not given in the paper.
    warmup : int
        Frames that run before the first one that counts, so that the sequence starts in the middle
        of life and not at the network's zero state.
    """

    components: int
    noise: int = 10
    hidden: int = 64
    warmup: int = 25


class Blink(nn.Module):
    """The network; its state can be carried on, so a sequence may be of any length."""

    low: Tensor
    high: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.recurrent = nn.GRU(config.noise, config.hidden, batch_first=True)
        self.squeeze = nn.Linear(config.hidden, config.components)
        self.basis = nn.Linear(config.components, 2 * len(EYE_REGION_INDEX))
        # Range of each coordinate in training, for the min-max regularisation.
        self.register_buffer("low", torch.zeros(len(EYE_REGION_INDEX), 2))
        self.register_buffer("high", torch.zeros(len(EYE_REGION_INDEX), 2))

    def forward(self, noise: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Generate displacement.

        Parameters
        ----------
        noise : Tensor (n, T, config.noise)
        state : Tensor (1, n, config.hidden), optional
            As returned by the call before; zero at the start.

        Returns
        -------
        displacement : Tensor (n, T, 22, 2)
            Of the eye region, in inter-ocular distances of the canonical face.
        state : Tensor (1, n, config.hidden)
        """
        hidden, state = self.recurrent(noise, state)
        flat = self.basis(self.squeeze(hidden))  # (n, T, 44)
        return flat.unflatten(-1, (len(EYE_REGION_INDEX), 2)), state


@torch.inference_mode()
def generate(
    module: Blink, n_frames: int, *, rng: np.random.Generator, state: Tensor | None = None
) -> tuple[np.ndarray, Tensor | None]:
    """Generate the next frames of one endless sequence.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the noise; carry it on, with ``state``, to continue a sequence without a seam.
    state : Tensor, optional
        As returned by the call before; by default a new sequence begins (after the warm-up).

    Returns
    -------
    displacement : ndarray (T, 68, 2) float32
        Zero outside the eye region.
    state : Tensor
    """
    device = next(module.parameters()).device
    warmup = 0 if state is not None else module.config.warmup
    noise = rng.standard_normal((1, warmup + n_frames, module.config.noise), np.float32)
    full = np.zeros((n_frames, N_POINTS, 2), np.float32)
    if not noise.size:  # torch runs no sequence of no frames
        return full, state
    moved, state = module(torch.from_numpy(noise).to(device), state)
    full[:, EYE_REGION_INDEX] = moved[0, warmup:].cpu().numpy()
    return full, state


NET = Net("noise to blinks of Sinha et al. 2020", Config, Blink)
