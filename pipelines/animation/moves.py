"""What an animated face does: speech moves the mouth, noise the eyes, another video the head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tkit.face import geometry
from tkit.pipelines.animation.blink_rate import at_rate
from tkit.pipelines.stages.motion.work import predict
from tkit.pipelines.training.runs import Trained
from tkit.seeds import generator
from tkit.speech import ENCODERS
from tkit.store import EncoderInfo
from tkit.zoo.nets.blink import generate

AT_ONCE = 8  # frames that are made together
PART_S, CONTEXT_S = 10.0, 2.0  # of speech that is heard together, and of what is around it
# The jaw turns about its joints at the ears (points 0 and 16), where only the head could move it.
HINGED = 1 - np.abs(np.arange(17) - 8) / 8
BLINKS_FROM_S = 120.0  # of generated eyes, whose blinks are rearranged to another rate


def sample_rate(motion: Trained) -> int:
    """Sample rate in Hz of the speech that a motion stage's encoder takes."""
    return ENCODERS.get(motion.weights.record["encoder"]["name"]).sample_rate


def count_frames(wave: np.ndarray, *, motion: Trained, fps: float) -> int:
    """Number of frames that speech takes: its length rounded, at least one."""
    return max(round(len(wave) / sample_rate(motion) * fps), 1)


class Voice:
    """Speech to the displacement of the canonical face that it causes, part by part.

    Speech of any length takes the memory of one part; a part hears ``CONTEXT_S`` of what is before
    and after it.

    Parameters
    ----------
    motion : Trained
    fps : float
        Rate of the frames that are wanted.
    picture : ndarray (68, 2)
        Displacement of the face in the picture.
    speech_weights : str
        Weight file of the speech encoder; empty for its own.

    Raises
    ------
    WeightsError
        If ``motion`` needs another version of its speech encoder than this tkit has.
    """

    def __init__(
        self, motion: Trained, *, fps: float, picture: np.ndarray, speech_weights: str = ""
    ) -> None:
        trained = EncoderInfo(**motion.weights.record["encoder"])
        self._encode = ENCODERS.get(trained.name).load(speech_weights)
        self._info = replace(self._encode.info, window_rate=trained.window_rate)
        motion.require_encoder(self._info, where="this tkit")
        self._module, self._fps, self._picture = motion.weights.module, fps, picture
        self._sample_rate = sample_rate(motion)

    def parts(self, wave: np.ndarray, n_frames: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the first frame of a few and their displacement (T, 68, 2)."""
        length, context = round(PART_S * self._fps), round(CONTEXT_S * self._fps)
        for start in range(0, n_frames, length):
            stop = min(start + length, n_frames)
            if n_frames - stop <= context:  # no short rest: what is left belongs to the end
                stop = n_frames
            first, last = max(start - context, 0), min(stop + context, n_frames)
            moved = self._hear(wave, first, last)[start - first : stop - first]
            for at in range(0, len(moved), AT_ONCE):
                yield start + at, moved[at : at + AT_ONCE]
            if stop == n_frames:
                return

    def _hear(self, wave: np.ndarray, first: int, last: int) -> np.ndarray:
        hop = self._sample_rate / self._fps
        stop = len(wave) if round(last * hop) > len(wave) - hop else round(last * hop)
        features = self._encode(wave[round(first * hop) : stop])
        moved = predict(
            self._module, features, last - first,
            fps=self._fps, encoder=self._info, picture=self._picture,
        )  # fmt: skip
        moved[:, geometry.JAW] *= HINGED[:, None]
        return moved


def eyes(
    n_frames: int,
    *,
    blink: Trained,
    fps: float,
    seed: int,
    rate_hz: float | None = None,
    canonical: np.ndarray | None = None,
) -> np.ndarray:
    """Displacement (T, 68, 2) of the canonical face by blinks, which speech does not cause.

    They are generated at the rate the stage was trained at and interpolated to ``fps``. With
    ``rate_hz`` they are rearranged to so many a second
    (:mod:`tkit.pipelines.animation.blink_rate`), which needs the ``canonical`` face.
    """
    own_fps = blink.weights.record["fps"]
    rng = generator(seed, "animate", "blink")
    n_own = max(round(n_frames * own_fps / fps), 1)
    n_made = n_own if rate_hz is None else max(n_own, round(BLINKS_FROM_S * own_fps))
    moved, _ = generate(blink.weights.module, n_made, rng=rng)
    if rate_hz is not None and canonical is not None:
        moved = at_rate(moved, canonical, rate_hz=rate_hz, n_frames=n_own, fps=own_fps, rng=rng)
    if own_fps == fps:
        return moved
    position = np.clip((np.arange(n_frames) + 0.5) * own_fps / fps - 0.5, 0, n_own - 1)
    before = position.astype(int)
    after = np.minimum(before + 1, n_own - 1)
    part = (position - before)[:, None, None]
    return (1 - part) * moved[before] + part * moved[after]


def head_moves(points: np.ndarray) -> np.ndarray:
    """Head movement (T, 2, 3) of tracked points (T, 68, 2), relative to the first frame.

    Similarities of the face itself, in inter-ocular distances: what shall happen to canonical
    points before they take the pose of the picture. Without the tremble of the tracker.
    """
    points = np.asarray(points, np.float64)
    pose = geometry.smooth_pose(geometry.head_motion(points))
    return geometry.compose(geometry.invert(pose[:1]), pose)


def repeated(head: np.ndarray | None, start: int, count: int) -> np.ndarray | None:
    """Take ``count`` head poses from frame ``start`` on, running there and back without end."""
    if head is None:
        return None
    around = np.r_[0 : len(head), len(head) - 2 : 0 : -1]
    return head[around[np.arange(start, start + count) % len(around)]]
