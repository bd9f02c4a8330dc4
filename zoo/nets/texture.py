"""Texture generator: identity image + landmark images to attention map and colour map.

Sinha et al. 2020, §III-C and fig. 6, built upon the generator of GANimation (Pumarola et al. 2018).
One landmark encoder sees the current landmark image and the identity's; the *difference* of its
features says what moved. The paper does not say at which resolution it joins the identity image:
here the encoder has no strides, and the difference is concatenated with the image at full
resolution, where GANimation concatenates its condition. The encoder has no normalisation either, so
that the difference is exactly zero wherever the two drawings agree.

Beyond the paper, and by configuration, the identity image can first be carried along with the
landmarks (:mod:`tkit.zoo.layers.flow`), so that attention and colour only repair what carrying
cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkit.errors import ConfigError
from tkit.face.geometry import N_POINTS
from tkit.zoo import Net
from tkit.zoo.layers import single
from tkit.zoo.layers.flow import warp
from tkit.zoo.layers.winograd import Conv3x3

FLOW_UNIT = 1 / 32  # half sizes: two pixels of 128; what the network sees and says of flows


@dataclass(frozen=True)
class Config:
    """Sizes of the generator; the defaults are the paper's.

    Parameters
    ----------
    width : int
        Channels after the first convolution; doubled by each strided convolution.
    blocks : int
        Residual blocks.
    landmark_width : int
        Channels of the landmark features; not given in the paper.
    size : int
        Pixels of the square images it is trained on; a multiple of ``4 * fold``.
    fold : int
        Side of the squares of pixels that are folded into channels at the entrance and unfolded at
        the exit; 1 does not.
    carried : bool
        Carry the identity image along with the landmarks and by a learned correction of that,
        before it is blended with the colour map.
    skips : bool
        Join the features before each strided convolution to those behind its counterpart.
    norm : bool
        Affine instance norm behind every convolution. It hides how far landmarks moved.
    """

    width: int = 64
    blocks: int = 6
    landmark_width: int = 16
    size: int = 128
    fold: int = 1
    carried: bool = False
    skips: bool = False
    norm: bool = True

    def __post_init__(self) -> None:
        step = 4 * self.fold
        if self.size < 16 or self.size % step:
            raise ConfigError(f"texture: size {self.size} is not a multiple of {step} from 16 on")


class Maps(NamedTuple):
    """What a generator makes of B frames.

    Parameters
    ----------
    image : Tensor (B, 3, H, W)
        In [-1, 1], by :func:`compose`; bicubic carrying may overshoot a little.
    attention : Tensor (B, 1, H, W)
        In (0, 1); 1 keeps the (carried) identity image.
    colour : Tensor (B, 3, H, W)
        In (-1, 1).
    flow : Tensor (B, 2, h, w) or None
        Where the identity image was sampled, see :mod:`tkit.zoo.layers.flow`; None if it was not
        moved.
    """

    image: Tensor
    attention: Tensor
    colour: Tensor
    flow: Tensor | None


class Generator(nn.Module):
    """The generator; it is fully convolutional, any size that is a multiple of 4 folds fits."""

    canonical: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width, lines, squares = config.width, config.landmark_width, config.fold**2
        twice = 2 if config.skips else 1
        # The paper's convolutions at full resolution are 7 x 7; 5 x 5 squares of pixels see more.
        outer: dict[str, Any] = {"kernel_size": 7 if config.fold == 1 else 5, "padding": "same"}
        strided: dict[str, Any] = {"kernel_size": 4, "stride": 2, "padding": 1}
        self.landmarks = nn.Sequential(
            nn.Conv2d(squares, lines, **outer), nn.ReLU(), nn.Conv2d(lines, lines, 3, padding=1)
        )
        joint = 3 * squares + lines + (4 if config.carried else 0)
        self.down = nn.ModuleList(
            [
                self._layer(nn.Conv2d, joint, width, **outer),
                self._layer(nn.Conv2d, width, 2 * width, **strided),
                self._layer(nn.Conv2d, 2 * width, 4 * width, **strided),
            ]
        )
        self.middle = nn.Sequential(
            *(Residual(4 * width, norm=config.norm) for _ in range(config.blocks))
        )
        self.up = nn.ModuleList(
            [
                self._layer(nn.ConvTranspose2d, 4 * width, 2 * width, **strided),
                self._layer(nn.ConvTranspose2d, twice * 2 * width, width, **strided),
            ]
        )
        self.apply(init_normal if config.norm else init_scaled)
        # Attention, colour and, if it carries, the correction of the flow; one convolution is
        # faster than three.
        self.parts = [squares, 3 * squares, 2] if config.carried else [squares, 3 * squares]
        self.heads = nn.Conv2d(twice * width, sum(self.parts), **outer, bias=False)
        init_normal(self.heads)
        with torch.no_grad():
            self.heads.weight[4 * squares :] = 0  # at first the landmarks alone carry
        # Mean neutral face of the training store: the face that a person's is compared with.
        self.register_buffer("canonical", torch.zeros(N_POINTS, 2))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _layer(self, kind: type, into: int, out: int, **settings: Any) -> nn.Sequential:
        norm = self.config.norm
        convolution = kind(into, out, **settings, bias=not norm)
        return nn.Sequential(convolution, *_finish(out, norm=norm))

    def forward(
        self,
        landmarks: Tensor,
        identity_landmarks: Tensor,
        identity: Tensor,
        prior: Tensor | None = None,
        *,
        mode: str | None = None,
    ) -> Maps:
        """Render frames.

        Parameters
        ----------
        landmarks : Tensor (B, 1, H, W)
            Landmark images in [0, 1].
        identity_landmarks : Tensor (B or 1, 1, H, W)
            Landmark images of the identity images, in [0, 1].
        identity : Tensor (B or 1, 3, H, W)
            Identity images in [-1, 1].
        prior : Tensor (B, 4, h, w), optional
            From :func:`tkit.zoo.layers.flow.landmark_flow`, for a generator that carries; by
            default nothing has moved.
        mode : str, optional
            How the carried image is sampled; by default bilinearly in training, else bicubically.
        """
        moved = self.encode(landmarks) - self.encode(identity_landmarks)
        return self.paint(moved, identity, prior, mode=mode)

    def encode(self, landmarks: Tensor) -> Tensor:
        """Features (B, landmark_width, h, w) of landmark images (B, 1, H, W)."""
        return self.landmarks(F.pixel_unshuffle(landmarks, self.config.fold))

    def paint(
        self,
        moved: Tensor,
        identity: Tensor,
        prior: Tensor | None = None,
        *,
        mode: str | None = None,
    ) -> Maps:
        """Render frames from the difference of their landmark features and the identity's."""
        fold, joint = self.config.fold, [moved]
        flow: Tensor | None = None
        if self.config.carried:
            if prior is None:
                prior = identity.new_zeros(len(moved), 4, *moved.shape[-2:])
            known = F.interpolate(prior, moved.shape[-2:], mode="bilinear", align_corners=False)
            flow = known[:, :2]
            joint += [known / FLOW_UNIT, F.pixel_unshuffle(warp(identity, flow), fold)]
        else:
            joint += [F.pixel_unshuffle(identity, fold).expand(len(moved), -1, -1, -1)]
        attention, colour, *corrections = self._maps(torch.cat(joint, dim=1))
        attention = torch.sigmoid(F.pixel_shuffle(attention, fold))
        colour = torch.tanh(F.pixel_shuffle(colour, fold))
        if flow is not None:
            flow = flow + FLOW_UNIT * corrections[0]
            # Bicubic is slow to train through on a CPU; bilinear costs a fifth of the CPBD.
            mode = mode or ("bilinear" if self.training else "bicubic")
            identity = warp(identity, flow, mode=mode)
        return Maps(compose(attention, colour, identity), attention, colour, flow)

    def _maps(self, joint: Tensor) -> tuple[Tensor, ...]:
        """Encoder, decoder and heads: (B, C, h, w) to the parts of the heads, each (B, ., h, w)."""
        x = joint.contiguous(memory_format=torch.channels_last)
        kept = []
        for layer in self.down:
            x = layer(x)
            kept.append(x)
        x = self.middle(x)
        for layer, skip in zip(self.up, kept[1::-1], strict=True):
            x = layer(x)
            if self.config.skips:
                x = torch.cat([x, skip], dim=1)
        return single(self.heads(x)).split(self.parts, dim=1)


class InstanceNorm(nn.InstanceNorm2d):
    """Affine instance norm; without gradients by the group-norm kernel, which is 4x faster."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W) over H and W."""
        if torch.is_grad_enabled():  # its backward pass, though, is the slower one
            return super().forward(x)
        return F.group_norm(x, self.num_features, self.weight, self.bias, self.eps)


class Residual(nn.Module):
    """Residual block: two 3 x 3 convolutions, each with affine instance norm if ``norm``."""

    def __init__(self, channels: int, *, norm: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Conv3x3(channels, bias=not norm),
            *_finish(channels, norm=norm),
            Conv3x3(channels, bias=not norm),
            *([InstanceNorm(channels)] if norm else []),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return x + self.body(x)


def _finish(channels: int, *, norm: bool) -> list[nn.Module]:
    """What follows a convolution: affine instance norm, if any, and ReLU."""
    return [*([InstanceNorm(channels)] if norm else []), nn.ReLU(inplace=True)]


def compose(attention: Tensor, colour: Tensor, identity: Tensor) -> Tensor:
    """Blend colour map and identity image: ``(1 - att) * C + att * I_id`` (eq. 6)."""
    return (1 - attention) * colour + attention * identity


def init_normal(module: nn.Module) -> None:
    """Initialise convolutions with N(0, 0.02), as GANimation and pix2pix do.

    The attention head then starts around one half: neither shut nor open.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def init_scaled(module: nn.Module) -> None:
    """Initialise convolutions without norms so that ReLU keeps the variance (He et al. 2015).

    Residual blocks start as nothing, else every one of them would double it.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        taps = module.weight[0, 0].numel() / module.stride[0] ** (2 * module.transposed)
        nn.init.normal_(module.weight, 0.0, (2 / (module.in_channels * taps)) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, Residual):
        last: Any = module.body[-1]
        nn.init.zeros_(last.weight)


def image_tensor(images: np.ndarray) -> Tensor:
    """Turn (N, H, W, 3) uint8 images into a (N, 3, H, W) float32 tensor in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def drawing_tensor(drawings: np.ndarray) -> Tensor:
    """Turn (N, H, W) uint8 landmark images into a (N, 1, H, W) float32 tensor in [0, 1]."""
    return torch.from_numpy(drawings)[:, None].float().div_(255)


NET = Net("attention and colour generator of Sinha et al. 2020", Config, Generator)
