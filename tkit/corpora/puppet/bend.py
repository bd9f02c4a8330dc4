"""Smooth picture warps that take given points exactly to given points, with slits that open.

A warp is a *backward* displacement field: for a pixel of the new picture it says how far away in
the old picture its colour lies. It interpolates with compactly supported radial functions, so every
control point is met exactly and nothing moves far away from all of them. Lips and lids part along a
:class:`Slit`: either side has a field of its own; between the two lies whatever the slit shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_ROUNDNESS = 0.9  # 1 would end openings like ellipses
# How the points of an eye's and of a mouth's contour usually lie between its corners.
_SPACING = {4: (-1.0, -0.33, 0.33, 1.0), 5: (-1.0, -0.29, 0.0, 0.29, 1.0)}


@dataclass(frozen=True)
class Slit:
    """A mouth or eye: two contours that share their corners.

    Parameters
    ----------
    upper, lower : tuple of int
        iBUG-68 indices of the contours, in order of x, corners included.
    upper_side, lower_side : tuple of int
        Points that belong to one side only: the contour and, for the mouth, the outer lip.
    reach_iod : float
        How far beyond the slit its sides still pull at the skin, in inter-ocular distances.
    rim_iod : float
        Height of the rim above the slit that moves without being stretched: the lashes.
    """

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    upper_side: tuple[int, ...]
    lower_side: tuple[int, ...]
    reach_iod: float
    rim_iod: float = 0.0


MOUTH = Slit(
    upper=(60, 61, 62, 63, 64),
    lower=(60, 67, 66, 65, 64),
    upper_side=(49, 50, 51, 52, 53, 61, 62, 63),
    lower_side=(55, 56, 57, 58, 59, 65, 66, 67),
    reach_iod=0.55,
)
RIGHT_EYE = Slit(
    (36, 37, 38, 39), (36, 41, 40, 39), (37, 38), (40, 41), reach_iod=0.32, rim_iod=0.06
)
LEFT_EYE = Slit(
    (42, 43, 44, 45), (42, 47, 46, 45), (43, 44), (46, 47), reach_iod=0.32, rim_iod=0.06
)


@dataclass(frozen=True)
class Field:
    """A displacement field: ``weights`` (N, 2) at ``centres`` (N, 2) with radius ``reach_px``."""

    centres: np.ndarray
    weights: np.ndarray
    reach_px: float

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return the displacement (..., 2) at points (..., 2)."""
        flat = np.asarray(points, np.float32).reshape(-1, 2)
        return (_kernel(flat, self.centres, self.reach_px) @ self.weights).reshape(points.shape)


def fit(centres: np.ndarray, values: np.ndarray, *, reach_px: float) -> Field:
    """Interpolate displacements ``values`` (N, 2) given at ``centres`` (N, 2), all different."""
    matrix = _kernel(centres, centres, reach_px)
    weights = np.linalg.solve(matrix.astype(np.float64), values)
    return Field(np.asarray(centres, np.float32), weights.astype(np.float32), reach_px)


def _kernel(points: np.ndarray, centres: np.ndarray, reach_px: float) -> np.ndarray:
    """Wendland's C2 function of the distances, (P, N): positive definite for any set of centres."""
    dx = points[:, None, 0] - centres[None, :, 0]
    dy = points[:, None, 1] - centres[None, :, 1]
    r = np.minimum(np.sqrt(dx * dx + dy * dy) / reach_px, 1)
    s = (1 - r) ** 2
    return s * s * (4 * r + 1)


def skin_field(
    source: np.ndarray,
    target: np.ndarray,
    slits: tuple[Slit, ...],
    *,
    anchors: np.ndarray,
    reach_px: float,
    anchor_shifts: np.ndarray | None = None,
) -> Field:
    """Fit the field of everything that no slit divides.

    Parameters
    ----------
    source, target : ndarray (68, 2)
        Points of the old and of the new picture.
    anchors : ndarray (N, 2)
        Further points of the new picture, held still or, with ``anchor_shifts`` (N, 2), moved.
    """
    divided = {index for slit in slits for index in slit.upper_side + slit.lower_side}
    rest = [index for index in range(68) if index not in divided]
    shifts = np.zeros_like(anchors) if anchor_shifts is None else anchor_shifts
    centres = np.concatenate([target[rest], anchors])
    values = np.concatenate([source[rest] - target[rest], shifts])
    return fit(centres, values, reach_px=reach_px)


def side_field(
    slit: Slit, source: np.ndarray, target: np.ndarray, skin: Field, *, upper: bool, iod_px: float
) -> Field:
    """Fit what one side of a slit adds to the skin field: zero at every point of another part."""
    reach_px = slit.reach_iod * iod_px
    contour = list(slit.upper if upper else slit.lower)
    own = slit.upper_side if upper else slit.lower_side
    other = slit.lower_side if upper else slit.upper_side
    near = _near(target, target[contour], 2 * reach_px)
    kept = [index for index in range(68) if near[index] and index not in (*other, *contour)]
    moved = np.array([index in own for index in kept], bool)
    new, old = curve(target[contour], pieces=3), curve(source[contour], pieces=3)
    shifts = old - new
    if upper and slit.rim_iod:
        rim = new[1:-1] - (0, slit.rim_iod * iod_px)
        new, shifts = np.concatenate([new, rim]), np.concatenate([shifts, shifts[1:-1]])
    centres = np.concatenate([target[kept], new])
    values = np.concatenate([source[kept] - target[kept], shifts]) - skin(centres)
    values[: len(kept)][~moved] = 0  # the skin field is already right there
    return fit(centres, values, reach_px=reach_px)


def _near(points: np.ndarray, others: np.ndarray, distance: float) -> np.ndarray:
    gaps = np.linalg.norm(points[:, None] - others[None], axis=-1)
    return gaps.min(axis=1) < distance


def curve(contour: np.ndarray, *, pieces: int) -> np.ndarray:
    """Put points between those of a ``contour`` (N, 2), on a smooth curve; the given stay exact.

    A natural cubic spline over the angle rather than over x: openings end round, not like a wedge.
    """
    straight, smooth = _curve_basis(len(contour), pieces)
    return np.stack([straight @ contour[:, 0], smooth @ contour[:, 1]], axis=-1)


def contour_y(contour: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Height of the smooth curve through ``contour`` (N, 2) at ``x``; level beyond its ends."""
    dense = curve(contour, pieces=8)
    return np.interp(x, dense[:, 0], dense[:, 1])


@lru_cache(maxsize=8)
def _curve_basis(count: int, pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (P, count) from a contour's x and y to those of its curve."""
    from scipy.interpolate import CubicSpline

    index = np.arange((count - 1) * pieces + 1) / pieces
    x = np.interp(index, np.arange(count), _SPACING[count])
    straight = np.stack([np.interp(x, _SPACING[count], unit) for unit in np.eye(count)], axis=-1)
    angles = np.arcsin(_ROUNDNESS * np.array(_SPACING[count]))
    spline = CubicSpline(angles, np.eye(count), bc_type="natural")
    return straight, spline(np.arcsin(_ROUNDNESS * x))


def coverage(
    contour: np.ndarray, points: np.ndarray, *, above: bool, spread: float = 0.5
) -> np.ndarray:
    """How much of each pixel lies above (or below) a contour: 0 to 1, soft over one pixel.

    Beyond the corners, where both sides of the slit show the same skin, the change from one to the
    other widens by ``spread`` pixels a pixel, so that no seam shows.
    """
    x, y = points[..., 0], points[..., 1]
    beyond = np.maximum(contour[0, 0] - x, 0) + np.maximum(x - contour[-1, 0], 0)
    height = contour_y(contour, x).astype(np.float32)
    distance = height - y if above else y - height
    return np.clip(distance / (1 + spread * beyond) + 0.5, 0, 1).astype(np.float32)


# ---- coarse grids ----------------------------------------------------------------------------


@lru_cache(maxsize=8)
def grid(width: int, height: int, step: int = 1) -> np.ndarray:
    """Centres (rows, columns, 2) of cells of ``step`` pixels, with one cell beyond every edge.

    With ``step=1`` the pixels themselves, without the cells beyond.
    """

    def centres(size: int) -> np.ndarray:
        if step == 1:
            return np.arange(size, dtype=np.float64)
        return (np.arange(-1, -(-size // step) + 1) + 0.5) * step - 0.5

    cells = np.stack(np.meshgrid(centres(width), centres(height)), axis=-1).astype(np.float32)
    cells.setflags(write=False)
    return cells


def refine(values: np.ndarray, width: int, height: int, step: int) -> np.ndarray:
    """Interpolate values on :func:`grid` cells (rows, columns, 2) to all pixels (H, W, 2)."""
    import cv2

    rows, columns = values.shape[:2]
    size = columns * step, rows * step
    full = cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return full[step : step + height, step : step + width]


def sample(picture: np.ndarray, where: np.ndarray, *, cubic: bool = False) -> np.ndarray:
    """Colours of ``picture`` at pixel positions ``where`` (H, W, 2); its edge repeats outside."""
    import cv2

    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    x, y = (np.ascontiguousarray(where[..., axis], np.float32) for axis in (0, 1))
    return cv2.remap(picture, x, y, how, borderMode=cv2.BORDER_REPLICATE)
