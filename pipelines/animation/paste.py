"""Putting rendered crops back into the full picture, without a seam."""

from __future__ import annotations

import numpy as np

from tkit.face import geometry
from tkit.pipelines.stages.texture.regions import face_mask


class Paste:
    """Blends what was rendered into the picture: eq. 6 in the picture's own resolution.

    Where the attention map keeps the identity, the picture's own pixels are carried, finer than the
    crop; where it is open, the colour map is put in, enlarged. Both fade out around the face, and
    what lies outside is the picture, byte for byte.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8
    points : ndarray (68, 2)
        The landmarks of the face, in pixels of the crop.
    transform : ndarray (2, 3)
        Pixels of the picture to pixels of the crop.
    size : int
        Pixels of the square crop.
    """

    def __init__(
        self, image: np.ndarray, points: np.ndarray, transform: np.ndarray, *, size: int
    ) -> None:
        import cv2

        self.image = image
        mask = face_mask(points, size)
        to_image = geometry.invert(transform)
        self.region = self._region(mask, to_image)
        rows, columns = self.region
        self.transform = to_image - [[0, 0, columns.start], [0, 0, rows.start]]
        self.part = image[self.region]
        self.shape = self.part.shape[1::-1]
        # A wide face is blended in the picture's resolution: the mask is enlarged once.
        self.mask = cv2.warpAffine(mask, self.transform, self.shape, flags=cv2.INTER_LINEAR)
        self.to_px = self.transform[:, :2].T
        height, width = self.part.shape[:2]
        grid = np.meshgrid(np.arange(width), np.arange(height))
        self.grid = np.stack(grid, axis=-1).astype(np.float32)

    def _region(self, mask: np.ndarray, to_image: np.ndarray) -> tuple[slice, slice]:
        """Rows and columns of the picture that the mask covers."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        x, y = columns[[0, -1]] + [-1, 1], rows[[0, -1]] + [-1, 1]
        corners = np.array([[a, b] for a in x for b in y], np.float64)
        corners = geometry.apply(to_image, corners)
        limit = np.array([self.image.shape[1], self.image.shape[0]])
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, limit - 1).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 1, limit).astype(int)
        return slice(top, bottom), slice(left, right)

    def __call__(self, attention: np.ndarray, colour: np.ndarray, flow: np.ndarray) -> np.ndarray:
        """Return the picture with one frame blended in.

        Parameters
        ----------
        attention : ndarray (size, size, 1) float32
        colour : ndarray (size, size, 3) float32, 0 to 255
        flow : ndarray (size, size, 2) float32
            Pixels of the crop.
        """
        import cv2

        def enlarge(layers: np.ndarray) -> np.ndarray:
            return cv2.warpAffine(
                layers, self.transform, self.shape,
                flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip

        mask = self.mask[..., None]
        move = enlarge((flow @ self.to_px).astype(np.float32)) * mask
        source = self.grid + move
        carried = cv2.remap(
            self.part, source[..., 0], source[..., 1], cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)  # fmt: skip
        layers = enlarge(np.concatenate([colour, 1 - attention], axis=-1))
        share = mask * layers[..., 3:]
        frame = self.image.copy()
        frame[self.region] = np.rint(carried + share * (layers[..., :3] - carried))
        return frame
