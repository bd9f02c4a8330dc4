"""XPSNR: PSNR of luma, weighted by how well an error is seen among detail and motion.

ffmpeg's filter (:mod:`tkit.metrics.ffmpeg`), the average that it prints of a clip; infinite of
equal pictures. A mean over clips counts an infinite one as 100 dB.

>>> import numpy, tkit
>>> gt = numpy.random.default_rng(0).integers(0, 246, (3, 64, 64, 3), numpy.uint8)
>>> xpsnr = tkit.METRICS.get("xpsnr")
>>> xpsnr(pred=gt, gt=gt), 20 < xpsnr(pred=gt + 10, gt=gt) < 60
(inf, True)
"""

from __future__ import annotations

import re

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Metric, Need, Score, Stats
from tkit.metrics.ffmpeg import FFMPEG, compare

CEILING_DB = 100.0


def measure(*, pred: np.ndarray, gt: np.ndarray, fps: float = 25.0) -> Stats:
    """XPSNR of luma of a whole clip (T, H, W, 3) uint8 RGB in dB, weighted by frames.

    ``fps`` are the frames a second: from 32 on, motion is looked at over two steps.
    """
    # Detail and motion are those of the filter's first input, the ground truth.
    said = compare("xpsnr=stats_file=log", first="gt", pred=pred, gt=gt, fps=fps)
    found = re.search(r"XPSNR average, \d+ frames\s+y: (\S+)", said)
    if not found:
        raise ScoreError("ffmpeg told no XPSNR of this clip")
    return {"frames": len(gt), "xpsnr": len(gt) * float(found[1])}


def finish(stats: Stats) -> float:
    """XPSNR in dB, mean over clips of a set."""
    return stats["xpsnr"] / stats["frames"]


METRIC = Metric(
    title="Extended perceptually weighted PSNR of luma",
    needs=Need("frames", whole=True),
    inputs=("pred", "gt", "fps"),
    measure=measure,
    network=FFMPEG,
    scores={
        "xpsnr": Score(
            "dB", "higher", finish, ceiling=CEILING_DB, apart=("static", "gt-lag3", "noise")
        )
    },
    citation="Helmrich, Siekmann, Becker et al., XPSNR: A Low-Complexity Extension of the "
    "Perceptually Weighted Peak Signal-to-Noise Ratio, ICASSP 2020",
    limits="As PSNR, with weights of how well an error is seen; no face, no time beyond two "
    "frames.",
    checked="the filter, called another way, < 1e-4 dB",
    ms=2,
)
