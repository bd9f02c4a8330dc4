"""CSIM to the source: the cosine of ``csim`` with the picture that a video was made of.

As ``identity-source``, by the network of the user's that ``csim`` describes. No ground truth is
looked at.

>>> import pathlib, tkit
>>> given = tkit.METRICS.families()["csim-source"].example(pathlib.Path())  # means of blocks
>>> csim = tkit.METRICS.get("csim-source")
>>> round(csim(**{**given, "pred": given["source"]}), 6), csim(**given) < 0.99
(1.0, True)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tkit.metrics import Metric, Need, Score, Stats
from tkit.metrics.csim import FACES, embedder
from tkit.metrics.csim import METRIC as CSIM
from tkit.metrics.identity import mean_cosine
from tkit.metrics.identity_source import cosines

NETWORK = replace(FACES, setting="csim-source.weights")


def measure(
    *, pred: np.ndarray, source: np.ndarray, step: float, weights: str, missing_face: str
) -> Stats:
    """Sum of the cosines of the frames looked at; see ``identity-source`` and ``csim``."""
    return cosines(
        embedder(weights), pred=pred, source=source, step=step, missing_face=missing_face
    )


def _example(folder: Path) -> dict[str, Any]:
    """The pair and the network of ``csim``."""
    given = CSIM.example(folder) if CSIM.example else {}
    return {**given, "source": given["gt"][:1]}


METRIC = Metric(
    title="Cosine of face embeddings with the source picture's (CSIM)",
    citation=CSIM.citation,
    needs=Need("own-frames", whole=True),
    inputs=("pred", "source"),
    params=CSIM.params,
    measure=measure,
    network=NETWORK,
    example=_example,
    scores={"csim-source": Score("", "higher", mean_cosine)},
    limits="Of the network that was given, and of nothing else; a still is as good as a video.",
    checked="block means by hand, < 1e-6",
    ms=2,
)
