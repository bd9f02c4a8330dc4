"""What a frame costs in ``tkit prep``, part by part, beside the plain dlib loop, in one run.

    python benchmarks/prep_speed.py --root /data/grid [--clips 12] [--rounds 3]

CPU time on one thread, models loaded before the clock runs. The plain loop detects in every frame
and fits dlib's own predictor there; it starts from decoded frames, so reading is not among its
costs, but is among those of prep. Every clip goes through both in turns, in every round; of each
part the quickest round counts, for a busy machine only adds. Before that: what loading the models
costs a process, ours and dlib's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import numpy as np
from landmarks import naive  # beside this file

from tkit import media, tracking
from tkit.clips import Clip
from tkit.corpora import CORPORA
from tkit.face.steady import steady
from tkit.landmarks import dlib68
from tkit.landmarks.boxes import choose, shots
from tkit.speech import ENCODERS

GOAL = 3.0  # how many times the plain loop takes
READING, LIPS, LOOP = "reading", "lips", "plain loop"
POINTS = ("gray", "cuts", "detection", "boxes", "trees", "steadying")
AFTER = ("features", "part")  # neither is work on frames
START = "from time import process_time as t; import numpy, cv2, {}; s = t(); {}; print(t() - s)"
MODELS = {
    "detector": ("tkit.landmarks.dlib68 as d", "d.detector()"),
    "trees": ("tkit.landmarks.dlib68 as d", "d.trees()"),
    "dlib's own predictor": (
        "dlib, face_recognition_models as m",
        "dlib.shape_predictor(m.pose_predictor_model_location())",
    ),
}


class Clock:
    """Seconds of CPU by part, summed over the clips of a round."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add what is done inside to a part."""
        start = process_time()
        yield
        self.spent[name] += process_time() - start


def prepare(clip: Clip, clock: Clock) -> np.ndarray:
    """Do what prep does with a clip of one shot, crops excepted; return the frames."""
    segment, encode = tracking.FrontEnds().segment(), ENCODERS.get("logmel").load()
    with clock.part(READING):
        decoded = media.read_clip(clip.video, clip.audio, fps=25.0, sample_rate=16000)
    frames = decoded.frames
    points = np.full((len(frames), 68, 2), np.nan, np.float32)
    with clock.part("gray"):
        greys = dlib68.in_gray(frames)
    with clock.part("cuts"):
        shots(list(greys))
    with clock.part("detection"):
        found = choose([dlib68.search(greys, 0, len(greys))])[0]
    with clock.part("boxes"):
        index, boxes = dlib68.follow(greys, range(len(greys)), found[0])
    with clock.part("trees"):
        points[index] = dlib68.fit(greys[index], boxes)
    with clock.part("steadying"):
        points = steady(points)
    with clock.part(LIPS):
        points, _ = tracking.refine_lips(frames, points, segment)
    with clock.part("features"):
        speech = encode(decoded.wave)
    with clock.part("part"), tempfile.TemporaryFile() as file:
        np.savez(file, points=points, speech=speech)
    return frames


def run(clips: list[Clip], rounds: int) -> tuple[dict[str, float], int]:
    """Seconds of every part in its quickest round, and how many frames that were."""
    best: dict[str, float] = {}
    n_frames = 0
    for _ in range(rounds):
        clock, n_frames = Clock(), 0
        for clip in clips:
            frames = prepare(clip, clock)
            with clock.part(LOOP):
                naive(frames)
            n_frames += len(frames)
        best = {name: min(spent, best.get(name, spent)) for name, spent in clock.spent.items()}
    return best, n_frames


def show(spent: dict[str, float], n_frames: int) -> None:
    cost = {name: 1000 * seconds / n_frames for name, seconds in spent.items()}
    loop = cost[LOOP]
    points = sum(cost[name] for name in POINTS)
    prep = cost[READING] + points + cost[LIPS]
    print(f"{'ms a frame':<28}{'':>8}   plain loop / it")
    rows = [(READING, cost[READING]), ("points", points)]
    rows += [(f"  {name}", cost[name]) for name in POINTS]
    rows += [(LIPS, cost[LIPS]), ("reading, points and lips", prep), (LOOP, loop)]
    for name, value in rows:
        print(f"{name:<28}{value:8.3f}   {loop / value:8.1f}")
    print(f"goal {GOAL:g} x: {'reached' if loop >= GOAL * prep else 'missed'}")
    print("beside them: " + ", ".join(f"{name} {cost[name]:.3f}" for name in AFTER))


def show_start() -> None:
    """Print the seconds of CPU that a new process spends on each model, the least of three."""
    for name, texts in MODELS.items():
        command = [sys.executable, "-c", START.format(*texts)]
        seconds = min(float(subprocess.check_output(command)) for _ in range(3))
        print(f"loading {name}: {seconds:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True, help="a GRID folder")
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import cv2

    cv2.setNumThreads(1)
    corpus = CORPORA.get("grid")
    found = [item for item in corpus.scan(options.root) if isinstance(item, Clip)]
    speakers: dict[str, list[Clip]] = defaultdict(list)
    for clip in found:
        if Path(clip.video).stat().st_size and clip.speaker != "s4":  # its clips are larger
            speakers[clip.speaker].append(clip)
    few = -(-options.clips // len(speakers))
    clips = [clip for own in speakers.values() for clip in own[:few]][: options.clips]
    show_start()
    prepare(clips[0], Clock())
    naive(media.read_clip(clips[0].video).frames[:1])
    print(f"{len(clips)} clips of {len({clip.speaker for clip in clips})} speakers")
    show(*run(clips, options.rounds))


if __name__ == "__main__":
    main()
