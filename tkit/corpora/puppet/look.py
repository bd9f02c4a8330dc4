"""What makes puppets differ: shape of head and features, colours, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Speakers take these in turn. Skin: colour gains, gamma. Hair: its dark and its light colour.
# Clothes: hue turn in degrees, saturation. All colours are RGB, 0 to 255.
SKINS = (
    ((1.00, 1.00, 1.00), 1.00),
    ((0.86, 0.74, 0.66), 1.25),
    ((1.02, 0.95, 0.85), 1.08),
    ((0.66, 0.52, 0.44), 1.30),
    ((1.00, 0.96, 0.97), 0.97),
    ((0.95, 0.86, 0.74), 1.12),
    ((0.76, 0.63, 0.54), 1.22),
)
HAIRS = (
    ((36, 26, 14), (214, 188, 128)),
    ((10, 8, 8), (74, 62, 58)),
    ((40, 14, 6), (190, 104, 62)),
    ((8, 7, 9), (58, 50, 50)),
    ((58, 56, 56), (214, 212, 210)),
    ((26, 16, 10), (122, 84, 56)),
    ((52, 38, 16), (240, 220, 164)),
    ((20, 12, 8), (92, 60, 42)),
)
CLOTHES = ((0, 1.0), (150, 0.7), (85, 0.6), (215, 0.6), (300, 0.35), (30, 0.8))
BACKGROUNDS = (
    (98, 126, 178),
    (146, 160, 140),
    (172, 160, 150),
    (116, 150, 150),
    (150, 142, 172),
)


@dataclass(frozen=True)
class Look:
    """What makes one puppet differ from the others; shape fields are relative to the photo.

    Parameters
    ----------
    width, length, jaw, chin, hair : float
        Of the whole head, of the lower face, and of the hair's volume.
    eye_distance, eye_size, brow_height, brow_tilt : float
    nose_length, nose_width, mouth_width, mouth_height, lips : float
    light : (float, float, float)
        Gain, and its change from left to right and from top to bottom.
    """

    mirrored: bool
    width: float
    length: float
    jaw: float
    chin: float
    hair: float
    eye_distance: float
    eye_size: float
    brow_height: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    mouth_width: float
    mouth_height: float
    lips: float
    skin: tuple[tuple[float, float, float], float]
    hair_colours: tuple[tuple[int, int, int], tuple[int, int, int]]
    clothes: tuple[int, float]
    background: tuple[int, int, int]
    light: tuple[float, float, float]


def draw_look(number: int, rng: np.random.Generator) -> Look:
    """Draw the look of speaker ``number`` (1, 2, ...): skin and hair go in turn."""
    u = rng.uniform
    width = u(-0.07, 0.09) * (1 if number % 2 else -1)
    return Look(
        mirrored=number % 4 in (2, 3),
        width=width,
        length=-0.6 * width + u(-0.03, 0.03),
        jaw=u(-0.10, 0.12),
        chin=u(-0.08, 0.12),
        hair=u(-0.04, 0.06),
        eye_distance=u(-0.05, 0.05),
        eye_size=u(-0.08, 0.12),
        brow_height=u(-0.02, 0.05),
        brow_tilt=u(-0.04, 0.05),
        nose_length=u(-0.09, 0.08),
        nose_width=u(-0.10, 0.22),
        mouth_width=u(-0.08, 0.10),
        mouth_height=u(-0.03, 0.03),
        lips=u(-0.12, 0.30),
        skin=SKINS[(number - 1) % len(SKINS)],
        hair_colours=HAIRS[(number - 1) % len(HAIRS)],
        clothes=CLOTHES[(number - 1) % len(CLOTHES)],
        background=BACKGROUNDS[(number - 1) % len(BACKGROUNDS)],
        light=(u(0.94, 1.06), u(-0.12, 0.12), u(-0.08, 0.08)),
    )
