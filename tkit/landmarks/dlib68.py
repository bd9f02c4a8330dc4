"""dlib's 68 points (iBUG 300-W layout), read with sub-pixel precision.

The detector (HOG) runs on every ``KEY_STEP``-th frame only; between key frames the box is
interpolated over time, which costs less and removes the jitter of the boxes without lag. Boxes are
never interpolated across a cut. Of several faces, the one that is there in most key frames of a
shot is followed, of equals the one that talks, else the largest. A frame whose face looks unlike
the one before is searched again, so a face that vanishes between key frames is noticed. dlib rounds
its points to whole pixels; here the face is first resampled to ``FACE_PX`` pixels, so that the
rounding is a small fraction of a pixel of the frame. What trembles nevertheless is averaged over
time where the face rests.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np

from tkit.errors import TkitError
from tkit.face.steady import steady
from tkit.landmarks import Landmarker, Note, Raw, ignore
from tkit.landmarks.boxes import Box, Face, choose, link, near, rivals, shots
from tkit.landmarks.talks import talker

KEY_STEP = 10  # frames between detections: 0.4 s at 25 fps
FACE_PX = 300  # side of the face box after resampling
MARGIN = 0.35  # picture kept around the box, in box sides
MAX_SIDE_PX = 960  # larger pictures are reduced before detection
LIKENESS = 0.7  # correlation of two faces 32 pixels wide below which the box is not trusted
TALK_FRAMES = 25  # in which two faces are compared: every third of a clip of 3 s
DOUBTFUL = 0.25  # share of the best score below which another find is no face
SMALL_SIDE_PX = 240  # smaller pictures are framed and enlarged: HOG wants faces of 80 px


@cache
def models() -> tuple[Any, Any]:
    """Load the detector and the shape predictor, once a process."""
    import dlib
    import face_recognition_models

    path = face_recognition_models.pose_predictor_model_location()
    try:
        return dlib.get_frontal_face_detector(), dlib.shape_predictor(path)
    except RuntimeError as error:
        raise TkitError(f"{path}: dlib cannot load its landmark model ({error})") from error


def find_faces(image: np.ndarray) -> list[Box]:
    """Find the faces of one picture (H, W, 3), largest first.

    Returns
    -------
    list of ndarray (3,)
        Centre x, centre y and side of each face box, in pixels.
    """
    return sorted(_detect(in_gray(image)), key=lambda box: -box[2])


def in_gray(image: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 RGB in gray, (H, W)."""
    import cv2

    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)


def _detect(grey: np.ndarray) -> list[Box]:
    import cv2

    detector, _ = models()
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
    found, scores, _ = detector.run(grey, 0, 0.0)
    if not found:  # a small face in a larger picture: look again at twice the size
        found, scores, _ = detector.run(grey, 1, 0.0)
    boxes = []
    for rectangle, score in zip(found, scores, strict=True):
        if score < DOUBTFUL * max(scores):
            continue
        x = (rectangle.left() + rectangle.right()) / 2 / scale - pad
        y = (rectangle.top() + rectangle.bottom()) / 2 / scale - pad
        boxes.append(np.array([x, y, rectangle.width() / scale]))
    return boxes


def fit(grey: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Fit the 68 points inside one box.

    Returns
    -------
    points : ndarray (68, 2)
        Pixels of the frame.
    look : ndarray (1024,)
        The face reduced to 32 x 32 pixels, zero mean and unit norm: to see whether it is the face
        of the frame before.
    """
    import cv2
    import dlib

    _, predictor = models()
    x, y, side = box
    scale = FACE_PX / side
    size = round(FACE_PX * (1 + 2 * MARGIN))
    start = (size - FACE_PX) / 2
    shift = size / 2 - np.array([x, y]) * scale
    transform = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    face = cv2.warpAffine(
        grey, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    corners = round(start), round(start), round(start) + FACE_PX, round(start) + FACE_PX
    shape = predictor(face, dlib.rectangle(*corners))
    points = np.array([(part.x, part.y) for part in shape.parts()], np.float64)
    look = cv2.resize(face[::4, ::4], (32, 32), interpolation=cv2.INTER_AREA)
    look = look.astype(np.float64).ravel()
    look -= look.mean()
    return (points - shift) / scale, look / max(float(np.linalg.norm(look)), 1e-9)


def _nearest(boxes: list[Box], to: Box) -> Box:
    return min(boxes, key=lambda box: float(np.abs(box - to).sum()))


def search(greys: list[np.ndarray], start: int, stop: int) -> list[Face]:
    """Detect on the key frames of one shot; where a face is missed, on the frames around them."""
    keys = sorted({*range(start, stop, KEY_STEP), stop - 1})
    seen = {index: _detect(greys[index]) for index in keys}
    faces = link(seen)
    missed = [index for index in keys if any(index not in face for face in faces) or not faces]
    around = {
        other
        for index in missed
        for other in range(max(index - KEY_STEP + 1, start), min(index + KEY_STEP, stop))
    }
    seen |= {index: _detect(greys[index]) for index in around - seen.keys()}
    return link(seen)


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
    greys = [in_gray(frame) for frame in frames]
    points = np.full((len(greys), 68, 2), np.nan, np.float32)
    stretches = shots(greys)
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
            for index, fitted in follow(greys, range(start, stop), shot[0]):
                points[index] = fitted
    raw(points.copy())
    for start, stop in stretches:
        points[start:stop] = steady(points[start:stop])
    return points


def _talker(greys: list[np.ndarray], faces: list[list[Face]]) -> int | None:
    """Who of those that are there about equally long talks; only then some frames are fitted."""
    people = rivals(faces)
    if len(people) < 2:
        return None
    return talker({
        person: np.concatenate([_some_fits(greys, face) for face in seen])
        for person, seen in people.items()
    })  # fmt: skip


def _some_fits(greys: list[np.ndarray], face: Face) -> np.ndarray:
    """Points (N, 68, 2) of a face in up to ``TALK_FRAMES`` frames, evenly spread over its time."""
    keys = np.array(sorted(face))
    boxes = np.stack([face[key] for key in keys])
    chosen = np.unique(np.linspace(keys[0], keys[-1], TALK_FRAMES).round().astype(int))
    fits = []
    for index in chosen:
        box = np.array([np.interp(index, keys, column) for column in boxes.T])
        fits.append(fit(greys[index], box)[0])
    return np.stack(fits)


def follow(greys: list[np.ndarray], shot: range, face: Face) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the index and points of every frame of a shot in which the face is found."""
    keys = np.array(sorted(face))
    boxes = np.stack([face[key] for key in keys])
    before = None
    for index in shot:
        if _between_lost(index, keys):
            continue
        grey = greys[index]
        box = np.array([np.interp(index, keys, column) for column in boxes.T])
        fitted, look = fit(grey, box)
        if index not in face and (before is None or look @ before < LIKENESS):
            again = [other for other in _detect(grey) if near(other, box)]
            if not again:
                continue
            fitted, look = fit(grey, _nearest(again, box))
        before = look
        yield index, fitted


def _between_lost(index: int, keys: np.ndarray) -> bool:
    """Whether ``index`` lies inside a stretch whose frames were all searched without success."""
    after = int(np.searchsorted(keys, index))
    if after < len(keys) and keys[after] == index:
        return False
    if after in (0, len(keys)):  # before the first or after the last frame with a face
        return True
    return bool(keys[after] - keys[after - 1] > KEY_STEP)


def _open() -> Any:
    models()
    return track


LANDMARKER = Landmarker(
    name="dlib68",
    title="dlib HOG detector and 68-point shape predictor, sub-pixel, steadied without lag",
    open=_open,
    signature="dlib68-" + metadata.version("dlib-bin").split(".post")[0] + "-steady1",
    licence="code BSL-1.0; model CC0 by its author, trained on iBUG 300-W (non-commercial data)",
    lips="lipseg",
)
