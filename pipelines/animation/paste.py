"""Putting rendered crops back into the full picture, without a seam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tkit.face import geometry
from tkit.pipelines.animation.carry import Carry
from tkit.pipelines.stages.texture.regions import face_mask


@dataclass(frozen=True)
class Place:
    """Where in the picture a rendered crop goes.

    Parameters
    ----------
    region : tuple of slice
        Rows and columns of the picture that may change.
    source : ndarray (h, w, 2) float32
        Where the pixels of the region come from, x and y in it.
    face : tuple of slice
        Rows and columns of the region that the crop may cover.
    mask : ndarray float32
        How much it covers each pixel of them.
    enlarge : callable
        Layers of the crop to those of these pixels.
    """

    region: tuple[slice, slice]
    source: np.ndarray
    face: tuple[slice, slice]
    mask: np.ndarray
    enlarge: Callable[[np.ndarray], np.ndarray]


class Paste:
    """Blends what was rendered into the picture: eq. 6 in the picture's own resolution.

    Where the attention map keeps the identity, the picture's own pixels are carried, finer than the
    crop; where it is open, the colour map is put in, enlarged. Both fade out around the face, and
    what lies outside is the picture, byte for byte. A head that moves carries the picture around it
    along (:mod:`tkit.pipelines.animation.carry`).

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8
    points : ndarray (68, 2)
        The landmarks of the face, in pixels of the crop.
    transform : ndarray (2, 3)
        Pixels of the picture to pixels of the crop.
    size : int
        Pixels of the square crop.
    pose : ndarray (2, 3), optional
        Level coordinates of the head to pixels of the picture, for one that moves.
    """

    def __init__(
        self,
        image: np.ndarray,
        points: np.ndarray,
        transform: np.ndarray,
        *,
        size: int,
        pose: np.ndarray | None = None,
    ) -> None:
        self._image, self._transform, self._pose = image, transform, pose
        self._mask = face_mask(points, size)
        self._to_image = geometry.invert(transform)
        self._to_px = self._to_image[:, :2].T
        #: Rows and columns that a face which is not carried changes.
        self.region = self._region(self._mask, self._to_image)

    @cached_property
    def _still(self) -> Place:
        import cv2

        rows, columns = self.region
        transform = self._to_image - [[0, 0, columns.start], [0, 0, rows.start]]
        height, width = self._image[self.region].shape[:2]

        def enlarge(layers: np.ndarray) -> np.ndarray:
            return cv2.warpAffine(
                layers, transform, (width, height),
                flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip

        # A wide face is blended in the picture's resolution: the mask is enlarged once.
        mask = cv2.warpAffine(self._mask, transform, (width, height), flags=cv2.INTER_LINEAR)
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
        every = slice(0, height), slice(0, width)
        return Place(self.region, grid.astype(np.float32), every, mask, enlarge)

    @cached_property
    def _carry(self) -> Carry:
        if self._pose is None:
            raise ValueError("a head moves by the pose of its picture; give it")
        return Carry(self._pose, self._image.shape)

    def _moved(self, head: np.ndarray) -> Place:
        import cv2

        source = self._carry(head)
        rows, columns = self._carry.region
        face = self._carry.box(self.region, head)
        to_crop = self._transform.copy()
        to_crop[:, 2] += to_crop[:, :2] @ [columns.start, rows.start]
        at = geometry.apply(to_crop.astype(np.float32), source[face]).astype(np.float32)

        def enlarge(layers: np.ndarray) -> np.ndarray:
            return cv2.remap(
                layers, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )

        return Place((rows, columns), source, face, enlarge(self._mask), enlarge)

    def _region(self, mask: np.ndarray, to_image: np.ndarray) -> tuple[slice, slice]:
        """Rows and columns of the picture that the mask covers."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        x, y = columns[[0, -1]] + [-1, 1], rows[[0, -1]] + [-1, 1]
        corners = np.array([[a, b] for a in x for b in y], np.float64)
        corners = geometry.apply(to_image, corners)
        limit = np.array([self._image.shape[1], self._image.shape[0]])
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, limit - 1).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 1, limit).astype(int)
        return slice(top, bottom), slice(left, right)

    def __call__(
        self,
        attention: np.ndarray,
        colour: np.ndarray,
        flow: np.ndarray,
        head: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the picture with one frame blended in.

        Parameters
        ----------
        attention : ndarray (size, size, 1) float32
        colour : ndarray (size, size, 3) float32, 0 to 255
        flow : ndarray (size, size, 2) float32
            Pixels of the crop.
        head : ndarray (2, 3), optional
            How the head is moved, in level coordinates; by default it stays where it is.
        """
        import cv2

        place = self._still if head is None else self._moved(head)
        mask = place.mask[..., None]
        source = place.source.copy()
        source[place.face] += place.enlarge((flow @ self._to_px).astype(np.float32)) * mask
        carried = cv2.remap(
            self._image[place.region], source[..., 0], source[..., 1], cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)  # fmt: skip
        layers = place.enlarge(np.concatenate([colour, 1 - attention], axis=-1))
        share = mask * layers[..., 3:]
        face = carried[place.face]
        face += share * (layers[..., :3] - face)
        frame = self._image.copy()
        frame[place.region] = np.rint(carried)
        return frame
