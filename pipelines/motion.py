"""Motion stage: learn the displacement of jaw and mouth from speech.

Sinha et al. 2020, §III-A and eq. 2-4.
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
from tkit.store import EncoderInfo, Row, Store
from tkit.windows import windows
from tkit.zoo import _losses
from tkit.zoo._layers import init_pca, pca
from tkit.zoo.motion import NET, POINTS, Motion
from tkit.zoo.motion import Config as NetConfig


@dataclass(frozen=True)
class Config(Common):
    """Settings of the motion stage; the paper's are the experiment ``paper-motion``."""

    batch_size: int = option(16, "Sequences in a batch.", low=1)
    sequence: int = option(25, "Consecutive frames in a sequence.", low=2)
    window: int = option(16, "Rows of speech features that one frame hears.", low=1)
    widths: tuple[int, ...] = option((64, 64, 128, 128), "Channels of the convolutions.")
    points: str = option("speech", "Points that move.", choices=tuple(POINTS))
    pca_variance: float = option(0.99, "Share of the variance that the PCA basis holds.", low=0)
    pca_init: bool = option(True, "Start the last layer as the PCA basis.")
    landmark_weight: float = option(1.0, "Weight of the loss on displacement.", low=0)
    temporal_weight: float = option(0.5, "Weight of the loss on first differences.", low=0)
    mouth_weight: float = option(1.0, "Weight of a mouth point beside one of the jaw.", low=0)
    feature_noise: float = option(
        0.5, "Gaussian noise on the features in training, in standard deviations.", low=0
    )
    balance_speakers: bool = option(True, "Draw every speaker equally often.")


def nets(store: Store, config: Config) -> dict[str, nn.Module]:
    """Build the network with the training split's feature statistics and PCA basis."""
    rows = store.select(config.train_split)
    index = POINTS[config.points]
    moved = moments(store["displacement"][row.frames].reshape(row.n_frames, -1) for row in rows)
    flat = (2 * index[:, None] + [0, 1]).ravel()  # columns of x and y of the points
    mean, basis = pca(moved[0][flat], moved[1][np.ix_(flat, flat)], config.pca_variance)
    net_config = NetConfig(
        dim=store.info.encoder.dim,
        components=len(basis),
        window=config.window,
        widths=config.widths,
        points=config.points,
    )
    module = NET.build(net_config)
    module.standardise.set(*moments(store["speech"][row.rows] for row in rows))
    module.canonical.copy_(torch.from_numpy(store.canonical))
    module.mean_displacement.copy_(torch.from_numpy(moved[0].reshape(-1, 2)))
    if config.pca_init:
        init_pca(module.basis, mean, basis)
    return {"motion": module}


def batches(store: Store, config: Config, split: str) -> Callable[[int], dict[str, Tensor]]:
    """Sequences of speech windows with their displacement, drawn by seed and step."""
    sampler = Sampler(
        store.select(split), config.sequence, balance_speakers=config.balance_speakers
    )

    @lru_cache(maxsize=CACHED_CLIPS)
    def read(row: Row) -> tuple[np.ndarray, np.ndarray]:
        return cut_windows(store, row, config.window), store["displacement"][row.frames]

    def batch(step: int) -> dict[str, Tensor]:
        rng = generator(config.seed, "motion", split, str(step))
        parts = [
            [array[start : start + config.sequence] for array in read(row)]
            for row, start in sampler.draw(rng, config.batch_size)
        ]
        heard, moved = zip(*parts, strict=True)
        return {
            "windows": torch.from_numpy(np.stack(heard)),
            "displacement": torch.from_numpy(np.stack(moved)),
        }

    return batch


def cut_windows(store: Store, row: Row, size: int) -> np.ndarray:
    """Speech windows (T, size, D) of one clip of a store, one a frame."""
    encoder = store.info.encoder
    return windows(
        store["speech"][row.rows], row.n_frames,
        fps=row.fps, rate_hz=encoder.rate_hz, offset_s=encoder.offset_s, size=size,
        rate=encoder.window_rate,
    )  # fmt: skip


def step(
    nets: dict[str, Any], batch: dict[str, Tensor], config: Config, player: str
) -> dict[str, Tensor]:
    """Loss on displacement and on its first differences (eq. 4)."""
    index, module, heard = POINTS[config.points], nets[player], batch["windows"]
    if config.feature_noise:
        heard = heard + config.feature_noise * module.standardise.std * torch.randn_like(heard)
    pred = module(heard)[..., index, :]
    gt = batch["displacement"][..., index, :]
    is_mouth = torch.as_tensor(index >= geometry.MOUTH.start, device=gt.device)
    weight = torch.where(is_mouth, config.mouth_weight, 1.0)
    landmark = _losses.squared_error(pred, gt, weight)
    temporal = _losses.velocity_error(pred, gt, weight)
    loss = config.landmark_weight * landmark + config.temporal_weight * temporal
    return {"loss": loss, "landmark": landmark, "temporal": temporal}


@torch.inference_mode()
def predict(
    module: Motion, features: np.ndarray, n_frames: int, *, fps: float, encoder: EncoderInfo
) -> np.ndarray:
    """Predict the displacement (T, 68, 2) float32 of ``n_frames`` frames from speech features.

    Parameters
    ----------
    module : Motion
    features : ndarray (N, D)
        Rows of the encoder that the module was trained on.
    fps : float
        Rate of the frames that are wanted.
    encoder : EncoderInfo
        Says when the rows are.
    """
    cut = windows(
        features, n_frames,
        fps=fps, rate_hz=encoder.rate_hz, offset_s=encoder.offset_s, size=module.config.window,
        rate=encoder.window_rate,
    )  # fmt: skip
    device = module.mean_displacement.device
    found = np.zeros((n_frames, geometry.N_POINTS, 2), np.float32)
    for start in range(0, n_frames, 1000):  # bounded memory for speech of any length
        part = torch.from_numpy(np.array(cut[start : start + 1000], np.float32))
        found[start : start + 1000] = module(part.to(device)).cpu().numpy()
    return found


def evaluate(nets: dict[str, Any], store: Store, rows: list[Row], config: Any) -> dict[str, float]:
    """Measure the mouth on clips: the network beside a face that never moves.

    Returns
    -------
    dict
        ``lmd``: :func:`mouth_distance` of the prediction, mean over frames, then clips;
        ``lmd_static``: of the person's neutral; ``lmd_mean_pose``: of the mean mouth of the
        training speech; ``lmd_ratio``: lmd / lmd_static; ``opening_corr``: correlation of predicted
        and true mouth opening, mean over clips.
    """
    module = nets["motion"]
    mean = module.mean_displacement.cpu().numpy()
    canonical = module.canonical.cpu().numpy().astype(np.float64)  # may differ from the store's
    table: dict[str, list[float]] = {
        "lmd": [],
        "lmd_static": [],
        "lmd_mean_pose": [],
        "opening_corr": [],
    }
    for row in rows:
        gt, pose = store["points"][row.frames].astype(np.float64), store["pose"][row.frames]
        neutral = store.speakers[row.speaker]
        moved = predict(
            module, store["speech"][row.rows], row.n_frames, fps=row.fps, encoder=store.info.encoder
        )
        for name, displacement in (
            ("lmd", moved),
            ("lmd_static", np.zeros_like(moved)),
            ("lmd_mean_pose", np.broadcast_to(mean, moved.shape)),
        ):
            pred = geometry.retarget(displacement, pose=pose, neutral=neutral, canonical=canonical)
            table[name].append(mouth_distance(pred=pred, gt=gt).mean())
            if name == "lmd":
                openings = geometry.mouth_opening(pred), geometry.mouth_opening(gt)
                table["opening_corr"].append(correlation(*openings))
    means = {name: float(np.mean(values)) for name, values in table.items()}
    return means | {"lmd_ratio": means["lmd"] / means["lmd_static"]}


def mouth_distance(*, pred: np.ndarray, gt: np.ndarray) -> np.ndarray:
    """Distance of two mouths (T,), in percent of the true inter-ocular distance.

    Mean Euclidean distance of the 20 mouth points, each mouth about its own centre, so that shape
    counts and place does not.

    Parameters
    ----------
    pred, gt : ndarray (T, 68, 2)
        The same unit.
    """
    centred = [
        points[:, geometry.MOUTH] - points[:, geometry.MOUTH].mean(axis=1, keepdims=True)
        for points in (pred, gt)
    ]
    distance = np.linalg.norm(centred[0] - centred[1], axis=-1).mean(axis=-1)
    return 100 * distance / geometry.inter_ocular(gt)


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson correlation of two signals (T,); 0 when one is constant and so follows nothing."""
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / scale) if scale > 0 else 0.0


STAGE = Stage(
    title="speech to the displacement of jaw and mouth",
    config=Config,
    nets=nets,
    batches=batches,
    players=("motion",),
    step=step,
    evaluate=evaluate,
    released="motion",
    needs_speech=True,
)
