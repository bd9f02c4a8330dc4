"""Noise to blinks: a recurrent network that moves the eye region, without speech.

Sinha et al. 2020, §III-B: Gaussian noise (n, T, 10) to displacement (n, T, 44) of the 22 points of
brows and eyes; the last linear layer starts as the PCA basis of the training displacements.

Left to itself such a network learns poorly *when* to blink: a sequence of a second mostly holds no
blink, so the moments say little about it. With ``gaps`` the beginnings of blinks are drawn from the
hazard, the probability of a blink given the time since the last one, and the network learns what
follows a beginning and what lies between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tkit.face.geometry import EYE_REGION_INDEX, N_POINTS
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
    gaps : int
        Frames since the last blink that the hazard tells apart; 0: no hazard, as in the paper.
    """

    components: int
    noise: int = 10
    hidden: int = 64
    warmup: int = 25
    gaps: int = 0

    @property
    def inputs(self) -> int:
        """Numbers that the network takes a frame."""
        # A beginning hands over noise of its own, which the network may remember: blinks differ.
        return 2 * self.noise + 1 if self.gaps else self.noise


@dataclass(frozen=True)
class State:
    """Where a sequence stands: hidden values (1, n, hidden), frames since the last blink began."""

    hidden: Tensor
    since: int


class Blink(nn.Module):
    """The network; its state can be carried on, so a sequence may be of any length."""

    hazard: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.recurrent = nn.GRU(config.inputs, config.hidden, batch_first=True)
        self.squeeze = nn.Linear(config.hidden, config.components)
        self.basis = nn.Linear(config.components, 2 * len(EYE_REGION_INDEX))
        if config.gaps:
            # Probability that a blink begins k frames after the last one began; the last entry is
            # that of all later frames.
            self.register_buffer("hazard", torch.zeros(config.gaps))
        # Range of each coordinate in training, for the min-max regularisation.
        self.register_buffer("low", torch.zeros(len(EYE_REGION_INDEX), 2))
        self.register_buffer("high", torch.zeros(len(EYE_REGION_INDEX), 2))

    def forward(
        self, noise: Tensor, state: Tensor | None = None, *, begins: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Generate displacement.

        Parameters
        ----------
        noise : Tensor (n, T, config.noise)
        state : Tensor (1, n, config.hidden), optional
            As returned by the call before; zero at the start.
        begins : Tensor (n, T), optional
            1 in frames in which a blink begins, else 0; taken if ``config.gaps``.

        Returns
        -------
        displacement : Tensor (n, T, 22, 2)
            Of the eye region, in inter-ocular distances of the canonical face.
        state : Tensor (1, n, config.hidden)
        """
        if self.config.gaps:
            pulse = (torch.zeros_like(noise[..., 0]) if begins is None else begins)[..., None]
            noise = torch.cat([noise, pulse, pulse * noise], dim=-1)
        hidden, state = self.recurrent(noise, state)
        flat = self.basis(self.squeeze(hidden))  # (n, T, 44)
        return flat.unflatten(-1, (len(EYE_REGION_INDEX), 2)), state


def draw_begins(hazard: np.ndarray, chance: np.ndarray, *, since: int) -> tuple[np.ndarray, int]:
    """Decide in which frames blinks begin.

    Parameters
    ----------
    hazard : ndarray (K,)
        Probability by frames since the last beginning; the last entry is that of all later ones.
    chance : ndarray (T,)
        Uniform random numbers from 0 to 1.
    since : int
        Frames since the last beginning.

    Returns
    -------
    begins : ndarray (T,) float32
        0 or 1.
    since : int
        Carried on.
    """
    begins = np.zeros(len(chance), np.float32)
    for frame, one in enumerate(chance):
        since += 1
        if one < hazard[min(since, len(hazard)) - 1]:
            begins[frame], since = 1.0, 0
    return begins, since


@torch.inference_mode()
def generate(
    module: Blink,
    n_frames: int,
    *,
    rng: np.random.Generator,
    state: State | None = None,
) -> tuple[np.ndarray, State]:
    """Generate the next frames of one endless sequence.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the noise; carry it on, with ``state``, to continue a sequence without a seam.
    state : State, optional
        As returned by the call before; by default a new sequence begins (after the warm-up).

    Returns
    -------
    displacement : ndarray (T, 68, 2) float32
        Zero outside the eye region.
    state : State
    """
    config, device = module.config, module.low.device
    if state is None:
        state = State(torch.zeros(1, 1, config.hidden, device=device), config.gaps)
        state = generate(module, config.warmup, rng=rng, state=state)[1]
    full = np.zeros((n_frames, N_POINTS, 2), np.float32)
    if not n_frames:  # torch runs no sequence of no frames
        return full, state
    # One draw for everything, so that a sequence is the same however it is cut into pieces.
    noise = rng.standard_normal((n_frames, config.noise + bool(config.gaps)), np.float32)
    begins, since = None, state.since
    if config.gaps:
        hazard = module.hazard.numpy(force=True)
        chance = torch.special.ndtr(torch.from_numpy(noise[:, -1])).numpy()
        drawn, since = draw_begins(hazard, chance, since=since)
        begins = torch.from_numpy(drawn)[None].to(device)
    source = torch.from_numpy(noise[None, :, : config.noise]).to(device)
    moved, hidden = module(source, state.hidden, begins=begins)
    full[:, EYE_REGION_INDEX] = moved[0].cpu().numpy()
    return full, State(hidden, since)


NET = Net("noise to blinks of Sinha et al. 2020", Config, Blink, Config(components=2))
