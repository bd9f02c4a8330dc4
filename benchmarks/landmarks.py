"""Landmarks against the naive loop (dlib's HOG detector and 68 points on every frame), in one run.

    python benchmarks/landmarks.py --root /data/grid --clips 12 [--mesh-model face_landmarker.task]

On generated speakers, whose points are known, in percent of the inter-ocular distance (IOD): mean
error of the mouth's 20 points and of all 68; the mouth's error after each clip's constant offset is
taken off (annotators and anatomy disagree by a constant, which no tracking removes); lag of the
mouth opening in frames; height of its peaks against the truth. With ``--root``, on real clips:
frames a second of CPU time on one thread; jitter, the noise that second differences show, in the
stillest 15 frames of each clip (rms) and over all frames (median); peak openings against those of
the same fits before they are steadied; and where the time goes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np

from tkit import geometry, media
from tkit.clips import Clip, generator
from tkit.corpora import CORPORA
from tkit.landmarks import LANDMARKERS, dlib68

Way = Callable[[np.ndarray], np.ndarray]
STILL_FRAMES = 15


def naive(frames: np.ndarray) -> np.ndarray:
    """Detect and fit every frame by itself, as most published pipelines do."""
    detector, predictor = dlib68._models()
    points = np.full((len(frames), 68, 2), np.nan)
    for index, frame in enumerate(frames):
        boxes = detector(frame, 0)
        if boxes:
            shape = predictor(frame, boxes[0])
            points[index] = [(part.x, part.y) for part in shape.parts()]
    return points


def unsteadied(frames: np.ndarray) -> np.ndarray:
    """Run dlib68 without its last step."""
    steady, dlib68.steady = dlib68.steady, lambda points: points
    try:
        return dlib68.track(frames)
    finally:
        dlib68.steady = steady


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


def against_truth(points: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Errors of the points (T, 68, 2) of a clip whose truth is known."""
    keep = ~np.isnan(points).any(axis=(1, 2))
    iod = geometry.inter_ocular(truth)[:, None, None]
    error = ((points - truth) / iod)[keep]
    centred = error - np.median(error, axis=0)
    seen, true = np.where(keep, opening(points), opening(truth)), opening(truth)
    lags = [np.corrcoef(seen[5:-5], np.roll(true, lag)[5:-5])[0, 1] for lag in range(-3, 4)]
    at = peaks(true)
    return {
        "mouth %": 100 * np.linalg.norm(error, axis=-1)[:, geometry.MOUTH].mean(),
        "face %": 100 * np.linalg.norm(error, axis=-1).mean(),
        "mouth, offset off %": 100 * np.linalg.norm(centred, axis=-1)[:, geometry.MOUTH].mean(),
        "lag": float(np.argmax(lags)) - 3,
        "peaks": seen[at].mean() / true[at].mean(),
        "opening r": float(np.corrcoef(seen, true)[0, 1]),
    }


def on_real(points: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Jitter of a clip's points; ``reference``: the same fits before they are steadied."""
    from scipy.ndimage import gaussian_filter1d

    # Peaks of a lightly smoothed curve: those of a noisy one are peaks of its noise.
    at = peaks(gaussian_filter1d(opening(reference), 1.0))
    still = noise(points[stillest(reference)])
    return {
        "still jitter %": float(np.sqrt(np.nanmean(still**2))),
        "jitter %": float(np.nanmedian(noise(points))),
        "peaks kept": np.nanmean(opening(points)[at]) / opening(reference)[at].mean(),
    }


# -- runs -------------------------------------------------------------------------------------


def puppets(ways: dict[str, Way], clips: int) -> None:
    """Print the table against the truth of generated speakers."""
    table: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        CORPORA.get("puppet").generate(Path(folder), speakers=clips, clips=1)
        for video in sorted(Path(folder).glob("s*/*.mp4")):
            frames = media.read_clip(video).frames
            truth = np.load(Path(folder, "truth", video.parent.name, f"{video.stem}.npz"))["points"]
            for name, way in ways.items():
                table[name].append(against_truth(way(frames), truth.astype(np.float64)))
    print(f"{clips} generated clips")
    show(table)


def real(ways: dict[str, Way], root: str, clips: int) -> None:
    """Print jitter and speed on real clips, and where the time of dlib68 goes."""
    found = [item for item in CORPORA.get("grid").scan(root) if isinstance(item, Clip)]
    chosen = generator(0, "benchmark").permutation(len(found))[:clips]
    table: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    spent: dict[str, float] = defaultdict(float)
    n_frames = 0
    for index in sorted(chosen):
        start = process_time()
        frames = media.read_clip(found[index].video).frames
        spent["decode"] += process_time() - start
        reference = unsteadied(frames)
        if np.isnan(reference).any():
            print(f"left out: {found[index].id} (frames without a face)")
            continue
        n_frames += len(frames)
        for name, way in ways.items():  # interleaved: all see the same machine
            start = process_time()
            points = way(frames)
            seconds = process_time() - start
            row = on_real(points, reference)
            table[name].append({**row, "frames/s": len(frames) / seconds})
        for step, seconds in steps(frames).items():
            spent[step] += seconds
    print(f"\n{len(table['naive'])} real clips, {n_frames} frames")
    show(table)
    parts = ", ".join(f"{step} {1000 * spent[step] / n_frames:.2f}" for step in spent)
    print(f"dlib68, ms a frame of CPU time: {parts}")


def steps(frames: np.ndarray) -> dict[str, float]:
    """Seconds of the steps of dlib68 on one clip."""
    clock = [process_time()]
    greys = [dlib68._grey(frame) for frame in frames]
    face = dlib68._search(greys, 0, len(greys))[0]
    clock.append(process_time())
    fitted = np.stack([points for _, points in dlib68._follow(greys, range(len(greys)), face)])
    clock.append(process_time())
    dlib68.steady(fitted)
    clock.append(process_time())
    return dict(zip(("detect", "fit", "steady"), np.diff(clock).tolist(), strict=True))


def show(table: dict[str, list[dict[str, float]]]) -> None:
    """Print the means of every way's rows."""
    columns = list(next(iter(table.values()))[0])
    print(" " * 12 + "".join(f"{column:>{len(column) + 3}}" for column in columns))
    for name, rows in table.items():
        means = [np.mean([row[column] for row in rows]) for column in columns]
        cells = [
            f"{mean:{len(column) + 3}.3f}" for mean, column in zip(means, columns, strict=True)
        ]
        print(f"{name:12}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", help="a GRID folder")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--puppets", type=int, default=4, help="generated clips")
    parser.add_argument("--mesh-model", help="face_landmarker.task, to compare it too")
    options = parser.parse_args()
    import cv2

    cv2.setNumThreads(1)
    ways: dict[str, Way] = {"naive": naive, "unsteadied": unsteadied, "dlib68": dlib68.track}
    if options.mesh_model:
        ways["mesh"] = LANDMARKERS.get("mesh").open(model=options.mesh_model)
    dlib68.track(np.zeros((1, 240, 240, 3), np.uint8))  # loads the models
    if options.puppets:
        puppets(ways, options.puppets)
    if options.root:
        real(ways, options.root, options.clips)


if __name__ == "__main__":
    main()
