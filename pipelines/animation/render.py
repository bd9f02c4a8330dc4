"""One still picture and speech to the frames of a talking face.

The trained stages in a row (Sinha et al. 2020, fig. 2): speech moves the mouth and noise the eyes
of the canonical face, both are retargeted to the person of the picture, and the texture stage
renders the face crop, which is blended into the picture. The head stays as it is there, or is moved
with what is around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from tkit.errors import NoFaceError
from tkit.face import crops, geometry, plausible
from tkit.pipelines.animation.carry import Carry
from tkit.pipelines.animation.head import Sway, repeated
from tkit.pipelines.animation.moves import Eyes, Voice, sample_rate
from tkit.pipelines.animation.paste import Paste
from tkit.pipelines.animation.speech import Speech
from tkit.pipelines.animation.studio import Studio
from tkit.pipelines.stages.texture import lids, teeth
from tkit.pipelines.stages.texture.data import STILL
from tkit.pipelines.stages.texture.renderer import Rendered, Renderer

UPPER_INNER, LOWER_INNER = plausible.INNER_LIP_PAIRS.T
UPPER_SHARE = 0.2  # of what is left of a gap that the upper lip closes; the lower lip does the rest
# How far each mouth point goes, x and y, when the gap between the lips widens by one: slopes over
# the frames of ten GRID speakers who count alike, made symmetric. The lower lip sinks with the jaw,
# the upper one rises a little, and the corners sink and come nearer.
MOUTH_FOLLOWS = np.array([
    (.02, .30), (-.11, .02), (-.04, -.14), (0, -.12), (.04, -.14), (.11, .02), (-.02, .30),
    (.12, .77), (.07, .95), (0, .98), (-.07, .95), (-.12, .77),
    (.07, .31), (-.02, -.15), (0, -.17), (.02, -.15), (-.07, .31),
    (.04, .83), (0, .87), (-.04, .83),
])  # fmt: skip
BEGIN_S = 0.5  # from the mouth of the picture to that of the motion stage
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
    still : ndarray (68, 2)
        As it is in the picture, canonical coordinates.
    neutral : ndarray (68, 2)
        The same with closed lips.
    canonical : ndarray (68, 2)
        The mean neutral face.
    transform : ndarray (2, 3)
        Pixels of the picture to pixels of the crop.
    points : ndarray (68, 2)
        As they are in the picture, in pixels of the crop.
    crop : ndarray (size, size, 3) uint8
    """

    pose: np.ndarray
    still: np.ndarray
    neutral: np.ndarray
    canonical: np.ndarray
    transform: np.ndarray
    points: np.ndarray
    crop: np.ndarray

    @property
    def displacement(self) -> np.ndarray:
        """Displacement (68, 2) of the canonical face that makes the picture of the neutral."""
        return (self.still - self.neutral) * geometry.axis_scale(self.neutral, self.canonical)

    def landmarks(self, displacement: np.ndarray) -> np.ndarray:
        """Landmarks (T, 68, 2) in pixels of the crop, from canonical displacement (T, 68, 2).

        Lids shut as far as on the canonical face, and neither lids nor lips cross.

        Parameters
        ----------
        displacement : ndarray (T, 68, 2)
            Of the canonical face.
        """
        fitted = plausible.fit_lids(displacement, neutral=self.neutral, canonical=self.canonical)
        moved = self.neutral + fitted / geometry.axis_scale(self.neutral, self.canonical)
        return geometry.apply(self.transform, geometry.apply(self.pose, plausible.part(moved)))


def talk(
    image: np.ndarray,
    speech: np.ndarray | Speech,
    studio: Studio,
    *,
    watch: Callable[[np.ndarray, Rendered], None] | None = None,
) -> Iterator[np.ndarray]:
    """Make the face of a still picture speak.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8 RGB
        Picture with a face, of any size; of several faces the largest speaks.
    speech : ndarray (S,) float32, or Speech
        At the sample rate of the encoder that ``studio.motion`` was trained on
        (:func:`tkit.pipelines.animation.moves.sample_rate`).
    studio : Studio
        ``round(duration * studio.fps)`` frames are made.
    watch : callable, optional
        ``watch(points, rendered)`` is shown what was asked for, and what every pass of the network
        made of it; it leaves the eyes at rest, which :mod:`tkit.pipelines.stages.texture.lids`
        shuts.

    Returns
    -------
    iterator of ndarray (H, W, 3) uint8 RGB
        Frames are rendered while they are taken. The first shows the mouth as it is in the picture;
        within ``BEGIN_S`` it becomes that of the motion stage, which may keep it so until somebody
        speaks. With ``studio.crop`` they are as large as the crops that the texture stage was
        trained on.

    Raises
    ------
    NoFaceError
        At once, if the picture has no face.
    WeightsError
        At once, if the motion needs another version of its speech encoder than this tkit has.
    """
    sitter = Sitter(image, studio)
    if isinstance(speech, np.ndarray):
        speech = Speech([speech], rate_hz=sample_rate(studio.motion), fps=studio.fps)
    return sitter.frames(sitter.voice(studio).parts(speech), speech, studio, watch=watch)


class Sitter:
    """The face of a still picture, found and measured once, that can speak again and again.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8 RGB
    studio : Studio
        Of which the stages and the landmarker are used.

    Raises
    ------
    NoFaceError
        If the picture has no face.
    """

    def __init__(self, image: np.ndarray, studio: Studio) -> None:
        points = studio.landmarker(image[None])[0]
        if np.isnan(points).any():
            raise NoFaceError(
                "no face found in the picture; use one that shows a face from the front"
            )
        canonical = studio.motion.weights.module.canonical.cpu().numpy().astype(np.float64)
        size, module = studio.texture.weights.config.size, studio.texture.weights.module
        self.image = image
        self.person = person = look_at(image, points, canonical=canonical, size=size)
        calm, lips = lids.calm_mask(person.points, size), None
        self._teeth = self._teeth_crop = None
        if teeth.shows(person.crop, person.points):  # which a network would stretch
            calm[:], lips = 1, partial(teeth.carried, still=person.points)
            self._teeth = teeth.Teeth(image, person.points, person.transform)
            self._teeth_crop = teeth.Teeth(person.crop, person.points, STILL)
        self.render = Renderer(module, person.crop, person.points, calm=calm, lips=lips)
        self._to_crop = geometry.compose(person.transform, person.pose)
        self._paste = Paste(image, person.points, person.transform, size=size, pose=person.pose)
        self._carry = Carry(self._to_crop, person.crop.shape)
        self._shut = lids.Lids(image, person.points, person.transform)
        self._shut_crop = lids.Lids(person.crop, person.points, STILL)

    def voice(self, studio: Studio) -> Voice:
        """What moves the mouth of this face; :class:`WeightsError` as :class:`Voice` raises it."""
        return Voice(
            studio.motion,
            picture=self.person.displacement,
            speech_weights=studio.speech_weights,
        )

    def frames(
        self,
        mouth: Iterable[tuple[int, np.ndarray]],
        speech: Speech,
        studio: Studio,
        *,
        watch: Callable[[np.ndarray, Rendered], None] | None = None,
    ) -> Iterator[np.ndarray]:
        """Yield the frames; parameters and result as of :func:`talk`.

        Parameters
        ----------
        mouth : iterable of (int, ndarray (T, 68, 2))
            What :meth:`Voice.parts` yields of ``speech``.
        """
        eyes = Eyes(
            studio.blink,
            fps=studio.fps,
            seed=studio.seed,
            rate_hz=studio.blink_rate,
            canonical=self.person.canonical,
        )
        sway = Sway(studio.sway, fps=studio.fps, seed=studio.seed) if studio.sway else None
        reach = studio.expression * studio.habit
        for start, moved in mouth:
            look = eyes.take(start, len(moved), speech.n_frames)
            still = share_of_picture(start, len(moved), fps=studio.fps)[:, None, None]
            said = (1 - still) * reach * moved + still * self.person.displacement
            head = None
            if studio.head is not None:
                head = repeated(studio.head, start, len(moved))
            elif sway:
                head = sway.take(speech.loudness(start, len(moved)))
            points, rest = self.person.landmarks(said + look), self.person.landmarks(said)
            rendered = self.render(rest)
            if watch:
                watch(points, rendered)
            frames = self._placed(rendered, head, studio.crop)
            yield from self._finished(frames, points, rest, head, studio.crop)

    def _placed(
        self, rendered: Rendered, head: np.ndarray | None, crop: bool
    ) -> Iterator[np.ndarray]:
        """Yield what was rendered, in the picture or as the bare crop, with its head moved."""
        heads = [None] * len(rendered.images) if head is None else head
        if crop:
            for image, one in zip(rendered.images, heads, strict=True):
                yield image if one is None else self._carry.carried(image, one)
            return
        maps = rendered.attention, rendered.colour, rendered.flow, heads
        for layers in zip(*maps, strict=True):
            yield self._paste(*layers)

    def _finished(
        self,
        frames: Iterator[np.ndarray],
        points: np.ndarray,
        rest: np.ndarray,
        head: np.ndarray | None,
        crop: bool,
    ) -> Iterator[np.ndarray]:
        """Yield frames with eyes shut as far as in ``points``, beside ``rest``, and with teeth."""
        if head is not None:
            moved = geometry.about(self._to_crop, head)
            points, rest = geometry.apply(moved, points), geometry.apply(moved, rest)
        shut = self._shut_crop if crop else self._shut
        show = self._teeth_crop if crop else self._teeth
        for frame, face, open_eyed in zip(frames, points, rest, strict=True):
            yield shut(show(frame, open_eyed) if show else frame, face, open_eyed)


def look_at(image: np.ndarray, points: np.ndarray, *, canonical: np.ndarray, size: int) -> Person:
    """Measure the person of a picture from its landmark points (68, 2) in pixels."""
    points = np.asarray(points, np.float64)
    rigid = geometry.RIGID_INDEX
    pose = geometry.similarity(canonical[rigid], points[rigid])
    still = geometry.apply(geometry.invert(pose), points)
    transform = crops.crop_pose(points[None], size=size, sigma_frames=0)[0]
    return Person(
        pose=pose,
        still=still,
        neutral=close_lips(still, canonical),
        canonical=canonical,
        transform=transform,
        points=geometry.apply(transform, points),
        crop=crops.cut(image, transform, size=size),
    )


def share_of_picture(start: int, count: int, *, fps: float) -> np.ndarray:
    """How much of the picture's own mouth frames ``start`` and on show; (count,), falling from 1.

    So the first frame is the picture whatever the motion stage makes of the first sound.
    """
    passed = np.minimum((start + np.arange(count)) / (BEGIN_S * fps), 1)
    return 0.5 + 0.5 * np.cos(np.pi * passed)


def close_lips(points: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Estimate the closed-lips face of a person who is seen once, perhaps with an open mouth.

    The lips meet as closely as those of the mean neutral face, and the rest of the mouth goes
    along as it does when people speak. Of a gap wider than that of a smile the jaw rises too. A
    mouth that is shut already is returned as it is.

    Parameters
    ----------
    points, canonical : ndarray (68, 2)
        Canonical coordinates.
    """

    def gap(face: np.ndarray) -> np.ndarray:
        return face[LOWER_INNER, 1] - face[UPPER_INNER, 1]

    excess = np.maximum(gap(points) - gap(canonical), 0)
    closed = points.copy()
    closed[geometry.MOUTH] -= MOUTH_FOLLOWS * excess.mean()
    rest = np.where(excess > 0, gap(closed) - gap(canonical), 0)
    closed[UPPER_INNER, 1] += UPPER_SHARE * rest
    closed[LOWER_INNER, 1] -= (1 - UPPER_SHARE) * rest
    closed[geometry.JAW, 1] -= JAW_FOLLOWS * max(excess.mean() - SMILE, 0)
    return closed
