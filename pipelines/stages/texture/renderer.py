"""A trained generator at work: landmarks of one person to images and to the maps behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from tkit.face import drawing
from tkit.pipelines.stages.texture.data import STILL
from tkit.zoo.layers import winograd
from tkit.zoo.layers.flow import landmark_flow, warp
from tkit.zoo.nets import texture


@dataclass(frozen=True)
class Rendered:
    """Frames and their maps.

    Parameters
    ----------
    images : ndarray (T, H, W, 3) uint8
    attention : ndarray (T, H, W, 1) float32
        In (0, 1); 1 keeps the carried identity image.
    colour : ndarray (T, H, W, 3) float32
        In (0, 255).
    flow : ndarray (T, H, W, 2) float32
        Pixels from a place in the frame to its place in the identity image; zero if the generator
        does not carry.
    """

    images: np.ndarray
    attention: np.ndarray
    colour: np.ndarray
    flow: np.ndarray


class Renderer:
    """Renders frames of one person; what depends on the identity image alone is computed once.

    Parameters
    ----------
    module : Generator
    identity : ndarray (H, W, 3) uint8
        Identity image.
    points : ndarray (68, 2)
        Its landmarks, pixels.
    at_once : int
        Frames in one pass of the network.
    calm : ndarray (H, W) float32, optional
        1 where the identity image is only carried along with the landmarks, 0 where the network
        paints; by default it paints everywhere.
    lips : callable, optional
        Given the flow (H, W, 2), in pixels, of what is carried to landmarks (68, 2), another one.
    """

    def __init__(
        self,
        module: texture.Generator,
        identity: np.ndarray,
        points: np.ndarray,
        *,
        at_once: int = 8,
        calm: np.ndarray | None = None,
        lips: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    ) -> None:
        winograd.make_ready(module)
        self._module, self._at_once, self._lips = module, at_once, lips
        self._device = next(module.parameters()).device
        self._shape = identity.shape[:2]
        self._points = torch.from_numpy(np.asarray(points, np.float64))[None]
        with torch.inference_mode():
            self._identity = texture.image_tensor(identity[None]).to(self._device)
            self._lines = module.encode(self._drawings(points[None]))
        self._calm = None if calm is None else torch.from_numpy(calm)[None, None].to(self._device)

    def __call__(self, points: np.ndarray, ground: np.ndarray | None = None) -> Rendered:
        """Render frames with landmarks (T, 68, 2).

        Parameters
        ----------
        ground : ndarray (T, 2, 3), optional
            Pixels of the frames to pixels of the identity image where the background is the same;
            by default it stands still.
        """
        ground = np.broadcast_to(STILL, (len(points), 2, 3)) if ground is None else ground
        parts = [
            self._pass(points[start : start + self._at_once], ground[start : start + self._at_once])
            for start in range(0, len(points), self._at_once)
        ]
        return Rendered(*(np.concatenate(maps) for maps in zip(*parts, strict=True)))

    @torch.inference_mode()
    def _pass(self, points: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, ...]:
        still = self._points.expand(len(points), -1, -1)
        where = torch.from_numpy(np.asarray(points, np.float64)), still
        prior = landmark_flow(*where, torch.tensor(ground), size=self._shape[1]).to(self._device)
        moved = self._module.encode(self._drawings(points)) - self._lines
        image, attention, colour, flow = self._module.paint(moved, self._identity, prior)
        if flow is None:
            flow = image.new_zeros(len(points), 2, *self._shape)
        flow = F.interpolate(flow, self._shape, mode="bilinear", align_corners=False)
        if self._calm is not None:
            carried = F.interpolate(prior[:, :2], self._shape, mode="bilinear", align_corners=False)
            if self._lips:
                half = self._shape[1] / 2
                faces = zip(_array(carried * half), points, strict=True)
                moved_px = np.stack([self._lips(one, face) for one, face in faces])
                carried = torch.from_numpy(moved_px / half).permute(0, 3, 1, 2).to(carried)
            flow = flow + self._calm * (carried - flow)
            attention = attention + self._calm * (1 - attention)
            image = texture.compose(attention, colour, warp(self._identity, flow, mode="bicubic"))
        return (
            _array(image.add(1).mul(127.5).round().clamp(0, 255).byte()),
            _array(attention),
            _array((colour + 1) * 127.5),
            _array(flow * (self._shape[1] / 2)),
        )

    def _drawings(self, points: np.ndarray) -> torch.Tensor:
        drawn = drawing.draw(points, size=self._shape[0])
        return texture.drawing_tensor(drawn).to(self._device)


def _array(maps: torch.Tensor) -> np.ndarray:
    """Turn (T, C, H, W) into (T, H, W, C)."""
    return maps.permute(0, 2, 3, 1).contiguous().cpu().numpy()
