"""KID: kernel distance of the features of frames, in the features of a network the user gives.

As ``fid``, with the unbiased kernel distance of :mod:`tkit.metrics.kernel_distance` in place of the
Fréchet distance: it can be used with fewer frames than features, and may be a little below zero.

>>> import pathlib, numpy, tkit
>>> given = tkit.METRICS.families()["kid"].example(pathlib.Path())  # two random filters a channel
>>> gt = numpy.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), numpy.uint8)
>>> kid = tkit.METRICS.get("kid")
>>> kid(pred=gt, gt=gt, **given) < 0 < kid(pred=gt // 2, gt=gt, **given)
True
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit.metrics import Metric, Need, Param, Score, Stats, fid, kernel_distance
from tkit.metrics.pictures import matched

FEATURES = replace(fid.FEATURES, setting="kid.net")
_net = lru_cache(FEATURES.load)


def measure(*, pred: np.ndarray, gt: np.ndarray, net: str, step: float) -> Stats:
    """Features of the frames looked at; frames (T, H, W, 3) uint8 RGB of a whole clip."""
    pred, gt = (side[:: max(round(step), 1)] for side in matched(pred, gt, "rgb"))
    network = _net(net)
    mine, truth = (fid.features(side, network) for side in (pred, gt))
    return {"frames": len(gt), "pred": (mine,), "gt": (truth,)}


def _example(folder: Path) -> dict[str, Any]:
    """The network of ``fid``'s example, every frame looked at."""
    return {**fid.example(folder), "step": 1.0}


METRIC = Metric(
    title="Kernel distance of frame features",
    needs=Need("frames", whole=True),
    params={
        "net": Param("", "TorchScript file of the feature network", text=True),
        "step": Param(5.0, "of how many frames one is looked at"),
    },
    measure=measure,
    network=FEATURES,
    example=_example,
    scores={
        "kid": Score(
            "",
            "lower",
            kernel_distance.finish,
            pooled=True,
            without=kernel_distance.without,
            apart=("static", "noise"),
        )
    },
    citation="Binkowski, Sutherland, Arbel and Gretton, Demystifying MMD GANs, ICLR 2018",
    limits="As FID it knows no time; it varies more.",
    checked="pair by pair, 1e-9 relative",
)
