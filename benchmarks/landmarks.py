"""Landmarks against the naive loop (dlib's HOG detector and 68 points on every frame), in one run.

    python benchmarks/landmarks.py --root /data/grid --mesh-model face_landmarker.task

Ways: ``naive``; ``unsteadied`` and ``dlib68``, tracked without and with steadying; ``lipseg``, with
lips and lids refined too, which is what ``tkit prep`` stores; ``unsteadied lips``, refined from
unsteadied points and left so.

On generated speakers, whose points are known, in percent of the inter-ocular distance (IOD): mean
error of the mouth's 20 points and of all 68; the mouth's error after each clip's constant offset is
taken off (annotators and anatomy disagree by a constant, which no tracking removes); lag of the
mouth opening in frames; height of its peaks against the truth; eye aspect ratio (EAR) at the apex
of blinks and, against the truth, of open eyes.

With ``--root``, on clips of GRID's validation speakers: mean distance of the lip points from the
lip contours of the mesh, in percent of the IOD; jitter, the noise that second differences show, in
the stillest 15 frames of each clip (rms) and over all frames (median); peak openings against those
of the same points before they are steadied; EAR where the mesh sees a blink's apex, and of open
eyes against the unsteadied; and frames a second of CPU time on one thread. Where the time of prep
goes: ``prep_speed.py``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from tkit import media, tracking
from tkit.clips import Clip
from tkit.corpora import CORPORA
from tkit.face import geometry
from tkit.landmarks import dlib68, mesh
from tkit.lips import lipseg
from tkit.tracking.refine import refine

Way = Callable[[np.ndarray], np.ndarray]
STILL_FRAMES = 15
MESH_SHUT = 0.1  # EAR of the mesh below which an eye is really shut
# Outer and inner contour of the mesh's lips, closed.
MESH_LIPS = (
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146],
    [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95],
)


def naive(frames: np.ndarray) -> np.ndarray:
    """Detect and fit every frame by itself, as most published pipelines do."""
    detector, predictor = dlib68.detector(), predictor_of_dlib()
    points = np.full((len(frames), 68, 2), np.nan)
    for index, frame in enumerate(frames):
        boxes = detector(frame, 0)
        if boxes:
            shape = predictor(frame, boxes[0])
            points[index] = [(part.x, part.y) for part in shape.parts()]
    return points


@cache
def predictor_of_dlib() -> Any:
    """Load dlib's own shape predictor."""
    import dlib
    import face_recognition_models

    return dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())


def unsteadied(frames: np.ndarray) -> np.ndarray:
    """Run dlib68 without its last step."""
    kept, dlib68.steady = dlib68.steady, lambda points: points
    try:
        return dlib68.track(frames)
    finally:
        dlib68.steady = kept


def unsteadied_lips(frames: np.ndarray) -> np.ndarray:
    """Refine lips and lids from unsteadied points, and leave them so."""
    points = unsteadied(frames)
    if np.isnan(points).any():
        return points
    return refine(points, lipseg.segment(frames, points)).points


def refined(frames: np.ndarray) -> np.ndarray:
    """Run what ``tkit prep`` stores."""
    return tracking.FrontEnds().refined()(frames)


# -- measures on arrays -----------------------------------------------------------------------


def noise(points: np.ndarray) -> np.ndarray:
    """Noise of the points by their second differences; (T - 2, 68), percent of the IOD."""
    second = np.diff(points, 2, axis=0)
    iod = np.nanmean(geometry.inter_ocular(points))
    return 100 * np.sqrt(np.square(second).sum(axis=-1) / 6) / iod


def stillest(points: np.ndarray) -> slice:
    """Return the ``STILL_FRAMES`` frames over which smoothed points (T, 68, 2) move least."""
    from scipy.ndimage import gaussian_filter1d

    smooth = gaussian_filter1d(points.astype(np.float64), 1.5, axis=0)
    speed = np.linalg.norm(np.diff(smooth, axis=0), axis=-1).mean(axis=1)
    start = int(np.argmin(np.convolve(speed, np.ones(STILL_FRAMES), "valid")))
    return slice(start, start + STILL_FRAMES)


def opening(points: np.ndarray) -> np.ndarray:
    """Mouth opening in inter-ocular distances; (T,)."""
    return geometry.mouth_opening(points) / np.nanmean(geometry.inter_ocular(points))


def peaks(curve: np.ndarray) -> list[int]:
    """Frames of the local maxima over five frames that reach half of the largest."""
    return [
        index
        for index in range(2, len(curve) - 2)
        if curve[index] == curve[index - 2 : index + 3].max() > 0.5 * curve.max()
    ]


def to_contour(points: np.ndarray, contour: np.ndarray) -> np.ndarray:
    """Distances (T, P) of points (T, P, 2) from closed polygons (T, N, 2)."""
    start, along = contour[:, None], (np.roll(contour, -1, axis=1) - contour)[:, None]
    offset = points[:, :, None] - start  # (T, P, N, 2)
    share = (offset * along).sum(axis=-1) / np.maximum(np.square(along).sum(axis=-1), 1e-9)
    nearest = offset - np.clip(share, 0, 1)[..., None] * along
    return np.linalg.norm(nearest, axis=-1).min(axis=-1)


def against_truth(points: np.ndarray, truth: np.ndarray, blinks: np.ndarray) -> dict[str, float]:
    """Errors of the points (T, 68, 2) of a clip whose truth is known."""
    keep = ~np.isnan(points).any(axis=(1, 2))
    iod = geometry.inter_ocular(truth)[:, None, None]
    error = ((points - truth) / iod)[keep]
    centred = error - np.median(error, axis=0)
    seen, true = np.where(keep, opening(points), opening(truth)), opening(truth)
    lags = [np.corrcoef(seen[5:-5], np.roll(true, lag)[5:-5])[0, 1] for lag in range(-3, 4)]
    at = peaks(true)
    ear, true_ear = geometry.eye_aspect_ratio(points), geometry.eye_aspect_ratio(truth)
    apex = np.clip(np.rint(blinks[:, 1] * 25 - 0.5).astype(int), 0, len(points) - 1)
    open_eyes = true_ear > 0.9 * np.median(true_ear)
    return {
        "mouth %": 100 * np.linalg.norm(error, axis=-1)[:, geometry.MOUTH].mean(),
        "face %": 100 * np.linalg.norm(error, axis=-1).mean(),
        "mouth, offset off %": 100 * np.linalg.norm(centred, axis=-1)[:, geometry.MOUTH].mean(),
        "lag": float(np.argmax(lags)) - 3,
        "peaks": seen[at].mean() / true[at].mean(),
        "opening r": float(np.corrcoef(seen, true)[0, 1]),
        "shut EAR": float(np.nanmean(ear[apex])) if len(apex) else np.nan,
        "open EAR / true": float(np.nanmean(ear[open_eyes]) / true_ear[open_eyes].mean()),
    }


def on_real(
    points: np.ndarray, before: np.ndarray, raw: np.ndarray, vertices: np.ndarray | None
) -> dict[str, float]:
    """Measures of a clip's points.

    ``before``: the same before they are steadied; ``raw``: unsteadied dlib68, which says where the
    clip is still; ``vertices``: the mesh (T, 478, 2), if it is there.
    """
    from scipy.ndimage import gaussian_filter1d

    # Peaks of a lightly smoothed curve: those of a noisy one are peaks of its noise.
    at = peaks(gaussian_filter1d(opening(before), 1.0))
    still = noise(points[stillest(raw)])
    row = {
        "still jitter %": float(np.sqrt(np.nanmean(still**2))),
        "jitter %": float(np.nanmedian(noise(points))),
        "peaks kept": np.nanmean(opening(points)[at]) / opening(before)[at].mean(),
    }
    return row if vertices is None else row | beside_mesh(points, raw, vertices)


def beside_mesh(points: np.ndarray, raw: np.ndarray, vertices: np.ndarray) -> dict[str, float]:
    """Lips against the mesh's contours, and the eyes' openings where it sees them shut or open."""
    parts = geometry.OUTER_LIPS, geometry.INNER_LIPS
    away = [
        to_contour(points[:, part], vertices[:, line])
        for part, line in zip(parts, MESH_LIPS, strict=True)
    ]
    seen = vertices[:, mesh.TO_IBUG68]
    ear, raw_ear = geometry.eye_aspect_ratio(points), geometry.eye_aspect_ratio(raw)
    mesh_ear = geometry.eye_aspect_ratio(seen)
    lowest = np.minimum.reduce([mesh_ear[:-2], mesh_ear[1:-1], mesh_ear[2:]])
    apex = np.zeros(mesh_ear.shape, bool)
    apex[1:-1] = (mesh_ear[1:-1] == lowest) & (mesh_ear[1:-1] < MESH_SHUT)
    open_eyes = mesh_ear > 0.9 * np.median(mesh_ear)
    at = peaks(opening(seen))
    return {
        "lips to mesh %": float(
            100 * np.nanmean(np.concatenate(away, axis=1)) / np.nanmean(geometry.inter_ocular(raw))
        ),
        "peaks / mesh": float(np.nanmean(opening(points)[at]) / opening(seen)[at].mean()),
        "shut EAR": float(np.nanmean(ear[apex])) if apex.any() else np.nan,
        "open EAR / raw": float(np.nanmean(ear[open_eyes]) / np.nanmean(raw_ear[open_eyes])),
    }


# -- runs -------------------------------------------------------------------------------------


def puppets(ways: dict[str, Way], clips: int) -> None:
    """Print the table against the truth of generated speakers."""
    table: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        CORPORA.get("puppet").generate(Path(folder), speakers=clips, clips=1)
        for video in sorted(Path(folder).glob("s*/*.mp4")):
            frames = media.read_clip(video).frames
            truth = np.load(Path(folder, "truth", video.parent.name, f"{video.stem}.npz"))
            points, blinks = truth["points"].astype(np.float64), truth["blinks"]
            for name, way in ways.items():
                table[name].append(against_truth(way(frames), points, blinks))
    print(f"{clips} generated clips")
    show(table)


def real(ways: dict[str, Way], root: str, clips: int, model: str) -> None:
    """Print the measures on clips of validation speakers."""
    corpus = CORPORA.get("grid")
    found = [item for item in corpus.scan(root) if isinstance(item, Clip)]
    chosen = [item for item in found if corpus.split_of(item, corpus.default_split_scheme) == "val"]
    table: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    n_frames = 0
    for clip in chosen[:clips]:
        frames = media.read_clip(clip.video).frames
        vertices = mesh.track_mesh(frames, model).astype(np.float64) if model else None
        found_points, seconds = {}, {}
        for name, way in ways.items():  # interleaved: all see the same machine
            start = process_time()
            found_points[name] = way(frames)
            seconds[name] = process_time() - start
        raw = found_points["unsteadied"]
        if np.isnan(raw).any():
            print(f"left out: {clip.id} (frames without a face)")
            continue
        n_frames += len(frames)
        for name, points in found_points.items():
            before = found_points["unsteadied lips"] if "lip" in name else raw
            row = on_real(points, before, raw, vertices)
            table[name].append(row | {"frames/s": len(frames) / seconds[name]})
    print(f"\n{len(table['naive'])} clips of validation speakers, {n_frames} frames")
    show(table)
    show_worst(table)


def show_worst(table: dict[str, list[dict[str, float]]]) -> None:
    """Print the refined lips' distance from the mesh against the naive loop's, clip by clip."""
    pairs = [
        (row.get("lips to mesh %", np.nan), other.get("lips to mesh %", np.nan))
        for row, other in zip(table["lipseg"], table["naive"], strict=True)
    ]
    text = ", ".join(f"{ours:.2f} / {theirs:.2f}" for ours, theirs in pairs)
    print(f"lips to mesh, lipseg / naive, every clip: {text}")


def show(table: dict[str, list[dict[str, float]]]) -> None:
    """Print the means of every way's rows."""
    columns = list(next(iter(table.values()))[0])
    print(" " * 16 + "".join(f"{column:>{len(column) + 3}}" for column in columns))
    for name, rows in table.items():
        means = [np.nanmean([row[column] for row in rows] or [np.nan]) for column in columns]
        cells = [
            f"{mean:{len(column) + 3}.3f}" for mean, column in zip(means, columns, strict=True)
        ]
        print(f"{name:16}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", help="a GRID folder")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--puppets", type=int, default=6, help="generated clips")
    parser.add_argument("--mesh-model", default="", help="face_landmarker.task")
    options = parser.parse_args()
    import cv2

    cv2.setNumThreads(1)
    ways: dict[str, Way] = {
        "naive": naive,
        "unsteadied": unsteadied,
        "dlib68": dlib68.track,
        "unsteadied lips": unsteadied_lips,
        "lipseg": refined,
    }
    # Load all models before the clock runs.
    refined(np.zeros((1, 240, 240, 3), np.uint8))
    if options.puppets:
        puppets(ways, options.puppets)
    if options.root:
        real(ways, options.root, options.clips, options.mesh_model)


if __name__ == "__main__":
    main()
