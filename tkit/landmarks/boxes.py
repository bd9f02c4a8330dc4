"""Face boxes over time: shots of a clip, detections linked into faces, the face that is followed.

A box is ``(3,)`` float: x of the centre, y of the centre and side, in pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

Box = np.ndarray
Face = dict[int, Box]  # frame index to the box of one person

REACH = 0.8  # box sides that a face can move (or grow) between two detections
SAME_PLACE = 0.25  # box sides that a face may seem to move at a cut and be the same
NEARLY = 0.9  # of the longest time that a face is seen, from which on another rivals it
THUMB_PX = 36, 28  # width and height of the pictures in which cuts are sought
FINE = 3  # pixels of a picture, in each direction, that are averaged for one of those at least
CUT_LEVEL = 8.0  # grey levels: smaller mean differences of two frames are never a cut
CUT_RATIO = 4.0  # times the usual difference of two frames from which on it is a cut


def shots(greys: Sequence[np.ndarray]) -> list[tuple[int, int]]:
    """Split frames (H, W) uint8 at cuts.

    Returns
    -------
    list of (start, stop)
        Stretches without a cut, in order. A flash may be taken for a cut, which costs detections
        but no accuracy.
    """
    import cv2

    if len(greys) < 2:
        return [(0, len(greys))]
    height, width = greys[0].shape
    step = max(min(height // THUMB_PX[1], width // THUMB_PX[0]) // FINE, 1)
    thumbs = [
        cv2.resize(grey[::step, ::step].copy(), THUMB_PX, interpolation=cv2.INTER_AREA)
        for grey in greys
    ]
    change = np.abs(np.diff(np.stack(thumbs).astype(np.int16), axis=0)).mean(axis=(1, 2))
    level = max(CUT_LEVEL, CUT_RATIO * float(np.median(change)))
    edges = [0, *(int(index) + 1 for index in np.flatnonzero(change > level)), len(thumbs)]
    return list(itertools.pairwise(edges))


def near(box: Box, other: Box) -> bool:
    """Whether two boxes can be the same face a few frames apart."""
    side = max(float(box[2]), float(other[2]))
    return bool(np.abs(box - other).max() < REACH * side)


def link(seen: Mapping[int, Sequence[Box]]) -> list[Face]:
    """Link the detections of several frames of one shot into faces.

    In order of time, each box goes to the nearest face that has none in that frame yet; a box that
    is :func:`near` no face starts a new one.
    """
    faces: list[Face] = []
    for index in sorted(seen):
        latest = [face[max(face)] for face in faces]
        pairs = sorted(
            (float(np.abs(box - before).sum()), number, which)
            for number, box in enumerate(seen[index])
            for which, before in enumerate(latest)
            if near(box, before)
        )
        placed: set[int] = set()
        for _, number, which in pairs:
            if number not in placed and index not in faces[which]:
                faces[which][index] = seen[index][number]
                placed.add(number)
        faces += [{index: box} for number, box in enumerate(seen[index]) if number not in placed]
    return faces


def choose(faces: Sequence[Sequence[Face]], *, first: int | None = None) -> list[list[Face]]:
    """Sort the faces of every shot: the one to follow first.

    That is the face that is seen longest, of equals the largest. A face that stands at one place
    before and after a cut counts with both shots: what is cut away may be somebody else.

    Parameters
    ----------
    faces : sequence of sequence of Face
        The faces of each shot, in order.
    first : int, optional
        The person of :func:`rivals` who goes before everybody else.
    """
    who, span = _people(faces)

    def rank(pair: tuple[Face, int]) -> tuple[bool, int, float]:
        face, person = pair
        return person != first, -span[person], -float(np.mean([box[2] for box in face.values()]))

    return [
        [face for face, _ in sorted(zip(shot, whose, strict=True), key=rank)]
        for shot, whose in zip(faces, who, strict=True)
    ]


def rivals(faces: Sequence[Sequence[Face]]) -> dict[int, list[Face]]:
    """Faces of every person who is seen nearly as long as the one who is seen longest."""
    who, span = _people(faces)
    found: dict[int, list[Face]] = {}
    for shot, whose in zip(faces, who, strict=True):
        for face, person in zip(shot, whose, strict=True):
            if span[person] >= NEARLY * max(span):
                found.setdefault(person, []).append(face)
    return found


def _people(faces: Sequence[Sequence[Face]]) -> tuple[list[list[int]], list[int]]:
    """Whose the faces of every shot are, by number, and for how many frames each is seen."""
    span: list[int] = []
    before: list[tuple[Face, int]] = []  # faces of the shot before and whose they are
    who: list[list[int]] = []
    for shot in faces:
        whose = []
        for face in shot:
            same = [index for other, index in before if _same_place(other, face)]
            free = [index for index in same if index not in whose]
            if not free:
                span.append(0)
            whose.append(free[0] if free else len(span) - 1)
            span[whose[-1]] += _span(face)
        before = list(zip(shot, whose, strict=True))
        who.append(whose)
    return who, span


def _span(face: Face) -> int:
    """Frames from first to last sight: detections may lie denser where another face was missed."""
    return max(face) - min(face) + 1


def _same_place(face: Face, later: Face) -> bool:
    before, after = face[max(face)], later[min(later)]
    return bool(np.abs(before - after).max() < SAME_PLACE * max(before[2], after[2]))
