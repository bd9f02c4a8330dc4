"""Glasses drawn over pictures of eyes, to train ``lipseg`` on: the people it learns from wear none.

Lengths are in inter-ocular distances, places are from the middle of the eye.
"""

from __future__ import annotations

import numpy as np

# Least and most of what is drawn:
ASIDE, DOWN = (-0.06, 0.06), (-0.05, 0.12)  # middle of a lens
WIDTH, HEIGHT = (0.30, 0.50), (0.18, 0.42)  # half of a lens
ROUND = 2.0, 6.0  # exponent of the superellipse: an ellipse, nearly a rectangle
TAPER, TILT = (-0.1, 0.2), (-0.1, 0.1)
RIM = 0.005, 0.06  # half the width of a rim, thin ones as often as thick ones
RIMLESS, HALF = 0.1, 0.25  # shares of the glasses without rims, and without lower ones


def glasses(picture: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a lens, its rim, and the bridge and bow beside it.

    Parameters
    ----------
    picture : ndarray (h, w, 3), float32 RGB from 0 to 1
    places : ndarray (h, w, 2)
        Of the pixels, in inter-ocular distances from the middle of the eye.
    """
    pixel = float(np.linalg.norm(places[0, 1] - places[0, 0]))
    away, high = _lens(places, rng)
    picture = _glass(picture, np.clip(0.5 - away, 0, 1), places, rng)
    rim = _rim(away, high, places, pixel, rng)
    return _paint(picture, rim, places, pixel, rng).astype(np.float32)


def _lens(places: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """How many pixels lie outside of a lens, and how high in it: -1 at its top, 1 at the bottom."""
    middle = rng.uniform(*ASIDE), rng.uniform(*DOWN)
    half = rng.uniform(*WIDTH), rng.uniform(*HEIGHT)
    across, down = ((places - middle) / half).transpose(2, 0, 1)
    down = down + rng.uniform(*TILT) * across
    across = across / (1 - rng.uniform(*TAPER) * np.clip(down, -1, 1))
    power = rng.uniform(*ROUND)
    level = (abs(across) ** power + abs(down) ** power) ** (1 / power) - 1
    return level / np.maximum(np.hypot(*np.gradient(level)), 1e-3), down


def _rim(
    away: np.ndarray, high: np.ndarray, places: np.ndarray, pixel: float, rng: np.random.Generator
) -> np.ndarray:
    """Share of each pixel that rim, bridge and bow cover."""
    half = np.exp(rng.uniform(*np.log(RIM))) / pixel
    kind = rng.random()
    upper = 0.0 if kind < RIMLESS else rng.uniform(1, 2)
    lower = 0.0 if kind < RIMLESS + HALF else 1.0
    thick = half * (lower + (upper - lower) * np.clip(0.5 - 2 * high, 0, 1))
    rim = _covered(away, thick)
    for side in (-1, 1):
        bar = rng.uniform(-0.9, 0.2) + rng.uniform(-0.5, 0.5) * places[..., 0]
        beside = (away > 0) & (side * places[..., 0] > 0) & (abs(high) < 1)
        bars = _covered((places[..., 1] - 0.3 * bar) / pixel, half * rng.uniform(1, 2))
        rim = np.maximum(rim, beside * bars)
    return rim


def _covered(away: np.ndarray, half: np.ndarray | float) -> np.ndarray:
    """Share of pixels within ``half`` a line's width, so many pixels away from its middle."""
    return np.clip(np.minimum(half - abs(away) + 0.5, 2 * half), 0, 1)


def _glass(
    picture: np.ndarray, inside: np.ndarray, places: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Tint what is inside, and lay bright bands and spots on it."""
    tint = np.exp(-abs(rng.normal(0, 0.25)) + rng.normal(0, 0.05, 3))
    picture = picture * (1 + inside[..., None] * (np.minimum(tint, 1) - 1))
    for _ in range(rng.integers(3)):
        away, angle = places - rng.uniform(-0.4, 0.4, 2), rng.uniform(0, np.pi)
        cos, sin = np.cos(angle), np.sin(angle)
        along, across = away @ [cos, sin], away @ [-sin, cos]
        wide, long = rng.uniform(0.02, 0.1), rng.uniform(0.05, 1.0)
        edge = rng.uniform(1, 8)  # soft to sharp
        shape = (across / wide) ** 2 + (along / long) ** 2
        share = inside * rng.uniform(0.1, 0.7) / (1 + np.minimum(shape, 9) ** edge)
        picture = picture + share[..., None] * (rng.uniform(0.6, 1.0, 3) - picture)
    return picture


def _paint(
    picture: np.ndarray, rim: np.ndarray, places: np.ndarray, pixel: float, rng: np.random.Generator
) -> np.ndarray:
    """Colour what the rim covers, dark or not, shining in places; its shadow falls on the skin."""
    import cv2

    shift = np.array([rng.normal(0, 0.03), rng.uniform(0, 0.1)]) / pixel
    shadow = cv2.warpAffine(
        rim, np.column_stack([np.eye(2), shift]), rim.shape[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.3, 2.0))
    picture = picture * (1 - rng.uniform(0, 0.6) * shadow[..., None])
    colour = rng.uniform(0.02, 0.25) * np.exp(rng.normal(0, 0.2, 3))
    if rng.random() < 0.35:
        gaudy = rng.random() < 0.5
        colour = rng.uniform(0.1, 0.9, 3) if gaudy else np.full(3, rng.uniform(0.2, 0.9))
    shine = np.exp(-(((places @ rng.normal(0, 1, 2) - rng.normal(0, 0.3)) / 0.1) ** 2))
    painted = colour + rng.uniform(0, 0.6) * shine[..., None]
    return picture + rng.uniform(0.7, 1) * rim[..., None] * (np.clip(painted, 0, 1) - picture)
