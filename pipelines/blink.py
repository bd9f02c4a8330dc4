"""Blink stage: learn the motion of the eyes from noise by moment matching.

Sinha et al. 2020, §III-B and eq. 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tkit import geometry
from tkit.clips import generator
from tkit.pipelines import Stage
from tkit.pipelines._config import Common, option
from tkit.pipelines._sampling import CACHED_CLIPS, Sampler, moments
from tkit.store import Row, Store
from tkit.zoo import _losses
from tkit.zoo._layers import init_pca, pca
from tkit.zoo.blink import NET, generate
from tkit.zoo.blink import Config as NetConfig

EYES = geometry.EYE_REGION_INDEX
STILL = 0.25  # motion of a landmark, beside the one that moves most, below which it counts as still


@dataclass(frozen=True)
class Config(Common):
    """Settings of the blink stage; the paper's are the experiment ``paper-blink``."""

    batch_size: int = option(128, "Sequences in a batch, real and generated each.", low=2)
    lr: float = option(3e-3, "Learning rate of Adam.", low=0)
    sequence: int = option(25, "Frames in a sequence (T); the paper's are 75.", low=2)
    centre: bool = option(True, "Take displacement about its median over the clip.")
    noise: int = option(10, "Gaussian numbers a frame.", low=1)
    hidden: int = option(64, "Units of the recurrent layer.", low=1)
    warmup: int = option(25, "Frames generated before those that count.", low=0)
    kernel_widths: tuple[float, ...] = option(
        (0.25, 0.5, 1.0, 2.0), "Widths of the MMD kernels, in RMS distances of real sequences."
    )
    range_weight: float = option(1.0, "Weight of the min-max regularisation.", low=0)
    pca_variance: float = option(0.99, "Share of the variance that the PCA basis holds.", low=0)
    pca_init: bool = option(True, "Start the last layer as the PCA basis.")
    balance_speakers: bool = option(True, "Draw every speaker equally often.")


def nets(store: Store, config: Config) -> dict[str, nn.Module]:
    """Build the network with the training split's PCA basis and range."""
    rows = store.select(config.train_split)

    def blocks() -> Any:
        return (read_eyes(store, row, config).reshape(row.n_frames, -1) for row in rows)

    mean, basis = pca(*moments(blocks()), config.pca_variance)
    module = NET.build(NetConfig(len(basis), config.noise, config.hidden, config.warmup))
    if config.pca_init:
        init_pca(module.basis, mean, basis)
    ends = [(block.min(axis=0), block.max(axis=0)) for block in blocks()]
    module.low.copy_(torch.from_numpy(np.min([low for low, _ in ends], axis=0)).view(-1, 2))
    module.high.copy_(torch.from_numpy(np.max([high for _, high in ends], axis=0)).view(-1, 2))
    return {"blink": module}


def read_eyes(store: Store, row: Row, config: Config) -> np.ndarray:
    """Displacement (T, 22, 2) of the eye region of one clip.

    With ``config.centre`` about its median over the clip, which is how a person holds the eyes and
    brows; without it the differences between persons outweigh the blinks.
    """
    eyes = store["displacement"][row.frames][:, EYES]
    return eyes - np.median(eyes, axis=0) if config.centre else eyes


def batches(store: Store, config: Config, split: str) -> Callable[[int], dict[str, Tensor]]:
    """Real sequences, and noise for as many generated ones, drawn by seed and step."""
    sampler = Sampler(
        store.select(split), config.sequence, balance_speakers=config.balance_speakers
    )
    read = lru_cache(maxsize=CACHED_CLIPS)(lambda row: read_eyes(store, row, config))

    def batch(step: int) -> dict[str, Tensor]:
        rng = generator(config.seed, "blink", split, str(step))
        real = [
            read(row)[start : start + config.sequence]
            for row, start in sampler.draw(rng, config.batch_size)
        ]
        shape = config.batch_size, config.warmup + config.sequence, config.noise
        noise = rng.standard_normal(shape, np.float32)
        return {"real": torch.from_numpy(np.stack(real)), "noise": torch.from_numpy(noise)}

    return batch


def step(
    nets: dict[str, Any], batch: dict[str, Tensor], config: Config, player: str
) -> dict[str, Tensor]:
    """MMD between real and generated sequences, and the min-max regularisation."""
    module = nets[player]
    fake = module(batch["noise"])[0][:, config.warmup :]
    mmd2 = sequence_mmd2(batch["real"], fake, config)
    beyond = _losses.range_penalty(fake, module.low, module.high)
    return {"loss": mmd2 + config.range_weight * beyond, "mmd2": mmd2, "range": beyond}


def sequence_mmd2(real: Tensor, fake: Tensor, config: Config) -> Tensor:
    """MMD² of sequences (n, T, 22, 2): a sample is one landmark's course over T; their mean."""
    real, fake = (x.permute(2, 0, 1, 3).flatten(2) for x in (real, fake))  # (22, n, 2 T)
    unit = _losses.rms_distance(real)
    # A landmark that hardly moves is measured with a coarser rule, else its noise would count as
    # much as the blinks.
    unit = unit.clamp(min=STILL * unit.max().item())
    return _losses.mmd2(real, fake, widths=config.kernel_widths, unit=unit)


@torch.inference_mode()
def evaluate(
    nets: dict[str, Any], store: Store, rows: list[Row], config: Config
) -> dict[str, float]:
    """Compare generated eyes with those of clips: as many sequences, as long as the clips.

    Returns
    -------
    dict
        ``rate_hz``, ``rate_real_hz``: blinks per second (:func:`count_blinks`) on the canonical
        face; ``mmd2``: of generated and real sequences of T frames; ``mmd2_static``: of eyes that
        never move; ``outside``: share of generated coordinates outside the range of training.
    """
    module = nets["blink"]
    found: dict[str, list[np.ndarray]] = {"real": [], "fake": []}
    blinks, seconds = {"real": 0, "fake": 0}, 0.0
    for row in rows:
        rng = generator(config.seed, "blink", "evaluate", row.id)
        moved = {"real": read_eyes(store, row, config)}
        moved["fake"] = generate(module, row.n_frames, rng=rng)[0][:, EYES]
        seconds += row.n_frames / row.fps
        for name, eyes in moved.items():
            found[name].append(eyes)
            blinks[name] += count_blinks(eye_opening(eyes, store.canonical), fps=row.fps)
    outside = [(eyes < module.low.numpy(force=True)) | (eyes > module.high.numpy(force=True))
               for eyes in found["fake"]]  # fmt: skip
    real, fake = (_cut(found[name], config.sequence) for name in ("real", "fake"))
    return {
        "rate_hz": blinks["fake"] / seconds,
        "rate_real_hz": blinks["real"] / seconds,
        "mmd2": float(sequence_mmd2(real, fake, config)),
        "mmd2_static": float(sequence_mmd2(real, torch.zeros_like(fake), config)),
        "outside": float(np.concatenate(outside).mean()),
    }


def _cut(clips: list[np.ndarray], size: int) -> Tensor:
    """Cut clips (T, 22, 2) into (n, size, 22, 2); a rest is dropped, a short clip held."""
    pieces = []
    for clip in clips:
        if len(clip) < size:
            clip = np.pad(clip, ((0, size - len(clip)), (0, 0), (0, 0)), mode="edge")
        pieces += [clip[i : i + size] for i in range(0, len(clip) - size + 1, size)]
    return torch.from_numpy(np.stack(pieces))


def eye_opening(eyes: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Mean eye aspect ratio (T,) of displacement (T, 22, 2) of the canonical face."""
    points = np.repeat(canonical[None], len(eyes), axis=0)
    points[:, EYES] += eyes
    return geometry.eye_aspect_ratio(points).mean(axis=-1)


def count_blinks(opening: np.ndarray, *, fps: float) -> int:
    """Count blinks: falls below 75 % of the median opening that last at most half a second.

    A longer fall is a look down. Two frames below make a blink; a single one is tracking noise.

    Parameters
    ----------
    opening : ndarray (T,)
        Eye aspect ratio.
    """
    shut = opening < 0.75 * np.median(opening)
    edges = np.flatnonzero(np.diff(np.r_[0, shut.astype(int), 0]))
    lengths = edges[1::2] - edges[::2]
    return int(((lengths >= 2) & (lengths <= fps / 2)).sum())


STAGE = Stage(
    title="noise to the displacement of eyes and brows",
    config=Config,
    nets=nets,
    batches=batches,
    players=("blink",),
    step=step,
    evaluate=evaluate,
    released="blink",
)
