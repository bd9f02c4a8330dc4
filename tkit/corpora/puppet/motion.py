"""How puppets move: phonemes to mouth shapes, blinks, brows, head; and all of that to 68 points.

Points of a face *at rest position* are in pixels of the frame before the head moves; the head's
motion is a similarity transform on top.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from tkit.errors import CorpusError
from tkit.face import geometry

_VOWEL_S, _CONSONANT_S = 0.045, 0.03  # how far in time a phoneme pulls at its neighbours
_RATE_HZ = 200  # mouth shapes are computed at this rate, then read off at the frames


@dataclass(frozen=True)
class Viseme:
    """A mouth shape: all from 0 to 1, ``wide`` also negative."""

    opening: float = 0.0  # how far the lower lip drops
    wide: float = 0.0  # corners pulled outwards
    round: float = 0.0  # lips pursed
    tuck: float = 0.0  # lower lip under the upper teeth
    press: float = 0.0  # lips pressed together
    tongue: float = 0.0  # tongue raised


_REST = Viseme()
_OPEN, _MID = Viseme(0.95, wide=0.1), Viseme(0.62, wide=0.15)
_HALF, _SPREAD = Viseme(0.45, wide=0.35), Viseme(0.34, wide=0.6)
_BACK, _PURSED = Viseme(0.72, round=0.45), Viseme(0.24, round=0.95)
_BILABIAL, _LABIODENTAL = Viseme(0.0, press=1.0), Viseme(0.06, tuck=1.0)
_ALVEOLAR, _SIBILANT = Viseme(0.2, wide=0.1, tongue=0.8), Viseme(0.13, wide=0.3, tongue=0.3)
_POSTALVEOLAR, _DENTAL = Viseme(0.2, round=0.6), Viseme(0.24, wide=0.1, tongue=1.0)
_VELAR, _LIQUID = Viseme(0.32), Viseme(0.26, round=0.4)

# espeak mnemonic to one mouth shape, or two for sounds that glide.
VISEMES: dict[str, tuple[Viseme, ...]] = {
    "a": (_OPEN,), "aa": (_OPEN,), "A:": (_OPEN,), "A@": (_OPEN, _LIQUID), "A": (_OPEN,),
    "E": (_MID,), "e": (_MID,), "V": (Viseme(0.7),), "3:": (Viseme(0.45, round=0.2),),
    "@": (Viseme(0.42),), "a#": (Viseme(0.42),), "@L": (Viseme(0.35),), "3": (Viseme(0.42),),
    "I": (_HALF,), "I#": (_HALF,), "I2": (_HALF,), "i": (_SPREAD,), "i:": (_SPREAD,),
    "0": (_BACK,), "O": (_BACK,), "O:": (_BACK,), "O@": (_BACK, _LIQUID), "o@": (_BACK, _LIQUID),
    "U": (Viseme(0.3, round=0.7),), "u": (_PURSED,), "u:": (_PURSED,),
    "aI": (_OPEN, _HALF), "aI2": (_OPEN, _HALF), "eI": (_MID, _SPREAD), "OI": (_BACK, _HALF),
    "aU": (_OPEN, _PURSED), "oU": (_BACK, _PURSED), "@U": (_MID, _PURSED),
    "i@": (_SPREAD, Viseme(0.4)), "e@": (_MID, Viseme(0.4)), "U@": (_PURSED, Viseme(0.4)),
    "p": (_BILABIAL,), "b": (_BILABIAL,), "m": (_BILABIAL,),
    "f": (_LABIODENTAL,), "v": (_LABIODENTAL,),
    "t": (_ALVEOLAR,), "t#": (_ALVEOLAR,), "t2": (_ALVEOLAR,), "d": (_ALVEOLAR,),
    "n": (_ALVEOLAR,), "l": (_ALVEOLAR,), "l/": (_ALVEOLAR,), "l#": (_ALVEOLAR,),
    "s": (_SIBILANT,), "z": (_SIBILANT,), "z/2": (_SIBILANT,),
    "S": (_POSTALVEOLAR,), "Z": (_POSTALVEOLAR,), "tS": (_POSTALVEOLAR,), "dZ": (_POSTALVEOLAR,),
    "T": (_DENTAL,), "D": (_DENTAL,), "t[": (_DENTAL,), "d[": (_DENTAL,),
    "k": (_VELAR,), "g": (_VELAR,), "N": (_VELAR,), "h": (_VELAR,), "x": (_VELAR,),
    "w": (_PURSED,), "w#": (_PURSED,), "r": (_LIQUID,), "r-": (_LIQUID,),
    "j": (_SPREAD,), ";": (_SPREAD,),
}  # fmt: skip
BILABIALS = frozenset("pbm")
SHAPES = [field.name for field in fields(Viseme)]

# Sizes of the motion, in inter-ocular distances.
_LOWER_DROP, _UPPER_RAISE, _JAW_SHARE = 0.27, 0.045, 0.72
_JAW_WEIGHT = np.array([0, 0, 0.04, 0.12, 0.3, 0.55, 0.8, 0.95])
_JAW_WEIGHT = np.r_[_JAW_WEIGHT, 1.0, _JAW_WEIGHT[::-1]]  # of points 0 to 16
LID_LEFT_OPEN = 0.15  # of the eyes' opening that is left when they are shut: EAR about 0.05


@dataclass(frozen=True)
class Motion:
    """A puppet's performance, one row a frame.

    Parameters
    ----------
    mouth : dict of str to ndarray (T,)
        A curve for every field of :class:`Viseme`.
    lids : ndarray (T,)
        0 open, 1 shut.
    brows : ndarray (T,)
        Upwards, in inter-ocular distances.
    head : ndarray (T, 2, 3)
        Similarity from rest position to the frame.
    blinks : ndarray (B, 3)
        Onset, apex and offset in seconds.
    """

    mouth: dict[str, np.ndarray]
    lids: np.ndarray
    brows: np.ndarray
    head: np.ndarray
    blinks: np.ndarray


def perform(
    phonemes: tuple[tuple[float, float, str], ...],
    *,
    n_frames: int,
    fps: float,
    pivot: np.ndarray,
    rng: np.random.Generator,
) -> Motion:
    """Play a clip: the mouth follows ``phonemes`` (start and end in seconds, mnemonic).

    Frame ``t`` shows the middle of its exposure, ``(t + 0.5) / fps`` seconds. The head turns about
    ``pivot`` (2,).
    """
    times_s = (np.arange(n_frames) + 0.5) / fps
    blinks = draw_blinks(n_frames / fps, rng)
    return Motion(
        mouth=mouth_curves(phonemes, times_s),
        lids=lid_curve(blinks, times_s),
        brows=0.02 * _wander(times_s, rng, fastest_hz=0.8),
        head=draw_head(times_s, pivot, rng),
        blinks=blinks,
    )


def mouth_curves(
    phonemes: tuple[tuple[float, float, str], ...], times_s: np.ndarray
) -> dict[str, np.ndarray]:
    """Blend the phonemes' shapes over time; the lips really meet in p, b and m.

    Every phoneme pulls at the mouth around its middle, its neighbours pull too (coarticulation).
    Source: Cohen and Massaro 1993, dominance functions, with one dominance for all shapes.

    Raises
    ------
    CorpusError
        If a mnemonic is not in :data:`VISEMES`.
    """
    clock_s = np.arange(round(times_s[-1] * _RATE_HZ) + 2) / _RATE_HZ
    targets, dominance = [_REST], [np.full(len(clock_s), 0.02)]
    closure = np.zeros(len(clock_s))
    for start_s, end_s, symbol in phonemes:
        if symbol not in VISEMES:
            raise CorpusError(f"no mouth shape for the phoneme {symbol!r} of espeak-ng")
        glide = VISEMES[symbol]
        edges_s = np.linspace(start_s, end_s, len(glide) + 1)
        for shape, begin_s, until_s in zip(glide, edges_s, edges_s[1:], strict=False):
            spread_s = _VOWEL_S if shape.opening > 0.3 else _CONSONANT_S
            middle_s, half_s = (begin_s + until_s) / 2, (until_s - begin_s) / 2
            outside_s = np.maximum(np.abs(clock_s - middle_s) - 0.5 * half_s, 0)
            targets.append(shape)
            dominance.append(np.exp(-((outside_s / spread_s) ** 2)))
        if symbol in BILABIALS:
            # At least one frame of 40 ms falls into the closure.
            half_s = max((end_s - start_s) / 2, 0.022)
            outside_s = np.abs(clock_s - (start_s + end_s) / 2) - half_s
            closure = np.maximum(closure, _fall(outside_s / 0.06))
    shares = np.array(dominance)
    shares /= shares.sum(axis=0)
    curves = {}
    for name in SHAPES:
        values = np.array([getattr(target, name) for target in targets])
        curve = values @ shares
        if name in ("opening", "tuck"):
            curve = curve * (1 - closure)
        curves[name] = np.interp(times_s, clock_s, curve)
    curves["press"] = np.maximum(curves["press"], np.interp(times_s, clock_s, closure))
    return curves


def draw_blinks(duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """Draw onset, apex, offset of no, one or two blinks; a tenth of a second open at both ends."""
    count = int(rng.choice(3, p=(0.15, 0.6, 0.25)))
    slots = np.linspace(0.1, duration_s - 0.1, count + 1)
    blinks = np.zeros((count, 3))
    for row, begin_s, end_s in zip(blinks, slots, slots[1:], strict=False):
        closing_s, opening_s = rng.uniform(0.09, 0.13), rng.uniform(0.14, 0.22)
        onset_s = rng.uniform(begin_s, end_s - closing_s - opening_s)
        row[:] = onset_s, onset_s + closing_s, onset_s + closing_s + opening_s
    return blinks


def lid_curve(blinks: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """How far the lids are shut at ``times_s``: 0 to 1; shut for 44 ms around each apex."""
    curve = np.zeros(len(times_s))
    for onset_s, apex_s, offset_s in blinks:
        before = (apex_s - 0.022 - times_s) / (apex_s - 0.022 - onset_s)
        behind = (times_s - apex_s - 0.022) / (offset_s - apex_s - 0.022)
        curve = np.maximum(curve, _fall(np.maximum(before, behind)))
    return curve


def draw_head(times_s: np.ndarray, pivot: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a slow motion of the head, (T, 2, 3), around a seat that differs from clip to clip."""
    shift = rng.uniform((-6, -3), (6, 3)) + np.stack(
        [2.5 * _wander(times_s, rng), 1.6 * _wander(times_s, rng)], axis=-1
    )
    angle = np.deg2rad(rng.uniform(-1.5, 1.5) + 1.4 * _wander(times_s, rng))
    scale = 1 + 0.012 * _wander(times_s, rng)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    offset = pivot + shift - linear @ pivot
    return np.concatenate([linear, offset[..., None]], axis=-1)


def _wander(
    times_s: np.ndarray, rng: np.random.Generator, *, fastest_hz: float = 0.6
) -> np.ndarray:
    """Draw a smooth curve within [-1, 1]: three slow waves."""
    rates_hz = rng.uniform(0.1, fastest_hz, 3)
    phases = rng.uniform(0, 2 * np.pi, 3)
    return np.sin(2 * np.pi * times_s[:, None] * rates_hz + phases).mean(axis=-1)


def _fall(x: np.ndarray) -> np.ndarray:
    """Go smoothly from 1 (x <= 0) to 0 (x >= 1)."""
    x = np.clip(x, 0, 1)
    return 1 - x * x * (3 - 2 * x)


# ---- shapes to points ------------------------------------------------------------------------


def resting_points(neutral: np.ndarray, motion: Motion) -> np.ndarray:
    """Points (T, 68, 2) before the head moves, of a face whose points at rest are ``neutral``."""
    iod = float(geometry.inter_ocular(neutral))
    mouth = {name: curve[:, None] for name, curve in motion.mouth.items()}
    points = np.repeat(neutral[None].astype(np.float64), len(motion.lids), axis=0)
    drop = _LOWER_DROP * iod * mouth["opening"]
    points[:, geometry.JAW, 1] += _JAW_SHARE * drop * _JAW_WEIGHT
    points[:, geometry.BROWS, 1] -= iod * motion.brows[:, None]
    _move_mouth(points[:, geometry.MOUTH], mouth, drop, iod)
    _move_lids(points, motion.lids[:, None])
    return points


def jaw_drop(neutral: np.ndarray, motion: Motion) -> np.ndarray:
    """How far the lower teeth are down, (T,) pixels."""
    iod = float(geometry.inter_ocular(neutral))
    return _JAW_SHARE * _LOWER_DROP * iod * motion.mouth["opening"]


def _move_mouth(
    mouth: np.ndarray, shape: dict[str, np.ndarray], drop: np.ndarray, iod: float
) -> None:
    """Move the mouth's points (T, 20, 2) in place: 0-11 outer lips, 12-19 inner lips."""
    centre = mouth[:1, [12, 16]].mean(axis=1, keepdims=True)
    half = (mouth[0, 16, 0] - mouth[0, 12, 0]) / 2
    x, y = mouth[..., 0] - centre[..., 0], mouth[..., 1] - centre[..., 1]
    inner_upper, inner_lower = [13, 14, 15], [19, 18, 17]
    outer_upper, outer_lower = [1, 2, 3, 4, 5], [11, 10, 9, 8, 7]
    bow = 1 - np.clip(np.abs(x[:1]) / half, 0, 1) ** 3  # the lips' opening along the slit
    line = np.stack([np.interp(row, x[0, 12:17], y[0, 12:17]) for row in x[:1]])
    thick = y - line  # of the lips, at rest

    raised = _UPPER_RAISE * iod * (np.maximum(shape["opening"], shape["tuck"]))
    lowered = drop - 0.035 * iod * shape["tuck"]
    moved = line.repeat(len(y), axis=0)
    moved[:, inner_upper] -= raised * bow[:, inner_upper]
    moved[:, inner_lower] += lowered * bow[:, inner_lower]
    fullness = 1 + 0.15 * shape["round"] - 0.22 * shape["press"]
    outer_bow = np.maximum(bow, 0.25)
    moved[:, outer_upper] += fullness * thick[:, outer_upper]
    moved[:, outer_upper] -= 0.8 * raised * outer_bow[:, outer_upper]
    moved[:, outer_lower] += (fullness - 0.3 * shape["tuck"]) * thick[:, outer_lower]
    moved[:, outer_lower] += 0.97 * lowered * outer_bow[:, outer_lower]
    corners = [0, 6, 12, 16]
    moved[:, corners] += 0.12 * drop + thick[:, corners]
    widths = 1 + 0.10 * shape["wide"] - 0.30 * shape["round"]
    mouth[..., 0] = centre[..., 0] + x * widths
    mouth[..., 1] = centre[..., 1] + moved


def _move_lids(points: np.ndarray, shut: np.ndarray) -> None:
    """Close the lids of (T, 68, 2) in place: mostly the upper one comes down."""
    for upper, lower in (([37, 38], [41, 40]), ([43, 44], [47, 46])):
        top, bottom = points[:, upper, 1].copy(), points[:, lower, 1].copy()
        gap = bottom - top
        points[:, upper, 1] = top + shut * (1 - LID_LEFT_OPEN) * 0.85 * gap
        points[:, lower, 1] = bottom - shut * (1 - LID_LEFT_OPEN) * 0.15 * gap
