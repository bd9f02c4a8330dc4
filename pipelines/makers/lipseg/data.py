"""Pictures of mouths and eyes with their contours, to train ``lipseg`` on.

Real ones come from the training speakers of GRID, with contours of a 478-point face mesh; others
are made between two of these people (:mod:`tkit.pipelines.makers.lipseg.people`); generated ones
are puppets, whose contours are known exactly. Each is kept with a margin and in the place where the
tracker puts it; :mod:`tkit.pipelines.makers.lipseg.vary` makes many of one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tkit import media
from tkit.clips import Clip
from tkit.corpora import CORPORA, puppet
from tkit.corpora.puppet import bend
from tkit.errors import CorpusError
from tkit.face import geometry
from tkit.landmarks import dlib68, mesh
from tkit.lips import pictures as mouth_pictures
from tkit.pipelines.makers.lipseg.people import MOUTH, Face, another
from tkit.pipelines.makers.lipseg.vary import SIZES, vary
from tkit.progress import track
from tkit.seeds import generator
from tkit.zoo.nets.lipseg import DIVISIONS

MARGIN = 1.5  # of a stored picture's sides over those that the network sees
PUPPET_SEED = 1000  # generated people that no demonstration, test or benchmark shows

# Contours from the left of the picture to the right, top to bottom: vertices of the mesh's
# published topology, and iBUG-68 points.
MESH = {
    "mouth": MOUTH,
    "right eye": [
        [33, 246, 161, 160, 159, 158, 157, 173, 133],
        [33, 7, 163, 144, 145, 153, 154, 155, 133],
    ],
    "left eye": [
        [263, 466, 388, 387, 386, 385, 384, 398, 362],
        [263, 249, 390, 373, 374, 380, 381, 382, 362],
    ],
}
IBUG68 = {
    "mouth": [
        [48, 49, 50, 51, 52, 53, 54],
        [60, 61, 62, 63, 64],
        [60, 67, 66, 65, 64],
        [48, 59, 58, 57, 56, 55, 54],
    ],
    "right eye": [[36, 37, 38, 39], [36, 41, 40, 39]],
    "left eye": [[45, 44, 43, 42], [45, 46, 47, 42]],
}


# By part of the face: picture, contours and person of each sample, as in Samples.
Cut = dict[str, list[tuple[np.ndarray, np.ndarray, str]]]


@dataclass(frozen=True)
class Samples:
    """Pictures of one part of the face.

    Parameters
    ----------
    pictures : ndarray (N, h, w, 3), uint8 RGB
        ``MARGIN`` times as wide and high as what the network sees.
    contours : ndarray (N, A, P, 2), float32
        Pixels of the picture; from left to right, the arcs from top to bottom.
    people : ndarray (N,), str
    """

    pictures: np.ndarray
    contours: np.ndarray
    people: np.ndarray


def collect(
    root: Path, model: Path, *, clips: int, made: int, puppets: int, seed: int
) -> dict[str, Samples]:
    """Cut pictures of mouths and eyes out of GRID's training clips, made and generated ones.

    Parameters
    ----------
    root : Path
        A GRID folder.
    model : Path
        The mesh's ``face_landmarker.task``.
    clips : int
        At most so many clips of a speaker, evenly spread.
    made : int
        Faces between two of those speakers.
    puppets : int
        Generated people, with one clip each.
    """
    found: Cut = {part: [] for part in DIVISIONS}
    faces: dict[str, list[Face]] = {}
    chosen = training_clips(root, clips)
    for clip in track(chosen, len(chosen), desc="clips", unit="clip"):
        frames = media.read_clip(clip.video).frames
        vertices = mesh.track_mesh(frames, str(model)).astype(np.float64)
        for face in _tracked(frames, vertices):
            _cut(found, face, MESH, clip.speaker)
            faces.setdefault(clip.speaker, []).append(face)
    rng = generator(seed, "lipseg", "made")
    for _ in track(range(made), made, desc="made", unit="face"):
        (who, one), (_, two) = _draw(faces, rng), _draw(faces, rng)
        _cut(found, another(one, two, rng), MESH, f"made {who}")
    _cut_puppets(found, puppets, seed)
    return _stacked(found)


def of_puppets(count: int, *, seed: int) -> dict[str, Samples]:
    """Cut pictures of mouths and eyes out of one clip each of ``count`` generated people."""
    found: Cut = {part: [] for part in DIVISIONS}
    _cut_puppets(found, count, seed)
    return _stacked(found)


def _cut_puppets(found: Cut, count: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number in track(range(count), count, desc="puppets", unit="clip"):
            here = Path(folder, str(number))
            puppet.generate(here, speakers=1, clips=1, seed=PUPPET_SEED + seed + number)
            frames = media.read_clip(next(here.glob("s*/*.mp4"))).frames
            truth = np.load(next(here.glob("truth/*/*.npz")))["points"].astype(np.float64)
            for face in _tracked(frames, truth):
                _cut(found, face, IBUG68, f"puppet {number}")


def _stacked(found: Cut) -> dict[str, Samples]:
    return {
        part: Samples(*(np.stack(column) for column in zip(*rows, strict=True)))
        for part, rows in found.items()
    }


def training_clips(root: Path, most: int) -> list[Clip]:
    """At most ``most`` clips of each training speaker below ``root``."""
    corpus = CORPORA.get("grid")
    by_speaker: dict[str, list[Clip]] = {}
    for item in corpus.scan(root):
        if isinstance(item, Clip) and corpus.split_of(item, corpus.default_split_scheme) == "train":
            by_speaker.setdefault(item.speaker, []).append(item)
    if not by_speaker:
        raise CorpusError(f"{root}: no clips of GRID's training speakers")
    chosen = []
    for clips in by_speaker.values():
        index = np.unique(np.linspace(0, len(clips) - 1, min(most, len(clips))).astype(int))
        chosen += [clips[at] for at in index]
    return chosen


def _tracked(frames: np.ndarray, vertices: np.ndarray) -> Iterator[Face]:
    """Yield the faces of a clip where both the tracker and who knows the contours see one."""
    points = dlib68.track(frames).astype(np.float64)
    seen = ~(np.isnan(points).any((1, 2)) | np.isnan(vertices).any((1, 2)))
    for index in np.flatnonzero(seen):
        yield Face(frames[index], vertices[index], points[index])


def _draw(faces: dict[str, list[Face]], rng: np.random.Generator) -> tuple[str, Face]:
    """Draw a person, and a face of that person."""
    who = sorted(faces)[rng.integers(len(faces))]
    return who, faces[who][rng.integers(len(faces[who]))]


def _cut(
    found: Cut,
    face: Face,
    arcs: dict[str, list[list[int]]],
    person: str,
) -> None:
    """Append the pictures of one face, placed by what the tracker sees."""
    places = {"mouth": mouth_pictures.mouth_transforms(face.points[None])[0]}
    eyes = mouth_pictures.eye_transforms(face.points[None])[0]
    places |= {"right eye": eyes[0], "left eye": eyes[1]}
    for name, place in places.items():
        part = name.split()[-1]
        size = np.array(SIZES[part])
        wide = int(MARGIN * size[0]), int(MARGIN * size[1])
        place[:, 2] += (np.array(wide) - size) / 2
        curves = np.stack([_arc(face.vertices[arc], len(arcs[name][0])) for arc in arcs[name]])
        inside = geometry.apply(place, curves.reshape(-1, 2)).reshape(curves.shape)
        picture = mouth_pictures.sample(face.frame, place, wide)
        found[part].append((picture, inside.astype(np.float32), person))


def _arc(points: np.ndarray, longest: int) -> np.ndarray:
    """As many points for every arc: the mesh's are dense, a puppet's lie on its smooth curves."""
    if len(points) >= 9:
        return points
    count = 11 if longest == 7 else 9
    if len(points) == 7:
        along = np.linspace(0, 6, count)
        return np.stack([np.interp(along, range(7), column) for column in points.T], axis=-1)
    x = np.linspace(points[0, 0], points[-1, 0], count)
    if points[0, 0] > points[-1, 0]:
        points = points[::-1]
    return np.stack([x, bend.contour_y(points, x)], axis=-1)


def batches(
    part: str, samples: Samples, *, size: int, puppet_share: float, plain: float, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches (B, 3, h, w) and (B, K, h / 2, w / 2); all people are seen as often."""
    rng = generator(seed, "lipseg", part)
    generated = np.char.startswith(samples.people, "puppet")
    groups = [
        [np.flatnonzero(samples.people == who) for who in np.unique(samples.people[chosen])]
        for chosen in (generated, ~generated)
    ]
    while True:
        rows = []
        for _ in range(size):
            people = groups[0] if rng.random() < puppet_share else groups[1]
            frames = people[rng.integers(len(people))]
            at = frames[rng.integers(len(frames))]
            rows.append(vary(part, samples.pictures[at], samples.contours[at], rng, plain=plain))
        pictures, segments = zip(*rows, strict=True)
        yield np.stack(pictures).transpose(0, 3, 1, 2), np.stack(segments)
