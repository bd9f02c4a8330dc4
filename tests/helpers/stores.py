"""Small stores of drawn faces whose motion, blinks and sound are known by construction.

The mouth follows two smooth signals, opening and width; the speech features are a fixed mixture of
the same signals, so a network can learn the mouth from the sound. Blinks come at known frames and
have nothing to do with the sound. Loaded by ``conftest.py`` (fixtures ``tiny_store``,
``tiny_store_crops``, ``make_store``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tkit import store
from tkit.clips import Clip, Reject, Word
from tkit.face import crops, geometry
from tkit.seeds import generator

FPS = 25.0
DIM = 8
ENCODER = store.EncoderInfo("drawn", "1", "", DIM, 50.0, 0.01)
SPLITS = {"a": "train", "b": "train", "c": "val"}
BLINK = np.array([0.3, 0.8, 1.0, 0.9, 0.6, 0.3, 0.1])  # closure of one blink, frame by frame
BLINK_GAP = 40  # frames from one onset to the next, on average


def face() -> np.ndarray:
    """Neutral face (68, 2) in canonical coordinates: lips closed, eyes open, symmetric."""
    points = np.zeros((68, 2))
    angle = np.linspace(np.pi, 0.0, 17)
    points[:17] = np.stack([1.1 * np.cos(angle), -0.05 + 1.75 * np.sin(angle)], -1)
    brow = np.linspace(-0.3, 0.3, 5)
    points[17:22] = np.stack([brow - 0.5, -0.35 - 0.5 * (0.09 - brow**2)], -1)
    points[22:27] = np.stack([brow + 0.5, -0.35 - 0.5 * (0.09 - brow**2)], -1)
    points[27:31] = np.stack([np.zeros(4), np.linspace(0.0, 0.6, 4)], -1)
    points[31:36] = np.stack([np.linspace(-0.2, 0.2, 5), [0.72, 0.76, 0.78, 0.76, 0.72]], -1)
    eye = np.array(
        [[-0.2, 0], [-0.08, -0.08], [0.08, -0.08], [0.2, 0], [0.08, 0.08], [-0.08, 0.08]]
    )
    points[36:42], points[42:48] = np.subtract(eye, (0.5, 0.0)), np.add(eye, (0.5, 0.0))
    lips = np.linspace(-0.42, 0.42, 7)
    points[48:55] = np.stack([lips, 1.2 - 0.13 * (1 - (lips / 0.42) ** 2)], -1)
    points[55:60] = np.stack([lips[5:0:-1], 1.2 + 0.15 * (1 - (lips[5:0:-1] / 0.42) ** 2)], -1)
    inner = np.linspace(-0.34, 0.34, 5)
    points[60:65] = np.stack([inner, np.full(5, 1.195)], -1)
    points[65:68] = np.stack([inner[3:0:-1], np.full(3, 1.205)], -1)
    return points


def displacement(opening: np.ndarray, width: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """Displacement (T, 68, 2) of :func:`face` for signals (T,): each is 0 in the neutral face."""
    neutral, moved = face(), np.zeros((len(opening), 68, 2))
    drop = np.zeros(68)
    drop[:17] = np.sin(np.linspace(0, np.pi, 17)) ** 2
    drop[55:60] = drop[65:68] = 1.0
    drop[61:64] = -0.15
    moved[..., 1] += 0.25 * opening[:, None] * drop
    moved[:, 48:, 0] += 0.15 * width[:, None] * neutral[48:, 0]
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        moved[:, upper] += closure[:, None] * (neutral[lower] - neutral[upper])
    return moved


def mouth_signals(clip: str, time_s: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Opening (0 to 1) and width (-1 to 1) of the mouth at the given times; (T, 2)."""
    rng = generator(seed, clip, "mouth")
    rate_hz, phase = rng.uniform(0.5, 3.0, (2, 3, 1)), rng.uniform(0, 2 * np.pi, (2, 3, 1))
    wave = np.sin(2 * np.pi * rate_hz * time_s + phase).mean(axis=1)
    return np.stack([np.maximum(wave[0], 0.0), wave[1]], -1)


def blink_onsets(clip: str, n_frames: int, *, seed: int = 0) -> np.ndarray:
    """First frames of the clip's blinks; every blink lies wholly inside the clip."""
    rng = generator(seed, clip, "blink")
    onsets, frame = [], int(rng.integers(2, BLINK_GAP))
    while frame + len(BLINK) < n_frames:
        onsets.append(frame)
        frame += int(rng.integers(BLINK_GAP // 2, BLINK_GAP * 3 // 2))
    return np.array(onsets, int)


def closure(clip: str, n_frames: int, *, seed: int = 0) -> np.ndarray:
    """Eyelid closure (T,), 0 open and 1 shut, with blinks at :func:`blink_onsets`."""
    closed = np.zeros(n_frames)
    for onset in blink_onsets(clip, n_frames, seed=seed):
        closed[onset : onset + len(BLINK)] = BLINK
    return closed


def speech(clip: str, n_frames: int, *, seed: int = 0) -> np.ndarray:
    """Features (N, DIM) at 50 Hz: a fixed mixture of the mouth's signals with a little noise."""
    n_rows = round(n_frames / FPS * ENCODER.rate_hz)
    time_s = ENCODER.offset_s + np.arange(n_rows) / ENCODER.rate_hz
    mixture = generator(0, "mixture").standard_normal((2, DIM))
    noise = generator(seed, clip, "noise").standard_normal((n_rows, DIM))
    return (mouth_signals(clip, time_s, seed=seed) @ mixture + 0.05 * noise).astype(np.float32)


def head_pose(clip: str, n_frames: int, *, seed: int = 0) -> np.ndarray:
    """Slightly moving canonical-to-image poses (T, 2, 3) of a face 60 px between the eyes."""
    rng = generator(seed, clip, "pose")
    time = np.arange(n_frames) / FPS
    tilt = 0.05 * np.sin(2 * np.pi * 0.4 * time + rng.uniform(0, 6))
    shift = np.array([160.0, 110.0]) + 4 * np.sin(np.outer(time, [1.7, 2.3]) + rng.uniform(0, 6))
    cos, sin = 60 * np.cos(tilt), 60 * np.sin(tilt)
    rows = [cos, -sin, shift[:, 0], sin, cos, shift[:, 1]]
    return np.stack(rows, -1).reshape(n_frames, 2, 3)


def draw(points: np.ndarray, *, size: int, skin: int) -> np.ndarray:
    """Draw one face (size, size, 3) uint8 from its points (68, 2) in pixels."""
    import cv2

    def polygon(index: slice, colour: tuple[int, int, int]) -> None:
        cv2.fillPoly(picture, [np.round(points[index] * 16).astype(np.int32)], colour, shift=4)

    picture = np.full((size, size, 3), 60, np.uint8)
    forehead = points[[16, 0]] - [[0, 0.35 * size], [0, 0.35 * size]]
    head = np.concatenate([points[:17], forehead])
    cv2.fillPoly(
        picture, [np.round(head * 16).astype(np.int32)], (skin, skin - 40, skin - 60), shift=4
    )
    polygon(geometry.RIGHT_EYE, (240, 240, 240))
    polygon(geometry.LEFT_EYE, (240, 240, 240))
    polygon(geometry.OUTER_LIPS, (190, 60, 70))
    polygon(geometry.INNER_LIPS, (30, 5, 5))
    return picture


def write_store(
    path: Path,
    *,
    splits: dict[str, str] | None = None,
    clips_per_speaker: int = 2,
    n_frames: int = 75,
    crop_size: int = 0,
    encoder: store.EncoderInfo = ENCODER,
    seed: int = 0,
) -> Path:
    """Write a store of drawn faces; ``splits`` maps speakers to split names."""
    splits = SPLITS if splits is None else splits
    canonical = geometry.normalise(face())
    stretch = {name: 1 + 0.1 * (i % 3 - 1) for i, name in enumerate(sorted(splits))}
    neutrals = {name: canonical * [1.0, stretch[name]] for name in splits}
    info = store.StoreInfo("drawn", "drawn", "drawn68", "", FPS, 16, encoder)
    with store.create(path, info, crop_size=crop_size) as writer:
        for name in sorted(splits):
            for number in range(clips_per_speaker):
                id_ = f"{name}/{number:03d}"
                arrays = _arrays(id_, neutrals[name], canonical, n_frames, crop_size, seed)
                words = Word(0.2, 0.5, "bin"), Word(0.5, 1.0, "blue")
                clip = Clip(id_, name, f"{id_}.mp4", text="bin blue", words=words)
                writer.add(clip, arrays, split=splits[name], fps=FPS)
        reject = Reject("a/999", "landmarks", "no face in any frame")
        writer.finish(speakers=neutrals, canonical=canonical, rejects=[reject])
    return path


def _arrays(
    clip: str,
    neutral: np.ndarray,
    canonical: np.ndarray,
    n_frames: int,
    crop_size: int,
    seed: int,
) -> dict[str, np.ndarray]:
    middle_s = (np.arange(n_frames) + 0.5) / FPS
    opening, width = mouth_signals(clip, middle_s, seed=seed).T
    moved = displacement(opening, width, closure(clip, n_frames, seed=seed))
    truth = geometry.retarget(
        moved, pose=head_pose(clip, n_frames, seed=seed), neutral=neutral, canonical=canonical
    )
    back, pose = geometry.canonicalise(truth, neutral=neutral, canonical=canonical)
    arrays = {
        "points": truth.astype(np.float32),
        "displacement": back.astype(np.float32),
        "pose": pose,
        "valid": np.ones(n_frames, bool),
        "speech": speech(clip, n_frames, seed=seed),
    }
    if crop_size:
        arrays["crop_pose"] = crops.crop_pose(truth, size=crop_size)
        inside = geometry.apply(arrays["crop_pose"], truth)
        skin = 150 + 20 * (ord(clip[0]) % 5)
        arrays["crops"] = np.stack([draw(one, size=crop_size, skin=skin) for one in inside])
    return arrays
