"""Texture stage: its networks, batches, losses and evaluation, and what it does on arrays."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tkit.errors import UsageError
from tkit.face import drawing, geometry
from tkit.metrics import METRICS
from tkit.pipelines.stages.texture import Config, terms
from tkit.pipelines.stages.texture.data import (
    CropReader,
    Pictures,
    augment,
    blinks,
    by_speaker,
    held_out,
    identity_frame,
)
from tkit.pipelines.stages.texture.regions import focus_mask, inside_lips, mouth_box
from tkit.pipelines.stages.texture.renderer import Renderer
from tkit.pipelines.training.runs import Trained, require_array
from tkit.pipelines.training.sampling import Sampler
from tkit.seeds import generator
from tkit.store import Row, Store
from tkit.zoo.layers import single
from tkit.zoo.layers.flow import landmark_flow
from tkit.zoo.nets import patchgan, texture

CAP_DB = 10 * math.log10(255**2 / 1e-5)  # of a PSNR: equal frames must not make a mean infinite
SHOWN = 4  # samples in a picture of the log
LIPS_PX = 3  # around the inner lips, where edges count
PAIR = 2  # consecutive frames in a sample: the temporal regularisation needs two


def nets(store: Store, config: Config) -> dict[str, nn.Module]:
    """Build generator and discriminator for the size of the store's crops."""
    sizes = texture.Config(
        width=config.width,
        blocks=config.blocks,
        landmark_width=config.landmark_width,
        fold=config.fold,
        carried=config.carried,
        skips=config.skips,
        norm=config.norm,
        size=store["crops"].shape[1],
    )
    net = texture.NET.build(sizes)
    net.canonical.copy_(torch.from_numpy(store.canonical))
    judge = patchgan.Config(width=config.patch_width, layers=config.patch_layers)
    return {"texture": net, "patchgan": patchgan.PatchGAN(judge)}


# --- batches ---------------------------------------------------------------------------------


def batches(store: Store, config: Config, split: str) -> Callable[[int], dict[str, Tensor]]:
    """Pairs of frames with identity frames, drawn by seed and step.

    Returns
    -------
    callable
        ``batch(step)`` gives, for P pairs: ``frames`` (P, 2, 3, H, W) and ``identity``
        (P, 3, H, W) in [-1, 1]; ``landmarks`` (P, 2, 1, H, W) and ``identity_landmarks``
        (P, 1, H, W) in [0, 1]; ``prior`` (P, 2, 4, h, w), see :func:`landmark_flow`; ``weight``
        (P, 1, H, W), the mask of the pixel loss; ``mouth`` (P, 1, H, W), 1 in the mouth box;
        ``open`` (P, 2, 1, H, W) bool, where a mouth is open.
    """
    rows = store.select(split)
    kept = held_out(rows, config.hold_out)
    rows = [row for row in rows if row not in kept]
    sampler = Sampler(rows, PAIR, balance_speakers=config.balance_speakers)
    of_speaker, reader = by_speaker(rows), CropReader(store)
    shut = blinks(store, rows, PAIR) if config.blink_share else []
    size = store["crops"].shape[1]
    inside = np.zeros((size, size), np.float32)
    inside[mouth_box(store.canonical, size)] = 1
    weight = focus_mask(store.canonical, size, focus=config.focus)
    constant = {"weight": torch.from_numpy(weight), "mouth": torch.from_numpy(inside)}

    def sample(step: int, index: int) -> Pictures:
        rng = generator(config.seed, "texture", split, str(step), str(index))
        ((row, start),) = sampler.draw(rng, 1)
        if shut and rng.random() < config.blink_share:
            of_one = shut[rng.integers(len(shut))]
            row, start = of_one[rng.integers(len(of_one))]
        own = rng.random() < config.same_clip
        still = identity_frame([row] if own else of_speaker[row.speaker], row, start, PAIR, rng)
        pictures = reader.read([still, *((row, start + i) for i in range(PAIR))])
        return augment(pictures, config, rng)

    def batch(step: int, share: range = range(config.batch_size)) -> dict[str, Tensor]:
        return {
            **_tensors([sample(step, index) for index in share], size),
            **{name: map_.repeat(len(share), 1, 1, 1) for name, map_ in constant.items()},
        }

    return batch


def _tensors(samples: list[Pictures], size: int) -> dict[str, Tensor]:
    """Turn samples of an identity frame and its frames into what the generator takes."""
    images, points, ground = (
        np.stack([getattr(sample, name) for sample in samples])
        for name in ("images", "points", "ground")
    )
    moved = torch.from_numpy(points[:, 1:]).flatten(0, 1)
    still = torch.from_numpy(points[:, :1].repeat(PAIR, axis=1)).flatten(0, 1)
    prior = landmark_flow(moved, still, torch.from_numpy(ground[:, 1:]).flatten(0, 1), size=size)
    frames, faces = _flat(images[:, 1:]), _flat(points[:, 1:])
    lines = texture.drawing_tensor(drawing.draw(faces, size=size))
    open_ = inside_lips(faces, size=size, margin_px=LIPS_PX)
    return {
        "identity": texture.image_tensor(images[:, 0]),
        "frames": texture.image_tensor(frames).unflatten(0, (-1, PAIR)),
        "identity_landmarks": texture.drawing_tensor(drawing.draw(points[:, 0], size=size)),
        "landmarks": lines.unflatten(0, (-1, PAIR)),
        "prior": prior.unflatten(0, (-1, PAIR)),
        "open": torch.from_numpy(open_).unflatten(0, (-1, PAIR))[:, :, None],
    }


def _flat(array: np.ndarray) -> np.ndarray:
    """Join the first two axes."""
    return array.reshape(-1, *array.shape[2:])


# --- training --------------------------------------------------------------------------------


def losses(
    nets: dict[str, nn.Module], batch: dict[str, Tensor], config: Config
) -> dict[str, dict[str, Tensor]]:
    """Losses of the generator (eq. 14) and of the discriminator (eq. 8), of the same frames."""
    frames = batch["frames"].flatten(0, 1)
    every = {
        name: batch[name].repeat_interleave(PAIR, dim=0)
        for name in ("identity_landmarks", "identity", "weight", "mouth")
    } | {"open": batch["open"].flatten(0, 1)}
    maps = nets["texture"](
        batch["landmarks"].flatten(0, 1),
        every["identity_landmarks"],
        every["identity"],
        batch["prior"].flatten(0, 1),
        mode="bicubic" if config.bicubic else None,
    )
    if config.adversarial_weight:
        decisions = single(nets["patchgan"](torch.cat([frames, maps.image.detach()])))
        where = _where_judged(every["mouth"], decisions) if config.mouth_judged else 1.0
        adversarial = terms.adversarial(single(nets["patchgan"](maps.image)), where)
        real, made = decisions.chunk(2)
        judged = terms.discriminator(real, made, where)
    else:  # nobody asks the discriminator: it stays as it is
        adversarial, judged = frames.new_zeros(()), frames.new_zeros((), requires_grad=True)
    generated = _generator(maps, frames, every, config, adversarial)
    return {"texture": generated, "patchgan": {"loss": judged}}


def _where_judged(mouth: Tensor, decisions: Tensor) -> Tensor:
    """Weights of decisions (., 1, h, w) of mean 1: how much of the mouth's box lies there."""
    height, width = decisions.shape[-2:]
    share = F.adaptive_avg_pool2d(mouth, (height, width))
    return share / share.mean()


def _generator(
    maps: texture.Maps,
    frames: Tensor,
    every: dict[str, Tensor],
    config: Config,
    adversarial: Tensor,
) -> dict[str, Tensor]:
    """The generator's loss, its terms, and how open its attention is.

    Parameters
    ----------
    maps : Maps
        Of the frames, two by two.
    frames : Tensor (2 P, 3, H, W)
    every : dict of str to Tensor (2 P, 1, H, W)
        ``weight``, ``mouth`` and ``open``, as :func:`batches` gives them, of every frame.
    adversarial : Tensor ()
    """
    pixel, square = _errors(maps.image, frames, every["weight"])
    loss = config.pixel_weight * pixel + config.square_weight * square
    if config.colour_weight:
        bare = _errors(maps.colour, frames, every["weight"])
        loss += config.colour_weight * (
            config.pixel_weight * bare[0] + config.square_weight * bare[1]
        )
    pairs = maps.attention.unflatten(0, (-1, PAIR)), maps.colour.unflatten(0, (-1, PAIR))
    ground = every["weight"].amin() / every["weight"] if config.attention_focus else 1.0
    open_, temporal = terms.attention(maps.attention, ground), terms.temporal(*pairs)
    loss += config.adversarial_weight * adversarial
    edges = frames.new_zeros(())
    if config.edge_weight:
        edges = terms.edges(maps.image, frames, every["open"])
        loss += config.edge_weight * edges
    loss += config.regular_weight * (open_ + temporal)
    return {
        "loss": loss,
        "pixel": pixel,
        "square": square,
        "adversarial": adversarial,
        "edges": edges,
        "attention": open_,
        "temporal": temporal,
        **terms.attention_statistics(maps.attention, every["mouth"]),
        "att_lowest": (maps.attention.detach() + (1 - every["mouth"])).amin(),
    }


def _errors(image: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    return terms.pixel(image, target, weight), terms.square(image, target, weight)


def watch(values: Mapping[str, float]) -> None:
    """Warn, once a run, when no pixel of any mouth of a batch is open."""
    if values["att_lowest"] > terms.SATURATED:
        warnings.warn(
            "texture: the attention map is saturated, the mouth a frozen copy of the identity "
            "image's; if it stays so, train again with a smaller --regular-weight or --lr",
            stacklevel=2,
        )


@torch.no_grad()
def pictures(
    nets: dict[str, nn.Module], batch: dict[str, Tensor], config: Config
) -> dict[str, Tensor]:
    """Show samples of a batch, a line each: identity, truth, prediction and attention."""
    first = {name: values[:SHOWN] for name, values in batch.items()}
    maps = nets["texture"](
        first["landmarks"][:, 0], first["identity_landmarks"], first["identity"],
        first["prior"][:, 0],
    )  # fmt: skip
    seen = torch.cat([first["identity"], first["frames"][:, 0], maps.image], dim=-1)
    shown = torch.cat([(seen + 1) / 2, maps.attention.expand(-1, 3, -1, -1)], dim=-1)
    return {"identity, truth, prediction, attention": torch.cat(list(shown), dim=1).clamp(0, 1)}


# --- evaluation ------------------------------------------------------------------------------


def evaluate(
    nets: dict[str, Any], store: Store, rows: list[Row], config: Config
) -> dict[str, float]:
    """Measure crops rendered from true landmarks, beside the first frame held still.

    Returns
    -------
    dict
        ``psnr``, ``psnr_static``: dB, squared error pooled over the RGB pixels of a clip, mean over
        clips; ``psnr_mouth``, ``psnr_mouth_static``: the same inside the mouth box;
        ``att_mean``, ``att_saturated``, ``att_mouth``, ``att_elsewhere``: see
        :func:`~tkit.pipelines.stages.texture.terms.attention_statistics`.
    """
    size = store["crops"].shape[1]
    everything = slice(None), slice(None)
    regions = {"psnr": everything, "psnr_mouth": mouth_box(store.canonical, size)}
    mouth = torch.zeros(1, 1, size, size)
    mouth[..., regions["psnr_mouth"][0], regions["psnr_mouth"][1]] = 1
    table, reader = defaultdict(list), CropReader(store)
    for row in rows:
        count = min(config.eval_frames, row.n_frames)
        picked = np.unique(np.linspace(0, row.n_frames - 1, count).round().astype(int))
        pictures = reader.read([(row, int(index)) for index in picked])
        gt, points = pictures.images, pictures.points
        rendered = Renderer(nets["texture"], gt[0], points[0])(points, pictures.ground)
        pred, attention = rendered.images, rendered.attention
        for name, region in regions.items():
            index = (slice(None), *region)
            table[name].append(psnr(pred=pred[index], gt=gt[index]))
            table[f"{name}_static"].append(psnr(pred=gt[:1][index], gt=gt[index]))
        maps = torch.from_numpy(attention[..., 0])[:, None]
        for name, value in terms.attention_statistics(maps, mouth).items():
            table[name].append(float(value))
    return {name: float(np.mean(values)) for name, values in table.items()}


def psnr(*, pred: np.ndarray, gt: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB: the metric of this name, capped at :data:`CAP_DB`.

    Parameters
    ----------
    pred, gt : ndarray (T, H, W, 3) or (T, H, W), uint8
        A prediction of one frame, (1, ...), is held still. The squared error is pooled.
    """
    pred, color = np.broadcast_to(pred, gt.shape), "rgb" if gt.ndim == 4 else "gray"
    return METRICS.get("psnr")(pred=pred, gt=gt, color=color, cap=CAP_DB)


# --- the trained stage -----------------------------------------------------------------------


def apply(
    trained: Trained,
    image: np.ndarray,
    still: np.ndarray,
    points: np.ndarray,
    *,
    ground: np.ndarray | None = None,
) -> np.ndarray:
    """Render frames of the person of one face crop.

    Parameters
    ----------
    trained : Trained
    image : ndarray (size, size, 3) uint8
        The identity image; its size is a multiple of four folds (``trained.weights.config``).
    still : ndarray (68, 2)
        Its landmarks, pixels.
    points : ndarray (T, 68, 2)
        Landmarks of the frames, pixels.
    ground : ndarray (T, 2, 3), optional
        Pixels of the frames to pixels of the image where the background is the same; by default it
        stands still.

    Returns
    -------
    ndarray (T, size, size, 3) uint8

    Raises
    ------
    UsageError
        If the image is not of such a size, or another array not of its shape.
    """
    step = 4 * trained.weights.config.fold
    image = require_array(image, "the identity image", (None, None, 3))
    still = require_array(still, "still", (geometry.N_POINTS, 2))
    points = require_array(points, "points", (None, geometry.N_POINTS, 2))
    if ground is not None:
        ground = require_array(ground, "ground", (len(points), 2, 3))
    if image.dtype != np.uint8:
        raise UsageError(f"the identity image has {image.dtype} values; it is uint8 in 0..255")
    if image.shape[0] != image.shape[1] or image.shape[0] % step:
        raise UsageError(
            f"the identity image has the shape {image.shape}; it is (size, size, 3), and size a "
            f"multiple of {step}"
        )
    return Renderer(trained.weights.module, image, still)(points, ground).images
