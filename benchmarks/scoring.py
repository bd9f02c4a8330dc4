"""Speed of scoring against the public tools it agrees with: interleaved, CPU time of one thread.

References, pinned: scikit-image 0.26 (``peak_signal_noise_ratio``, ``structural_similarity``) and
``cpbd`` 1.0.7, whose import of ``scipy.ndimage.imread``, dead since SciPy 1.2, is given a stub.

    pip install scikit-image==0.26.0 && pip install --no-deps cpbd==1.0.7
    python benchmarks/scoring.py

Both sides start from the same two H.264 files of a moving face and end at the same three numbers:
PSNR of RGB frames, SSIM of gray frames (uniform 7), CPBD of the predicted gray frames. The
reference loop decodes with ``to_ndarray``, converts with Pillow and scores frame by frame.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image

from tkit import media
from tkit.metrics.cpbd import edge_counts
from tkit.metrics.msssim import EXPONENTS
from tkit.metrics.pictures import to_gray
from tkit.scoring import plan_of
from tkit.scoring.measuring import measure_clip
from tkit.scoring.pairing import ClipFiles
from tkit.scoring.protocols import Protocol

SIZES = {128: (128, 128), 256: (256, 256), 360: (288, 360)}  # name to height, width
TARGETS = {128: 75, 256: 100, 360: 110}
PROTOCOL = Protocol("benchmark", {"psnr": {"color": "rgb"}, "ssim": {}, "cpbd": {}})


def reference_cpbd():
    """Import ``cpbd`` 1.0.7 with a stub for the function its import line asks of SciPy."""
    from scipy import ndimage

    if not hasattr(ndimage, "imread"):
        ndimage.imread = None
    try:
        import cpbd

        version = importlib.metadata.version("cpbd")
    except ImportError as error:
        sys.exit(f"{error}: pip install --no-deps cpbd==1.0.7")
    if version != "1.0.7":
        sys.exit(f"cpbd {version} is installed; the reference is 1.0.7")
    return cpbd.compute


def write_clips(folder: Path, size: int, n_frames: int) -> tuple[Path, Path]:
    """Write a swaying face, and a blurred and noisy prediction of it."""
    from scipy.ndimage import gaussian_filter
    from skimage import data

    height, width = SIZES[size]
    face, rng = data.astronaut(), np.random.default_rng(0)
    truth, guess = [], []
    for t in range(n_frames):
        x, y = round(90 + 8 * np.sin(t / 5)), round(6 + 5 * np.cos(t / 7))
        frame = face[y : y + height, x : x + width].astype(np.float64)
        if size == 128:
            frame = face[y + 30 : y + 158, x + 60 : x + 188].astype(np.float64)
        blurred = gaussian_filter(frame, (0.7, 0.7, 0)) + rng.normal(0, 3, frame.shape)
        truth.append(frame.astype(np.uint8))
        guess.append(np.clip(blurred, 0, 255).astype(np.uint8))
    paths = folder / f"gt{size}.mp4", folder / f"pred{size}.mp4"
    for path, frames in zip(paths, (truth, guess), strict=True):
        media.write_video(path, frames)
    return paths


def reference_loop(gt: Path, pred: Path, compute, n_frames: int) -> tuple[float, float, float]:
    """The usual evaluation script."""
    from skimage.metrics import structural_similarity

    errors, similarities, sharpness = [], [], []
    with av.open(str(gt)) as truth, av.open(str(pred)) as guess:
        for index, (g, p) in enumerate(
            zip(truth.decode(video=0), guess.decode(video=0), strict=True)
        ):
            if index == n_frames:
                break
            g, p = g.to_ndarray(format="rgb24"), p.to_ndarray(format="rgb24")
            errors.append(np.mean((g.astype(np.float64) - p) ** 2))
            gray_g, gray_p = (np.asarray(Image.fromarray(f).convert("L")) for f in (g, p))
            similarities.append(structural_similarity(gray_g, gray_p))
            sharpness.append(compute(gray_p))
    psnr = 10 * np.log10(255**2 / np.mean(errors))
    return float(psnr), float(np.mean(similarities)), float(np.mean(sharpness))


def ours(gt: Path, pred: Path) -> tuple[float, ...]:
    """The same with tkit, without control rows."""
    plan = plan_of(PROTOCOL, rows=())
    stats = measure_clip(ClipFiles("clip", gt, {"ours": pred}), plan).stats["ours"]
    return tuple(entry.finish(stats[name]) for name, entry in plan.entries.items())


def cpu_s(function, *args) -> tuple[float, object]:
    start = time.process_time()
    result = function(*args)
    return time.process_time() - start, result


def decoded(*paths: Path) -> None:
    """Decode both files to RGB and do nothing: the floor of any scorer."""
    for path in paths:
        for _ in media.open_video(path)[1]:
            pass


def filtered(gt: Path, pred: Path) -> None:
    """PSNR and SSIM by the filters of FFmpeg (other definitions: of planes, weighted, 8 x 8)."""
    with av.open(str(gt)) as truth, av.open(str(pred)) as guess:
        graph = av.filter.Graph()
        sources = [graph.add_buffer(template=c.streams.video[0]) for c in (truth, guess)]
        split, psnr, ssim = (graph.add(name) for name in ("split", "psnr", "ssim"))
        sources[0].link_to(split)
        split.link_to(psnr, 0, 1)
        split.link_to(ssim, 1, 1)
        sources[1].link_to(psnr)  # which hands on its first picture
        psnr.link_to(ssim)
        ssim.link_to(graph.add("nullsink"))
        graph.configure()
        for pair in zip(truth.decode(video=0), guess.decode(video=0), strict=True):
            for source, frame in zip(sources, pair, strict=True):
                source.push(frame)


def msssim_ratio(gt: Path, pred: Path) -> str:
    """MS-SSIM of gray frames beside its definition in NumPy and OpenCV."""
    from tkit.metrics.msssim import MIN_SIDE, msssim

    x, y = (to_gray(next(media.iter_frames(path))[None])[0] for path in (gt, pred))
    if min(x.shape) < MIN_SIDE:
        return f"MS-SSIM needs {MIN_SIDE} pixels"
    slow, by_numpy = min(cpu_s(reference_msssim, x, y) for _ in range(20))
    fast, value = min(cpu_s(lambda: msssim(pred=y, gt=x)) for _ in range(20))
    return f"MS-SSIM {slow / fast:.1f} x NumPy's, {abs(by_numpy - value):.0e} apart"


def reference_msssim(x: np.ndarray, y: np.ndarray) -> float:
    """MS-SSIM as written down: five scales, OpenCV's Gaussian window, whole windows only."""
    import cv2

    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()
    x, y, value = x.astype(np.float64), y.astype(np.float64), 1.0
    for exponent in EXPONENTS:
        mean = [
            cv2.sepFilter2D(m, -1, taps, taps)[5:-5, 5:-5] for m in (x, y, x * y, x * x + y * y)
        ]
        a, b, product, power = mean
        contrast = (2 * (product - a * b) + 58.5225) / (power - a * a - b * b + 58.5225)
        if exponent == EXPONENTS[-1]:
            contrast *= (2 * a * b + 6.5025) / (a * a + b * b + 6.5025)
        value *= max(contrast.mean(), 0) ** exponent
        height, width = (side // 2 * 2 for side in x.shape)
        x, y = (m[:height, :width].reshape(height // 2, 2, -1, 2).mean((1, 3)) for m in (x, y))
    return value


def compile_s() -> float:
    """CPU seconds of a first call with an empty cache, in a process of its own."""
    code = (
        "import time, numpy as np; from tkit.metrics import METRICS; t = time.process_time()\n"
        "g = np.zeros((1, 64, 64, 3), np.uint8)\n"
        "for name in ('psnr', 'ssim', 'cpbd'): METRICS.get(name).measure(pred=g, gt=g)\n"
        "METRICS.get('ssim').measure(pred=g, gt=g, window='gauss11')\n"
        "print(time.process_time() - t)"
    )
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "NUMBA_CACHE_DIR": cache},
        )  # fmt: skip
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--reference-frames", type=int, default=15, help="of them per round")
    parser.add_argument("--skip-compile", action="store_true")
    options = parser.parse_args()
    import cv2

    cv2.setNumThreads(1)
    compute = reference_cpbd()
    if not options.skip_compile:
        print(f"first call, empty cache: {compile_s():.1f} s of CPU (target: at most 20 s)")
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            compare(Path(folder), size, compute, options)


def compare(folder: Path, size: int, compute, options) -> None:
    """Print the ratios of one size; the reference's time per frame is scaled to all frames."""
    gt, pred = write_clips(folder, size, options.frames)
    ours(gt, pred)  # load kernels
    few = options.reference_frames
    short = write_clips(folder / "short", size, few)
    slow_values = reference_loop(*short, compute, few)
    fast_values = ours(*short)
    difference = max(abs(a - b) for a, b in zip(slow_values, fast_values, strict=True))
    gray = np.asarray(Image.fromarray(next(media.iter_frames(pred))).convert("L"))
    files, kernels = [], []
    for _ in range(options.rounds):
        slow, _ = cpu_s(reference_loop, gt, pred, compute, few)
        fast, _ = cpu_s(ours, gt, pred)
        files.append((slow / few) / (fast / options.frames))
        slow, _ = cpu_s(compute, gray)
        fast, _ = cpu_s(lambda: [edge_counts(gray) for _ in range(100)])
        kernels.append(slow / (fast / 100))
    rate = options.frames / cpu_s(ours, gt, pred)[0]
    each = [min(cpu_s(f, gt, pred)[0] for _ in range(3)) for f in (ours, decoded, filtered)]
    cost = [1000 * s / options.frames for s in each]
    print(
        f"{size}: files to scores {statistics.median(files):.0f} x (target {TARGETS[size]} x), "
        f"{rate:.0f} frames/s; CPBD kernel {statistics.median(kernels):.0f} x (target 400 x); "
        f"largest difference {difference:.1e}\n     ms of CPU a pair of frames: {cost[0]:.2f}, of "
        f"which decoding {cost[1]:.2f}; PSNR and SSIM by FFmpeg's filters {cost[2]:.2f}; "
        f"{msssim_ratio(gt, pred)}"
    )


if __name__ == "__main__":
    main()
