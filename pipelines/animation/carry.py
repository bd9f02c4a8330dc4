"""A head that moves in a still picture: the pixels around it give way, and those far away rest."""

from __future__ import annotations

import numpy as np

from tkit.face import geometry

# The head in inter-ocular distances about the point between the eyes: half its width, and how far
# it reaches up and down. Within, all moves as one; from there on ever less, nothing twice as far.
HALF_WIDTH, ABOVE, BELOW = 1.45, 1.9, 1.65
BORDER = 0.8  # so far from the border of the picture, which stands still, all of it moves
FINEST = 512  # places along a side at which the share is worked out


class Carry:
    """Where the pixels of a picture come from when its head moves.

    Parameters
    ----------
    pose : ndarray (2, 3)
        Level coordinates of the head to pixels of the picture.
    shape : tuple
        Height and width of the picture.
    """

    def __init__(self, pose: np.ndarray, shape: tuple[int, ...]) -> None:
        height, width = shape[:2]
        self._pose = pose
        reach = 2 * np.array([[-HALF_WIDTH, -ABOVE], [HALF_WIDTH, BELOW]])
        corners = geometry.apply(pose, np.array([[x, y] for x in reach[:, 0] for y in reach[:, 1]]))
        limit = np.array([width, height])
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, limit - 1).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 1, limit).astype(int)
        #: Rows and columns of the picture outside which nothing moves.
        self.region = slice(top, bottom), slice(left, right)
        self._x = np.arange(right - left, dtype=np.float32)
        self._y = np.arange(bottom - top, dtype=np.float32)[:, None]
        self._share = self._shares(np.array([left, top]), limit)

    def _shares(self, corner: np.ndarray, limit: np.ndarray) -> np.ndarray:
        """How much of the head's movement each pixel makes, (h, w) float32."""
        import cv2

        size = np.array([len(self._x), len(self._y)])
        step = np.ceil(size.max() / FINEST)  # smooth as it is, it is known from fewer places
        count = np.ceil(size / step).astype(int)
        places = np.stack(np.meshgrid(*(np.arange(n) for n in count)), axis=-1)
        places = (places + 0.5) * (size / count) - 0.5 + corner
        x, y = np.moveaxis(geometry.apply(geometry.invert(self._pose), places), -1, 0)
        away = np.hypot(x / HALF_WIDTH, y / np.where(y < 0, ABOVE, BELOW))
        edge = np.minimum(places, limit - 1 - places).min(axis=-1)
        share = geometry.smooth_step(2 - away) * geometry.smooth_step(
            edge / (BORDER * np.hypot(*self._pose[:, 0]))
        )
        return cv2.resize(share.astype(np.float32), size.tolist(), interpolation=cv2.INTER_LINEAR)

    def __call__(self, head: np.ndarray) -> np.ndarray:
        """Return where the pixels of the region come from, (h, w, 2) float32, x and y in it.

        Parameters
        ----------
        head : ndarray (2, 3)
            Movement in level coordinates.
        """
        rows, columns = self.region
        inside = self._pose - [[0, 0, columns.start], [0, 0, rows.start]]
        moved = geometry.about(inside, head)
        back = (geometry.invert(moved) - np.eye(2, 3)).astype(np.float32)
        source = np.empty((*self._share.shape, 2), np.float32)
        for axis, still in enumerate((self._x, self._y)):
            along, across, shift = back[axis]
            source[..., axis] = still + self._share * (along * self._x + across * self._y + shift)
        return source

    def carried(self, image: np.ndarray, head: np.ndarray) -> np.ndarray:
        """Return the picture (H, W, 3) with its head moved."""
        import cv2

        source, moved = self(head), image.copy()
        moved[self.region] = cv2.remap(
            image[self.region], source[..., 0], source[..., 1], cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return moved

    def box(self, area: tuple[slice, slice], head: np.ndarray) -> tuple[slice, slice]:
        """Rows and columns of the region that a part of the picture takes, still or moved."""
        start = np.array([self.region[1].start, self.region[0].start])
        moved = geometry.about(self._pose, head)
        x, y = ((side.start, side.stop) for side in area[::-1])
        corners = np.array([[a, b] for a in x for b in y], np.float64)
        both = np.concatenate([corners, geometry.apply(moved, corners)]) - start
        limit = np.array(self._share.shape[::-1])
        left, top = np.clip(np.floor(both.min(axis=0)), 0, limit).astype(int)
        right, bottom = np.clip(np.ceil(both.max(axis=0)) + 1, 0, limit).astype(int)
        return slice(top, bottom), slice(left, right)
