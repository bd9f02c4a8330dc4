"""What an animated face does: speech moves the mouth, noise the eyes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tkit.face import geometry
from tkit.pipelines.animation.blink_rate import at_rate
from tkit.pipelines.animation.speech import Speech
from tkit.pipelines.animation.stream import mouth_of
from tkit.pipelines.training.runs import Trained
from tkit.seeds import generator
from tkit.speech import ENCODERS
from tkit.store import EncoderInfo
from tkit.zoo.nets.blink import State, generate

AT_ONCE = 8  # frames that are made together
# The jaw turns about its joints at the ears (points 0 and 16), where only the head could move it.
HINGED = 1 - np.abs(np.arange(17) - 8) / 8
BEFORE_S = 20.0  # that the eyes lived before the video, so that a blink may be just over
BLINKS_FROM_S = 120.0  # of generated eyes, whose blinks are rearranged to another rate


def sample_rate(motion: Trained) -> int:
    """Sample rate in Hz of the speech that a motion stage's encoder takes."""
    return ENCODERS.get(motion.weights.record["encoder"]["name"]).sample_rate


class Voice:
    """Speech to the displacement of the canonical face that it causes, part by part.

    Speech of any length takes the memory that its encoder needs for a few seconds; the features
    are those that ``tkit speech`` writes of the whole.

    Parameters
    ----------
    motion : Trained
    picture : ndarray (68, 2)
        Displacement of the face in the picture.
    speech_weights : str
        Weight file of the speech encoder; empty for its own.

    Raises
    ------
    WeightsError
        If ``motion`` needs another version of its speech encoder than this tkit has.
    """

    def __init__(self, motion: Trained, *, picture: np.ndarray, speech_weights: str = "") -> None:
        trained = EncoderInfo(**motion.weights.record["encoder"])
        self._encode = ENCODERS.get(trained.name).load(speech_weights)
        self._info = replace(self._encode.info, window_rate=trained.window_rate)
        motion.require_encoder(self._info, where="this tkit")
        self._module, self._picture = motion.weights.module, picture

    def parts(self, speech: Speech) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the first frame of a few and their displacement (T, 68, 2)."""
        rows, info, picture = self._encode.stream(speech), self._info, self._picture
        start = 0
        for moved in mouth_of(self._module, rows, speech, encoder=info, picture=picture):
            moved[:, geometry.JAW] *= HINGED[:, None]
            for at in range(0, len(moved), AT_ONCE):
                yield start + at, moved[at : at + AT_ONCE]
            start += len(moved)


class Eyes:
    """Displacement of the canonical face by blinks, which speech does not cause, part by part.

    They are generated at the rate the stage was trained at and interpolated to ``fps``. With
    ``rate_hz`` they are rearranged to so many a second, two minutes together
    (:mod:`tkit.pipelines.animation.blink_rate`), which needs the ``canonical`` face.

    Parameters
    ----------
    blink : Trained
    fps : float
        Rate of the frames that are wanted.
    seed : int
    rate_hz : float, optional
        Blinks a second; by default as learned.
    canonical : ndarray (68, 2), optional
    """

    def __init__(
        self,
        blink: Trained,
        *,
        fps: float,
        seed: int,
        rate_hz: float | None = None,
        canonical: np.ndarray | None = None,
    ) -> None:
        self._blink, self._fps, self._rate_hz, self._canonical = blink, fps, rate_hz, canonical
        self._own_fps: float = blink.weights.record["fps"]
        self._rng = generator(seed, "animate", "blink")
        self._state: State | None = None
        self._made = np.zeros((0, geometry.N_POINTS, 2), np.float32)
        self._first = 0  # frame that is first of those kept

    def take(self, start: int, count: int, n_frames: int | None = None) -> np.ndarray:
        """Return (count, 68, 2) from frame ``start`` on; frames before are forgotten.

        Parameters
        ----------
        n_frames : int, optional
            Of the video, where it is known: nothing is beyond its end.
        """
        position = (start + np.arange(count) + 0.5) * self._own_fps / self._fps - 0.5
        if n_frames is not None:
            position = np.minimum(position, max(round(n_frames * self._own_fps / self._fps), 1) - 1)
        position = np.maximum(position, 0)
        before = np.floor(position + 1e-9).astype(int)
        part = np.maximum(position - before, 0)[:, None, None]
        self._make_until(int(before[-1]) + 2, keep=int(before[0]))
        found = self._made[before - self._first]
        if not part.any():
            return found
        return (1 - part) * found + part * self._made[before + 1 - self._first]

    def _make_until(self, stop: int, *, keep: int) -> None:
        parts = [self._made[keep - self._first :]]
        there, self._first = self._first + len(self._made), keep
        while there < stop:
            count = round(BLINKS_FROM_S * self._own_fps) if self._rate_hz is not None else AT_ONCE
            module = self._blink.weights.module
            if self._state is None:
                before = round(BEFORE_S * self._own_fps)
                self._state = generate(module, before, rng=self._rng)[1]
            moved, self._state = generate(module, count, rng=self._rng, state=self._state)
            if self._rate_hz is not None and self._canonical is not None:
                moved = at_rate(
                    moved, self._canonical, rate_hz=self._rate_hz, n_frames=count,
                    fps=self._own_fps, rng=self._rng,
                )  # fmt: skip
            parts.append(moved)
            there += count
        self._made = np.concatenate(parts)
