"""People who are not there, to train ``lipseg`` on: faces between two, with lips of their own.

From a few people a network learns how thick the lips of each are, not where lips end: it then
follows lips that differ only half way (``benchmarks/lip_thickness.py``). Here shapes and looks of
two faces are mixed, also beyond either, the result is bent at random, and its lips are made thinner
or thicker. The contours are bent with the picture, so they lie on what is to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Vertices of the mesh's published topology: contours of the lips from left to right, top to bottom.
MOUTH = [
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
    [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
]
# Of either lip, without the corners: outer beside inner.
OUTER = [MOUTH[0][1:-1], MOUTH[3][1:-1]]
INNER = [MOUTH[1][1:-1], MOUTH[2][1:-1]]
RIGHT_EYE, LEFT_EYE = [33, 133], [263, 362]
SKIN = 468  # the vertices from here on are of the irises

MIXED = 0.7  # share of the faces that are of two people
BEYOND = 0.3  # how far a mixture may lie beyond either of them
THICKNESS = 0.2  # standard deviation of the logarithm of a lip's thickness
BENDS, BEND_IOD = 6, 0.03  # random bends of a face, and their standard deviation
AROUND_PX = 25  # of the picture around a face that is bent with it
STEP = 2  # pixels between the places where a bend is computed


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    Parameters
    ----------
    frame : ndarray (H, W, 3), uint8 RGB
    vertices : ndarray (478, 2)
        Of a face mesh, pixels.
    points : ndarray (68, 2)
        As a tracker sees them, pixels.
    """

    frame: np.ndarray
    vertices: np.ndarray
    points: np.ndarray


def another(one: Face, two: Face, rng: np.random.Generator) -> Face:
    """A face like ``one`` or between the two, where ``one`` is in its picture."""
    import cv2

    share_shape, share_look = rng.uniform(-BEYOND, 1 + BEYOND, 2)
    if rng.random() >= MIXED:
        share_shape = share_look = 0.0
    target = thickened(bent(mixed(one.vertices, two.vertices, share_shape), rng), rng)
    near = np.concatenate([one.vertices, target])
    size = one.frame.shape[1::-1]
    low = np.clip(np.floor(near.min(axis=0)).astype(int) - AROUND_PX, 0, size)
    high = np.clip(np.ceil(near.max(axis=0)).astype(int) + AROUND_PX, 0, size)
    frame = one.frame.copy()
    here = slice(low[1], high[1]), slice(low[0], high[0])
    frame[here] = _bend(one, target, low, high)
    if share_look > 0:
        hull = cv2.convexHull((target[:SKIN] - low).astype(np.float32)).astype(np.int32)
        inside = cv2.fillConvexPoly(np.zeros(frame[here].shape[:2], np.uint8), hull, 255)
        weight = cv2.GaussianBlur(inside, (0, 0), 4)[..., None] * (min(share_look, 1.0) / 255)
        look = _bend(two, target, low, high).astype(np.float32)
        frame[here] = np.rint(frame[here] + weight * (look - frame[here])).astype(np.uint8)
    moved = _along(one.vertices, target - one.vertices, one.points)
    return Face(frame, target, one.points + np.nan_to_num(moved))  # the jaw may lie outside


def mixed(one: np.ndarray, two: np.ndarray, share: float) -> np.ndarray:
    """Vertices (478, 2) of a shape between two, in the place and size of the first."""
    place, other = _place(one), _place(two)
    shape = (one - place[1]) @ np.linalg.inv(place[0])
    second = (two - other[1]) @ np.linalg.inv(other[0])
    return (shape + share * (second - shape)) @ place[0] + place[1]


def bent(vertices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vertices (478, 2) moved by a few random smooth bends."""
    iod = _inter_ocular(vertices)
    centres = vertices[rng.integers(0, SKIN, BENDS)]
    reach = iod * rng.uniform(0.5, 1.2, BENDS)
    apart = np.square(vertices[:, None] - centres).sum(axis=-1)
    return vertices + np.exp(-apart / (2 * reach**2)) @ rng.normal(0, BEND_IOD * iod, (BENDS, 2))


def thickened(vertices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vertices (478, 2) with either lip thinner or thicker about the inner mouth."""
    result = vertices.copy()
    for outer, inner in zip(OUTER, INNER, strict=True):
        factor = np.exp(rng.normal(0, THICKNESS))
        result[outer] = vertices[inner] + factor * (vertices[outer] - vertices[inner])
    return result


def _bend(face: Face, target: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Part of a picture, from ``low`` to ``high`` (x, y), when the vertices lie at ``target``."""
    import cv2

    width, height = high - low
    x = np.arange(0, width, STEP) + (STEP - 1) / 2 + low[0]
    y = np.arange(0, height, STEP) + (STEP - 1) / 2 + low[1]
    places = np.stack(np.meshgrid(x, y), axis=-1)
    corners = np.array([[low[0], low[1]], [high[0], low[1]], [low[0], high[1]], [high[0], high[1]]])
    corners = corners + np.sign(corners - (low + high) / 2) * AROUND_PX
    back = _along(
        np.concatenate([target, corners]),
        np.concatenate([face.vertices - target, np.zeros((4, 2))]),
        places.reshape(-1, 2),
    ).reshape(places.shape)
    coarse = (len(x) * STEP, len(y) * STEP)
    fine = cv2.resize(back.astype(np.float32), coarse)[:height, :width]
    columns, rows = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    x, y = (fine + np.stack([columns, rows], axis=-1)).astype(np.float32).transpose(2, 0, 1)
    return cv2.remap(face.frame, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _along(centres: np.ndarray, values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Interpolate linearly between triangles of centres; NaN outside of them."""
    from scipy.interpolate import LinearNDInterpolator

    return LinearNDInterpolator(centres, values)(places)


def _place(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a face is: rows of the similarity (2, 2) that the eyes give, and the right eye."""
    right, left = vertices[RIGHT_EYE].mean(axis=0), vertices[LEFT_EYE].mean(axis=0)
    across = left - right
    return np.array([across, [-across[1], across[0]]]), right


def _inter_ocular(vertices: np.ndarray) -> float:
    return float(np.linalg.norm(_place(vertices)[0][0]))
