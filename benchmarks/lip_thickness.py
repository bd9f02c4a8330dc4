"""How far landmarks follow lips that are thicker or thinner than others'.

    python benchmarks/lip_thickness.py --root /data/grid --mesh-model face_landmarker.task

A network that has seen a few people can guess where lips end from what the rest of a face looks
like, and still agree with its labels on those people. Here the lips in frames of GRID's validation
speakers are painted thinner and thicker about the line where they meet, nothing else in the picture
changes, and the thickness that each way sees is compared with what was painted. **Followed** is the
slope: 1 where points lie on the painted boundary, 0 where they stay at what the face suggests.
Interval: 95 %, over speakers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tkit import media
from tkit.clips import Clip
from tkit.corpora import CORPORA
from tkit.corpora.puppet import bend
from tkit.face import geometry
from tkit.landmarks import dlib68, mesh, task_models
from tkit.lips import lipseg
from tkit.pipelines.makers.lipseg import people
from tkit.scoring import statistics
from tkit.tracking.refine import refine

FACTORS = (0.75, 1.0, 1.3)
EVERY = 15  # frames of a clip between two that are painted
REACH_IOD = 0.6  # how far around the lips the picture gives way
INNER = np.array([61, 62, 63, 67, 66, 65])  # iBUG-68 points, and the outer ones beside them
OUTER = np.array([50, 51, 52, 58, 57, 56])
# The same places of the mesh, by more vertices: outer and inner contour, without the corners.
MESH_OUTER, MESH_INNER = np.concatenate(people.OUTER), np.concatenate(people.INNER)
STAY = [61, 291, 78, 308, 2, 98, 327, 205, 425, 152, 176, 400, 214, 434]  # corners, nose, cheeks


def painted(
    frame: np.ndarray, vertices: np.ndarray, factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Frame with lips ``factor`` times as thick, and where the mesh (478, 2) then lies."""
    import cv2

    target = vertices.copy()
    inner = vertices[MESH_INNER]
    target[MESH_OUTER] = inner + factor * (vertices[MESH_OUTER] - inner)
    moved = np.concatenate([target[MESH_OUTER], vertices[STAY]])
    back = np.concatenate([(vertices - target)[MESH_OUTER], np.zeros((len(STAY), 2))])
    for point in inner:
        if np.linalg.norm(moved - point, axis=1).min() > 1:  # lips that touch are one line
            moved, back = np.vstack([moved, point]), np.vstack([back, np.zeros(2)])
    iod = np.linalg.norm(vertices[[33, 133]].mean(0) - vertices[[263, 362]].mean(0))
    field = bend.fit(moved, back, reach_px=REACH_IOD * iod)
    rows, columns = np.indices(frame.shape[:2], np.float32)
    where = np.stack([columns, rows], axis=-1)
    source = where + field(where)
    return cv2.remap(frame, source.astype(np.float32), None, cv2.INTER_CUBIC), target


def thickness(points: np.ndarray) -> np.ndarray:
    """Mean thickness of both lips of faces (T, 68, 2), percent of the inter-ocular distance."""
    apart = np.linalg.norm(points[:, OUTER] - points[:, INNER], axis=-1).mean(axis=1)
    return 100 * apart / geometry.inter_ocular(points)


def seen(video: Path, model: str) -> dict[str, np.ndarray]:
    """Thickness (frames, factors) of each way in the painted frames of a clip."""
    frames = media.read_clip(video).frames
    vertices = mesh.track_mesh(frames, model).astype(np.float64)
    tracked = dlib68.track(frames)
    keep = ~(np.isnan(vertices).any((1, 2)) | np.isnan(tracked).any((1, 2)))
    chosen = np.flatnonzero(keep)[::EVERY]
    _, fit = task_models.load(model)
    found: dict[str, list[np.ndarray]] = {"painted": [], "mesh": [], "dlib68": [], "lipseg": []}
    for factor in FACTORS:
        pictures, targets, fitted = [], [], []
        for index in chosen:
            picture, target = painted(frames[index], vertices[index], factor)
            again = target
            for _ in range(2):  # as when it follows itself from frame to frame
                again, _ = task_models.fit_mesh(fit, picture, *task_models.around(again))
            pictures.append(picture)
            targets.append(target[mesh.TO_IBUG68])
            fitted.append(again[mesh.TO_IBUG68])
        raw = np.concatenate([dlib68.track(picture[None]) for picture in pictures])
        refined = refine(raw, lipseg.segment(pictures, raw)).points
        rows = np.stack(targets), np.stack(fitted), raw.astype(np.float64), refined
        for name, points in zip(found, rows, strict=True):
            found[name].append(thickness(points))
    return {name: np.stack(columns, axis=1) for name, columns in found.items()}


def followed(clips: list[dict[str, np.ndarray]], name: str) -> list[float]:
    """Slope of what is seen over what was painted, one a clip; each frame about its own mean."""
    slopes = []
    for clip in clips:
        true, found = (clip[key] - clip[key].mean(1, keepdims=True) for key in ("painted", name))
        fine = ~np.isnan(found).any(axis=1)
        slopes.append(float((true * found)[fine].sum() / np.square(true[fine]).sum()))
    return slopes


def main() -> None:
    """Paint, track, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="a GRID folder")
    parser.add_argument("--mesh-model", required=True, metavar="F.task")
    args = parser.parse_args()
    corpus = CORPORA.get("grid")
    items = [
        item
        for item in corpus.scan(args.root)
        if isinstance(item, Clip) and corpus.split_of(item, corpus.default_split_scheme) == "val"
    ]
    clips = [seen(item.video, args.mesh_model) for item in items]
    print(f"{len(clips)} clips, lips {' '.join(f'x {factor:g}' for factor in FACTORS)}")
    for name in ("mesh", "dlib68", "lipseg"):
        slopes = followed(clips, name)
        interval = statistics.mean_interval(slopes, [item.speaker for item in items])
        low, high = interval or (np.nan, np.nan)
        print(f"{name:8} followed {np.mean(slopes):5.2f} [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
