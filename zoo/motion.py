"""Speech to mouth: one window of speech features to the displacement of the canonical face.

Sinha et al. 2020, §III-A and §IV: an encoder of four convolutions over time with Leaky ReLU and a
decoder of two linear layers, the last of which starts as the PCA basis of the training
displacements. The paper gives no widths; the defaults are those of VOCA (Cudeiro et al. 2019),
whose encoder has the same form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tkit.errors import ConfigError
from tkit.geometry import JAW, MOUTH, N_POINTS
from tkit.zoo import Net
from tkit.zoo._layers import Scatter, Standardise

POINTS = {
    "speech": np.r_[JAW, MOUTH],  # what speech moves: jaw and mouth, 37 points
    "all": np.arange(N_POINTS),
}


@dataclass(frozen=True)
class Config:
    """Sizes of the network.

    Parameters
    ----------
    dim : int
        Columns of the speech features.
    components : int
        PCA components of the last layer.
    window : int
        Feature rows in a window; the paper's 16.
    widths : tuple of int
        Channels of the convolutions, each of which halves the window.
    points : str
        Points that move: ``speech`` (jaw and mouth) or ``all``.
    """

    dim: int
    components: int
    window: int = 16
    widths: tuple[int, ...] = (32, 32, 64, 64)
    points: str = "speech"

    def __post_init__(self) -> None:
        if self.points not in POINTS:
            raise ConfigError(f"motion: points is {self.points!r}, not one of {', '.join(POINTS)}")
        if not self.widths or self.window < 1:
            raise ConfigError("motion: it needs a window of at least one row and one convolution")


class Motion(nn.Module):
    """The network; frames do not know of each other, so any number of them is one batch."""

    canonical: Tensor
    mean_displacement: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.standardise = Standardise(config.dim)
        # The paper reshapes the window to 16 x 1 x 29 so that a convolution runs over time with the
        # feature columns as channels; that is a one-dimensional convolution.
        layers: list[nn.Module] = []
        channels, rows = config.dim, config.window
        for width in config.widths:
            layers += [nn.Conv1d(channels, width, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
            channels, rows = width, (rows + 1) // 2
        self.encoder = nn.Sequential(*layers, nn.Flatten())
        index = POINTS[config.points]
        self.squeeze = nn.Linear(channels * rows, config.components)
        self.basis = nn.Linear(config.components, 2 * len(index))
        self.scatter = Scatter(index)
        # The mean neutral face of the training store: what the displacement is a displacement of.
        self.register_buffer("canonical", torch.zeros(N_POINTS, 2))
        # The mean face of the training speech: the harder static baseline, kept for evaluation.
        self.register_buffer("mean_displacement", torch.zeros(N_POINTS, 2))

    def forward(self, windows: Tensor) -> Tensor:
        """Predict displacement.

        Parameters
        ----------
        windows : Tensor (..., window, dim)

        Returns
        -------
        Tensor (..., 68, 2)
            In inter-ocular distances of the canonical face.
        """
        lead = windows.shape[:-2]
        rows = self.standardise(windows).flatten(0, -3)  # (frames, window, dim)
        code = self.squeeze(self.encoder(rows.transpose(1, 2)))  # time is the last axis
        return self.scatter(self.basis(code)).unflatten(0, lead)


NET = Net("speech to mouth displacement of Sinha et al. 2020", Config, Motion)
