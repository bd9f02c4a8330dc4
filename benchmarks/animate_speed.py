"""How fast a picture speaks: from picture and sound to the written video, and to its first frame.

    python benchmarks/animate_speed.py --image face.png --audio speech.wav
        [--texture texture-lite --texture texture-paper] [--threads 2] [--seconds 10]

With the weights loaded. **first**: seconds to the first frame, which finds the face, encodes up to
24 seconds of speech and renders. **frames/s**: all that follows it, drawing, network, paste and
encoding, into the full picture and as the bare crop. **network**: frames/s of the network alone.
Without ``--image`` the astronaut of scikit-image speaks, without ``--audio`` noise is heard.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from tkit import media, tracking
from tkit.pipelines.animation.jobs import CRF
from tkit.pipelines.animation.moves import sample_rate
from tkit.pipelines.animation.render import look_at, talk
from tkit.pipelines.animation.studio import Studio
from tkit.pipelines.stages.texture.renderer import Renderer
from tkit.pipelines.training import runs

FPS = 25.0


def main() -> None:
    """Measure and print one line a texture stage."""
    import cv2

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--image", type=Path)
    parser.add_argument("--audio", type=Path)
    parser.add_argument("--texture", action="append")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    image = media.read_image(args.image) if args.image else astronaut()
    stages = {name: runs.load(name, name) for name in ("motion", "blink")}
    rate = sample_rate(stages["motion"])
    noise = np.random.default_rng(0).normal(0, 0.05, rate).astype(np.float32)
    wave = media.read_audio(args.audio, sample_rate=rate) if args.audio else noise
    wave = np.resize(wave, round(args.seconds * rate))
    print(f"{'texture':16}{'first, s':>10}{'frames/s':>10}{'crop':>8}{'network':>9}")
    for name in args.texture or ["texture-lite"]:
        every = stages | {"texture": runs.load("texture", name)}
        spoken(image, wave[: rate // 2], every, crop=False)  # what is loaded only once
        first, full = spoken(image, wave, every, crop=False)
        _, crop = spoken(image, wave, every, crop=True)
        alone = network(image, every)
        print(f"{name:16}{first:10.2f}{full:10.1f}{crop:8.1f}{alone:9.1f}", flush=True)


def spoken(
    image: np.ndarray, wave: np.ndarray, stages: dict[str, Any], *, crop: bool
) -> tuple[float, float]:
    """Seconds to the first frame, and frames a second of the rest."""
    start = perf_counter()
    landmarker = tracking.FrontEnds().refined()
    frames = talk(image, wave, Studio(**stages, landmarker=landmarker, fps=FPS, crop=crop))
    next(frames)
    first = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        count = media.write_video(Path(folder, "a.mp4"), frames, fps=FPS, wave=wave, crf=CRF)
    return first - start, count / (perf_counter() - first)


def network(image: np.ndarray, stages: dict[str, Any]) -> float:
    """Frames a second of the texture stage's network with its drawings."""
    points = tracking.FrontEnds().refined()(image[None])[0]
    canonical = stages["motion"].weights.module.canonical.numpy().astype(np.float64)
    size = stages["texture"].weights.config.size
    person = look_at(image, points, canonical=canonical, size=size)
    render = Renderer(stages["texture"].weights.module, person.crop, person.points)
    faces = np.repeat(person.points[None], 24, axis=0)
    render(faces)
    start = perf_counter()
    render(faces)
    return len(faces) / (perf_counter() - start)


def astronaut() -> np.ndarray:
    """Return a public-domain photo."""
    from skimage import data

    return data.astronaut()


if __name__ == "__main__":
    main()
