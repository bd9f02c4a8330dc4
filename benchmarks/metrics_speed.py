"""Speed of every metric: milliseconds of CPU a frame, one process, beside what the metric declares.

    python benchmarks/metrics_speed.py [--side 256] [--frames 75] [--only vmaf,niqe]

A family is timed once for all its scores, on drawn points or pictures of a square; networks and
parameter files of the families' examples stand for the user's. The best of three runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from tkit.errors import TkitError
from tkit.face import head
from tkit.metrics import METRICS, Metric, Scorer
from tkit.metrics.pictures import to_gray


def drawn(side: int, n_frames: int) -> dict[str, np.ndarray]:
    """Points and pictures (T, …) of a photo that moves, and the same with noise, and a hum."""
    from skimage import data

    rng = np.random.default_rng(0)
    photo = data.astronaut()[:400, :400]
    start = (np.sin(np.arange(n_frames) / 6) * 20 + 40).astype(int)
    gt = np.stack([photo[s : s + side, 90 : 90 + side] for s in start])
    yaw = 10 * np.sin(np.arange(n_frames) / 9)
    points = 60 * head.project(head.rotation(0 * yaw, yaw, 0 * yaw)) + side / 2
    swing = 4 * (1 + np.sin(np.arange(n_frames) / 2))
    points[:, 55:60, 1] += swing[:, None]
    points[:, 65:68, 1] += swing[:, None]
    level = np.repeat(swing / 8, 640)
    wave = (level * np.sin(2 * np.pi * 200 * np.arange(len(level)) / 16000)).astype(np.float32)
    wave[: len(wave) // 4] = 0
    noisy = np.clip(gt + rng.normal(0, 5, gt.shape), 0, 255).astype(np.uint8)
    return {"gt": gt, "pred": noisy, "wave": wave, "gt_points": points,
            "pred_points": points + rng.normal(0, 0.3, points.shape)}  # fmt: skip


def _cpu_s() -> float:
    """CPU time of this process and of the programs that it has run."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def milliseconds(family: Metric, inputs: dict[str, np.ndarray], folder: Path) -> float:
    """Of a frame, the best of three runs after one that compiles and loads."""
    example = family.example(folder) if family.example else {}
    settings = {key: value for key, value in example.items() if key in family.params}
    ending = "_points" if family.needs.of_points else ""
    given = {"fps": 25.0, "wave": inputs["wave"], "source": inputs["gt"][:1]}
    for side in ("pred", "gt"):
        frames = inputs[side + ending]
        given[side] = to_gray(frames) if family.needs.view.endswith("gray") else frames
    some = Scorer("", family, next(iter(family.scores.values())))
    call = {key: given[key] for key in family.inputs} | settings
    best = float("inf")
    for run in range(4):
        if not family.needs.of_points:  # other pixels: what was seen may be remembered
            call |= {key: call[key] ^ np.uint8(1 << run) for key in ("pred", "gt") if key in call}
        start = _cpu_s()
        some.measure(**call)
        best = min(best, _cpu_s() - start)
    return 1000 * best / len(given["gt"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    inputs = drawn(options.side, options.frames)
    chosen = options.only.split(",") if options.only else list(METRICS.families())
    print(f"{'family':20} {'ms a frame':>10} {'declared':>9}  scores")
    for name in chosen:
        family = METRICS.families()[name]
        with tempfile.TemporaryDirectory() as folder:
            try:
                took = f"{milliseconds(family, inputs, Path(folder)):10.2f}"
            except (TkitError, ImportError) as error:
                took = f"{'-':>10}  ({str(error).splitlines()[0][:60]})"
        print(f"{name:20} {took} {family.ms:9g}  {', '.join(family.scores)}", flush=True)


if __name__ == "__main__":
    main()
