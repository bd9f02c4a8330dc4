"""Identity after temporal alignment: the cosine of face embeddings along the cheapest alignment.

As ``identity``, but a frame may be beside one up to ``band`` looked-at frames earlier or later, in
order, so that a head that turns late is not another person. With ``band=0`` it is ``identity``.

>>> import pathlib, numpy, tkit
>>> given = tkit.METRICS.families()["identity-dtw"].example(pathlib.Path())  # a person moves
>>> late = numpy.concatenate([given["gt"][:1], given["gt"][:-1]])
>>> aligned = tkit.METRICS.get("identity-dtw")
>>> round(aligned(**{**given, "pred": late}), 6)
1.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tkit.metrics import MISSING_FACE, Metric, Need, Param, Score, Stats, alignment
from tkit.metrics.identity import SFACE, embed, embeddings


def measure(
    *, pred: np.ndarray, gt: np.ndarray, step: float, band: float, missing_face: str
) -> Stats:
    """Cosine distance and weight of the alignment of one clip.

    Parameters
    ----------
    pred, gt : ndarray (T, H, W, 3), uint8 RGB
        A whole clip: frames are counted from its start.
    step, band, missing_face
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If a face is missing and ``missing_face`` is ``error``, or too few frames are looked at.
    UsageError
        If the models are not installed.
    """
    mine, truth = embeddings(embed, pred=pred, gt=gt, step=step, missing_face=missing_face)
    reach = alignment.band_of(band, n_frames=len(mine))
    cost, weight = alignment.warped(alignment.banded(1 - mine @ truth.T, band=reach))
    return {"frames": len(mine), "cost": cost, "weight": weight}


def finish(stats: Stats) -> float:
    """Mean cosine along the alignment, -1 to 1."""
    return 1 - float(stats["cost"] / stats["weight"])


def _example(folder: Path) -> dict[str, Any]:
    """A person who comes nearer, five frames; the prediction is darker."""
    from skimage import data

    photo = data.astronaut()[0:320, 64:384]
    gt = np.stack([photo[k : 256 + k, k : 256 + k] for k in range(0, 60, 12)])
    return {"pred": (gt * 0.6).astype(np.uint8), "gt": gt, "step": 1.0, "band": 1.0}


METRIC = Metric(
    title="Cosine of SFace embeddings, aligned",
    needs=Need("frames", whole=True),
    params={
        "step": Param(1.0, "of how many frames one is looked at"),
        "band": alignment.BAND,
        "missing_face": MISSING_FACE,
    },
    measure=measure,
    network=SFACE,
    example=_example,
    scores={"identity-dtw": Score("", "higher", finish)},
    citation="Zhong, Deng, Hu, Zhao, Li and Wen, SFace, IEEE Trans. Image Processing 30, 2021; "
    "Sakoe and Chiba, IEEE Trans. ASSP 26(1), 1978",
    limits="As identity; an alignment never has a lower cosine than none, so that values of two "
    "bands are not comparable.",
    checked="every path of small tables, < 1e-9; band 0 is the frame-wise cosine",
    ms=90,
)
