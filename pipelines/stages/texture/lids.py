"""Lids that shut by geometry: the skin above an eye is drawn over it, out of the picture itself.

Few people of a small corpus blink, so what a network learned of shut lids is a smear on the faces
of others. Here the eyeball stays where it is, and the skin between brow and lid is stretched over
it; the lower lid rises a little, and lashes lie where they meet. Where lids rest the picture stays
as it is, to the byte, glasses included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tkit.face import geometry

# Of the open eye: eyes wider than this rest, those narrower than the other are shut. Points of lids
# that meet do not, quite: of real blinks they are tracked at .05 to .4 of the open eye.
OPEN, SHUT = 0.92, 0.45
ASLEEP = 0.05  # eye aspect ratio below which eyes are shut in the picture
RISE = 0.07  # share of the way between the lids that the lower one makes
# In widths of an eye:
WIDER = 1.25  # where it ends, which is beyond the points of its corners
EDGE = 0.03  # of soft edges and lashes
HIDDEN = 0.1  # of the open lid's edge, with its lashes, which is not stretched
SMOOTH = 0.15  # deviation of the Gaussian by which stretched skin is smoothed
ABOVE = 0.3, 0.6  # of the skin that is stretched, least and most
BELOW = 0.3
AROUND = 1.2  # from the middle of an eye, what is looked at
LASHES, THICK = 1.0, 0.1  # how far lids that meet take on the colour of lashes, and how high
SHADE, LIT = 0.4, 0.7  # quantiles of light round an eye: up to which, and from which, skin is bare
FINE = 0.03  # deviation of the Gaussian by which light is smoothed before it is compared
CALM = 0.25  # inter-ocular distances below the eyes in which pictures fade into what is rendered


def calm_mask(points: np.ndarray, size: int) -> np.ndarray:
    """Where a face only goes along with the head, (size, size) float32: 1 above the cheeks.

    Parameters
    ----------
    points : ndarray (68, 2)
        Pixels of the crop.
    """
    unit = float(geometry.inter_ocular(points))
    below = points[geometry.EYES, 1].max() + 0.5 * CALM * unit
    smooth = geometry.smooth_step((below + CALM * unit - np.arange(size)) / (CALM * unit))
    return np.repeat(smooth[:, None], size, axis=1).astype(np.float32)


def closing(points: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """How far the eyes of faces (..., 68, 2) are shut, beside the same at rest: (..., 2).

    0 at rest, 1 shut; 0 for eyes that are shut at rest.
    """
    ears, opened = geometry.eye_aspect_ratio(points), geometry.eye_aspect_ratio(rest)
    ratio = np.where(opened > ASLEEP, ears / np.maximum(opened, ASLEEP), 1)
    share: np.ndarray = np.clip((OPEN - ratio) / (OPEN - SHUT), 0, 1)
    return share


class Lids:
    """Shuts the eyes of frames of one picture.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8
    points : ndarray (68, 2)
        Landmarks of the picture, in pixels of the crop.
    transform : ndarray (2, 3)
        Pixels of the picture to pixels of the crop.
    """

    def __init__(self, image: np.ndarray, points: np.ndarray, transform: np.ndarray) -> None:
        self._points, self._transform = points, transform
        parts = (geometry.RIGHT_EYE, slice(17, 22)), (geometry.LEFT_EYE, slice(22, 27))
        self._eyes = [_Eye.of(image, transform, points[eye], points[brow]) for eye, brow in parts]

    def __call__(self, frame: np.ndarray, points: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Shut the eyes of a frame (H, W, 3) as far as those of its points are; in place.

        Parameters
        ----------
        points : ndarray (68, 2)
            Pixels of the crop.
        rest : ndarray (68, 2)
            The same with eyes as they are in the picture, wherever the head has gone.
        """
        shares = closing(points, rest)
        if shares.any():
            rigid = geometry.RIGID_INDEX
            head = geometry.similarity(rest[rigid], self._points[rigid])
            back = geometry.compose(head, self._transform)
            for eye, share in zip(self._eyes, shares, strict=True):
                if share:
                    eye.shut(frame, float(share), geometry.compose(eye.local, back))
        return frame


@dataclass(frozen=True)
class _Eye:
    """An eye in widths of its own: origin between its corners, x from one to the other.

    Parameters
    ----------
    local : ndarray (2, 3)
        Pixels of the crop to widths of the eye.
    upper, lower : ndarray (4,)
        Cubics through the lids' points: y at x, from the highest power on.
    above : float
        Height of the skin that is stretched.
    sharp, smooth : ndarray (h, w, 3) float32
        The picture around the eye, and its skin without what is between the lids.
    place : ndarray (2, 3)
        Widths of the eye to pixels of these.
    lashes : ndarray (3,)
        Their colour.
    """

    local: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    above: float
    sharp: np.ndarray
    smooth: np.ndarray
    place: np.ndarray
    lashes: np.ndarray

    @classmethod
    def of(
        cls, image: np.ndarray, transform: np.ndarray, eye: np.ndarray, brow: np.ndarray
    ) -> _Eye:
        """Measure an eye, points (6, 2), below its brow, (5, 2), in pixels of the crop."""
        corners = eye[[0, 3]]
        along = corners[1] - corners[0]
        width = float(np.hypot(*along))
        cos, sin = along / width
        linear = np.array([[cos, sin], [-sin, cos]]) / width
        local = np.column_stack([linear, -linear @ corners.mean(axis=0)])
        points, over = geometry.apply(local, eye), geometry.apply(local, brow)
        rows = points[[0, 1, 2, 3]], points[[0, 5, 4, 3]]
        upper, lower = (np.polyfit(row[:, 0], row[:, 1], 3) for row in rows)
        free = float(np.polyval(upper, 0) - over[:, 1].max())
        back = geometry.invert(geometry.compose(local, transform))
        box, x, y = _around(image, back, AROUND, np.array([-AROUND, AROUND]))
        place = back - [[0, 0, box[1].start], [0, 0, box[0].start]]
        x, y = geometry.apply(geometry.invert(back), np.stack([x, y], axis=-1)).transpose(2, 0, 1)
        sharp = image[box].astype(np.float32)
        over_eye, under_eye = _curves(upper, lower, x)
        skin = (y < over_eye - HIDDEN) | (y > under_eye + HIDDEN)
        near = skin & (abs(x) < 0.5 * WIDER) & (y > over_eye - ABOVE[1]) & (y < under_eye + BELOW)
        unit = float(np.hypot(*place[:, 0]))
        edge = (abs(x) < 0.4) & (abs(y - over_eye + 0.5 * EDGE) < EDGE)
        dark = sharp[edge if edge.any() else np.ones_like(edge)]
        light = dark.sum(axis=-1)
        return cls(
            local, upper, lower, float(np.clip(0.7 * free, *ABOVE)), sharp,
            _blurred(sharp, skin * _bare(sharp, near, FINE * unit), SMOOTH * unit), place,
            dark[light <= np.quantile(light, 0.3)].mean(axis=0),
        )  # fmt: skip

    def shut(self, frame: np.ndarray, share: float, moving: np.ndarray) -> None:
        """Shut it in a frame; ``moving`` (2, 3) maps the frame's pixels to widths of the eye."""
        box, x, y = _around(
            frame, geometry.invert(moving), 0.5 * WIDER + 2 * EDGE, np.array([-1, 0.8])
        )
        x, y = geometry.apply(moving, np.stack([x, y], axis=-1)).transpose(2, 0, 1)
        upper, lower = _curves(self.upper, self.lower, x)
        high = upper + share * (1 - RISE) * (lower - upper)  # where the edges of the lids are now
        low = lower - share * RISE * (lower - upper)
        hidden = share * np.minimum(lower - upper, HIDDEN)
        # Skin from `above` on is stretched to the edge.
        top, reach = upper - self.above, self.above - hidden
        stretch = reach / (reach + high - upper + hidden)
        lid = top + np.maximum(y - top, 0) * stretch + np.minimum(y - top, 0)
        rise = (lower - low + hidden) * (1 - np.clip((y - low) / BELOW, 0, 1)) ** 2
        source = np.where(y < high, lid, y + rise)
        skin = self._skin(x, source, np.clip(2 * abs(y - source) / HIDDEN, 0, 1))
        shown = np.clip(np.maximum(high - y, y - low) / EDGE + 0.5, 0, 1)
        line = np.exp(-(((y - high) / THICK) ** 2))
        line *= LASHES * share * np.sqrt(np.clip(1 - (2 * x / WIDER) ** 2, 0, 1))
        part = frame[box].astype(np.float32)
        part += shown[..., None] * (skin - part)
        part += line[..., None] * (np.minimum(self.lashes, part) - part)
        frame[box] = np.rint(np.clip(part, 0, 255))

    def _skin(self, x: np.ndarray, y: np.ndarray, smooth: np.ndarray) -> np.ndarray:
        """Read the picture, with such a share of the smooth one; (h, w, 3) float32."""
        import cv2

        where = geometry.apply(self.place, np.stack([x, y], axis=-1)).astype(np.float32)
        columns, rows = where[..., 0], where[..., 1]
        sharp, soft = (
            cv2.remap(image, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            for image in (self.sharp, self.smooth)
        )
        found: np.ndarray = sharp + smooth[..., None].astype(np.float32) * (soft - sharp)
        return found


def _curves(upper: np.ndarray, lower: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Y of upper and lower lid at x; beyond the ends of the eye they are one line."""
    inside = np.clip(x / WIDER, -0.5, 0.5)
    below = np.polyval(lower, inside)
    return np.minimum(np.polyval(upper, inside), below), below


def _around(
    frame: np.ndarray, back: np.ndarray, reach: float, height: np.ndarray
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The part of a frame round an eye: as slices, and x and y of its pixels."""
    corners = geometry.apply(back, np.array([[x, y] for x in (-reach, reach) for y in height]))
    limit = np.array(frame.shape[1::-1])
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, limit - 1).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 1, limit).astype(int)
    columns, rows = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    return (slice(top, bottom), slice(left, right)), columns, rows


def _bare(image: np.ndarray, near: np.ndarray, sigma_px: float) -> np.ndarray:
    """How bare the skin of a picture (h, w, 3) is, .02 to 1, by its light beside that ``near``.

    A shut lid bulges and is lit; brows, lashes and the shadow of its crease, which surround the
    open eye, would make it grey.
    """
    import cv2

    light = cv2.GaussianBlur(image.sum(axis=-1), (0, 0), max(sigma_px, 0.3))
    if not near.any():
        return np.ones_like(light)
    shade, lit = np.quantile(light[near], [SHADE, LIT])
    bare: np.ndarray = np.clip((light - shade) / max(lit - shade, 1.0), 0.02, 1).astype(np.float32)
    return bare


def _blurred(image: np.ndarray, shown: np.ndarray, sigma_px: float) -> np.ndarray:
    """Blur a picture by what is ``shown`` of it (1, else 0)."""
    import cv2

    layers = np.concatenate([image * shown[..., None], shown[..., None]], axis=-1)
    layers = cv2.GaussianBlur(layers, (0, 0), max(sigma_px, 0.3))
    found: np.ndarray = layers[..., :3] / np.maximum(layers[..., 3:], 1e-3)
    return found
