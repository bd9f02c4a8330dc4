"""Blink stage: its network, batches, losses and evaluation, and what it does on arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tkit.face import geometry, plausible
from tkit.pipelines.stages.blink import Config, survey
from tkit.pipelines.stages.blink.terms import mmd2, range_penalty, rms_distance
from tkit.pipelines.training.runs import Trained, require_count
from tkit.pipelines.training.sampling import CACHED_CLIPS, Sampler, moments, stack
from tkit.pipelines.training.shares import whole
from tkit.seeds import generator
from tkit.store import Row, Store
from tkit.zoo.layers import init_pca, pca
from tkit.zoo.nets.blink import NET, generate
from tkit.zoo.nets.blink import Config as NetConfig

EYES = geometry.EYE_REGION_INDEX
SURVEYED_S = 1800.0  # generated for an evaluation: some 600 blinks
SPAN = 14  # frames in which a blink is over
SETTLED = 5  # frames after which a generated sequence has forgotten that it began
AT_REST = (2 / 3) ** SPAN  # of a beginning that has faded: the blink is over
RARE = 0.02  # share of real values between blinks that lie below, or above, what counts as rest
LIDS = torch.as_tensor(np.flatnonzero(np.isin(EYES, plausible.LID_PAIRS)))
STILL = 0.25  # motion of a landmark, beside the one that moves most, below which it counts as still


def nets(store: Store, config: Config) -> dict[str, nn.Module]:
    """Build the network with the training split's PCA basis, range and hazard."""
    rows = store.select(config.train_split)

    def blocks() -> Any:
        for row in rows:
            eyes = read_eyes(store, row, config)
            for seen in [eyes, mirror(eyes)] if config.mirror else [eyes]:
                yield seen.reshape(row.n_frames, -1)

    mean, basis = pca(*moments(blocks()), config.pca_variance)
    module = NET.build(
        NetConfig(len(basis), config.noise, config.hidden, config.warmup, config.gaps)
    )
    if config.pca_init:
        init_pca(module.basis, mean, basis)
    ends = [(block.min(axis=0), block.max(axis=0)) for block in blocks()]
    module.low.copy_(torch.from_numpy(np.min([low for low, _ in ends], axis=0)).view(-1, 2))
    module.high.copy_(torch.from_numpy(np.max([high for _, high in ends], axis=0)).view(-1, 2))
    if config.gaps:
        module.hazard.copy_(torch.from_numpy(estimate_hazard(store, rows, config)))
    return {"blink": module}


def estimate_hazard(store: Store, rows: list[Row], config: Config) -> np.ndarray:
    """Hazard (gaps,) of the clips ``rows``, in which all speakers count alike, or all clips."""
    begins = {row: survey.begins(eyes_opening(store, row, config), row.fps) for row in rows}
    clips = Counter(row.speaker for row in rows) if config.balance_speakers else Counter()
    weights = {row: 1 / (clips[row.speaker] or 1) for row in rows}
    return survey.hazard(begins, config.gaps, weights=weights)


def read_eyes(store: Store, row: Row, config: Config) -> np.ndarray:
    """Displacement (T, 22, 2) of the eye region of one clip.

    With ``config.centre`` about its median over the clip, which is how a person holds the eyes and
    brows; without it the differences between persons outweigh the blinks.
    """
    moved = store["displacement"][row.frames]
    if config.fit_lids:
        moved = plausible.fit_lids(
            moved, neutral=store.canonical, canonical=store.speakers[row.speaker]
        ).astype(np.float32)
    eyes = moved[:, EYES]
    return eyes - np.median(eyes, axis=0) if config.centre else eyes


def mirror(eyes: np.ndarray) -> np.ndarray:
    """Displacement (..., 22, 2) of the eye region of the mirrored face."""
    full = np.zeros((*eyes.shape[:-2], geometry.N_POINTS, 2), eyes.dtype)
    full[..., EYES, :] = eyes
    return geometry.mirror(full)[..., EYES, :]


def eyes_opening(store: Store, row: Row, config: Config) -> np.ndarray:
    """Mean eye aspect ratio (T,) of one clip, put on the canonical face."""
    return eye_opening(read_eyes(store, row, config), store.canonical)


def batches(store: Store, config: Config, split: str) -> Callable[[int], dict[str, Tensor]]:
    """Real sequences, and noise for as many generated ones, drawn by seed and step.

    With a hazard also what follows from the beginnings of blinks: where they are and how they fade.
    """
    lead = config.warmup if config.gaps else 0  # blinks may begin before a sequence
    n_frames = lead + config.sequence
    sampler = Sampler(
        store.select(split), n_frames,
        balance_speakers=config.balance_speakers, power=config.balance_power,
    )  # fmt: skip

    @lru_cache(maxsize=CACHED_CLIPS)
    def read(row: Row) -> tuple[np.ndarray, np.ndarray]:
        eyes = read_eyes(store, row, config)
        return eyes, survey.begins(eye_opening(eyes, store.canonical), row.fps)

    def sample(step: int, index: int) -> dict[str, np.ndarray]:
        rng = generator(config.seed, "blink", split, str(step), str(index))
        ((row, start),) = sampler.draw(rng, 1)
        eyes, onsets = (part[start : start + n_frames] for part in read(row))
        shape = config.warmup + config.sequence, config.noise
        return {
            "real": mirror(eyes) if config.mirror and rng.random() < 0.5 else eyes,
            "begins": np.r_[np.zeros(config.warmup - lead, np.float32), onsets],
            "noise": rng.standard_normal(shape, np.float32),
        }

    def batch(step: int, share: range = range(config.batch_size)) -> dict[str, Tensor]:
        found = stack([sample(step, index) for index in share])
        if config.gaps:
            found |= {"clock": fade(found["begins"]), "starts": begun(found["begins"])}
        return found

    return batch


def losses(
    nets: dict[str, Any], batch: dict[str, Tensor], config: Config
) -> dict[str, dict[str, Tensor]]:
    """MMD between real and generated sequences, and the min-max regularisation."""
    module, begins = nets["blink"], batch["begins"] if config.gaps else None
    # A distance of two sets, and a range, are those of all that was drawn.
    fake = whole(module(batch["noise"], begins=begins)[0])
    real = whole(batch["real"])
    clock = None if begins is None else whole(batch["clock"])[:, -config.sequence :]
    last = real[:, -config.sequence :], fake[:, -config.sequence :]
    distance = sequence_mmd2(*last, config, clock=clock)
    beyond = range_penalty(last[1], module.low, module.high)
    found = {"loss": distance + config.range_weight * beyond, "mmd2": distance, "range": beyond}
    if clock is not None and config.quiet_weight:
        found["unrest"] = unrest(*last, clock < AT_REST)
        found["loss"] = found["loss"] + config.quiet_weight * found["unrest"]
    if begins is not None and config.blink_weight:
        alone = len(real) == len(batch["real"])
        starts = batch["starts"] if alone else begun(whole(begins))
        courses = [align(eyes, starts) for eyes in (real, fake)]
        if courses[0].shape[1] > 1:
            found["blinks"] = mmd2(*courses, widths=config.kernel_widths)
            found["loss"] = found["loss"] + config.blink_weight * found["blinks"]
    return {"blink": found}


def unrest(real: Tensor, fake: Tensor, quiet: Tensor) -> Tensor:
    """Mean distance by which eyes leave, between blinks, the range of real ones there.

    Parameters
    ----------
    real, fake : Tensor (n, T, 22, 2)
    quiet : Tensor (n, T) bool
        Frames in which no blink is under way.
    """
    # Frames that do not count are masked, not left out: to know how many they are, the CPU would
    # have to wait for a GPU.
    quiet, count = quiet[..., None, None], quiet.sum()
    rest = real.masked_fill(~quiet, float("nan")).flatten(0, 1)
    low, high = (torch.nanquantile(rest, q, dim=0).nan_to_num() for q in (RARE, 1 - RARE))
    beyond = F.relu(fake - high) + F.relu(low - fake)
    mean = (beyond * quiet).sum() / (count.clamp(min=1) * low.numel())
    return torch.where(count > 1, mean, 0.0)


def begun(begins: Tensor) -> Tensor:
    """Find the beginnings in (n, T) that a whole blink follows: (blinks, 2), sequence and frame."""
    found = torch.nonzero(begins[:, SETTLED : begins.shape[1] - SPAN + 1])
    return found + torch.tensor([0, SETTLED], device=found.device)


def align(eyes: Tensor, starts: Tensor) -> Tensor:
    """Cut blinks out of sequences (n, T, 22, 2): courses of the lids from their beginnings on.

    Parameters
    ----------
    starts : Tensor (blinks, 2)
        Where they begin, as :func:`begun` says.

    Returns
    -------
    Tensor (1, blinks, SPAN * 8)
        Heights of the eight points of the lids over :data:`SPAN` frames.
    """
    frames = starts[:, 1:] + torch.arange(SPAN, device=eyes.device)
    return eyes[starts[:, :1], frames][..., _lids(eyes.device), 1].flatten(1)[None]


@lru_cache
def _lids(device: torch.device) -> Tensor:
    """:data:`LIDS` where they are needed."""
    return LIDS.to(device)


def fade(begins: Tensor) -> Tensor:
    """Spread beginnings (n, T) over time, so that close ones are alike: 1 falling by a third."""
    risen = torch.zeros_like(begins)
    level = torch.zeros_like(begins[:, 0])
    for frame in range(begins.shape[1]):
        level = torch.maximum(begins[:, frame], 2 / 3 * level)
        risen[:, frame] = level
    return risen


def sequence_mmd2(
    real: Tensor, fake: Tensor, config: Config, *, clock: Tensor | None = None
) -> Tensor:
    """MMD² of sequences (n, T, 22, 2): a sample is one landmark's course over T; their mean.

    With a clock (n, T), that of both real and generated sequences, a sample is the course together
    with the clock: what follows the beginning of a blink has to be what really follows one.
    """
    real, fake = (x.permute(2, 0, 1, 3).flatten(2) for x in (real, fake))  # (22, n, 2 T)
    unit = rms_distance(real)
    # A landmark that hardly moves is measured with a coarser rule, else its noise would count as
    # much as the blinks.
    unit = torch.maximum(unit, STILL * unit.max())
    if clock is not None and config.begin_weight:
        ticks = clock[None] * (config.begin_weight * unit[:, None, None])
        real, fake = (torch.cat([x, ticks], dim=-1) for x in (real, fake))
    return mmd2(real, fake, widths=config.kernel_widths, unit=unit)


@torch.inference_mode()
def evaluate(
    nets: dict[str, Any], store: Store, rows: list[Row], config: Config
) -> dict[str, float]:
    """Compare generated eyes with those of clips.

    Half an hour is generated and cut into pieces as long as the clips, so that both are observed
    alike, and both are put on the canonical face.

    Returns
    -------
    dict
        Of generated and ``real`` sequences: rate (pooled), mean duration, interval, depth, share of
        complete blinks, unevenness of the two eyes, share of half-open frames
        (:class:`tkit.pipelines.stages.blink.survey.Survey`). ``rate_speakers_hz``, ``_low``,
        ``_high``: mean over the speakers and, of three or more, its interval; ``duration_ks``,
        ``interval_ks``, ``depth_ks``: Kolmogorov-Smirnov distances; ``n_blinks``: generated.
        ``mmd2``: of generated and real sequences of T frames; ``mmd2_static``: of eyes that never
        move; ``outside``: share of generated coordinates outside the range of training.
    """
    module = nets["blink"]
    fps, length = rows[0].fps, round(np.median([row.n_frames for row in rows]))
    rng = generator(config.seed, "blink", "evaluate")
    made = generate(module, round(SURVEYED_S * fps), rng=rng)[0][:, EYES]
    pieces = [made[i : i + length] for i in range(0, len(made) - length + 1, length)]
    eyes = {row: read_eyes(store, row, config) for row in rows}
    fake = survey.survey((ears(piece, store.canonical) for piece in pieces), fps=fps)
    own = {
        name: survey.survey(
            (ears(eyes[row], store.canonical) for row in rows if row.speaker == name), fps=fps
        )
        for name in {row.speaker for row in rows}
    }
    real = survey.survey((ears(seen, store.canonical) for seen in eyes.values()), fps=fps)
    rates = {name: found.rate_hz for name, found in own.items()}
    cut = _cut(list(eyes.values()), config.sequence)
    cut_fake = _cut(pieces, config.sequence)[: len(cut)]
    outside = (made < module.low.numpy(force=True)) | (made > module.high.numpy(force=True))
    return {
        **fake.numbers(),
        **real.numbers("_real"),
        **survey.rate_of_speakers(rates),
        "n_blinks": float(len(fake.found)),
        **survey.compare(real, fake),
        "mmd2": float(sequence_mmd2(cut, cut_fake, config)),
        "mmd2_static": float(sequence_mmd2(cut, torch.zeros_like(cut_fake), config)),
        "outside": float(outside.mean()),
    }


def _cut(clips: list[np.ndarray], size: int) -> Tensor:
    """Cut clips (T, 22, 2) into (n, size, 22, 2); a rest is dropped, a short clip held."""
    pieces = []
    for clip in clips:
        if len(clip) < size:
            clip = np.pad(clip, ((0, size - len(clip)), (0, 0), (0, 0)), mode="edge")
        pieces += [clip[i : i + size] for i in range(0, len(clip) - size + 1, size)]
    return torch.from_numpy(np.stack(pieces))


def ears(eyes: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Eye aspect ratios (T, 2) of displacement (T, 22, 2) of the canonical face, lids parted."""
    points = np.repeat(canonical[None], len(eyes), axis=0)
    points[:, EYES] += eyes
    return geometry.eye_aspect_ratio(plausible.part(points))


def eye_opening(eyes: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Mean eye aspect ratio (T,) of both eyes."""
    return ears(eyes, canonical).mean(axis=-1)


def apply(trained: Trained, n_frames: int, *, seed: int = 0) -> np.ndarray:
    """Make eyes blink.

    Parameters
    ----------
    trained : Trained
    n_frames : int
        At the frame rate of the training, ``trained.weights.record["fps"]``.
    seed : int
        Another one gives other blinks.

    Returns
    -------
    ndarray (n_frames, 68, 2) float32
        Displacement of the canonical face, in inter-ocular distances; zero outside the eye region.

    Raises
    ------
    UsageError
        If ``n_frames`` is no whole number, or negative.
    """
    n_frames = require_count(n_frames, "n_frames")
    return generate(trained.weights.module, n_frames, rng=generator(seed, "blink", "apply"))[0]
