"""dlib's 68 points (iBUG 300-W layout), read with sub-pixel precision.

The detector (HOG) runs on every ``KEY_STEP``-th frame only, and on more where the face moves;
between key frames the box is interpolated over time, which costs less and removes the jitter of the
boxes without lag. Boxes are never interpolated across a cut. Of several faces, the one that is
there in most key frames of a shot is followed, of equals the one that talks, else the largest. A
frame whose face looks unlike the one before is searched again, so a face that vanishes between key
frames is noticed. The points are those of dlib's model, but neither rounded nor read from the
nearest pixels (:mod:`tkit.landmarks.trees`). What trembles nevertheless is averaged over time where
the face rests.
"""

from __future__ import annotations

import itertools
import math
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np

from tkit.face.steady import steady
from tkit.landmarks import Landmarker, Note, Raw, ignore
from tkit.landmarks.boxes import Box, Face, choose, link, near, rivals, shots
from tkit.landmarks.talks import talker
from tkit.landmarks.trees import Trees, read

KEY_STEP = 20  # frames between detections: 0.8 s at 25 fps
MOVED = 0.25  # box sides that a face moves from key to key from which on it is sought between them
CLOSEST = 5  # frames between keys below which it is not
FACE_PX = 300  # side of the face box from which on pictures are reduced before points are fitted
MARGIN = 0.35  # picture around the box by which a face is known again, in box sides
LOOK_PX = 32  # side of the face that it is compared by
LIKENESS = 0.7  # correlation of two such faces below which the box is not trusted
MAX_SIDE_PX = 960  # larger pictures are reduced before detection
HOG_PX, FINER = 80, 6  # what dlib's detector sees of a face; it reduces pictures by 5/6 at a time
TALK_FRAMES = 25  # in which two faces are compared: every third of a clip of 3 s
DOUBTFUL = 0.25  # share of the best score below which another find is no face
SMALL_SIDE_PX = 240  # smaller pictures are framed and enlarged: HOG wants faces of 80 px


@cache
def detector() -> Any:
    """Load dlib's detector of faces, once a process."""
    import dlib

    return dlib.get_frontal_face_detector()


@cache
def trees() -> Trees:
    """Load the trees of dlib's shape predictor, once a process."""
    import face_recognition_models

    return read(face_recognition_models.pose_predictor_model_location())


def find_faces(image: np.ndarray) -> list[Box]:
    """Find the faces of one picture (H, W, 3), largest first.

    Returns
    -------
    list of ndarray (3,)
        Centre x, centre y and side of each face box, in pixels.
    """
    return sorted(_detect(in_gray(image[None])[0]), key=lambda box: -box[2])


def in_gray(frames: np.ndarray) -> np.ndarray:
    """Return pictures (T, H, W, 3) uint8 RGB in gray, (T, H, W)."""
    import cv2

    greys = np.empty(frames.shape[:3], np.uint8)
    for frame, grey in zip(frames, greys, strict=True):
        cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY, dst=grey)
    return greys


def _detect(grey: np.ndarray, smallest_px: float = 0.0) -> list[Box]:
    """Find the faces of one picture (H, W).

    Faces of ``smallest_px`` and more are found as they are by the search for all, which begins with
    the picture as it is and reduces it step by step: the first steps are left out.
    """
    import cv2
    import dlib

    pad = 0
    small, large = min(grey.shape), max(grey.shape)
    scale = min(1.0, MAX_SIDE_PX / large)
    if small < SMALL_SIDE_PX:
        pad = round(0.25 * small)
        grey = cv2.copyMakeBorder(grey, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        scale = min(2.0, 2 * SMALL_SIDE_PX / small)
    if scale != 1.0:
        flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=flags)
    reduce = dlib.pyramid_down(FINER)
    steps = max(math.log(max(smallest_px * scale, 1) / HOG_PX, FINER / (FINER - 1)), 0)
    for _ in range(int(steps)):
        grey = reduce(grey)
    found, scores, _ = detector().run(grey, 0, 0.0)
    if not found and not smallest_px:  # a small face in a larger picture: look at twice the size
        found, scores, _ = detector().run(grey, 1, 0.0)
    boxes = []
    for rectangle, score in zip(found, scores, strict=True):
        if score < DOUBTFUL * max(scores):
            continue
        there = reduce.rect_up(dlib.drectangle(rectangle), int(steps))
        x = (there.left() + there.right()) / 2 / scale - pad
        y = (there.top() + there.bottom()) / 2 / scale - pad
        boxes.append(np.array([x, y, there.width() / scale]))
    return boxes


def fit(greys: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Fit the 68 points inside one box in each picture.

    Parameters
    ----------
    greys : ndarray (T, H, W), uint8
    boxes : ndarray (T, 3)

    Returns
    -------
    ndarray (T, 68, 2)
        Pixels of the frames.
    """
    import cv2

    step = max(int(np.median(boxes[:, 2]) / FACE_PX), 1) if len(boxes) else 1
    if step == 1:
        return trees()(greys, boxes)
    height, width = (side // step for side in greys.shape[1:])
    small = np.empty((len(greys), height, width), np.uint8)
    for grey, target in zip(greys[:, : height * step, : width * step], small, strict=True):
        cv2.resize(grey, (width, height), dst=target, interpolation=cv2.INTER_AREA)
    first = (step - 1) / 2  # where the centre of the first pixel of the reduced picture lies
    return first + step * trees()(small, (boxes - (first, first, 0)) / step)


def look(grey: np.ndarray, box: Box) -> np.ndarray:
    """Return the face of a picture (H, W), small, of zero mean and unit norm: to compare it."""
    import cv2

    x, y, side = box
    size = 2 * LOOK_PX
    scale = size / (side * (1 + 2 * MARGIN))
    shift = (size - 1) / 2 - np.array([x, y]) * scale
    transform = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    face = cv2.warpAffine(
        grey, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    face = cv2.resize(face, (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_AREA)
    flat = face.astype(np.float64).ravel()
    flat -= flat.mean()
    flat /= max(float(np.linalg.norm(flat)), 1e-9)
    return flat


def _nearest(boxes: list[Box], to: Box) -> Box:
    return min(boxes, key=lambda box: float(np.abs(box - to).sum()))


def search(greys: np.ndarray, start: int, stop: int) -> list[Face]:
    """Detect on the key frames of one shot; where a face is missed, on the frames around them.

    The faces of the first and the last frame are looked for in the others at the size that they
    need; where one of them is missed, all are.
    """
    keys = sorted({*range(start, stop, KEY_STEP), stop - 1})
    seen = {index: _detect(greys[index]) for index in {start, stop - 1}}
    known = [face[max(face)] for face in link(seen)]

    def detect(index: int) -> list[Box]:
        if known:
            # One step finer than the smallest needs: faces come nearer and go away.
            found = _detect(greys[index], min(box[2] for box in known) * (1 - 1 / FINER))
            if all(any(near(box, other) for other in found) for box in known):
                return found
        return _detect(greys[index])

    seen |= {index: detect(index) for index in keys if index not in seen}
    faces = link(seen)
    missed = [index for index in keys if any(index not in face for face in faces) or not faces]
    around = {
        other
        for index in missed
        for other in range(max(index - KEY_STEP + 1, start), min(index + KEY_STEP, stop))
    }
    seen |= {index: _detect(greys[index]) for index in around - seen.keys()}
    while between := {index for face in link(seen) for index in _restless(face)} - seen.keys():
        seen |= {index: detect(index) for index in between}
    return link(seen)


def _restless(face: Face) -> list[int]:
    """Return the frames half way between two sights of a face that has moved much."""
    return [
        (before + after) // 2
        for before, after in itertools.pairwise(sorted(face))
        if after - before > CLOSEST
        and np.abs(face[after] - face[before]).max() > MOVED * face[after][2]
    ]


def boxes_at(face: Face, index: np.ndarray) -> np.ndarray:
    """Boxes (N, 3) of a face in the frames ``index`` (N,), between those in which it was seen."""
    keys = np.array(sorted(face))
    boxes = np.stack([face[key] for key in keys])
    return np.stack([np.interp(index, keys, column) for column in boxes.T], axis=1)


def track(
    frames: np.ndarray,
    *,
    video: str = "",
    fps: float = 25.0,
    note: Note = ignore,
    raw: Raw = ignore,
) -> np.ndarray:
    """Track one face through the frames of a clip.

    Parameters
    ----------
    frames : ndarray (T, H, W, 3), uint8 RGB
    video, fps
        Not used.
    note : callable
        Receives a sentence where there are several faces or cuts.
    raw : callable
        Receives the points before they are steadied.

    Returns
    -------
    ndarray (T, 68, 2), float32
        Pixels; NaN where no face was found.
    """
    greys = in_gray(frames)
    points = np.full((len(greys), 68, 2), np.nan, np.float32)
    stretches = shots(list(greys))
    if len(stretches) > 1:
        cuts = ", ".join(str(start) for start, _ in stretches[1:])
        note(f"cut at frame {cuts}: each shot is tracked by itself")
    found = [search(greys, start, stop) for start, stop in stretches]
    talks = _talker(greys, found)
    faces = choose(found, first=talks)
    lasting = max(sum(len(face) > 1 for face in shot) for shot in faces)
    if lasting > 1:
        why = "is there longest" if talks is None else "talks"
        note(f"{lasting} faces: the points follow the one that {why}")
    for (start, stop), shot in zip(stretches, faces, strict=True):
        if shot:
            index, boxes = follow(greys, range(start, stop), shot[0])
            points[index] = fit(greys[index], boxes)
    raw(points.copy())
    for start, stop in stretches:
        points[start:stop] = steady(points[start:stop])
    return points


def _talker(greys: np.ndarray, faces: list[list[Face]]) -> int | None:
    """Who of those that are there about equally long talks; only then some frames are fitted."""
    people = rivals(faces)
    if len(people) < 2:
        return None
    return talker({
        person: np.concatenate([_some_fits(greys, face) for face in seen])
        for person, seen in people.items()
    })  # fmt: skip


def _some_fits(greys: np.ndarray, face: Face) -> np.ndarray:
    """Points (N, 68, 2) of a face in up to ``TALK_FRAMES`` frames, evenly spread over its time."""
    chosen = np.unique(np.linspace(min(face), max(face), TALK_FRAMES).round().astype(int))
    return fit(greys[chosen], boxes_at(face, chosen))


def follow(greys: np.ndarray, shot: range, face: Face) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames (N,) of a shot in which a face is found, and its boxes there (N, 3)."""
    keys = np.array(sorted(face))
    likely = np.array([index for index in shot if not _between_lost(index, keys)], int)
    found, boxes = [], []
    before = None
    for index, box in zip(likely.tolist(), boxes_at(face, likely), strict=True):
        seen = look(greys[index], box)
        if index not in face and (before is None or seen @ before < LIKENESS):
            again = [other for other in _detect(greys[index]) if near(other, box)]
            if not again:
                continue
            box = _nearest(again, box)
            seen = look(greys[index], box)
        before = seen
        found.append(index)
        boxes.append(box)
    return np.array(found, int), np.array(boxes).reshape(-1, 3)


def _between_lost(index: int, keys: np.ndarray) -> bool:
    """Whether ``index`` lies inside a stretch whose frames were all searched without success."""
    after = int(np.searchsorted(keys, index))
    if after < len(keys) and keys[after] == index:
        return False
    if after in (0, len(keys)):  # before the first or after the last frame with a face
        return True
    return bool(keys[after] - keys[after - 1] > KEY_STEP)


def _open() -> Any:
    detector(), trees()
    return track


LANDMARKER = Landmarker(
    name="dlib68",
    title="dlib's HOG detector and 68-point model, read between pixels, steadied without lag",
    open=_open,
    signature="dlib68-" + metadata.version("dlib-bin").split(".post")[0] + "-trees1-steady1",
    licence="code BSL-1.0; model CC0 by its author, trained on iBUG 300-W (non-commercial data)",
    lips="lipseg",
)
