"""Faces that do not stand upright are refused, with the reason, whatever finds their points.

Trackers of faces know them upright. Of one on its head some find nothing, some find its points
where they are, and some lay an upright face over it, whose points are all wrong and look right. So
both are looked at: the points, and the picture, in which dlib's detector of upright faces is asked
whether it would rather have it turned. It is asked once a clip, unless its answer is in doubt.
"""

from __future__ import annotations

from functools import wraps

import numpy as np

from tkit.errors import NoFaceError
from tkit.face import plausible
from tkit.landmarks import Track

FRAMES = 3  # looked at where the first leaves a doubt, spread over the clip
FACE_PX = 110  # width of the face in the picture that is searched; the detector wants 80
AROUND = 1.2  # face widths of the picture to each side of the face's middle
CLEAR = 1.0  # score of the detector from which a face is upright, and lead of one that is turned
HIDDEN = -1.0  # score of no face at all


def upright_only(track: Track) -> Track:
    """Wrap a landmark back-end: it raises :class:`NoFaceError` for faces that are not upright.

    Single frames whose points stand on their head are as frames without a face.
    """

    @wraps(track)
    def checked(frames: np.ndarray, **how: object) -> np.ndarray:
        points = track(frames, **how)  # type: ignore[arg-type]
        seen = np.flatnonzero(~np.isnan(points).any(axis=(1, 2)))
        if not seen.size:
            return points
        fallen = seen[plausible.on_its_head(points[seen])]
        if 2 * len(fallen) >= len(seen):
            raise NoFaceError(
                f"the face is upside down: its mouth lies above its eyes in {len(fallen)} of "
                f"{len(seen)} frames; turn the picture"
            )
        turned = _turns(frames, points, seen)
        if 2 * np.count_nonzero(turned) > len(turned):
            raise NoFaceError(
                f"the face does not stand upright: it is found turned by {max(turned)} degrees; "
                "turn the picture"
            )
        if fallen.size:
            points = points.copy()
            points[fallen] = np.nan
        return points

    return checked


def _turns(frames: np.ndarray, points: np.ndarray, seen: np.ndarray) -> list[int]:
    """By how many degrees some of the faces are turned; of one only, where that stands upright."""
    found = []
    for index in seen[np.unique(np.linspace(0, len(seen) - 1, FRAMES).astype(int))]:
        found.append(turn_of(frames[index], points[index]))
        if not found[0]:
            break
    return found


def turn_of(frame: np.ndarray, points: np.ndarray) -> int:
    """By how many degrees a face is turned in its frame; 0, 90, 180 or 270, counter-clockwise.

    Parameters
    ----------
    frame : ndarray (H, W, 3), uint8 RGB
    points : ndarray (68, 2)
        Where the face is, in pixels.
    """
    import cv2

    from tkit.landmarks import dlib68

    low, high = points.min(axis=0), points.max(axis=0)
    width = max(float((high - low).max()), 1.0)
    scale, side = FACE_PX / width, round(2 * AROUND * FACE_PX)
    shift = (side - 1) / 2 - scale * (low + high) / 2
    place = np.column_stack([np.eye(2) * scale, shift])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    grey = cv2.warpAffine(dlib68.in_gray(frame[None])[0], place, (side, side), flags=flags)
    best = _score(grey)
    if best >= CLEAR:
        return 0
    scores = {90 * turns: _score(np.rot90(grey, -turns)) for turns in (1, 2, 3)}
    turn = max(scores, key=lambda degrees: scores[degrees])
    return turn if scores[turn] >= best + CLEAR else 0


def _score(grey: np.ndarray) -> float:
    """How sure dlib's detector is of the face in a picture (H, W)."""
    from tkit.landmarks import dlib68

    _, scores, _ = dlib68.detector().run(np.ascontiguousarray(grey), 0, HIDDEN)
    return max(scores, default=HIDDEN)
