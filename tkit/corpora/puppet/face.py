"""Puppet identities: one photo, reshaped and recoloured into different people with closed lips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tkit.corpora.puppet import bend
from tkit.corpora.puppet.look import Look
from tkit.corpora.puppet.photo import NEUTRAL_MOUTH, NEUTRAL_MOUTH_Y, Photo, photo
from tkit.face import geometry

WIDTH, HEIGHT = 360, 288  # of the frames, as in GRID
FINENESS, MARGIN_PX = 2, 12  # the plate is finer than the frames and reaches beyond them
EYES_AT = 180.0, 133.0  # frame position of the point between the eyes
IOD_PX = 48.0  # inter-ocular distance in the frames; GRID's speakers have 47 to 54


@dataclass(frozen=True)
class Face:
    """A puppet at rest, ready to be animated.

    Parameters
    ----------
    plate : ndarray (H, W, 4), uint8
        The person without background, colours multiplied by the coverage in channel 3. It is
        ``FINENESS`` times finer than the frames and reaches ``MARGIN_PX`` beyond them.
    background : ndarray (HEIGHT, WIDTH, 3), float32
    points : ndarray (68, 2)
        Of the person at rest, in pixels of the frame: lips closed, eyes open.
    light : float
        Brightness of what is drawn into the mouth.
    """

    plate: np.ndarray
    background: np.ndarray
    points: np.ndarray
    light: float

    @cached_property
    def iod_px(self) -> float:
        """Inter-ocular distance in pixels."""
        return float(geometry.inter_ocular(self.points))


def build(look: Look, rng: np.random.Generator) -> Face:
    """Make the face of one look; ``rng`` draws the cloudiness of its background."""
    original = photo(mirrored=look.mirrored)
    to_frame = _to_frame(original)
    source = geometry.apply(to_frame, original.points)
    outline = _away_from(geometry.apply(to_frame, original.outline), source[geometry.JAW])
    target = _to_pixels(reshape_points(_to_units(source), look))
    anchors = _to_pixels(reshape_outline(_to_units(outline), look))
    pixels = plate_pixels()
    where = _mouth_closing_maps(source, target, anchors, outline - anchors, pixels)
    colours = recolour(original, look)
    back = geometry.invert(to_frame)
    layers = [bend.sample(colours, _apply(back, position), cubic=True) for position, _ in where]
    plate = sum(layer * share[..., None] for layer, (_, share) in zip(layers, where, strict=True))
    plate = np.clip(plate, 0, 1)
    plate[..., :3] = _paint_lips(plate[..., :3], target, pixels)
    plate[..., :3] *= _light(look, pixels)[..., None]
    plate[..., :3] = np.clip(plate[..., :3], 0, 1) * plate[..., 3:]
    plate = np.rint(plate * 255).astype(np.uint8)
    luminance = float(np.mean(look.skin[0])) * look.light[0]
    return Face(plate, _background(look, rng), target, 0.45 + 0.55 * luminance)


def plate_pixels() -> np.ndarray:
    """Frame positions (H, W, 2) of the plate's pixels."""
    cells = bend.grid((WIDTH + 2 * MARGIN_PX) * FINENESS, (HEIGHT + 2 * MARGIN_PX) * FINENESS)
    return (cells + 0.5) / FINENESS - 0.5 - MARGIN_PX


def to_plate(where: np.ndarray) -> np.ndarray:
    """Plate pixels of frame positions."""
    return (where + (MARGIN_PX + 0.5)) * FINENESS - 0.5


# ---- shape -----------------------------------------------------------------------------------


def reshape_points(points: np.ndarray, look: Look) -> np.ndarray:
    """Give the photo's points (68, 2) a look and a closed mouth; unit: inter-ocular distances.

    The origin lies between the eyes, which are level.
    """
    new = points.copy()
    mouth = NEUTRAL_MOUTH.copy()
    outer, inner = mouth[:12], mouth[12:]
    line = np.interp(outer[:, 0], inner[:5, 0], inner[:5, 1])
    outer[:, 1] += look.lips * (outer[:, 1] - line)
    mouth[:, 0] *= 1 + look.mouth_width
    centre = np.array([points[33, 0] * 0.6, NEUTRAL_MOUTH_Y + look.mouth_height])
    new[geometry.MOUTH] = mouth + centre

    for eye, side in ((geometry.RIGHT_EYE, -1), (geometry.LEFT_EYE, 1)):
        centre = points[eye].mean(axis=0)
        new[eye] = centre + (points[eye] - centre) * (1 + look.eye_size)
        new[eye, 0] += side * look.eye_distance / 2
    for brow, side in ((slice(17, 22), -1), (slice(22, 27), 1)):
        new[brow, 0] += side * look.eye_distance / 2
        new[brow, 1] -= look.brow_height
        new[brow, 1] += look.brow_tilt * (np.abs(points[brow, 0]) - 0.5)
    new[28:36, 1] *= 1 + look.nose_length * np.clip(points[28:36, 1] / 0.6, 0, 1)
    new[31:36, 0] = new[33, 0] + (points[31:36, 0] - points[33, 0]) * (1 + look.nose_width)
    new[geometry.MOUTH, 1] += 0.5 * look.nose_length * points[33, 1]

    jaw = points[geometry.JAW]
    low = geometry.smooth_step((jaw[:, 1] - 0.3) / 1.0)
    new[geometry.JAW, 0] *= 1 + look.jaw * low
    new[geometry.JAW, 1] += look.chin * geometry.smooth_step((jaw[:, 1] - 0.7) / 1.0)
    return _resize(new, look)


def reshape_outline(outline: np.ndarray, look: Look) -> np.ndarray:
    """Give the outline of hair, ears and clothes (N, 2) a look; the clothes stay as they are."""
    hair_centre = np.array([0.0, -0.4])
    hair = np.clip((0.45 - outline[:, 1]) / 0.3, 0, 1)[:, None]
    new = outline + look.hair * hair * (outline - hair_centre)
    head = np.clip((1.25 - outline[:, 1]) / 0.6, 0, 1)[:, None]
    return outline + head * (_resize(new, look) - outline)


def _resize(points: np.ndarray, look: Look) -> np.ndarray:
    return points * (1 + look.width, 1 + look.length)


def _to_frame(original: Photo) -> np.ndarray:
    eyes = [original.points[eye].mean(axis=0) for eye in (geometry.RIGHT_EYE, geometry.LEFT_EYE)]
    x, y = EYES_AT
    target = np.array([(x - IOD_PX / 2, y), (x + IOD_PX / 2, y)])
    return geometry.similarity(np.stack(eyes), target)


def _away_from(outline: np.ndarray, jaw: np.ndarray) -> np.ndarray:
    """Leave out the outline of the cheeks: the jaw's points already carry it."""
    gaps = np.linalg.norm(outline[:, None] - jaw[None], axis=-1)
    return outline[gaps.min(axis=1) > 0.3 * IOD_PX]


def _to_units(points: np.ndarray) -> np.ndarray:
    return (points - EYES_AT) / IOD_PX


def _to_pixels(points: np.ndarray) -> np.ndarray:
    return points * IOD_PX + EYES_AT


def _mouth_closing_maps(
    source: np.ndarray,
    target: np.ndarray,
    anchors: np.ndarray,
    anchor_shifts: np.ndarray,
    pixels: np.ndarray,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Where the plate takes its colours from, for both sides of the lips, and each side's share."""
    skin = bend.skin_field(
        source,
        target,
        (bend.MOUTH,),
        anchors=anchors,
        anchor_shifts=anchor_shifts,
        reach_px=1.6 * IOD_PX,
    )
    height, width = pixels.shape[:2]
    step = 8
    coarse = (bend.grid(width, height, step) + 0.5) / FINENESS - 0.5 - MARGIN_PX
    shift = skin(coarse)
    contour = target[list(bend.MOUTH.upper)]
    maps = []
    for upper in (True, False):
        side = bend.side_field(bend.MOUTH, source, target, skin, upper=upper, iod_px=IOD_PX)
        moved = pixels + bend.refine(shift + side(coarse), width, height, step)
        maps.append((moved, bend.coverage(contour, pixels, above=upper)))
    return maps


def _apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ transform[:, :2].T.astype(np.float32) + transform[:, 2].astype(np.float32)


# ---- colour ----------------------------------------------------------------------------------


def recolour(original: Photo, look: Look) -> np.ndarray:
    """Return the photo in the colours of a look: (H, W, 4) float32 in [0, 1], coverage last."""
    picture = original.picture.astype(np.float32) / 255
    person, skin, hair, eyes = np.moveaxis(original.masks, -1, 0)[..., None]
    luminance = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    luminance = luminance[..., None]

    gains, gamma = look.skin
    tinted = picture**gamma * np.array(gains, np.float32)
    tinted = picture + (tinted - picture) * (1 - 0.5 * eyes)

    dark, light = (np.array(colour, np.float32) / 255 for colour in look.hair_colours)
    coloured = dark + (light - dark) * np.clip(luminance * 1.25, 0, 1)

    clothes = _turn_hue(picture, luminance, *look.clothes)
    mixed = skin * tinted + hair * coloured + np.clip(1 - skin - hair, 0, 1) * clothes
    return np.concatenate([np.clip(mixed, 0, 1), person], axis=-1)


def _turn_hue(
    picture: np.ndarray, luminance: np.ndarray, degrees: float, saturation: float
) -> np.ndarray:
    """Turn the colours around the grey axis and scale their distance from it."""
    angle = np.deg2rad(degrees)
    chroma = picture - luminance
    axis = np.full(3, 1 / np.sqrt(3), np.float32)
    turned = chroma * np.cos(angle) + np.cross(axis, chroma) * np.sin(angle)
    return luminance + saturation * turned.astype(np.float32)


def _light(look: Look, pixels: np.ndarray) -> np.ndarray:
    gain, across, down = look.light
    x, y = pixels[..., 0] / WIDTH - 0.5, pixels[..., 1] / HEIGHT - 0.5
    return (gain * (1 + across * x + down * y)).astype(np.float32)


def _paint_lips(colours: np.ndarray, points: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Even out the gloss of the photo's lips, redden them and darken the line where they meet."""
    import cv2

    corner = pixels[0, 0]
    mask = np.zeros(pixels.shape[:2], np.uint8)
    outer = (points[geometry.OUTER_LIPS] - corner) * FINENESS
    cv2.fillPoly(mask, [np.rint(outer * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    lips = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.1 * FINENESS)
    inside = mask > 127
    usual = np.median(colours[inside], axis=0)
    even = usual + 0.45 * (colours - usual)
    red = even * np.array((0.98, 0.82, 0.84), np.float32)
    painted = colours + lips[..., None] * (red - colours)

    contour = points[list(bend.MOUTH.upper)]
    x, y = pixels[..., 0], pixels[..., 1]
    beyond = np.maximum(contour[0, 0] - x, 0) + np.maximum(x - contour[-1, 0], 0)
    distance = y - bend.contour_y(contour, x)
    line = np.exp(-((distance / 0.9) ** 2) - (beyond / 1.5) ** 2)
    return painted * (1 - 0.42 * line[..., None]).astype(np.float32)


def _background(look: Look, rng: np.random.Generator) -> np.ndarray:
    import cv2

    clouds = cv2.GaussianBlur(
        rng.standard_normal((HEIGHT // 4, WIDTH // 4)).astype(np.float32), (0, 0), 9
    )
    clouds = cv2.resize(clouds / clouds.std(), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    light = _light(look, bend.grid(WIDTH, HEIGHT)) + 0.03 * clouds
    return (light[..., None] * np.array(look.background, np.float32)).clip(0, 255)
