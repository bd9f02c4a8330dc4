"""Mouths that are open in the picture: lips go where they are asked to, over teeth that rest.

A network that carries a picture stretches what it sees between the lips like rubber, and such lips
never meet. Here the lips are carried to their landmarks exactly, and what the picture shows behind
them stays where it is in the head, as upper teeth do; where a mouth opens further than in the
picture it is dark below.
"""

from __future__ import annotations

import numpy as np

from tkit.face import geometry
from tkit.metrics.pictures import to_gray

SHOWN = 0.1  # inter-ocular distances between the lips from which on a picture shows teeth
# In inter-ocular distances:
EDGE = 0.025  # of soft edges
DARK = 0.12  # below what the picture shows until it is dark
NIGHT = 0.5  # brightness of the dark
MET = 0.04  # between lips that meet, in a line as dark as the corners of the mouth
BELOW = 0.4  # the jaw, where it gives way to the neck
ASIDE = 0.35  # in widths of the mouth: beside its corners, where it gives way to the cheeks

OUTER_UPPER, OUTER_LOWER = [48, 49, 50, 51, 52, 53, 54], [48, 59, 58, 57, 56, 55, 54]
INNER_UPPER, INNER_LOWER = [48, 60, 61, 62, 63, 64, 54], [48, 60, 67, 66, 65, 64, 54]
JAW = list(range(3, 14))


def shows(crop: np.ndarray, points: np.ndarray) -> bool:
    """Whether a crop (H, W, 3) shows teeth: lips are open, and it is lighter between than on them.

    Of a mouth that is dark inside a network makes more than its picture holds.
    """
    import cv2

    if not geometry.mouth_opening(points) > SHOWN * geometry.inter_ocular(points):
        return False
    inside, lips = (
        cv2.fillPoly(
            np.zeros(crop.shape[:2], np.uint8), [np.rint(points[part]).astype(np.int32)], 1
        )
        for part in (geometry.INNER_LIPS, geometry.OUTER_LIPS)
    )
    light = to_gray(crop[None])[0]
    return bool(np.median(light[inside > 0]) > np.median(light[lips > inside]))


def carried(flow: np.ndarray, points: np.ndarray, still: np.ndarray) -> np.ndarray:
    """Carry lips to their landmarks, column by column: flow (H, W, 2) of one face, pixels.

    Between nose, both lips, their inner edges and the jaw everything is stretched evenly, so that
    nothing folds; beside the mouth it goes over into ``flow``.

    Parameters
    ----------
    flow : ndarray (H, W, 2)
        From places in the frame to those in the picture.
    points, still : ndarray (68, 2)
        Landmarks of the frame and of the picture.
    """
    height, width = flow.shape[:2]
    x = np.arange(width)
    corners, at_rest = points[[*geometry.LIP_CORNERS], 0], still[[*geometry.LIP_CORNERS], 0]
    from_x = at_rest[0] + (x - corners[0]) * np.ptp(at_rest) / np.ptp(corners)
    parts = OUTER_UPPER, INNER_UPPER, INNER_LOWER, OUTER_LOWER, JAW
    nose = [np.full(width, face[33, 1] + 1) for face in (points, still)]
    to = np.maximum.accumulate([nose[0], *(_along(points, part, x) for part in parts)])
    back = np.maximum.accumulate([nose[1], *(_along(still, part, from_x) for part in parts)])
    y = np.arange(height)
    exact = np.empty_like(flow)
    for column in range(width):
        knots = to[:, column] + 1e-3 * np.arange(len(to))  # lips may have met
        within = np.clip(y, knots[0], knots[-1])
        exact[:, column, 1] = np.interp(within, knots, back[:, column]) - within
    exact[..., 0] = from_x - x
    aside = ASIDE * np.ptp(corners)
    share = geometry.smooth_step(1 - np.maximum(corners[0] - x, x - corners[1]) / aside)
    below = 1 + (to[-1] - y[:, None]) / (BELOW * geometry.inter_ocular(still))
    rows = np.clip(np.minimum((y[:, None] - to[0] + 2) / 4, below), 0, 1)
    share = (rows * share)[..., None]
    found: np.ndarray = flow + share * (exact - flow)
    return found


class Teeth:
    """Puts what a picture shows behind the lips back where it was.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8
    points : ndarray (68, 2)
        Landmarks of the picture, in pixels of the crop.
    transform : ndarray (2, 3)
        Pixels of the picture to pixels of the crop.
    """

    def __init__(self, image: np.ndarray, points: np.ndarray, transform: np.ndarray) -> None:
        self._image, self._points, self._transform = image, points, transform
        self._unit = float(geometry.inter_ocular(points))
        corners = geometry.apply(geometry.invert(transform), points[[60, 64]])
        limit = np.array(image.shape[1::-1]) - 1
        columns, rows = np.clip(np.rint(corners).astype(int), 0, limit).T
        self._dark = image[rows, columns].mean(axis=0, dtype=np.float32)

    def __call__(self, frame: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Show them in a frame (H, W, 3) between the lips of its points (68, 2); in place."""
        import cv2

        rigid = geometry.RIGID_INDEX
        head = geometry.similarity(points[rigid], self._points[rigid])
        back = geometry.compose(head, self._transform)  # the frame's pixels to the crop, at rest
        lips = geometry.apply(head, points)
        box, x, y = _around(frame, geometry.invert(back), lips[geometry.INNER_LIPS])
        (upper, lower), (first, last) = _curves(lips, x), _curves(self._points, x)
        soft = EDGE * self._unit
        # The picture's own lips are not shown twice.
        source = np.clip(y, first + soft, np.maximum(last - soft, first + soft))
        beyond = np.clip((y - source) / (DARK * self._unit), 0, 1)
        where = geometry.apply(geometry.invert(self._transform), np.stack([x, source], axis=-1))
        where = where.astype(np.float32)
        shown = cv2.remap(
            self._image, where[..., 0], where[..., 1], cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32) * (1 - (1 - NIGHT) * beyond)[..., None]  # fmt: skip
        part = frame[box].astype(np.float32)
        met = np.clip(1.5 - (lower - upper) / (MET * self._unit), 0, 1)
        met *= (x > lips[60, 0]) & (x < lips[64, 0])
        line = met * np.exp(-(((y - (upper + lower) / 2) / soft) ** 2))
        part += line[..., None] * (np.minimum(self._dark, part) - part)
        inside = (1 - met) * np.clip(np.minimum(y - upper, lower - y) / soft, 0, 1)
        part += inside[..., None] * (shown - part)
        frame[box] = np.rint(np.clip(part, 0, 255))
        return frame


def _around(
    frame: np.ndarray, back: np.ndarray, lips: np.ndarray
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The part of a frame round the inner lips: as slices, and x and y of its pixels in the crop.

    ``back`` (2, 3) maps the crop's pixels to the frame's.
    """
    corners, limit = geometry.apply(back, lips), np.array(frame.shape[1::-1])
    margin = 2 + 2 * EDGE * np.ptp(corners[:, 0])
    left, top = np.clip(np.floor(corners.min(axis=0) - margin), 0, limit - 1).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0) + margin) + 1, 1, limit).astype(int)
    columns, rows = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    x, y = geometry.apply(geometry.invert(back), np.stack([columns, rows], axis=-1)).transpose(
        2, 0, 1
    )
    return (slice(top, bottom), slice(left, right)), x, y


def _curves(points: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """Y of upper and lower edge of the inner mouth at x."""
    return [_along(points, part, x) for part in (INNER_UPPER[1:-1], INNER_LOWER[1:-1])]


def _along(points: np.ndarray, part: list[int], x: np.ndarray) -> np.ndarray:
    """Y of a row of points at x."""
    return np.interp(x, np.maximum.accumulate(points[part, 0]), points[part, 1])
