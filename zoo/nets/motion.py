"""Speech to mouth: windows of speech features to the displacement of the canonical face.

Sinha et al. 2020, §III-A and §IV: an encoder of four convolutions over time with Leaky ReLU and a
decoder of two linear layers, the last of which starts as the PCA basis of the training
displacements. The paper gives no widths; the defaults are those of VOCA (Cudeiro et al. 2019),
whose encoder has the same form.

With ``context`` residual convolutions over the frames lie between encoder and decoder, so that a
frame knows what came before it (Oord et al. 2016; Bai et al. 2018). They see no later frame: what a
frame knows of the future is what its own window holds, which is what a stream has to wait for.

With ``waits`` the network is told how the mouth of the picture is. Two of three people wait for
their first word with open lips, each in a way of their own, and that cannot be heard. So a frame's
code says how far it is one of waiting, and so far the mouth of the picture shows, not a spoken one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkit.errors import ConfigError
from tkit.face.geometry import JAW, MOUTH, N_POINTS
from tkit.zoo import Net
from tkit.zoo.layers import Scatter, Standardise

POINTS = {
    "speech": np.r_[JAW, MOUTH],  # what speech moves: jaw and mouth, 37 points
    "all": np.arange(N_POINTS),
}
KERNEL = 3  # frames that a convolution of the context takes together
SPEAKING = -2.0  # bias of the logit of waiting at the start: a person rather speaks


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
        Channels of the convolutions.
    kernel, stride : int
        Rows that they take together, and steps they take; those of VOCA halve the window.
    points : str
        Points that move: ``speech`` (jaw and mouth) or ``all``.
    context : tuple of int
        Frames between the inputs of each convolution over the frames; none in the paper.
    channels : int
        Of the convolutions over the frames.
    dropout : float
        Share of their outputs that is dropped in training.
    waits : bool
        Whether a person who waits for the first word is shown as in the picture.
    """

    dim: int
    components: int
    window: int = 16
    widths: tuple[int, ...] = (32, 32, 64, 64)
    kernel: int = 3
    stride: int = 2
    points: str = "speech"
    context: tuple[int, ...] = ()
    channels: int = 64
    dropout: float = 0.0
    waits: bool = False

    def __post_init__(self) -> None:
        if self.points not in POINTS:
            raise ConfigError(f"motion: points is {self.points!r}, not one of {', '.join(POINTS)}")
        if not self.widths or self.window < 1:
            raise ConfigError("motion: it needs a window of at least one row and one convolution")
        if self.kernel % 2 == 0 or min(self.kernel, self.stride) < 1:
            raise ConfigError("motion: kernel is odd, kernel and stride are at least 1")
        if min(self.context, default=1) < 1 or not 0 <= self.dropout < 1:
            raise ConfigError("motion: context is at least 1 frame, dropout at least 0 and below 1")

    @property
    def reaches(self) -> tuple[int, ...]:
        """Frames before a frame that each layer of the context takes; their sum is the past."""
        return tuple((KERNEL - 1) * spacing for spacing in self.context)


class Past(nn.Module):
    """Residual convolution over a frame and frames before it; (n, channels, T) to the same."""

    def __init__(self, channels: int, spacing: int, dropout: float) -> None:
        super().__init__()
        self.gather = nn.Conv1d(channels, channels, KERNEL, dilation=spacing)
        self.mix = nn.Conv1d(channels, channels, 1)
        self.dropout = dropout

    def forward(self, x: Tensor, before: Tensor, kept: Tensor | None = None) -> Tensor:
        """Map x (n, channels, T), given the frames before it that it reaches.

        Where ``kept``, of the shape of x, is 0, what was heard is dropped.
        """
        heard = F.gelu(self.gather(torch.cat([before, x], dim=-1)))
        if kept is not None:
            heard = heard * (kept / (1 - self.dropout))
        return x + self.mix(heard)


class Motion(nn.Module):
    """The network. Without context frames do not know of each other."""

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
            half = config.kernel // 2
            layer = nn.Conv1d(channels, width, config.kernel, stride=config.stride, padding=half)
            layers += [layer, nn.LeakyReLU(0.2)]
            channels, rows = width, (rows - 1) // config.stride + 1
        self.encoder = nn.Sequential(*layers, nn.Flatten())
        features = channels * rows
        enter = nn.Linear(features, config.channels), nn.GELU()
        self.enter = nn.Sequential(*enter) if config.context else nn.Identity()
        self.context = nn.ModuleList(
            Past(config.channels, spacing, config.dropout) for spacing in config.context
        )
        index = POINTS[config.points]
        code = config.channels if config.context else features
        self.squeeze = nn.Linear(code, config.components)
        self.basis = nn.Linear(config.components, 2 * len(index))
        self.wait = nn.Linear(code, 1) if config.waits else None
        if self.wait is not None:
            nn.init.constant_(self.wait.bias, SPEAKING)
        self.scatter = Scatter(index)
        # The mean neutral face of the training store: what the displacement is a displacement of.
        self.register_buffer("canonical", torch.zeros(N_POINTS, 2))
        # The mean face of the training speech: the harder static baseline, kept for evaluation.
        self.register_buffer("mean_displacement", torch.zeros(N_POINTS, 2))

    def forward(self, windows: Tensor, picture: Tensor | None = None) -> Tensor:
        """Predict displacement.

        Parameters
        ----------
        windows : Tensor (..., T, window, dim)
            Of T consecutive frames.
        picture : Tensor (..., 68, 2), optional
            Displacement of the face in the picture, which shows while the person waits if the
            network has ``waits``; by default lips are closed there.

        Returns
        -------
        Tensor (..., T, 68, 2)
            In inter-ocular distances of the canonical face.
        """
        return self.advance(windows, None, picture)[0]

    def advance(
        self, windows: Tensor, state: list[Tensor] | None, picture: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Predict the next frames of a stream; in pieces of any length it is :meth:`forward`.

        Parameters
        ----------
        windows : Tensor (..., T, window, dim)
        state : list of Tensor, optional
            As returned by the call before; without it the stream begins, after zeros.
        picture : Tensor (..., 68, 2), optional

        Returns
        -------
        displacement : Tensor (..., T, 68, 2)
        state : list of Tensor
        """
        code, after = self.encode(windows, state)
        return self.decode(code, picture), after

    def encode(
        self, windows: Tensor, state: list[Tensor] | None, kept: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Map windows (..., T, window, dim) to a code (..., T, C) a frame, and the state after.

        ``kept`` (n, layers, channels, T) is 0 where dropout strikes in training: it comes with the
        samples, so that a sample meets the same one whatever process it is in.
        """
        config, lead, n_frames = self.config, windows.shape[:-3], windows.shape[-3]
        rows = self.standardise(windows).flatten(0, -3)  # (frames, window, dim)
        code = self.enter(self.encoder(rows.transpose(1, 2)))  # time is the last axis
        after = []
        if self.context:
            x = code.view(-1, n_frames, config.channels).transpose(1, 2)
            for index, (layer, reach) in enumerate(zip(self.context, config.reaches, strict=True)):
                before = x.new_zeros(*x.shape[:2], reach) if state is None else state[index]
                after.append(torch.cat([before, x], dim=-1)[..., -reach:])
                x = layer(x, before, None if kept is None else kept[:, index])
            code = x.transpose(1, 2).flatten(0, 1)
        return code.view(*lead, n_frames, code.shape[-1]), after

    def decode(self, code: Tensor, picture: Tensor | None = None) -> Tensor:
        """Map codes (..., T, C) to displacement (..., T, 68, 2)."""
        spoken, waiting = self.spoken(code), self.waiting(code)
        if waiting is None:
            return spoken
        waiting = waiting[..., None, None]
        moved = (1 - waiting) * spoken
        if picture is None:
            return moved
        still = self.scatter(picture[..., self.scatter.index, :].flatten(-2))
        return moved + waiting * still.unsqueeze(-3)

    def spoken(self, code: Tensor) -> Tensor:
        """Displacement (..., T, 68, 2) of codes as if nobody ever waited."""
        flat = self.basis(self.squeeze(code.flatten(0, -2)))
        return self.scatter(flat).view(*code.shape[:-1], N_POINTS, 2)

    def waiting(self, code: Tensor) -> Tensor | None:
        """How far each frame (..., T) is one of waiting, from 0 to 1; None without ``waits``."""
        return None if self.wait is None else torch.sigmoid(self.wait(code)).squeeze(-1)


def picture_tensor(picture: np.ndarray | None, module: Motion) -> Tensor | None:
    """Displacement (68, 2) of the face in a picture, if there is one, where the module is."""
    if picture is None:
        return None
    return torch.from_numpy(np.array(picture, np.float32)).to(module.canonical.device)


NET = Net(
    "speech to mouth displacement of Sinha et al. 2020", Config, Motion, Config(dim=3, components=2)
)
