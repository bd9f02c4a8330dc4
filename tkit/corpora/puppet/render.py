"""Draw puppet frames: the person's plate, warped so that all 68 points are where they should be.

A picture is made of layers, each the same plate under another warp: the skin that moves as one, and
for mouth and eyes what lies above and below the slit. In the open mouth teeth and tongue are drawn;
in the open eye lies the eye, which does not move with the lids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tkit.corpora.puppet import bend
from tkit.corpora.puppet.face import HEIGHT, WIDTH, Face, to_plate
from tkit.corpora.puppet.motion import Motion, jaw_drop, resting_points
from tkit.face import geometry

_STEP = 8  # pixels of the coarse grid
SLITS = (bend.MOUTH, bend.RIGHT_EYE, bend.LEFT_EYE)
_SKIN_REACH_IOD = 1.2
NOISE = 2.0  # grey levels, standard deviation of the sensor noise
_TORSO = 0.35  # how much of the head's motion the shoulders follow

_CAVITY = np.array((44, 14, 16), np.float32)
_TEETH = np.array((240, 220, 188), np.float32)
_TONGUE = np.array((158, 74, 76), np.float32)
_LASHES = np.array((46, 32, 26), np.float32)


_NO_ANCHORS = np.zeros((0, 2))


@dataclass(frozen=True)
class Inside:
    """What decides how the inside of the mouth looks: jaw drop (inter-ocular distances), shapes."""

    jaw: float
    tongue: float
    round: float


def points_of(face: Face, motion: Motion) -> np.ndarray:
    """Exact iBUG-68 points (T, 68, 2) of the frames that :func:`render` draws."""
    return geometry.apply(motion.head, resting_points(face.points, motion))


def render(face: Face, motion: Motion, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the frames (HEIGHT, WIDTH, 3) uint8 RGB of one performance."""
    points = resting_points(face.points, motion)
    jaw = jaw_drop(face.points, motion) / face.iod_px
    chin_y = float(points[:, geometry.JAW, 1].max()) + 6
    for index, shape in enumerate(points):
        backwards = geometry.invert(motion.head[index])
        inside = Inside(jaw[index], motion.mouth["tongue"][index], motion.mouth["round"][index])
        picture = draw_frame(face, shape, backwards, chin_y, inside)
        picture += NOISE * rng.standard_normal((HEIGHT, WIDTH, 1), np.float32)
        yield np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def draw_frame(
    face: Face, points: np.ndarray, backwards: np.ndarray, chin_y: float, mouth: Inside
) -> np.ndarray:
    """Draw one frame.

    Parameters
    ----------
    points : ndarray (68, 2)
        Where the face's points are, before the head moves, in pixels.
    backwards : ndarray (2, 3)
        The head's movement undone: pixels of the frame to those before it moved.
    chin_y : float
        Down to where the head moves as one, in pixels.
    mouth : Inside
        What is seen between the lips.

    Returns
    -------
    ndarray (H, W, 3) uint8 RGB
    """
    skin = bend.skin_field(
        face.points, points, SLITS, anchors=_NO_ANCHORS, reach_px=_SKIN_REACH_IOD * face.iod_px
    )
    coarse = bend.grid(WIDTH, HEIGHT, _STEP)
    back = _follow_head(coarse, backwards, chin_y)
    still = bend.grid(WIDTH, HEIGHT) + bend.refine(back - coarse, WIDTH, HEIGHT, _STEP)
    where = still + bend.refine(skin(back), WIDTH, HEIGHT, _STEP)
    layer = bend.sample(face.plate, to_plate(where)).astype(np.float32)
    for slit in SLITS:
        window = _window(slit, points, backwards, face.iod_px)
        place = still[window]
        if slit is bend.MOUTH:
            content = _mouth_content(face, points, place, mouth)
        else:
            content = _eye_content(face, slit, points, layer[window][..., :3], place)
        layer[window] = _part(face, slit, points, skin, place, where[window], content)
    cover = layer[..., 3:] / 255
    return layer[..., :3] + face.background * (1 - cover)


def _follow_head(positions: np.ndarray, backwards: np.ndarray, chin_y: float) -> np.ndarray:
    """Undo the head's motion: all of it down to the chin, a part of it at the shoulders."""
    still = positions @ backwards[:, :2].T + backwards[:, 2]
    x = np.clip((positions[..., 1:] - chin_y - 6) / 60, 0, 1)
    share = 1 - (1 - _TORSO) * x * x * (3 - 2 * x)
    return (positions + share * (still - positions)).astype(np.float32)


def _window(
    slit: bend.Slit, points: np.ndarray, backwards: np.ndarray, iod_px: float
) -> tuple[slice, slice]:
    """Rows and columns of the frame that a slit's sides can touch."""
    own = points[list({*slit.upper, *slit.lower, *slit.upper_side, *slit.lower_side})]
    own = geometry.apply(geometry.invert(backwards), own)
    reach_px = slit.reach_iod * iod_px
    low = np.floor(own.min(axis=0) - reach_px).astype(int)
    high = np.ceil(own.max(axis=0) + reach_px).astype(int) + 1
    (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, (WIDTH, HEIGHT))
    return slice(y0, y1), slice(x0, x1)


def _part(
    face: Face,
    slit: bend.Slit,
    points: np.ndarray,
    skin: bend.Field,
    place: np.ndarray,
    where: np.ndarray,
    content: np.ndarray,
) -> np.ndarray:
    """Skin above a slit, ``content`` (H, W, 3) in it, skin below: (H, W, 4) like the plate.

    ``place`` are the rest positions (H, W, 2) of the window's pixels, ``where`` the positions that
    the skin field alone takes them to.
    """
    height, width = place.shape[:2]
    step = 3
    # Rest positions are an affine function of the pixel: the head's motion undone.
    across = (place[0, -1] - place[0, 0]) / (width - 1)
    down = (place[-1, 0] - place[0, 0]) / (height - 1)
    coarse = place[0, 0] + bend.grid(width, height, step) @ np.stack([across, down])
    part = np.zeros((height, width, 4), np.float32)
    between = np.ones((height, width), np.float32)
    for upper in (True, False):
        side = bend.side_field(slit, face.points, points, skin, upper=upper, iod_px=face.iod_px)
        moved = where + bend.refine(side(coarse), width, height, step)
        contour = points[list(slit.upper if upper else slit.lower)]
        share = np.minimum(bend.coverage(contour, place, above=upper), between)
        part += share[..., None] * bend.sample(face.plate, to_plate(moved))
        between -= share
    part[..., :3] += between[..., None] * content
    part[..., 3] += between * 255
    return part


def _mouth_content(face: Face, points: np.ndarray, place: np.ndarray, mouth: Inside) -> np.ndarray:
    """Draw the inside of the mouth: dark, teeth that hold to skull and jaw, a tongue."""
    unit = face.iod_px
    rest = face.points[[60, 64]]
    half = (rest[1, 0] - rest[0, 0]) / 2
    x = (place[..., 0] - rest[:, 0].mean()) / half
    y = (place[..., 1] - rest[:, 1].mean()) / unit
    lower_lip = (points[66, 1] - rest[:, 1].mean()) / unit
    soft = 0.8 / unit
    bulge = np.clip(1 - (x / 0.95) ** 2, 0, 1)  # of the rows of teeth: nearest in the middle

    colour = _CAVITY * (1 - 0.45 * bulge)[..., None]
    top = lower_lip - 0.075 - 0.08 * mouth.tongue + 0.10 * x**2
    colour = _over(colour, (0.72 + 0.2 * mouth.tongue) * _TONGUE, _edge(y - top, 2.5 * soft))
    gaps = 1 - 0.16 * np.exp(-(((((x * half / unit) / 0.075) % 1 - 0.5) / 0.11) ** 2))
    teeth = _TEETH * ((0.5 + 0.5 * bulge) * gaps)[..., None]
    lower_edge = mouth.jaw + 0.052 - 0.02 * x**2
    colour = _over(colour, 0.8 * teeth, _edge(y - lower_edge, soft))
    upper_edge = 0.036 - 0.05 * x**2 - 0.025 * mouth.round
    colour = _over(colour, teeth, _edge(upper_edge - y, soft))
    upper_lip = bend.contour_y(points[list(bend.MOUTH.upper)], place[..., 0])
    shadow = 1 - 0.42 * np.exp(-np.maximum(place[..., 1] - upper_lip, 0) / (0.03 * unit))
    shadow *= np.clip((1.02 - np.abs(x)) / 0.35, 0.25, 1) * (1 - 0.35 * mouth.round)
    return (colour * (face.light * shadow)[..., None]).astype(np.float32)


def _eye_content(
    face: Face, slit: bend.Slit, points: np.ndarray, eye: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """The eye as it is, in the shadow of its lid; lashes meet in front of it when it shuts."""
    upper = bend.contour_y(points[list(slit.upper)], place[..., 0])
    gap = points[list(slit.lower_side), 1].mean() - points[list(slit.upper_side), 1].mean()
    rest = face.points
    gap_at_rest = rest[list(slit.lower_side), 1].mean() - rest[list(slit.upper_side), 1].mean()
    shut = float(np.clip(1.15 - 1.15 * gap / gap_at_rest, 0, 1))
    shadow = 0.5 * shut * np.exp(-np.maximum(place[..., 1] - upper, 0) / 1.5)
    lashes = shut**3
    return eye * (1 - shadow[..., None]) * (1 - lashes) + face.light * _LASHES * lashes


def _edge(distance: np.ndarray, soft: float) -> np.ndarray:
    return np.clip(distance / (2 * soft) + 0.5, 0, 1)


def _over(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    return below + (above - below) * share[..., None]
