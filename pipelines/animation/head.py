"""How the head of an animated face moves: by itself, as people's do who speak, or as in a video.

Movements are similarities in the coordinates in which the face of the picture is level, centred
between its eyes and one inter-ocular distance wide; the first leaves it as it is.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from tkit.face import geometry
from tkit.seeds import generator

PARTS = ("across", "down", "size", "roll")  # inter-ocular distances, logarithm, radians


class Sway:
    """Small movement without end of a head that speaks: shift, size and roll.

    Noise through three low-pass filters, with deviations that were measured on real speakers
    (:mod:`tkit.pipelines.makers.heads`). It begins at rest, is stronger while somebody speaks, and
    comes back however long it lasts.

    Parameters
    ----------
    amount : float
        1: as much as the median speaker.
    fps : float
    seed : int
    """

    def __init__(self, amount: float, *, fps: float, seed: int) -> None:
        measured = numbers()
        corners = np.array([measured["slow_hz"], measured["fast_hz"], measured["fast_hz"]])
        self._poles = np.exp(-2 * np.pi * corners / fps)
        self._states = np.zeros_like(self._poles)
        self._rng = generator(seed, "animate", "head")
        mix = np.eye(len(PARTS))
        for one, other, share in ((0, 3, measured["lean"]), (1, 2, measured["nod"])):
            mix[other, one], mix[other, other] = share, np.sqrt(1 - share**2)
        self._mix = amount * np.array(measured["deviation"])[:, None] * mix
        self._mix = self._mix / deviation(self._poles)[:, None]
        self._quiet, self._speaking = measured["quiet"], measured["speaking"]

    def take(self, loudness: np.ndarray) -> np.ndarray:
        """Return the movement (T, 2, 3) of the next frames, whose loudness is 0 to 1."""
        drive = self._quiet + (self._speaking - self._quiet) * loudness[:, None]
        noise = drive * self._rng.standard_normal((len(loudness), len(PARTS))) @ self._mix.T
        return similarities(filtered(noise, self._poles, self._states))


def filtered(noise: np.ndarray, poles: np.ndarray, states: np.ndarray) -> np.ndarray:
    """What the noise (T, 4) before each frame left in low-pass filters (K, 4).

    Their states are carried on in place.
    """
    found = np.empty_like(noise)
    for frame, value in enumerate(noise):
        found[frame] = states[-1]
        for pole, state in zip(poles, states, strict=True):
            state += (1 - pole) * (value - state)
            value = state
    return found


def deviation(poles: np.ndarray) -> np.ndarray:
    """What the filters (K, 4) leave of noise of deviation 1, (4,)."""
    pulse = np.zeros((round(-20 / np.log(poles.max())), poles.shape[1]))
    pulse[0] = 1
    power: np.ndarray = (filtered(pulse, poles, np.zeros_like(poles)) ** 2).sum(axis=0)
    return np.sqrt(power)


@cache
def numbers() -> dict[str, Any]:
    """What was measured on real speakers."""
    text = resources.files("tkit.pipelines.animation").joinpath("heads.toml").read_text("utf-8")
    return tomllib.loads(text)


def similarities(moved: np.ndarray) -> np.ndarray:
    """Similarities (T, 2, 3) of :data:`PARTS` (T, 4)."""
    across, down, size, roll = moved.T
    cos, sin = np.exp(size) * np.cos(roll), np.exp(size) * np.sin(roll)
    return np.stack([np.stack([cos, -sin, across], -1), np.stack([sin, cos, down], -1)], -2)


def parts(moves: np.ndarray) -> np.ndarray:
    """:data:`PARTS` (T, 4) of similarities (T, 2, 3)."""
    cos, sin = moves[:, 0, 0], moves[:, 1, 0]
    size, roll = np.log(np.hypot(cos, sin)), np.arctan2(sin, cos)
    return np.stack([moves[:, 0, 2], moves[:, 1, 2], size, roll], axis=-1)


def head_moves(points: np.ndarray) -> np.ndarray:
    """Head movement (T, 2, 3) of tracked points (T, 68, 2), relative to the first frame.

    Without the tremble of the tracker.
    """
    points = np.asarray(points, np.float64)
    pose = geometry.smooth_pose(geometry.head_motion(points))
    return geometry.compose(geometry.invert(pose[:1]), pose)


def repeated(head: np.ndarray, start: int, count: int) -> np.ndarray:
    """Take ``count`` head poses from frame ``start`` on, running there and back without end."""
    around = np.r_[0 : len(head), len(head) - 2 : 0 : -1]
    return head[around[np.arange(start, start + count) % len(around)]]
