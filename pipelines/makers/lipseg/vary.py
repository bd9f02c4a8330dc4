"""Variation of the pictures that ``lipseg`` learns from, and the classes of their cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tkit.face import geometry
from tkit.lips import pictures
from tkit.pipelines.makers.lipseg.glasses import glasses
from tkit.zoo.nets.lipseg import DIVISIONS

SIZES = {"mouth": pictures.MOUTH_SIZE, "eye": pictures.EYE_SIZE}
SCALES = {"mouth": pictures.MOUTH_SCALE, "eye": pictures.EYE_SCALE}
_FINER = np.array([4, 8])  # contours are filled at so many times the cells' resolution, x and y


def vary(
    part: str,
    picture: np.ndarray,
    contours: np.ndarray,
    rng: np.random.Generator,
    *,
    plain: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """One training example: a varied picture and its segments.

    Parameters
    ----------
    picture : ndarray (H, W, 3), uint8 RGB
    contours : ndarray (A, P, 2)
        Pixels of the picture.
    plain : float
        Probability that the picture is only moved, and keeps its colours and sharpness.

    Returns
    -------
    picture : ndarray (h, w, 3), float32 RGB from 0 to 1
    segments : ndarray (K, h / 2, w / 2), float32
        Share of each cell that each class covers.
    """
    import cv2

    size = SIZES[part]
    transform = _move(part, picture.shape[1::-1], rng)
    middle = contours.mean(axis=(0, 1))
    if transform[0, 0] < 0:  # mirrored: arcs still run from left to right
        contours = contours[:, ::-1]
    contours = geometry.apply(transform, contours.astype(np.float64))
    seen = cv2.warpAffine(picture, transform, size, borderMode=cv2.BORDER_REPLICATE)
    segments = fill(part, contours)
    seen = seen.astype(np.float32) / 255
    if rng.random() < plain:
        return seen, segments
    if part == "mouth":
        skin, upper, lower, mouth = (cv2.resize(segment, size) for segment in segments[:4])
        seen = _recolour_lips(seen, upper + lower, mouth, rng)
        seen = _beard(seen, skin, rng) if rng.random() < 0.25 else seen
    elif rng.random() < 0.4:
        pixels = np.stack(np.meshgrid(*map(np.arange, size)), axis=-1)
        places = geometry.apply(geometry.invert(transform), pixels.astype(np.float64)) - middle
        seen = glasses(seen, places / SCALES[part], rng)
    return _spoil(_light(seen, rng), rng), segments


def fill(part: str, contours: np.ndarray) -> np.ndarray:
    """Share of each cell that each class of each division covers; (K, h / 2, w / 2) float32.

    ``contours`` (A, P, 2) are in pixels of what the network sees.
    """
    import cv2

    width, height = (side // pictures.CELL for side in SIZES[part])
    cells = geometry.apply(pictures.to_cells(np.eye(2, 3)), contours)
    fine = (cells + 0.5) * _FINER - 0.5
    shape = height * int(_FINER[1]), width * int(_FINER[0])
    shares = []
    for names, classes in zip(DIVISIONS[part], _divide(part, fine, shape), strict=True):
        for label in np.arange(len(names), dtype=np.uint8):
            hit = 255 * (classes == label).view(np.uint8)
            shares.append(cv2.resize(hit, (width, height), interpolation=cv2.INTER_AREA))
    return np.stack(shares).astype(np.float32) / 255


def _divide(part: str, contours: np.ndarray, shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield the classes (H, W) uint8 of each division."""
    if part == "eye":
        yield _below(contours[0], shape) + _below(contours[1], shape)
        return
    upper, over, under, lower = contours
    # Between the corners of lips and mouth the lips touch: both inner lines are one there.
    over, under = (np.concatenate([upper[:1], arc, upper[-1:]]) for arc in (over, under))
    below_upper, below_over, below_under, below_lower = (
        _below(line, shape).astype(bool) for line in (upper, over, under, lower)
    )
    classes = np.zeros(shape, np.uint8)
    classes[below_upper & ~below_lower] = 2
    classes[below_upper & ~below_over] = 1
    classes[below_over & ~below_under] = 3
    yield classes
    corners = np.sort([upper[0, 0], contours[1, 0, 0], contours[1, -1, 0], upper[-1, 0]])
    columns = (np.arange(shape[1])[:, None] > corners).sum(axis=1)
    yield np.ascontiguousarray(np.broadcast_to(columns.astype(np.uint8), shape))
    yield _below((over + under) / 2, shape)


def _below(line: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """What lies below a line (N, 2) that goes on level beyond its ends; (H, W) uint8, 0 or 1."""
    import cv2

    far = 2 * max(shape)
    ends = line[0] - (far, 0), line[-1] + (far, 0)
    polygon = np.array([ends[0], *line, ends[1], ends[1] + (0, far), ends[0] + (0, far)])
    polygon[:, 1] += 0.5  # OpenCV fills the pixels on the outline, too
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon * 16).astype(np.int32)], 1, shift=4)
    return mask


def _move(part: str, source: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A transform (2, 3) from stored to seen picture: shifted, scaled, turned, mirrored."""
    size = np.array(SIZES[part])
    angle, scale = rng.normal(0, 0.12), np.exp(rng.normal(0, 0.12))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]])
    linear = linear @ np.diag(np.exp(rng.normal(0, 0.06, 2)))
    if part == "mouth" and rng.random() < 0.5:
        linear[:, 0] *= -1
    spread = SCALES[part] * (0.05 if part == "mouth" else 0.03)
    middle = (size - 1) / 2 + rng.normal(0, spread, 2)
    shift = middle - linear @ ((np.array(source) - 1) / 2)
    return np.column_stack([linear, shift])


def _recolour_lips(
    picture: np.ndarray,
    lips: np.ndarray,
    mouth: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Lips of another tone or as pale as the skin; teeth where there are none, or none at all."""
    import cv2

    lips = lips[..., None]
    if lips.sum() < 1:
        return picture
    tone = (picture * lips).sum((0, 1)) / lips.sum()
    skin = np.median(picture.reshape(-1, 3), axis=0)
    choice = rng.random()
    if choice < 0.3:
        picture = picture + lips * rng.uniform(0.2, 0.9) * (skin - tone)
    elif choice < 0.7:
        lipstick = tone * np.exp(rng.normal(0, 0.25, 3))
        picture = picture + lips * (lipstick - tone)
    if mouth.max() > 0.9 and rng.random() < 0.4:
        if rng.random() < 0.5:
            bottom = rng.uniform(0.3, 1.0)
            rows = np.flatnonzero(mouth.max(axis=1) > 0.5)
            until = rows[0] + bottom * (rows[-1] + 1 - rows[0])
            share = mouth * (np.arange(len(mouth))[:, None] < until)
            colour = skin + rng.uniform(0.2, 1) * (rng.uniform(0.75, 0.95) - skin)
        else:
            share, colour = mouth, rng.uniform(0.02, 0.2) * np.array([1.3, 0.9, 0.9])
        share = cv2.GaussianBlur(np.ascontiguousarray(share, np.float32), (0, 0), 0.6)[..., None]
        picture = picture + share * rng.uniform(0.5, 0.95) * (colour - picture)
    return picture.astype(np.float32)


def _beard(picture: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dark short strokes on the skin above or below the lips, or both."""
    import cv2

    height, width = skin.shape
    noise = rng.standard_normal((height, width)).astype(np.float32)
    strokes = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.5, sigmaY=rng.uniform(0.6, 1.5))
    density = np.clip(0.5 + strokes / strokes.std() * 0.4, 0, 1)
    rows = np.ones(height, np.float32)
    if rng.random() < 0.6:
        rows[height // 2 :] = rng.random() < 0.5
        rows = rows if rng.random() < 0.5 else rows[::-1]
    area = cv2.GaussianBlur(np.repeat(rows[:, None], width, axis=1), (0, 0), 2)
    share = (skin * area * density * rng.uniform(0.2, 0.8))[..., None]
    colour = rng.uniform(0.05, 0.4) * np.array([1.1, 1.0, 0.85])
    return (picture + share * (colour - picture)).astype(np.float32)


def _light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another skin tone, exposure and direction of light; sometimes no colour."""
    height, width = picture.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    across, down = rng.normal(0, 0.15, 2).astype(np.float32)
    gamma = np.float32(np.exp(rng.normal(0, 0.25)))
    gain = np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.08, 3)).astype(np.float32)
    picture = np.clip(picture, 0, 1) ** gamma * (gain * (1 + across * x + down * y))
    grey = picture @ np.full((3, 1), 1 / 3, np.float32)
    saturation = np.float32(0.0 if rng.random() < 0.1 else np.exp(rng.normal(0, 0.25)))
    return np.clip(grey + saturation * (picture - grey), 0, 1)


def _spoil(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur, coarser resolution, compression and noise, each sometimes."""
    import cv2

    height, width = picture.shape[:2]
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.2:
        step = rng.uniform(1, 2.5)
        small = cv2.resize(
            picture, (int(width / step), int(height / step)), interpolation=cv2.INTER_AREA
        )
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        _, packed = cv2.imencode(".jpg", (picture * 255).astype(np.uint8), quality)
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.float32) / 255
    noise = rng.standard_normal(picture.shape).astype(np.float32)
    return np.clip(picture + np.float32(abs(rng.normal(0, 0.015))) * noise, 0, 1)
