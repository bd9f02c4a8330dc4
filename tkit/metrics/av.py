"""Mouth opening against speech energy, at every lag of a few frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import Param
from tkit.metrics.moving import MISSING_FACE, checked, eye_distance

SAMPLE_RATE = 16000
FLOOR_DB = 50.0  # below the loudest frame, energy counts as silence

PARAMS = {
    "max_lag": Param(10.0, "frames that the sound is shifted either way at most"),
    "missing_face": MISSING_FACE,
}


def energy_db(wave: np.ndarray, *, n_frames: int, fps: float) -> np.ndarray:
    """Sound energy (T,) of the time of each video frame, in dB above the floor."""
    hop = SAMPLE_RATE / fps
    edges = np.round(np.arange(n_frames + 1) * hop).astype(int)
    padded = np.zeros(max(edges[-1], len(wave)))
    padded[: len(wave)] = wave
    sums = np.concatenate([[0.0], np.cumsum(padded**2)])
    power = (sums[edges[1:]] - sums[edges[:-1]]) / np.diff(edges)
    if power.max() <= 0:
        raise ScoreError("the sound is silent")
    return np.maximum(10 * np.log10(np.maximum(power / power.max(), 1e-30)) + FLOOR_DB, 0.0)


def correlations(
    *, pred: np.ndarray, gt: np.ndarray, wave: np.ndarray, fps: float, **params: Any
) -> tuple[np.ndarray, np.ndarray, int]:
    """Lags in frames (positive: the mouth is late), Pearson correlation at each, frames used."""
    max_lag = round(params["max_lag"])
    pred, _, use = checked(pred, gt, missing_face=params["missing_face"])
    if len(pred) <= 2 * max_lag + 2:
        raise ScoreError(f"{len(pred)} frames are too few for lags of {max_lag} frames")
    opening = np.full(len(pred), np.nan)
    opening[use] = geometry.mouth_opening(pred[use]) / eye_distance(pred[use])
    energy = energy_db(wave, n_frames=len(pred), fps=fps)
    lags = np.arange(-max_lag, max_lag + 1)
    return lags, np.array([_pearson(opening, energy, lag) for lag in lags]), int(use.sum())


def _pearson(opening: np.ndarray, energy: np.ndarray, lag: int) -> float:
    n = len(opening)
    mouth, sound = opening[max(lag, 0) : n + min(lag, 0)], energy[max(-lag, 0) : n + min(-lag, 0)]
    known = np.isfinite(mouth)
    mouth, sound = mouth[known] - mouth[known].mean(), sound[known] - sound[known].mean()
    scale = np.sqrt((mouth**2).sum() * (sound**2).sum())
    # A mouth that rests has no correlation with anything.
    return float((mouth * sound).sum() / scale) if scale > 1e-9 else 0.0
