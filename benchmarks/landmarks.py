"""Landmarks against the naive loop (dlib's HOG detector and 68 points on every frame), in one run.

    python benchmarks/landmarks.py --root /data/grid --clips 12

Prints, for both, frames a second of CPU time on one thread and the jitter of the points: the root
mean square of second differences over sqrt(6), which is the noise of independent frames, in percent
of the inter-ocular distance (median over points and frames; fast speech hardly enters a median).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import process_time

import numpy as np

from tkit import geometry, media
from tkit.clips import Clip, generator
from tkit.corpora import CORPORA
from tkit.landmarks.dlib68 import _models, track


def naive(frames: np.ndarray) -> np.ndarray:
    """Detect and fit every frame by itself, as most published pipelines do."""
    detector, predictor = _models()
    points = np.full((len(frames), 68, 2), np.nan)
    for index, frame in enumerate(frames):
        boxes = detector(frame, 0)
        if boxes:
            shape = predictor(frame, boxes[0])
            points[index] = [(part.x, part.y) for part in shape.parts()]
    return points


def jitter(points: np.ndarray) -> float:
    """Noise of the points in percent of the inter-ocular distance."""
    second = np.diff(points, 2, axis=0)
    noise = np.sqrt(np.square(second).sum(axis=-1) / 6)
    return 100 * float(np.nanmedian(noise) / np.nanmean(geometry.inter_ocular(points)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="a GRID folder")
    parser.add_argument("--clips", type=int, default=12)
    options = parser.parse_args()
    found = [item for item in CORPORA.get("grid").scan(options.root) if isinstance(item, Clip)]
    chosen = generator(0, "benchmark").permutation(len(found))[: options.clips]
    import cv2

    cv2.setNumThreads(1)
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {"naive": naive, "dlib68": track}
    seconds = dict.fromkeys(ways, 0.0)
    noise: dict[str, list[float]] = {name: [] for name in ways}
    n_frames = 0
    track(media.read_clip(found[0].video).frames[:2])  # loads the models
    for index in sorted(chosen):
        frames = media.read_clip(found[index].video).frames
        n_frames += len(frames)
        for name, way in ways.items():  # interleaved: both see the same machine
            start = process_time()
            points = way(frames)
            seconds[name] += process_time() - start
            noise[name].append(jitter(points))
    print(f"{len(chosen)} clips, {n_frames} frames")
    for name in ways:
        rate, ratio = n_frames / seconds[name], seconds["naive"] / seconds[name]
        print(f"{name:8} {rate:7.1f} frames/s  x {ratio:4.2f}  jitter {np.mean(noise[name]):.2f} %")


if __name__ == "__main__":
    main()
