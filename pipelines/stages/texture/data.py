"""Samples of the texture stage: frames of a clip with an identity frame, changed at random."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tkit.face import geometry
from tkit.pipelines.training.sampling import CACHED_CLIPS
from tkit.store import Row, Store

STILL = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
EYES_SHUT = 0.6  # of a clip's median eye aspect ratio: below it the eyes are shutting
SEARCHED_CLIPS = 200  # of a speaker, in which blinks are looked for


@dataclass(frozen=True)
class Pictures:
    """Crops of one person with what is known of them; the first is the identity image.

    Parameters
    ----------
    images : ndarray (N, H, W, 3) uint8
    points : ndarray (N, 68, 2)
        Pixels of the crops.
    ground : ndarray (N, 2, 3)
        Pixels of each crop to the pixels of the first where the same place of the scene lies, if
        the camera stands still; the unit transform where that is not known.
    """

    images: np.ndarray
    points: np.ndarray
    ground: np.ndarray


class CropReader:
    """Reads single crops from a store, and keeps what is known of clips."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._places = lru_cache(maxsize=CACHED_CLIPS)(self._read_places)

    def read(self, frames: list[tuple[Row, int]]) -> Pictures:
        """Read frames, given as clip and number in it."""
        crops = self._store["crops"]
        images = np.stack([crops[row.frame_start + index] for row, index in frames])
        places = [self._places(row) for row, _ in frames]
        points, poses, back = (
            np.stack([each[part][index] for each, (_, index) in zip(places, frames, strict=True)])
            for part in range(3)
        )
        ground = geometry.compose(poses[:1], back)
        ground[[row.id != frames[0][0].id for row, _ in frames]] = STILL
        return Pictures(images, geometry.apply(poses, points), ground)

    def _read_places(self, row: Row) -> tuple[np.ndarray, ...]:
        """Points of a clip, its crop poses and their inverses."""
        points, poses = (
            self._store[name][row.frames].astype(np.float64) for name in ("points", "crop_pose")
        )
        return points, poses, geometry.invert(poses)


def held_out(rows: list[Row], every: int) -> list[Row]:
    """Return every n-th clip of each speaker, none of speakers with fewer clips; none for 0."""
    if not every:
        return []
    return [row for own in by_speaker(rows).values() for row in own[every - 1 :: every]]


def by_speaker(rows: list[Row]) -> dict[str, list[Row]]:
    """Group clips by speaker."""
    groups = defaultdict(list)
    for row in rows:
        groups[row.speaker].append(row)
    return dict(groups)


def blinks(store: Store, rows: list[Row], count: int) -> list[list[tuple[Row, int]]]:
    """Find stretches of ``count`` frames that begin while eyes are shut; a list for each speaker.

    Speakers who never shut their eyes are left out.
    """
    found = []
    for own in by_speaker(rows).values():
        stretches = []
        for row in own[:: -(-len(own) // SEARCHED_CLIPS)]:
            ear = geometry.eye_aspect_ratio(store["points"][row.frames]).mean(axis=-1)
            shut = np.flatnonzero(ear < EYES_SHUT * np.median(ear))
            stretches += [(row, int(first)) for first in shut if first + count <= row.n_frames]
        if stretches:
            found.append(stretches)
    return found


def identity_frame(
    rows: list[Row], target: Row, first: int, count: int, rng: np.random.Generator
) -> tuple[Row, int]:
    """Draw an identity frame for ``count`` frames of a clip from frame ``first`` on.

    From another clip of ``rows``, else from another time of the same clip.
    """
    others = [row for row in rows if row.id != target.id]
    if others:
        row = others[rng.integers(len(others))]
        return row, int(rng.integers(row.n_frames))
    frames = np.arange(target.n_frames)
    elsewhere = frames[(frames < first) | (frames >= first + count)]
    return target, int(rng.choice(elsewhere)) if len(elsewhere) else first


def augment(pictures: Pictures, config: Any, rng: np.random.Generator) -> Pictures:
    """Change place, size, side and colours of all pictures of one sample alike.

    ``config`` gives the strengths: the Config of the texture stage.
    """
    import cv2

    images, points = pictures.images, pictures.points
    size = images.shape[1]
    mirrored = config.mirror and rng.random() < 0.5
    transform, table = _random_affinity(size, config, rng), _random_colours(config, rng)
    if mirrored:
        flip = np.array([[-1.0, 0.0, size - 1], [0.0, 1.0, 0.0]])
        # Left and right change names; their places follow with the picture.
        transform, points = geometry.compose(transform, flip), points[:, geometry.MIRROR]
    changed = np.empty_like(images)
    for image, moved in zip(images, changed, strict=True):
        cv2.warpAffine(  # a bilinear one costs a seventh of the gradients: nets would learn to blur
            image, transform, (size, size), moved,
            flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
    changed = cv2.LUT(changed.reshape(-1, size, 3), table).reshape(changed.shape)
    back = cv2.invertAffineTransform(transform)
    ground = geometry.compose(transform, geometry.compose(pictures.ground, back))
    return Pictures(changed, geometry.apply(transform, points), ground)


def _random_affinity(size: int, config: Any, rng: np.random.Generator) -> np.ndarray:
    """Draw a small turn, scaling and stretching about the centre with a small shift; (2, 3)."""
    angle = np.deg2rad(rng.uniform(-config.turn_deg, config.turn_deg))
    scale = 1 + rng.uniform(-config.scale, config.scale)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear, centre = np.array([[cos, -sin], [sin, cos]]), np.full(2, (size - 1) / 2)
    shift = rng.uniform(-config.shift, config.shift, 2) * size
    if config.stretch:
        wider = 1 + rng.uniform(-config.stretch, config.stretch)
        linear = linear @ np.diag([wider, 1 / wider])
    return np.column_stack([linear, centre + shift - linear @ centre])


def _random_colours(config: Any, rng: np.random.Generator) -> np.ndarray:
    """Draw a change of colours as a table (256, 1, 3) uint8 from old to new values.

    Contrast about mid-grey, a tint (a third as strong), then brightness.
    """
    jitter = config.colour_jitter
    gain = 1 + rng.uniform(-jitter, jitter) + rng.uniform(-jitter, jitter, 3) / 3
    bright = 127.5 * rng.uniform(-jitter, jitter)
    values = (np.arange(256)[:, None] - 127.5) * gain + 127.5 + bright
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)[:, None]
