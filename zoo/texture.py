"""Texture generator: identity image + landmark images to attention map and colour map.

Sinha et al. 2020, §III-C and fig. 6, built upon the generator of GANimation (Pumarola et al. 2018).
One landmark encoder sees the current landmark image and the identity's; the *difference* of its
features says what moved. The paper does not say at which resolution it joins the identity image:
here the encoder has no strides, and the difference is concatenated with the image at full
resolution, where GANimation concatenates its condition. The encoder has no normalisation either, so
that the difference is exactly zero wherever the two drawings agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkit.errors import ConfigError
from tkit.geometry import N_POINTS
from tkit.zoo import Net


@dataclass(frozen=True)
class Config:
    """Sizes of the generator.

    Parameters
    ----------
    width : int
        Channels after the first convolution; the paper's 64, doubled by each strided convolution.
    blocks : int
        Residual blocks; the paper's 6.
    landmark_width : int
        Channels of the landmark features; not given in the paper.
    size : int
        Pixels of the square images it is trained on; a multiple of 4.
    """

    width: int = 64
    blocks: int = 6
    landmark_width: int = 16
    size: int = 128

    def __post_init__(self) -> None:
        if self.size < 16 or self.size % 4:
            raise ConfigError(f"texture: size {self.size} is not a multiple of 4 from 16 on")


class Generator(nn.Module):
    """The generator; its parts are fully convolutional, any size that is a multiple of 4 fits."""

    canonical: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width, lines = config.width, config.landmark_width
        self.landmarks = nn.Sequential(
            nn.Conv2d(1, lines, 7, padding=3), nn.ReLU(), nn.Conv2d(lines, lines, 3, padding=1)
        )
        self.trunk = nn.Sequential(
            *_block(nn.Conv2d(3 + lines, width, 7, 1, 3, bias=False)),
            *_block(nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False)),
            *_block(nn.Conv2d(2 * width, 4 * width, 4, 2, 1, bias=False)),
            *(Residual(4 * width) for _ in range(config.blocks)),
            *_block(nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False)),
            *_block(nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False)),
        )
        self.attention = nn.Conv2d(width, 1, 7, padding=3, bias=False)
        self.colour = nn.Conv2d(width, 3, 7, padding=3, bias=False)
        # Mean neutral face of the training store: the face that a person's is compared with.
        self.register_buffer("canonical", torch.zeros(N_POINTS, 2))
        self.apply(init_normal)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, landmarks: Tensor, identity_landmarks: Tensor, identity: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Render frames.

        Parameters
        ----------
        landmarks : Tensor (B, 1, H, W)
            Landmark images in [0, 1].
        identity_landmarks : Tensor (B or 1, 1, H, W)
            Landmark images of the identity images, in [0, 1].
        identity : Tensor (B or 1, 3, H, W)
            Identity images in [-1, 1].

        Returns
        -------
        image : Tensor (B, 3, H, W)
            In [-1, 1], by :func:`compose`.
        attention : Tensor (B, 1, H, W)
            In (0, 1); 1 keeps the identity image.
        colour : Tensor (B, 3, H, W)
            In (-1, 1).
        """
        moved = self.landmarks(landmarks) - self.landmarks(identity_landmarks)
        joint = torch.cat([identity.expand(len(moved), -1, -1, -1), moved], dim=1)
        features = self.trunk(joint.contiguous(memory_format=torch.channels_last))
        attention = torch.sigmoid(self.attention(features).float())
        colour = torch.tanh(self.colour(features).float())
        return compose(attention, colour, identity), attention, colour


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
    """Residual block: two 3 x 3 convolutions, each with affine instance norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_block(nn.Conv2d(channels, channels, 3, 1, 1, bias=False)),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            InstanceNorm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return x + self.body(x)


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


def image_tensor(images: np.ndarray) -> Tensor:
    """Turn (N, H, W, 3) uint8 images into a (N, 3, H, W) float32 tensor in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def drawing_tensor(drawings: np.ndarray) -> Tensor:
    """Turn (N, H, W) uint8 landmark images into a (N, 1, H, W) float32 tensor in [0, 1]."""
    return torch.from_numpy(drawings)[:, None].float() / 255


@torch.inference_mode()
def render(
    module: Generator,
    drawings: np.ndarray,
    *,
    identity: np.ndarray,
    identity_drawing: np.ndarray,
    at_once: int = 8,
) -> tuple[np.ndarray, np.ndarray]:
    """Run a generator on arrays.

    Parameters
    ----------
    drawings : ndarray (T, H, W) uint8
        Landmark images of the frames.
    identity : ndarray (H, W, 3) uint8
    identity_drawing : ndarray (H, W) uint8
        Landmark image of the identity image.
    at_once : int
        Frames in one pass of the network.

    Returns
    -------
    attention : ndarray (T, H, W, 1) float32
        In (0, 1); 1 keeps the identity image.
    colour : ndarray (T, H, W, 3) float32
        In (0, 255).
    """
    device = next(module.parameters()).device
    image = image_tensor(identity[None]).to(device)
    still = drawing_tensor(identity_drawing[None]).to(device)
    attentions, colours = [], []
    for start in range(0, len(drawings), at_once):
        now = drawing_tensor(drawings[start : start + at_once]).to(device)
        _, attention, colour = module(now, still, image)
        attentions.append(attention.permute(0, 2, 3, 1).cpu().numpy())
        colours.append(((colour + 1) * 127.5).permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(attentions), np.concatenate(colours)


def _block(convolution: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, ...]:
    """Put affine instance norm and ReLU behind a convolution."""
    return convolution, InstanceNorm(convolution.out_channels), nn.ReLU(inplace=True)


NET = Net("attention and colour generator of Sinha et al. 2020", Config, Generator)
