"""Lip-sync error by SyncNet: distances of lip and sound embeddings at 31 offsets.

Windows of five frames (224 x 224, BGR, 0 to 255) and twenty MFCC rows; the sound is shifted by up
to 15 frames either way, zeros beyond its ends; distances are averaged over the windows. The
network's weights are given by the user. Clips must be face crops at 25 frames a second; three
seconds suffice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.metrics import Metric, Param, Stats

SAMPLE_RATE = 16000
MAX_SHIFT = 15
BATCH = 8


def mfcc(wave: np.ndarray) -> np.ndarray:
    """Thirteen MFCC (N, 13), 100 a second, of sound in [-1, 1] at 16 kHz.

    Windows of 25 ms, 26 mel filters up to 8 kHz, 512-point spectrum, pre-emphasis 0.97, lifter 22,
    the first coefficient replaced by the log energy: what SyncNet was trained on.
    """
    from scipy.fft import dct

    samples = np.round(np.asarray(wave, np.float64) * 32768)
    samples = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1])
    n_rows = 1 + max(int(np.ceil((len(samples) - 400) / 160)), 0)
    padded = np.zeros((n_rows - 1) * 160 + 400)
    padded[: len(samples)] = samples[: len(padded)]
    rows = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160]
    power = abs(np.fft.rfft(rows, 512)) ** 2 / 512  # (N, 257)
    tiny = np.finfo(float).eps
    energy = np.maximum(power.sum(axis=1), tiny)
    features = np.log(np.maximum(power @ _mel_filters().T, tiny))
    cepstrum = dct(features, type=2, axis=1, norm="ortho")[:, :13]
    cepstrum *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    cepstrum[:, 0] = np.log(energy)
    return cepstrum


@lru_cache
def _mel_filters() -> np.ndarray:
    top = 2595 * np.log10(1 + 8000 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, 28) / 2595) - 1)
    bins = np.floor(513 * hertz / SAMPLE_RATE)
    filters, index = np.zeros((26, 257)), np.arange(257)
    for row, (low, mid, high) in enumerate(zip(bins, bins[1:], bins[2:], strict=False)):
        rise = (index - low) / max(mid - low, 1)
        fall = (high - index) / max(high - mid, 1)
        filters[row] = np.where((index >= low) & (index < mid), rise, 0)
        filters[row] += np.where((index >= mid) & (index < high), fall, 0)
    return filters


def distances(frames: np.ndarray, wave: np.ndarray, weights: str) -> tuple[np.ndarray, int]:
    """Sum over windows of the distance at offsets -15..15 (31,), and the number of windows."""
    import torch

    from tkit.media.pictures import resize

    net = _net(weights)
    rows = mfcc(wave)
    n_windows = min(len(frames), len(wave) * 25 // SAMPLE_RATE) - 5
    n_windows = min(n_windows, (len(rows) - 20) // 4 + 1)
    if n_windows < 1:
        raise ScoreError(f"{len(frames)} frames are too few for windows of five")
    pictures = resize(frames, 224, 224)[..., ::-1].transpose(3, 0, 1, 2)  # (3, T, H, W)
    lips, sound = [], []
    with torch.inference_mode():
        for start in range(0, n_windows, BATCH):
            at = range(start, min(start + BATCH, n_windows))
            stack = np.stack([pictures[:, i : i + 5] for i in at]).astype(np.float32)
            lips.append(net.lips(torch.from_numpy(stack)))
            coefs = np.stack([rows[4 * i : 4 * i + 20].T[None] for i in at]).astype(np.float32)
            sound.append(net.sound(torch.from_numpy(coefs)))
    seen, heard = torch.cat(lips).double().numpy(), torch.cat(sound).double().numpy()
    padded = np.pad(heard, ((MAX_SHIFT, MAX_SHIFT), (0, 0)))
    near = np.stack([padded[k : k + n_windows] for k in range(2 * MAX_SHIFT + 1)])
    # The small number is that of the published code's distance.
    return np.linalg.norm(seen - near + 1e-6, axis=2).sum(axis=1), n_windows


@lru_cache
def _net(weights: str) -> Any:
    from tkit.zoo.nets.syncnet import load_checkpoint

    if not weights:
        raise UsageError("lse needs SyncNet's weights: --set lse-d.weights=syncnet_v2.model")
    return load_checkpoint(weights)


def metric(name: str, title: str, better: str, finish: Callable[[Stats], float]) -> Metric:
    """A metric that finishes the distances with ``finish``."""

    def measure(
        *, pred: np.ndarray, gt: np.ndarray, wave: np.ndarray, fps: float = 25.0, **params: Any
    ) -> Stats:
        settings = entry.settings(params, name=name)
        if abs(fps - 25) > 0.1:
            raise ScoreError(f"SyncNet looks at 25 frames a second, the clip has {fps:g}")
        total, n_windows = distances(pred, wave, settings["weights"])
        return {"frames": len(pred), "windows": n_windows, "distance": total}

    entry = Metric(
        title=title,
        unit="",
        better=better,
        needs="clip",
        params={"weights": Param("", "the user's syncnet_v2.model", text=True)},
        measure=measure,
        finish=finish,
        citation="Chung and Zisserman, Out of Time, ACCV-W 2016; Prajwal et al., Wav2Lip, 2020",
        also=("wave", "fps"),
    )
    return entry
