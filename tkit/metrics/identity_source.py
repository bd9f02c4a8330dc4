"""Identity to the source: is it still the person of the picture that a video was made of?

The mean cosine of the SFace embeddings of every fifth frame with that of the source picture (of a
source clip, its first frame). No ground truth is looked at. YuNet finds the largest face of each;
pictures are looked at as they are in their files.

>>> import pathlib, tkit
>>> given = tkit.METRICS.families()["identity-source"].example(pathlib.Path())  # darker frames
>>> identity = tkit.METRICS.get("identity-source")
>>> round(identity(**{**given, "pred": given["source"]}), 6), identity(**given) > 0.9
(1.0, True)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Metric, Need, Score, Stats
from tkit.metrics.identity import METRIC as IDENTITY
from tkit.metrics.identity import SFACE, embed, mean_cosine
from tkit.metrics.pictures import alone


def measure(*, pred: np.ndarray, source: np.ndarray, step: float, missing_face: str) -> Stats:
    """Sum of the cosines of the frames looked at.

    Parameters
    ----------
    pred : ndarray (T, H, W, 3), uint8 RGB
        A whole clip: frames are counted from its start.
    source : ndarray (N, H, W, 3), uint8 RGB
        Its first picture is looked at.
    step, missing_face
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If the source has no face, one is missing and ``missing_face`` is ``error``, or no frame has
        one.
    UsageError
        If the models are not installed.
    """
    return cosines(embed, pred=pred, source=source, step=step, missing_face=missing_face)


def cosines(
    embed: Callable[[np.ndarray], np.ndarray | None],
    *,
    pred: np.ndarray,
    source: np.ndarray,
    step: float,
    missing_face: str,
) -> Stats:
    """Sum of the cosines by any embedding; see :func:`measure`."""
    pred, source = alone(pred, "rgb"), alone(source, "rgb", "source")
    person = embed(np.ascontiguousarray(source[0]))
    if person is None:
        raise ScoreError("no face in the source picture")
    found = []
    for index in range(0, len(pred), max(round(step), 1)):
        shown = embed(np.ascontiguousarray(pred[index]))
        if shown is not None:
            found.append(float(shown @ person))
        elif missing_face == "error":
            raise ScoreError(f"no face in frame {index} of the prediction")
    if not found:
        raise ScoreError("no frame of the prediction has a face")
    return {"frames": len(found), "cosine": sum(found)}


def _example(folder: Path) -> dict[str, Any]:
    """The pair of ``identity``: a person, and two darker frames of the same."""
    given = IDENTITY.example(folder) if IDENTITY.example else {}
    return {**given, "source": given["gt"][:1]}


METRIC = Metric(
    title="Cosine of SFace embeddings with the source picture's",
    citation=IDENTITY.citation,
    needs=Need("own-frames", whole=True),
    inputs=("pred", "source"),
    params=IDENTITY.params,
    measure=measure,
    network=SFACE,
    example=_example,
    scores={"identity-source": Score("", "higher", mean_cosine)},
    limits="As identity: one network's view of a face, and a still is as good as a video. Of a "
    "source in which the head is turned away it says little.",
    checked="a face with itself is 1, < 1e-6",
    ms=9,
)
