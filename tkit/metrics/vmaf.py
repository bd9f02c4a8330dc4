"""VMAF and VMAF-NEG: quality as people rate it, learned of television, and the form without gain.

libvmaf's models v0.6.1 and v0.6.1neg, by ffmpeg (:mod:`tkit.metrics.ffmpeg`), mean over frames. The
plain form rewards sharpening and contrast beyond the ground truth; NEG does not. Both were made for
1080 lines watched from three heights: values of small crops rank, and say nothing else. A picture
of the ground truth itself has less than 100 where little moves.

>>> import numpy, tkit
>>> gt = numpy.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), numpy.uint8)
>>> vmaf = tkit.METRICS.get("vmaf")
>>> vmaf(pred=gt, gt=gt) > vmaf(pred=gt // 2, gt=gt)
True
"""

from __future__ import annotations

import numpy as np

from tkit.metrics import Metric, Need, Score, Stats
from tkit.metrics.ffmpeg import FFMPEG, vmaf_means

_MODELS = "model='version=vmaf_v0.6.1\\:name=vmaf|version=vmaf_v0.6.1neg\\:name=neg'"


def measure(*, pred: np.ndarray, gt: np.ndarray) -> Stats:
    """Sums over frames of a whole clip (T, H, W, 3) uint8 RGB; its motion is looked at."""
    plain, neg = vmaf_means(_MODELS, "vmaf", "neg", pred=pred, gt=gt)
    return {"frames": len(gt), "vmaf": len(gt) * plain, "neg": len(gt) * neg}


def _plain(stats: Stats) -> float:
    """Mean over frames, 0 to 100."""
    return stats["vmaf"] / stats["frames"]


def _neg(stats: Stats) -> float:
    """Mean over frames, 0 to 100."""
    return stats["neg"] / stats["frames"]


METRIC = Metric(
    title="VMAF",
    needs=Need("frames", whole=True),
    measure=measure,
    network=FFMPEG,
    scores={
        "vmaf": Score("", "higher", _plain, apart=("static", "gt-lag3", "noise")),
        "vmaf-neg": Score(
            "",
            "higher",
            _neg,
            title="VMAF, no enhancement gain",
            citation="Li, Zhang, Krasula et al., Toward a Better Quality Metric for the Video "
            "Community, Netflix, 2020",
            apart=("static", "gt-lag3", "noise"),
        ),
    },
    citation="Li, Aaron, Katsavounidis, Moorthy and Manohara, Toward a Practical Perceptual Video "
    "Quality Metric, Netflix, 2016; model v0.6.1",
    limits="Faces were not in its training; the models are of 1080 lines at three heights, so "
    "values of crops rank and say nothing else. vmaf, not vmaf-neg, can be raised by "
    "sharpening.",
    checked="the filter, called another way, < 1e-5",
    ms=8,
)
