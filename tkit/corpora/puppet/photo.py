"""The photo behind every puppet: scikit-image's ``astronaut`` (NASA, public domain), and its parts.

The points were found with dlib and then placed by hand on the photo, enlarged 20 times: lid points
where lid and eye meet, lip points on the borders of the red, inner lip points on the edge of the
teeth. Unit: pixels of the 512 x 512 photo, pixel centres at whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tkit.face import geometry

HEIGHT = 290  # rows that matter; below are only shoulders

POINTS = np.array([
    (179.4, 103.7), (179.6, 115.4), (180.7, 126.5), (181.9, 138.0), (184.5, 149.8), (190.9, 159.7),
    (199.6, 168.4), (209.2, 174.6), (220.4, 177.3), (232.0, 175.9), (243.1, 170.6), (252.4, 162.8),
    (259.8, 153.4), (264.6, 142.5), (267.6, 130.9), (269.8, 119.5), (270.6, 107.5),  # jaw
    (188.5, 90.8), (193.5, 88.7), (199.5, 88.0), (206.0, 89.5), (212.5, 91.8),  # right brow
    (238.0, 92.8), (244.0, 91.9), (250.5, 91.6), (257.0, 92.8), (262.0, 95.4),  # left brow
    (225.7, 102.1), (225.3, 110.3), (225.0, 118.7), (224.6, 127.0),  # nose ridge
    (214.0, 130.9), (218.8, 132.4), (224.2, 133.8), (229.6, 132.8), (234.5, 131.2),  # nose base
    (194.2, 101.2), (200.0, 97.9), (206.5, 98.3), (213.0, 103.2), (206.5, 104.0), (200.0, 103.3),
    (236.0, 104.5), (243.0, 100.6), (250.0, 100.4), (256.3, 104.0), (250.3, 106.0), (243.3, 105.8),
    (201.5, 139.0), (208.5, 138.9), (216.5, 139.1), (222.5, 139.9), (228.5, 139.3), (237.0, 139.3),
    (245.2, 140.0), (237.0, 149.6), (229.5, 153.5), (222.5, 154.4), (215.5, 152.9), (208.5, 148.6),
    (203.2, 139.7), (216.5, 142.3), (222.5, 143.1), (229.0, 142.6),  # inner lips
    (243.6, 140.6), (229.5, 149.2), (222.5, 149.9), (216.0, 149.1),
])  # fmt: skip

# Outline of hair, ears, cheeks, collar and shoulders.
PERSON = np.array([
    (205, 21), (193, 29), (185, 38), (174, 43), (163, 51), (157, 57), (153, 68), (153, 80),
    (154, 93), (160, 108), (169, 116), (174, 128), (182, 134), (183, 146), (161, 149), (153, 151),
    (140, 158), (131, 167), (122, 180), (117, 193), (115, 205), (96, 219), (74, 237), (40, 262),
    (40, 300), (390, 300), (368, 285), (341, 270), (325, 249), (319, 241), (308, 237), (303, 232),
    (299, 219), (289, 203), (276, 189), (255, 172), (256, 163), (264, 149), (266, 139), (269, 136),
    (277, 132), (280, 127), (290, 117), (296, 107), (301, 90), (299, 72), (296, 58), (288, 43),
    (276, 31), (248, 18), (236, 16), (227, 16), (219, 18),
], float)  # fmt: skip

# Outline of forehead, cheeks, ears, chin and neck.
SKIN = np.array([
    (188, 79), (185, 83), (183, 91), (179, 118), (176, 120), (170, 119), (170, 121), (174, 128),
    (182, 134), (183, 146), (186, 152), (186, 176), (187, 178), (195, 184), (217, 186), (228, 189),
    (241, 189), (251, 185), (253, 182), (256, 163), (264, 149), (265, 141), (269, 136), (275, 134),
    (278, 129), (272, 129), (269, 125), (270, 106), (267, 92), (249, 85), (238, 84), (228, 80),
    (221, 80), (209, 82), (196, 78),
], float)  # fmt: skip

# Lines of the smile that a neutral face has not: from the wings of the nose past the mouth.
SMILE_LINES = (
    np.array([(209, 124), (203, 130), (197, 135), (195, 141), (196, 149)], float),
    np.array([(238, 124), (244, 130), (249, 136), (251, 142), (250, 152)], float),
)
COLLAR_Y = 160  # hair lies above this row, clothes below

# A closed mouth without the smile: (x, y) from its centre, in inter-ocular distances.
NEUTRAL_MOUTH = np.array([
    (-0.415, 0.002), (-0.255, -0.072), (-0.095, -0.112), (0.0, -0.095), (0.095, -0.112),
    (0.255, -0.072), (0.415, 0.002), (0.250, 0.100), (0.110, 0.142), (0.0, 0.150),
    (-0.110, 0.142), (-0.250, 0.100), (-0.375, 0.001), (-0.110, -0.006), (0.0, 0.004),
    (0.110, -0.006), (0.375, 0.001), (0.110, -0.006), (0.0, 0.004), (-0.110, -0.006),
])  # fmt: skip
NEUTRAL_MOUTH_Y = 0.985  # below the point between the eyes, in inter-ocular distances


@dataclass(frozen=True)
class Photo:
    """The photo, ready to be warped; the arrays are not to be written to.

    Parameters
    ----------
    picture : ndarray (H, W, 3), uint8 RGB
    masks : ndarray (H, W, 4), float32
        Soft masks of person, skin, hair and eyes.
    points : ndarray (68, 2)
    outline : ndarray (N, 2)
        Of the person.
    """

    picture: np.ndarray
    masks: np.ndarray
    points: np.ndarray
    outline: np.ndarray


@lru_cache(maxsize=2)
def photo(*, mirrored: bool) -> Photo:
    """Load the photo, its smile lines softened; ``mirrored`` swaps left and right."""
    from skimage import data

    picture = _soften_smile(data.astronaut()[:HEIGHT])
    masks = _masks(picture.shape[:2])
    if not mirrored:
        return Photo(picture, masks, POINTS, PERSON)
    last = picture.shape[1] - 1
    outline = PERSON[::-1] * (-1, 1) + (last, 0)
    picture, masks = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(masks[:, ::-1])
    return Photo(picture, masks, geometry.mirror(POINTS, width=last), outline)


def _soften_smile(picture: np.ndarray) -> np.ndarray:
    """Fill the dark smile lines from the skin beside them."""
    import cv2

    mask = np.zeros(picture.shape[:2], np.uint8)
    for line in SMILE_LINES:
        _draw(mask, line, closed=False, thickness=7)
    weight = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 2)[..., None]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    filled = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, kernel)  # closing removes dark lines
    filled = cv2.GaussianBlur(filled, (0, 0), 3).astype(np.float32)
    mixed = picture + 0.75 * weight * (filled - picture)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _masks(shape: tuple[int, int]) -> np.ndarray:
    import cv2

    def area(*outlines: np.ndarray) -> np.ndarray:
        mask = np.zeros(shape, np.uint8)
        for outline in outlines:
            _draw(mask, outline, closed=True)
        return mask.astype(np.float32) / 255

    # A pixel is cut off the person's rim: it carries the colour of the old background.
    person = cv2.GaussianBlur(area(PERSON), (0, 0), 1.3)
    person = np.clip(person * 2 - 0.95, 0, 1)
    # Half a pixel wider than drawn, so that no untinted rim stays between skin and clothes.
    skin = np.clip(cv2.GaussianBlur(area(SKIN), (0, 0), 1.3) * 1.5, 0, 1)
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    hair = (1 - skin) * np.clip((COLLAR_Y - rows) / 10, 0, 1)
    eyes = cv2.GaussianBlur(area(POINTS[36:42], POINTS[42:48]), (0, 0), 0.8)
    return np.stack([person, skin, hair, eyes], axis=-1).astype(np.float32)


def _draw(mask: np.ndarray, line: np.ndarray, *, closed: bool, thickness: int = 0) -> None:
    import cv2

    fixed = np.rint(line * 16).astype(np.int32)  # four fractional bits
    if thickness:
        cv2.polylines(mask, [fixed], closed, 255, thickness, cv2.LINE_AA, 4)
    else:
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
