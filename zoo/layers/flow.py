"""Carrying an image along with landmarks: where each pixel of a frame comes from in the identity.

A flow is ``(B, 2, h, w)``: x and y displacement from a place in the frame to the place in the
identity image that is seen there, in half image sizes (:func:`torch.nn.functional.grid_sample`'s
unit), on a grid that may be coarser than the image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CELL_PX = 4  # of the grid that the landmarks' flow is computed on: it is smooth
REACH = 12 / 128  # how far a landmark carries along what is around it, in image sizes
RIDGE = 0.1  # landmarks are not hit exactly: they tremble


def landmark_flow(points: Tensor, still: Tensor, ground: Tensor, *, size: int) -> Tensor:
    """Flow that landmarks and the camera's movement imply, without anything learned.

    The background follows ``ground``; around the face, what the landmarks move beyond that is added
    by Gaussian kernel ridge regression and fades out within ``REACH``.

    Parameters
    ----------
    points : Tensor (B, 68, 2)
        Landmarks of the frames, pixels.
    still : Tensor (B, 68, 2)
        Those of the identity images.
    ground : Tensor (B, 2, 3)
        Where what does not belong to the face lies in the identity image: pixels of the frame to
        pixels of the identity image. The unit transform when the head alone may move.
    size : int
        Pixels of the square images.

    Returns
    -------
    Tensor (B, 4, size / 4, size / 4) float32
        The flow, then that of the ground alone.
    """
    points, still, ground = points.float(), still.float(), ground.float()
    steps = torch.arange(size // CELL_PX, device=points.device) * CELL_PX + (CELL_PX - 1) / 2
    rows, columns = torch.meshgrid(steps, steps, indexing="ij")
    grid = torch.stack([columns, rows], dim=-1).flatten(0, 1).expand(len(points), -1, -1)
    behind = _moved(ground, grid) - grid  # (B, cells, 2)
    beyond = still - _moved(ground, points)
    reach = REACH * size
    near = _kernel(torch.cdist(points, points), reach)
    weights = torch.linalg.solve(near + RIDGE * torch.eye(near.shape[-1]).to(near), beyond)
    # The kernel of a grid is that of its columns times that of its rows: (B, cells, 68) each.
    across, down = (_kernel(steps[:, None] - points[:, None, :, axis], reach) for axis in (0, 1))
    carried = torch.einsum("byp,bcpx->bcyx", down, torch.einsum("bxp,bpc->bcpx", across, weights))
    ground = behind.transpose(1, 2).unflatten(2, (len(steps), len(steps)))
    return torch.cat([ground + carried, ground], dim=1) * (2 / size)


def warp(image: Tensor, flow: Tensor, *, mode: str = "bilinear") -> Tensor:
    """Sample images (B or 1, 3, H, W) by a flow (B, 2, h, w); the border is repeated.

    ``mode`` is that of :func:`torch.nn.functional.grid_sample`.
    """
    count, height, width = len(flow), *image.shape[-2:]
    flow = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
    unit = torch.eye(2, 3, device=flow.device).expand(count, -1, -1)
    grid = F.affine_grid(unit, [count, 3, height, width], align_corners=False)
    grid = grid + flow.permute(0, 2, 3, 1)
    return F.grid_sample(
        image.expand(count, -1, -1, -1), grid,
        mode=mode, padding_mode="border", align_corners=False,
    )  # fmt: skip


def _moved(transform: Tensor, points: Tensor) -> Tensor:
    """Apply (B, 2, 3) transforms to (B, N, 2) points."""
    return points @ transform[:, :, :2].transpose(1, 2) + transform[:, None, :, 2]


def _kernel(distance: Tensor, reach: float) -> Tensor:
    return torch.exp(distance.square() / (-2 * reach**2))
