"""VIF: how much of what the ground truth tells of the scene the prediction still tells.

Visual information fidelity in the pixel domain, over four scales, of luma, by libvmaf's floating
point filter (:mod:`tkit.metrics.ffmpeg`), mean over frames. Of the ground truth itself it is 1.

>>> import numpy, tkit
>>> gt = numpy.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), numpy.uint8)
>>> vif = tkit.METRICS.get("vif")
>>> round(vif(pred=gt, gt=gt), 4), vif(pred=gt // 2, gt=gt) < 0.9
(1.0, True)
"""

from __future__ import annotations

import numpy as np

from tkit.metrics import Metric, Need, Score, Stats
from tkit.metrics.ffmpeg import FFMPEG, vmaf_means

_FEATURE = "feature='name=float_vif\\:debug=true'"  # debug: the ratio over all scales, too


def measure(*, pred: np.ndarray, gt: np.ndarray) -> Stats:
    """Sum over frames of a whole clip (T, H, W, 3) uint8 RGB: a run of ffmpeg each."""
    (value,) = vmaf_means(_FEATURE, "vif", pred=pred, gt=gt)
    return {"frames": len(gt), "vif": len(gt) * value}


def finish(stats: Stats) -> float:
    """Mean over frames, 0 to 1; more where contrast was added."""
    return stats["vif"] / stats["frames"]


METRIC = Metric(
    title="Visual information fidelity",
    needs=Need("frames", whole=True),
    measure=measure,
    network=FFMPEG,
    scores={"vif": Score("", "higher", finish, apart=("static", "gt-lag3", "noise"))},
    citation="Sheikh and Bovik, Image Information and Visual Quality, IEEE Trans. Image Processing "
    "15(2), 2006",
    limits="Pixels in their places: a shift costs much. Contrast above the ground truth's counts "
    "as more than all information.",
    checked="the formula in NumPy, 4e-6",
    ms=10,
)
