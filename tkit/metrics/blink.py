"""Blinks: how many, how long and how deep, found in the eye aspect ratio (EAR) of tracked points.

The statistics of a clip are its observed seconds and the lists of its blinks; those of sets are
sums of seconds and joined lists, so rates and distributions are pooled over a set. Inter-blink
intervals are censored data: a short clip says of most of them only that they are longer. Points are
refined: tracked lids alone follow a closing half way, and small blinks not at all.

Sinha et al. 2020 print two numbers of blinks. .3756 /s (GRID) is ``blink-rate``. The "inter-blink
duration" of .5745 s, .4601 s of the ground truth, is no interval: at that rate one is 2.7 s in the
mean. It is most likely a ``blink-duration`` from open to open, as ``dinoman-offline`` has it.

>>> import numpy, tkit
>>> eye = numpy.array([[0, 0], [8, -5], [16, -5], [24, 0], [16, 5], [8, 5]], float)
>>> still = numpy.zeros((75, 68, 2))
>>> still[:, 36:42], still[:, 42:48] = eye, eye + [60, 0]
>>> pred = still.copy()
>>> pred[30:35, 36:48, 1] = 0  # shut for a fifth of a second
>>> rate = tkit.METRICS.get("blink-rate")
>>> round(rate(pred=pred, fps=25.0), 3), rate(pred=still, fps=25.0)
(0.333, 0.0)
"""

from __future__ import annotations

from functools import partial

import numpy as np

from tkit.errors import ScoreError
from tkit.face import blinks, geometry
from tkit.metrics import MISSING_FACE, Metric, Need, Param, Score, Stats
from tkit.metrics.points import alone, as_points, matched

MIN_EYE_PX = 12.0  # narrower eyes: one pixel of landmark noise is a blink
MAX_MISSING = 0.1  # share of frames without a face that are bridged


def measure(
    *,
    pred: np.ndarray,
    gt: np.ndarray | None = None,
    fps: float = 25.0,
    detector: str,
    missing_face: str,
) -> Stats:
    """Blinks of the prediction, and of a ground truth.

    Parameters
    ----------
    pred, gt : ndarray (T, 68, 2)
        Points of a whole clip in pixels; NaN frames are bridged up to a tenth of the clip.
    detector, missing_face : str
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If faces are missing, the eyes are too small or the series too noisy to tell blinks.
    """
    sides = {"": as_points(pred, "prediction")}
    if gt is not None:
        sides[""], sides["gt_"] = matched(pred, gt)
    stats: Stats = {"frames": len(pred)}
    for side, points in sides.items():
        what = "ground truth" if side else "prediction"
        if missing_face == "error":
            alone(points, missing_face="error", what=what)
        found, series = _blinks(points, fps, detector)
        onsets = [blink.onset_s for blink in found]
        stats |= {
            f"{side}seconds": len(series) / fps,
            f"{side}blinks": len(found),
            f"{side}durations_s": tuple(blink.duration_s for blink in found if blink.whole),
            f"{side}depths": tuple(blink.depth for blink in found),
            f"{side}gaps_s": tuple(np.diff(onsets).tolist()),
            f"{side}open_s": (len(series) / fps - onsets[-1],) if onsets else (),
        }
    return stats


def _blinks(points: np.ndarray, fps: float, detector: str) -> tuple[list[blinks.Blink], np.ndarray]:
    missing = ~np.isfinite(points).all(axis=(1, 2))
    if missing.mean() > MAX_MISSING:
        raise ScoreError(f"{missing.sum()} of {len(missing)} frames have no face: no blinks told")
    filled, _ = geometry.fill_gaps(np.where(missing[:, None, None], np.nan, points), max_gap=10**9)
    corners = filled[:, [36, 42]] - filled[:, [39, 45]]
    width = float(np.median(np.linalg.norm(corners, axis=2)))
    if width < MIN_EYE_PX and detector == "recommended":
        raise ScoreError(f"eyes of {width:.1f} pixels are too small to tell blinks (12 are needed)")
    ear = geometry.eye_aspect_ratio(filled).mean(axis=1)
    return blinks.detect(ear, fps=fps, detector=detector)[0], ear


def onsets_s(stats: Stats, side: str = "") -> tuple[float, ...]:
    """When the blinks of a clip begin, seconds, from its statistics; ``side``: of "gt_", too."""
    if not stats[f"{side}open_s"]:
        return ()
    last = stats[f"{side}seconds"] - stats[f"{side}open_s"][0]
    return tuple((last - np.cumsum((0, *stats[f"{side}gaps_s"][::-1])))[::-1].tolist())


def _some(stats: Stats, name: str) -> np.ndarray:
    """The values of all blinks; :class:`ScoreError` if there are none."""
    if not stats[name]:
        what = "is in the ground truth" if name.startswith("gt_") else "was found"
        whole = "whole " if name.endswith("durations_s") else ""
        raise ScoreError(f"no {whole}blink {what}")
    return np.array(stats[name])


def _rate(stats: Stats) -> float:
    """Blinks a second."""
    return stats["blinks"] / stats["seconds"]


def _duration(stats: Stats) -> float:
    """Mean over whole blinks of the full width at half depth, in seconds."""
    return float(_some(stats, "durations_s").mean())


def _depth(stats: Stats) -> float:
    """Mean share of the open eye that blinks close, 0 to 1."""
    return float(_some(stats, "depths").mean())


def _completeness(stats: Stats) -> float:
    """Share of blinks that close the eye at least by half, 0 to 1."""
    return float((_some(stats, "depths") >= blinks.CLOSED_DEPTH).mean())


def _interval(stats: Stats) -> float:
    """Kaplan-Meier median from onset to onset in seconds: not the paper's number, see above."""
    return blinks.median_interval(np.array(stats["gaps_s"]), np.array(stats["open_s"]))


def _ks(stats: Stats) -> float:
    """Largest difference of the cumulative distributions of durations, 0 to 1."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(_some(stats, "durations_s"), _some(stats, "gt_durations_s")).statistic)


def _wasserstein(stats: Stats) -> float:
    """Mean shift in seconds that turns one distribution of durations into the other."""
    from scipy.stats import wasserstein_distance

    mine = _some(stats, "durations_s")
    return float(wasserstein_distance(mine, _some(stats, "gt_durations_s")))


# A score of all blinks of a set.
_of_blinks = partial(Score, pooled=True, events="blinks", over="blinks")

EAR = "Soukupova and Cech, Real-time eye blink detection, CVWW 2016 (EAR)"
METRIC = Metric(
    title="Blinks",
    citation=EAR,
    needs=Need("refined-points", whole=True),
    inputs=("pred", "gt", "fps"),
    params={
        "detector": Param(
            "recommended",
            "recommended: relative to the clip's open eyes; ear-threshold: EAR < 0.2 for two "
            "frames; dinoman-offline: steep drops, from peak to peak",
            choices=blinks.DETECTORS,
        ),
        "missing_face": MISSING_FACE,
    },
    measure=measure,
    scores={
        "blink-rate": _of_blinks(
            "1/s",
            "closer",
            _rate,
            title="Blink rate",
            over="frames",
            citation=f"{EAR}; Sinha et al. 2020: .3756 /s",
            apart=("static",),
            alike=("gt-lag3", "noise"),
        ),
        "blink-duration": _of_blinks(
            "s",
            "closer",
            _duration,
            title="Blink duration",
            citation=f"{EAR}; most likely what Sinha et al. 2020 call inter-blink duration, "
            ".5745 s, with detector=dinoman-offline",
            apart=("static",),
            alike=("gt-lag3",),
        ),
        "blink-depth": _of_blinks(
            "", "closer", _depth, title="Blink depth", apart=("static",), alike=("gt-lag3",)
        ),
        "blink-completeness": _of_blinks(
            "",
            "closer",
            _completeness,
            title="Complete blinks",
            apart=("static",),
            alike=("gt-lag3",),
        ),
        "blink-interval": _of_blinks(
            "s",
            "closer",
            _interval,
            title="Interval from onset to onset of blinks",
            citation="Kaplan and Meier 1958; not the inter-blink duration of Sinha et al. 2020, "
            "which is too short for their own rate of blinks",
        ),
        "blink-ks": _of_blinks(
            "", "lower", _ks, title="Blink durations, KS distance", of_truth=True
        ),
        "blink-wasserstein": _of_blinks(
            "s",
            "lower",
            _wasserstein,
            title="Blink durations, Wasserstein distance",
            of_truth=True,
            apart=("static",),
        ),
    },
    limits="What the tracked lids follow: squints are told from blinks by their depth and length "
    "alone. A set of few seconds has too few blinks for an interval; nothing says whether a "
    "blink comes at the right time.",
    checked="puppets and 53 hand-marked GRID clips (recall 1, precision .99); the public detector "
    "counts the same",
    ms=0.05,
)
