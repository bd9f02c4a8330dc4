"""Lip-sync error by SyncNet: distances of lip and sound embeddings at 31 offsets.

Windows of five frames (224 x 224, BGR, 0 to 255) and twenty MFCC rows; the sound is shifted by up
to 15 frames either way, zeros beyond its ends; distances are averaged over the windows. The
network's weights are given by the user. Clips must be face crops; three seconds suffice. At another
rate than 25 frames a second (30, 29.97, 50 …), the nearest frame in time is looked at for each of
25, so that windows of picture and sound are of the same moments, however long the clip.
``lse-d`` is the least mean distance, ``lse-c`` the median over the offsets less that,
``lse-offset`` by how many of these frames the lips come after the sound where it is least. Many
evaluators drop clips that are too short for their tracker without a word; ``least_frames`` refuses
them by name.

>>> import pathlib, tkit
>>> given = tkit.METRICS.families()["lse"].example(pathlib.Path())  # a clip and random weights
>>> tkit.METRICS.get("lse-c")(**given) >= 0, tkit.METRICS.get("lse-d")(**given) >= 0
(True, True)
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError
from tkit.metrics import Metric, Need, Network, Param, Score, Stats
from tkit.registry import ModelFile

SAMPLE_RATE = 16000
FPS = 25  # that SyncNet looks at
MAX_SHIFT = 15
BATCH = 8


def mfcc(wave: np.ndarray) -> np.ndarray:
    """Thirteen MFCC (N, 13), 100 a second, of sound in [-1, 1] at 16 kHz.

    Windows of 25 ms, 26 mel filters up to 8 kHz, 512-point spectrum, pre-emphasis 0.97, lifter 22,
    the first coefficient replaced by the log energy: what SyncNet was trained on.
    """
    from tkit.speech.mfcc import cepstra_psf

    # As in a 16-bit file: what is louder is cut off.
    samples = np.clip(np.round(np.asarray(wave, np.float64) * 32768), -32768, 32767)
    return cepstra_psf(samples, window=400, hop=160, hamming=False)[:, :13]


def at_rate(frames: np.ndarray, fps: float) -> np.ndarray:
    """For each of 25 frames a second the nearest in time of frames (T, …) at ``fps``."""
    places = np.arange(round(len(frames) * FPS / fps)) * (fps / FPS)
    nearest = np.ceil(places - 0.5).astype(int)  # of two as near the earlier, which is still shown
    return frames[np.minimum(nearest, len(frames) - 1)]


def distances(frames: np.ndarray, wave: np.ndarray, weights: str) -> tuple[np.ndarray, int]:
    """Sum over windows of the distance at offsets -15..15 (31,), and the number of windows.

    ``frames`` are 25 a second.
    """
    import cv2
    import torch

    from tkit.zoo.nets.syncnet import FRAMES, ROWS, SIDE_PX

    net = _net(weights)
    if not len(wave):
        raise ScoreError("there is no sound to compare the lips with")
    rows = mfcc(wave)
    n_windows = min(len(frames), len(wave) * FPS // SAMPLE_RATE) - FRAMES
    n_windows = min(n_windows, (len(rows) - ROWS) // 4 + 1)
    if n_windows < 1:
        raise ScoreError(f"{len(frames)} frames are too few for windows of five")
    # Bilinear without averaging, also where pictures are reduced: what Wav2Lip's script does.
    square = np.stack([cv2.resize(frame, (SIDE_PX, SIDE_PX)) for frame in frames])
    pictures = square[..., ::-1].transpose(3, 0, 1, 2)  # (3, T, H, W)
    lips, sound = [], []
    with torch.inference_mode():
        for start in range(0, n_windows, BATCH):
            at = range(start, min(start + BATCH, n_windows))
            stack = np.stack([pictures[:, i : i + FRAMES] for i in at]).astype(np.float32)
            lips.append(net.lips(torch.from_numpy(stack)))
            coefs = np.stack([rows[4 * i : 4 * i + ROWS].T[None] for i in at]).astype(np.float32)
            sound.append(net.sound(torch.from_numpy(coefs)))
    seen, heard = torch.cat(lips).double().numpy(), torch.cat(sound).double().numpy()
    padded = np.pad(heard, ((MAX_SHIFT, MAX_SHIFT), (0, 0)))
    near = np.stack([padded[k : k + n_windows] for k in range(2 * MAX_SHIFT + 1)])
    # The small number is that of the published code's distance.
    return np.linalg.norm(seen - near + 1e-6, axis=2).sum(axis=1), n_windows


def _open(weights: str) -> Any:
    from tkit.zoo.nets.syncnet import load_checkpoint

    return load_checkpoint(weights)


SYNCNET = Network(
    name="syncnet",
    title="SyncNet of Chung and Zisserman",
    open=_open,
    signature="syncnet",
    licence="that of the file",
    model=ModelFile("SyncNet's weights, syncnet_v2.model"),
    setting="lse-d.weights",
)
_net = lru_cache(SYNCNET.load)


def measure(
    *,
    pred: np.ndarray,
    wave: np.ndarray,
    fps: float = FPS,
    weights: str,
    least_frames: float,
) -> Stats:
    """Distances of a prediction from the sound that it should fit.

    Parameters
    ----------
    pred : ndarray (T, H, W, 3), uint8 RGB
        Face crops of a whole clip.
    wave : ndarray (S,)
        At 16 kHz.
    fps : float
        Of the frames.
    weights : str
        The user's checkpoint.
    least_frames : float
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If the clip is too short.
    UsageError
        If no weights are given.
    """
    frames = at_rate(pred, fps)
    if len(frames) < least_frames:
        raise ScoreError(
            f"{len(frames)} frames at 25 a second, where at least {least_frames:g} are asked for"
        )
    total, n_windows = distances(frames, wave, weights)
    return {"frames": len(pred), "windows": n_windows, "distance": total}


def _confidence(stats: Stats) -> float:
    """Median over offsets minus the least of the mean distances."""
    mean = stats["distance"] / stats["windows"]
    return float(np.median(mean) - mean.min())


def _least(stats: Stats) -> float:
    """Least of the mean distances."""
    return float((stats["distance"] / stats["windows"]).min())


def _offset(stats: Stats) -> float:
    """Offset of the least distance; positive where the lips are late."""
    return float(MAX_SHIFT - stats["distance"].argmin())


def _example(folder: Path) -> dict[str, Any]:
    """Write random weights; return what ``measure`` takes of a clip of half a second."""
    import torch

    from tkit.zoo.nets.syncnet import Config, SyncNet

    torch.manual_seed(0)
    torch.save(SyncNet(Config()).state_dict(), folder / "syncnet_v2.model")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    wave = rng.normal(0, 0.1, SAMPLE_RATE // 2).astype(np.float32)
    weights = str(folder / "syncnet_v2.model")
    return {"pred": frames[::-1], "gt": frames, "wave": wave, "weights": weights}


METRIC = Metric(
    title="Lip-sync error",
    citation="Chung and Zisserman, Out of Time, ACCV-W 2016; Prajwal et al., Wav2Lip, 2020",
    needs=Need("frames", whole=True),
    inputs=("pred", "wave", "fps"),
    params={
        "weights": Param("", "the user's syncnet_v2.model", text=True),
        "least_frames": Param(
            0.0,
            "clips of fewer frames, at 25 a second, are refused",
            tag="least",
            tokens={0.0: ""},
        ),
    },
    measure=measure,
    network=SYNCNET,
    example=_example,
    scores={
        "lse-c": Score(
            "",
            "higher",
            _confidence,
            title="Lip-sync error, confidence",
            apart=("static", "other-sound"),
        ),
        "lse-d": Score(
            "",
            "lower",
            _least,
            title="Lip-sync error, distance",
            apart=("static", "other-sound"),
        ),
        "lse-offset": Score(
            "frames",
            "closer",
            _offset,
            title="Offset at which lips and sound fit best, at 25 a second",
            apart=("gt-lag3",),
        ),
    },
    limits="SyncNet was taught with videos of television in one alignment: crops that lie "
    "otherwise, codecs and containers move it by .4 to 1.2, and optimising for it lifts it "
    "above real videos. Methods trained with a SyncNet are not comparable by it; "
    "--recode says how far an encoder moves it.",
    checked="the sum pair by pair with torch, < 1e-6; MFCC are those of python_speech_features, "
    "1e-5",
    ms=77,
)
