"""Animation: one still picture and speech to the frames of a talking face.

The trained stages in a row (Sinha et al. 2020, fig. 2): speech moves the mouth and noise the eyes
of the canonical face, both are retargeted to the person of the picture, and the texture stage
renders the face crop, which is blended into the picture. The head stays as it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tkit import crops, drawing, geometry, plausible
from tkit.clips import generator
from tkit.errors import NoFaceError
from tkit.landmarks import Track
from tkit.pipelines._regions import face_mask
from tkit.pipelines._runs import Trained
from tkit.pipelines.motion import predict
from tkit.speech import ENCODERS, open_encoder
from tkit.store import EncoderInfo
from tkit.zoo import texture as texture_net
from tkit.zoo.blink import generate

AT_ONCE = 8  # frames that are rendered together: memory does not grow with the speech

# Lips that are one above the other when the mouth is shut: inner points that meet, then how far
# each point goes along with which pair.
UPPER_INNER, LOWER_INNER = np.array([61, 62, 63]), np.array([67, 66, 65])
UPPER_OUTER = {49: (0, 0.5), 50: (0, 1.0), 51: (1, 1.0), 52: (2, 1.0), 53: (2, 0.5)}
LOWER_OUTER = {59: (0, 0.5), 58: (0, 1.0), 57: (1, 1.0), 56: (2, 1.0), 55: (2, 0.5)}
UPPER_SHARE = 0.2  # of the gap that the upper lip closes; the lower lip does the rest
SMILE = 0.15  # inter-ocular distances that lips part in a smile, with the jaw shut
# By how much of the gap each jaw point is lower: slopes over the frames of ten GRID speakers.
JAW_FOLLOWS = np.array([.07, .12, .19, .24, .30, .38, .47, .56, .60, .56, .47, .38, .30, .24, .19,
                        .12, .07])  # fmt: skip


@dataclass(frozen=True)
class Person:
    """The face of a still picture.

    Parameters
    ----------
    pose : ndarray (2, 3)
        Canonical coordinates to pixels of the picture.
    neutral : ndarray (68, 2)
        With closed lips, canonical coordinates.
    canonical : ndarray (68, 2)
        The mean neutral face.
    transform : ndarray (2, 3)
        Pixels of the picture to pixels of the crop.
    points : ndarray (68, 2)
        As they are in the picture, in pixels of the crop.
    crop : ndarray (size, size, 3) uint8
    """

    pose: np.ndarray
    neutral: np.ndarray
    canonical: np.ndarray
    transform: np.ndarray
    points: np.ndarray
    crop: np.ndarray

    def landmarks(self, displacement: np.ndarray, *, head: np.ndarray | None = None) -> np.ndarray:
        """Landmarks (T, 68, 2) in pixels of the crop, from canonical displacement (T, 68, 2).

        Lids shut as far as on the canonical face, and neither lids nor lips cross.

        Parameters
        ----------
        displacement : ndarray (T, 68, 2)
        head : ndarray (T, 2, 3), optional
            Motion of the head in canonical coordinates (:func:`tkit.geometry.head_motion`); by
            default it stays as it is in the picture.
        """
        fitted = plausible.fit_lids(displacement, neutral=self.neutral, canonical=self.canonical)
        still = self.neutral + fitted / geometry.axis_scale(self.neutral, self.canonical)
        level = plausible.part(still)
        if head is not None:
            level = geometry.apply(head, level)
        return geometry.apply(self.transform, geometry.apply(self.pose, level))


def animate(
    image: np.ndarray,
    wave: np.ndarray,
    *,
    motion: Trained,
    blink: Trained,
    texture: Trained,
    landmarker: Track,
    fps: float = 25.0,
    seed: int = 0,
    crop: bool = False,
    speech_weights: str = "",
) -> Iterator[np.ndarray]:
    """Make the face of a still picture speak.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8 RGB
        Picture with a face, of any size; of several faces the largest speaks.
    wave : ndarray (S,) float32
        Speech at the sample rate of the encoder that ``motion`` was trained on
        (:func:`sample_rate`).
    motion, blink, texture : Trained
        From :func:`tkit.pipelines._runs.load`.
    landmarker : callable
        An opened landmark back-end.
    fps : float
        Frames a second; ``round(duration * fps)`` frames are made.
    seed : int
        Of the blinks.
    crop : bool
        Give the bare face crop instead of the picture.
    speech_weights : str
        Weight file of the speech encoder; empty for its own.

    Returns
    -------
    iterator of ndarray (H, W, 3) uint8 RGB
        Frames are rendered while they are taken. With ``crop`` they are as large as the crops that
        ``texture`` was trained on.

    Raises
    ------
    NoFaceError
        At once, if the picture has no face.
    WeightsError
        At once, if ``motion`` needs another version of its speech encoder than this tkit has.
    """
    module = texture.weights.module
    points = landmarker(image[None])[0]
    if np.isnan(points).any():
        raise NoFaceError("no face found in the picture; use one that shows a face from the front")
    canonical = motion.weights.module.canonical.cpu().numpy().astype(np.float64)
    person = look_at(image, points, canonical=canonical, size=texture.weights.config.size)
    n_frames = count_frames(wave, motion=motion, fps=fps)
    moved = mouth(wave, n_frames, motion=motion, fps=fps, speech_weights=speech_weights)
    moved = moved + eyes(n_frames, blink=blink, fps=fps, seed=seed)
    return _render(image, person, moved, module, crop=crop)


def sample_rate(motion: Trained) -> int:
    """Sample rate in Hz of the speech that a motion stage's encoder takes."""
    return ENCODERS.get(motion.weights.record["encoder"]["name"]).sample_rate


def count_frames(wave: np.ndarray, *, motion: Trained, fps: float) -> int:
    """Number of frames that speech takes: its length rounded, at least one."""
    return max(round(len(wave) / sample_rate(motion) * fps), 1)


def look_at(image: np.ndarray, points: np.ndarray, *, canonical: np.ndarray, size: int) -> Person:
    """Measure the person of a picture from its landmark points (68, 2) in pixels."""
    points = np.asarray(points, np.float64)
    rigid = geometry.RIGID_INDEX
    pose = geometry.similarity(canonical[rigid], points[rigid])
    still = geometry.apply(geometry.invert(pose), points)
    transform = crops.crop_pose(points[None], size=size, sigma_frames=0)[0]
    return Person(
        pose=pose,
        neutral=close_lips(still, canonical),
        canonical=canonical,
        transform=transform,
        points=geometry.apply(transform, points),
        crop=crops.cut(image, transform, size=size),
    )


def close_lips(points: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Estimate the closed-lips face of a person who is seen once, perhaps with an open mouth.

    The lips meet as closely as those of the mean neutral face: of what the gap is wider, the upper
    lip closes a fifth and the lower lip the rest, and each outer lip goes along with its inner one.
    Of a gap wider than that of a smile the jaw rises too, as it does when people speak. The mouth
    corners stay. A mouth that is shut already is returned as it is.

    Parameters
    ----------
    points, canonical : ndarray (68, 2)
        Canonical coordinates.
    """

    def gap(face: np.ndarray) -> np.ndarray:
        return face[LOWER_INNER, 1] - face[UPPER_INNER, 1]

    excess = np.maximum(gap(points) - gap(canonical), 0)
    closed = points.copy()
    closed[UPPER_INNER, 1] += UPPER_SHARE * excess
    closed[LOWER_INNER, 1] -= (1 - UPPER_SHARE) * excess
    for point, (pair, share) in UPPER_OUTER.items():
        closed[point, 1] += share * UPPER_SHARE * excess[pair]
    for point, (pair, share) in LOWER_OUTER.items():
        closed[point, 1] -= share * (1 - UPPER_SHARE) * excess[pair]
    closed[geometry.JAW, 1] -= JAW_FOLLOWS * max(excess.mean() - SMILE, 0)
    return closed


def mouth(
    wave: np.ndarray, n_frames: int, *, motion: Trained, fps: float, speech_weights: str = ""
) -> np.ndarray:
    """Displacement (T, 68, 2) of the canonical face that speech causes."""
    trained = EncoderInfo(**motion.weights.record["encoder"])
    encode = open_encoder(trained.name, speech_weights)
    info = replace(encode.info, window_rate=trained.window_rate)
    motion.require_encoder(info, where="this tkit")
    return predict(motion.weights.module, encode(wave), n_frames, fps=fps, encoder=info)


def eyes(
    n_frames: int, *, blink: Trained, fps: float, seed: int, blink_rate: float = 1.0
) -> np.ndarray:
    """Displacement (T, 68, 2) of the canonical face by blinks, which speech does not cause.

    They are generated at the rate the stage was trained at and interpolated to ``fps``.

    Parameters
    ----------
    blink_rate : float
        How many times as often as in training blinks come; 0: never.
    """
    own_fps = blink.weights.record["fps"]
    rng = generator(seed, "animate", "blink")
    n_own = max(round(n_frames * own_fps / fps), 1)
    moved, _ = generate(blink.weights.module, n_own, rng=rng, rate=blink_rate)
    if own_fps == fps:
        return moved
    position = np.clip((np.arange(n_frames) + 0.5) * own_fps / fps - 0.5, 0, n_own - 1)
    before = position.astype(int)
    after = np.minimum(before + 1, n_own - 1)
    part = (position - before)[:, None, None]
    return (1 - part) * moved[before] + part * moved[after]


def _render(
    image: np.ndarray,
    person: Person,
    moved: np.ndarray,
    module: texture_net.Generator,
    *,
    crop: bool,
) -> Iterator[np.ndarray]:
    size = len(person.crop)
    still = drawing.draw(person.points[None], size=size)[0]
    paste = Paste(image, person)
    for start in range(0, len(moved), AT_ONCE):
        points = person.landmarks(moved[start : start + AT_ONCE])
        maps = texture_net.render(
            module, drawing.draw(points, size=size), identity=person.crop, identity_drawing=still
        )
        for attention, colour in zip(*maps, strict=True):
            if crop:
                blend = (1 - attention) * colour + attention * person.crop
                yield np.rint(blend).astype(np.uint8)
            else:
                yield paste(attention, colour)


class Paste:
    """Blends rendered crops into the full picture: eq. 6 in the picture's own resolution.

    Where the attention map keeps the identity, the picture's own pixels stay, finer than the crop;
    where it is open, the colour map is put in, enlarged. Outside a soft-edged face region around
    the landmarks nothing changes at all.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8
    person : Person
    """

    def __init__(self, image: np.ndarray, person: Person) -> None:
        size = len(person.crop)
        self.image = image
        self.face = face_mask(person.points, size)[..., None]
        to_image = geometry.invert(person.transform)
        corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64) - 0.5
        corners = geometry.apply(to_image, corners)
        limit = image.shape[1], image.shape[0]
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, limit).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, limit).astype(int)
        self.region = slice(top, bottom), slice(left, right)
        self.transform = to_image - [[0, 0, left], [0, 0, top]]

    def __call__(self, attention: np.ndarray, colour: np.ndarray) -> np.ndarray:
        """Return the picture with one crop blended in.

        Parameters
        ----------
        attention : ndarray (size, size, 1) float32
        colour : ndarray (size, size, 3) float32, 0 to 255
        """
        import cv2

        part = self.image[self.region]
        layers = np.concatenate([colour, self.face * (1 - attention)], axis=-1)
        layers = cv2.warpAffine(
            layers, self.transform, part.shape[1::-1],
            flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        frame = self.image.copy()
        frame[self.region] = np.rint(part + layers[..., 3:] * (layers[..., :3] - part))
        return frame
