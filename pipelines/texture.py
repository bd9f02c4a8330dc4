"""Texture stage: learn to render frames from landmark images (Sinha et al. 2020, §III-C).

A sample is two consecutive frames of a clip and an identity frame of the same speaker, from another
clip or from another time of the same one. All see the same random shift, scale, turn, mirroring and
colours, so that other identities than the training speakers' work.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tkit import drawing, geometry
from tkit.clips import generator
from tkit.pipelines import Stage
from tkit.pipelines._config import Common, option
from tkit.pipelines._regions import focus_mask, mouth_box
from tkit.pipelines._sampling import Sampler
from tkit.store import Row, Store
from tkit.zoo import _patchgan, texture
from tkit.zoo import _texture_losses as losses

PAIR = 2  # consecutive frames in a sample: the temporal regularisation needs two


@dataclass(frozen=True)
class Config(Common):
    """Settings of the texture stage; the paper's are the experiment ``paper-texture``."""

    batch_size: int = option(8, "Pairs of frames in a batch; 8 are the paper's 16 frames.", low=1)
    lr: float = option(3e-4, "Learning rate of Adam; the paper's is 1e-4.", low=0)
    beta1: float = option(0.5, "First momentum of Adam.", low=0)
    width: int = option(24, "Channels of the generator's first layer; the paper's are 64.", low=1)
    blocks: int = option(6, "Residual blocks of the generator.", low=0)
    landmark_width: int = option(16, "Channels of the landmark features.", low=1)
    patch_width: int = option(32, "Channels of the discriminator's first layer.", low=1)
    patch_layers: int = option(
        3, "Strided layers of the discriminator; 3: 70-pixel patches.", low=1
    )
    pixel_weight: float = option(100.0, "Weight of the pixel loss.", low=0)
    adversarial_weight: float = option(0.5, "Weight of the adversarial loss.", low=0)
    regular_weight: float = option(0.2, "Weight of the attention and temporal losses.", low=0)
    same_clip: float = option(0.5, "Share of identity frames from the clip itself.", low=0)
    focus: float = option(5.0, "Pixel loss at mouth and eyes beside that elsewhere.", low=1)
    colour_jitter: float = option(0.2, "Largest change of gain and brightness, as a share.", low=0)
    shift: float = option(0.03, "Largest shift, in crop sizes.", low=0)
    scale: float = option(0.05, "Largest change of scale, as a share.", low=0)
    turn_deg: float = option(5.0, "Largest turn in the picture plane, in degrees.", low=0)
    mirror: bool = option(True, "Mirror every other sample.")
    balance_speakers: bool = option(True, "Draw every speaker equally often.")
    eval_frames: int = option(25, "Frames of each clip that are measured, evenly spaced.", low=2)


def nets(store: Store, config: Config) -> dict[str, nn.Module]:
    """Build generator and discriminator for the size of the store's crops."""
    sizes = texture.Config(
        width=config.width,
        blocks=config.blocks,
        landmark_width=config.landmark_width,
        size=store["crops"].shape[1],
    )
    net = texture.NET.build(sizes)
    net.canonical.copy_(torch.from_numpy(store.canonical))
    judge = _patchgan.Config(width=config.patch_width, layers=config.patch_layers)
    return {"texture": net, "patchgan": _patchgan.PatchGAN(judge)}


# --- batches ---------------------------------------------------------------------------------


def batches(store: Store, config: Config, split: str) -> Callable[[int], dict[str, Tensor]]:
    """Pairs of frames with identity frames, drawn by seed and step.

    Returns
    -------
    callable
        ``batch(step)`` gives, for P pairs: ``frames`` (P, 2, 3, H, W) and ``identity``
        (P, 3, H, W) in [-1, 1]; ``landmarks`` (P, 2, 1, H, W) and ``identity_landmarks``
        (P, 1, H, W) in [0, 1]; ``weight`` (P, 1, H, W), the mask of the pixel loss; ``mouth``
        (P, 1, H, W), 1 in the mouth box.
    """
    rows = store.select(split)
    sampler = Sampler(rows, PAIR, balance_speakers=config.balance_speakers)
    of_speaker = defaultdict(list)
    for row in rows:
        of_speaker[row.speaker].append(row)
    size = store["crops"].shape[1]
    inside = np.zeros((size, size), np.float32)
    inside[mouth_box(store.canonical, size)] = 1
    weight = focus_mask(store.canonical, size, focus=config.focus)
    constant = {"weight": torch.from_numpy(weight), "mouth": torch.from_numpy(inside)}

    def batch(step: int) -> dict[str, Tensor]:
        rng = generator(config.seed, "texture", split, str(step))
        pictures, drawings = [], []
        for row, start in sampler.draw(rng, config.batch_size):
            first = row.frame_start + start
            own = rng.random() < config.same_clip
            still = _identity_frame([row] if own else of_speaker[row.speaker], row, first, rng)
            images, points = _read(store, [still, first, first + 1])
            images, points = augment(images, points, config, rng)
            pictures.append(images)
            drawings.append(drawing.draw(points, size=size))
        images = texture.image_tensor(np.concatenate(pictures)).unflatten(0, (-1, 1 + PAIR))
        lines = texture.drawing_tensor(np.concatenate(drawings)).unflatten(0, (-1, 1 + PAIR))
        return {
            "identity": images[:, 0],
            "frames": images[:, 1:],
            "identity_landmarks": lines[:, 0],
            "landmarks": lines[:, 1:],
            **{name: map_.expand(len(images), 1, -1, -1) for name, map_ in constant.items()},
        }

    return batch


def _identity_frame(rows: list[Row], target: Row, first: int, rng: np.random.Generator) -> int:
    """Draw a frame of another clip of the speaker, else of another time of the same clip."""
    others = [row for row in rows if row.id != target.id]
    if others:
        row = others[rng.integers(len(others))]
        return row.frame_start + int(rng.integers(row.n_frames))
    frames = np.arange(target.frame_start, target.frame_start + target.n_frames)
    elsewhere = frames[(frames < first) | (frames >= first + PAIR)]
    return int(rng.choice(elsewhere)) if len(elsewhere) else first


def _read(store: Store, frames: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Read crops (N, H, W, 3) and their points (N, 68, 2) in crop pixels, frame by frame."""
    images = np.stack([store["crops"][frame] for frame in frames])
    points = np.stack([store["points"][frame] for frame in frames]).astype(np.float64)
    transforms = np.stack([store["crop_pose"][frame] for frame in frames])
    return images, geometry.apply(transforms, points)


def augment(
    images: np.ndarray, points: np.ndarray, config: Config, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Change place, size, side and colours of all pictures of one sample alike.

    Parameters
    ----------
    images : ndarray (N, H, W, 3) uint8
    points : ndarray (N, 68, 2)
        Pixels of the images.
    """
    import cv2

    size = images.shape[1]
    if config.mirror and rng.random() < 0.5:
        images, points = images[:, :, ::-1], geometry.mirror(points, width=size - 1)
    transform, table = _random_similarity(size, config, rng), _random_colours(config, rng)
    changed = []
    for image in np.ascontiguousarray(images):
        moved = cv2.warpAffine(
            image, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        changed.append(cv2.LUT(moved, table))
    return np.stack(changed), geometry.apply(transform, points)


def _random_similarity(size: int, config: Config, rng: np.random.Generator) -> np.ndarray:
    """Draw a small turn and scaling about the centre with a small shift; (2, 3)."""
    angle = np.deg2rad(rng.uniform(-config.turn_deg, config.turn_deg))
    scale = 1 + rng.uniform(-config.scale, config.scale)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear, centre = np.array([[cos, -sin], [sin, cos]]), np.full(2, (size - 1) / 2)
    shift = rng.uniform(-config.shift, config.shift, 2) * size
    return np.column_stack([linear, centre + shift - linear @ centre])


def _random_colours(config: Config, rng: np.random.Generator) -> np.ndarray:
    """Draw a change of colours as a table (256, 1, 3) uint8 from old to new values.

    Contrast about mid-grey, a tint (a third as strong), then brightness.
    """
    jitter = config.colour_jitter
    gain = 1 + rng.uniform(-jitter, jitter) + rng.uniform(-jitter, jitter, 3) / 3
    bright = 127.5 * rng.uniform(-jitter, jitter)
    values = (np.arange(256)[:, None] - 127.5) * gain + 127.5 + bright
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)[:, None]


# --- training --------------------------------------------------------------------------------


def step(
    nets: dict[str, nn.Module], batch: dict[str, Tensor], config: Config, player: str
) -> dict[str, Tensor]:
    """Losses of the generator (eq. 14) or of the discriminator (eq. 8).

    The generator plays first and leaves its frames in the batch for the discriminator: rendering
    them anew would cost a quarter of the step.
    """
    frames = batch["frames"].flatten(0, 1)
    if player == "patchgan":
        decisions = nets["patchgan"](torch.cat([frames, batch["generated"]]))
        real, generated = decisions.float().chunk(2)
        return {"loss": losses.discriminator(real, generated)}
    every = {
        name: batch[name].repeat_interleave(PAIR, dim=0)
        for name in ("identity_landmarks", "identity", "weight", "mouth")
    }
    image, attention, colour = nets["texture"](
        batch["landmarks"].flatten(0, 1), every["identity_landmarks"], every["identity"]
    )
    batch["generated"] = image.detach()
    pixel = losses.pixel(image, frames, every["weight"])
    adversarial = losses.adversarial(nets["patchgan"](image).float())
    pairs = attention.unflatten(0, (-1, PAIR)), colour.unflatten(0, (-1, PAIR))
    open_, temporal = losses.attention(attention), losses.temporal(*pairs)
    loss = (
        config.pixel_weight * pixel
        + config.adversarial_weight * adversarial
        + config.regular_weight * (open_ + temporal)
    )
    statistics = losses.attention_statistics(attention, every["mouth"])
    _warn_if_frozen(attention, every["mouth"])
    parts = {"pixel": pixel, "adversarial": adversarial, "attention": open_, "temporal": temporal}
    return {"loss": loss, **parts, **statistics}


def _warn_if_frozen(attention: Tensor, mouth: Tensor) -> None:
    """Warn, once a run, when no pixel of any mouth of the batch is open."""
    lowest = (attention.detach() + (1 - mouth)).amin()
    if float(lowest) > losses.SATURATED:
        warnings.warn(
            "texture: the attention map is saturated, the mouth a frozen copy of the identity "
            "image's; if it stays so, train again with a smaller --regular-weight or --lr",
            stacklevel=2,
        )


# --- evaluation ------------------------------------------------------------------------------


def evaluate(
    nets: dict[str, nn.Module], store: Store, rows: list[Row], config: Config
) -> dict[str, float]:
    """Measure crops rendered from true landmarks, beside the first frame held still.

    Returns
    -------
    dict
        ``psnr``, ``psnr_static``: dB, squared error pooled over the RGB pixels of a clip, mean over
        clips; ``psnr_mouth``, ``psnr_mouth_static``: the same inside the mouth box;
        ``att_mean``, ``att_saturated``: mean attention and its share above 0.95.
    """
    size = store["crops"].shape[1]
    everything = slice(None), slice(None)
    regions = {"psnr": everything, "psnr_mouth": mouth_box(store.canonical, size)}
    table = defaultdict(list)
    for row in rows:
        count = min(config.eval_frames, row.n_frames)
        picked = np.unique(np.linspace(0, row.n_frames - 1, count).round().astype(int))
        gt, points = _read(store, list(row.frame_start + picked))
        drawings = drawing.draw(points, size=size)
        attention, colour = texture.render(
            nets["texture"], drawings, identity=gt[0], identity_drawing=drawings[0]
        )
        pred = np.rint((1 - attention) * colour + attention * gt[0])
        for name, region in regions.items():
            index = (slice(None), *region)
            table[name].append(psnr(pred=pred[index], gt=gt[index]))
            table[f"{name}_static"].append(psnr(pred=gt[:1][index], gt=gt[index]))
        table["att_mean"].append(attention.mean())
        table["att_saturated"].append((attention > losses.SATURATED).mean())
    return {name: float(np.mean(values)) for name, values in table.items()}


def psnr(*, pred: np.ndarray, gt: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of frames in 0 to 255; the squared error is pooled.

    Equal frames give the finite 98 dB: the error is taken as at least 1e-5.
    """
    error = np.mean((np.asarray(pred, np.float64) - gt) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-5)))


STAGE = Stage(
    title="landmark images and one identity image to frames",
    config=Config,
    nets=nets,
    batches=batches,
    players=("texture", "patchgan"),
    step=step,
    evaluate=evaluate,
    released="texture",
)
