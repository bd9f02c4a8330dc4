"""Motion stage: its network, batches, losses and evaluation, and what it does on arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tkit.clips import Word
from tkit.errors import ConfigError, UsageError
from tkit.face import geometry
from tkit.pipelines.stages.motion import Config, augment, evaluation
from tkit.pipelines.stages.motion.terms import (
    closure_error,
    discord,
    lip_gap,
    lip_width,
    shape_error,
    squared_error,
    velocity_error,
)
from tkit.pipelines.training.runs import Trained, require_array, require_count
from tkit.pipelines.training.sampling import CACHED_CLIPS, Sampler, moments, stack
from tkit.seeds import generator
from tkit.speech import logmel
from tkit.speech.windows import windows
from tkit.store import EncoderInfo, Row, Store
from tkit.zoo.layers import init_pca, pca
from tkit.zoo.nets.motion import NET, POINTS, Motion, picture_tensor
from tkit.zoo.nets.motion import Config as NetConfig

AT_ONCE = 1000  # frames that are predicted together


def nets(store: Store, config: Config) -> dict[str, nn.Module]:
    """Build the network with the training split's feature statistics and PCA basis."""
    rows = store.select(config.train_split)
    index = POINTS[config.points]
    moved = moments(
        faces.reshape(len(faces), -1) for row in rows for faces in _faces(store, row, config)
    )
    flat = (2 * index[:, None] + [0, 1]).ravel()  # columns of x and y of the points
    mean, basis = pca(moved[0][flat], moved[1][np.ix_(flat, flat)], config.pca_variance)
    net_config = NetConfig(
        dim=store.info.encoder.dim,
        components=len(basis),
        window=config.window,
        widths=config.widths,
        kernel=config.kernel,
        stride=config.stride,
        points=config.points,
        context=config.context,
        channels=config.channels,
        dropout=config.dropout,
        waits=config.waits,
    )
    module = NET.build(net_config)
    module.standardise.set(*feature_moments(store, rows, config))
    module.canonical.copy_(torch.from_numpy(store.canonical))
    everybody = moments(store["displacement"][row.frames].reshape(-1, 136) for row in rows)[0]
    module.mean_displacement.copy_(torch.from_numpy(everybody.reshape(-1, 2)))
    if config.pca_init:
        init_pca(module.basis, mean, basis)
    return {"motion": module}


def feature_moments(store: Store, rows: list[Row], config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and covariance (D, D) of the features, or of any column as one of all columns."""
    mean, covariance = moments(store["speech"][row.rows] for row in rows)
    if config.one_scale:
        level = mean.mean()
        power = (np.diag(covariance) + (mean - level) ** 2).mean()
        mean, covariance = np.full_like(mean, level), power * np.eye(len(mean))
    return mean, covariance


def _faces(store: Store, row: Row, config: Config) -> list[np.ndarray]:
    """Displacement (T, 68, 2) of one clip, and of its mirror image if that is trained on too."""
    moved = store["displacement"][row.frames]
    return [moved, geometry.mirror(moved)] if config.mirror else [moved]


def batches(store: Store, config: Config, split: str) -> Callable[[int], dict[str, Tensor]]:
    """Sequences of speech windows with their displacement, drawn by seed and step.

    The picture of a sequence is the first frame of its clip; ``kept`` is what dropout keeps.
    """
    sampler = Sampler(
        store.select(split), config.sequence,
        balance_speakers=config.balance_speakers, power=config.balance_power,
    )  # fmt: skip
    mean, covariance = feature_moments(store, store.select(split), config)
    fill, std = mean.astype(np.float32), np.sqrt(np.diag(covariance)).astype(np.float32)
    sounds_known = store.info.encoder.name == logmel.LogMel.info.name

    @lru_cache(maxsize=CACHED_CLIPS)
    def read(row: Row) -> tuple[np.ndarray, np.ndarray]:
        return store["speech"][row.rows], store["displacement"][row.frames]

    def draw(row: Row, start: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        heard, moved = read(row)
        picture = moved[:1]
        if config.speed:
            longest = len(moved) / config.sequence  # a stretch must still fit
            faster = min(np.exp(rng.uniform(-config.speed, config.speed)), longest)
            heard, moved = (
                augment.at_speed(part, round(len(part) / faster)) for part in (heard, moved)
            )
            start = min(start, len(moved) - config.sequence)
        if sounds_known and (config.voices or config.snr_db):
            ((someone, _),) = sampler.draw(rng, 1)
            heard = augment.log_mel(
                heard, rng, voices=config.voices, snr_db=config.snr_db, other=read(someone)[0]
            )
        if config.feature_noise:
            noise = rng.standard_normal(heard.shape, np.float32)
            heard = heard + config.feature_noise * std * noise
        if config.masks:
            heard = augment.mask(heard, rng, fill)
        if config.mirror and rng.random() < 0.5:
            moved, picture = geometry.mirror(moved), geometry.mirror(picture)
        stretch = slice(start, start + config.sequence)
        cut = cut_windows(store, row, heard, len(moved), config.window)
        sample = {"windows": cut[stretch], "displacement": moved[stretch], "picture": picture[0]}
        if config.context and config.dropout:
            chance = rng.random((len(config.context), config.channels, config.sequence), np.float32)
            sample["kept"] = chance >= config.dropout
        return sample

    def sample(step: int, index: int) -> dict[str, np.ndarray]:
        rng = generator(config.seed, "motion", split, str(step), str(index))
        ((row, start),) = sampler.draw(rng, 1)
        return draw(row, start, rng)

    def batch(step: int, share: range = range(config.batch_size)) -> dict[str, Tensor]:
        return stack([sample(step, index) for index in share])

    return batch


def cut_windows(
    store: Store, row: Row, features: np.ndarray, n_frames: int, size: int
) -> np.ndarray:
    """Speech windows (T, size, D) of one clip of a store, one a frame."""
    encoder = store.info.encoder
    return windows(
        features, n_frames,
        fps=row.fps, rate_hz=encoder.rate_hz, offset_s=encoder.offset_s, size=size,
        rate=encoder.window_rate,
    )  # fmt: skip


def losses(
    nets: dict[str, Any], batch: dict[str, Tensor], config: Config
) -> dict[str, dict[str, Tensor]]:
    """Loss on displacement, its first differences (eq. 4), the width, and lips that should be shut.

    With ``waits`` the face that never waits is compared as well: once the picture showed everywhere
    it would learn no more. And waiting costs a little, so that the picture does not show by halves
    in speech.
    """
    module, gt = nets["motion"], batch["displacement"]
    code, _ = module.encode(batch["windows"], None, _kept(module, batch))
    pred = module.decode(code, batch["picture"])
    found = _of_face(pred, gt, config)
    if config.closure_weight:
        gaps = [lip_gap(module.canonical + moved) for moved in (pred, gt)]
        found["closure"] = closure_error(pred=gaps[0], gt=gaps[1])
    if module.config.waits:
        found["spoken"] = _weighted(_of_face(module.spoken(code), gt, config), config)
        found["waiting"] = module.waiting(code).mean()
    return {"motion": {"loss": _weighted(found, config), **found}}


def _of_face(pred: Tensor, gt: Tensor, config: Config) -> dict[str, Tensor]:
    """Terms of a face that moves (n, T, 68, 2), whoever it shows."""
    landmark, temporal = compare(pred, gt, config)
    found = {"landmark": landmark, "temporal": temporal}
    if config.width_weight:
        found["width"] = discord(pred=lip_width(pred), gt=lip_width(gt))
    return found


def _weighted(found: dict[str, Tensor], config: Config) -> Any:
    return sum(getattr(config, f"{name}_weight") * value for name, value in found.items())


def _kept(module: Motion, batch: dict[str, Tensor]) -> Tensor | None:
    """What dropout keeps; :class:`ConfigError` where it was drawn for a net of other sizes."""
    kept, sizes = batch.get("kept"), module.config
    if kept is not None and kept.shape[1:3] != (len(sizes.context), sizes.channels):
        context = ",".join(map(str, sizes.context))
        raise ConfigError(
            f"the weights gone on from have other sizes; give --context {context} --channels "
            f"{sizes.channels} as well, or --dropout 0"
        )
    return kept


def compare(pred: Tensor, gt: Tensor, config: Config) -> tuple[Tensor, Tensor]:
    """Error of displacement (n, T, 68, 2) and of its first differences."""
    # Slices and filled tensors: an array of indices would have to be copied to a GPU every step.
    other = geometry.JAW if config.points == "speech" else slice(0, geometry.MOUTH.start)
    if config.loss == "squared":
        weight = gt.new_zeros(geometry.N_POINTS)
        weight[other], weight[geometry.MOUTH] = 1.0, config.mouth_weight
        return squared_error(pred, gt, weight), velocity_error(pred, gt, weight)
    return shape_error(pred, gt, other=other)


@torch.inference_mode()
def predict(
    module: Motion,
    features: np.ndarray,
    n_frames: int,
    *,
    fps: float,
    encoder: EncoderInfo,
    picture: np.ndarray | None = None,
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
    picture : ndarray (68, 2), optional
        Displacement of the face in the picture, for a module that has ``waits``; by default its
        lips are closed.
    """
    cut = windows(
        features, n_frames,
        fps=fps, rate_hz=encoder.rate_hz, offset_s=encoder.offset_s, size=module.config.window,
        rate=encoder.window_rate,
    )  # fmt: skip
    device, state = module.mean_displacement.device, None
    still = picture_tensor(picture, module)
    found = np.zeros((n_frames, geometry.N_POINTS, 2), np.float32)
    for start in range(0, n_frames, AT_ONCE):  # bounded memory for speech of any length
        part = torch.from_numpy(np.array(cut[start : start + AT_ONCE], np.float32))
        moved, state = module.advance(part.to(device), state, still)
        found[start : start + AT_ONCE] = moved.cpu().numpy()
    return found


def evaluate(nets: dict[str, Any], store: Store, rows: list[Row], config: Any) -> dict[str, float]:
    """Measure the mouth on clips: the network beside a face that never moves.

    The network is given the first frame of the clip as picture, as ``tkit animate`` is.

    Returns
    -------
    dict
        Means over clips. ``lmd``: :func:`tkit.pipelines.stages.motion.evaluation.distance` of the
        prediction; ``lmd_static``: of the person's neutral; ``lmd_mean_pose``: of the mean mouth of
        the training speech; ``lmd_picture``: of the mouth of the first frame; ``lmd_ratio``,
        ``lmd_ratio_mean_pose``: lmd beside the neutral and the mean mouth; ``opening_corr``:
        correlation of predicted and true mouth opening, ``width_corr``: of mouth width;
        ``opening_spread``, ``width_spread``: ``evaluation.spread`` of both, the geometric mean,
        since half and twice the real one are 1 on the average; ``lag_frames``: the largest lag of
        the prediction of any clip; ``jitter``, ``jitter_real``. Where the words are known,
        ``closed``: share of p, b and m at which the lips close (``evaluation.shut``), and
        ``closed_real``.
    """
    words = store.words()
    tables = [measure_clip(nets["motion"], store, row, words.get(row.id, [])) for row in rows]
    found = {
        name: float(np.mean(values))
        for name in tables[0]
        if (values := [value for table in tables for value in np.atleast_1d(table[name])])
    }
    for name in ("opening_spread", "width_spread"):
        found[name] = geometric_mean([table[name] for table in tables])
    found["lag_frames"] = max((float(table["lag_frames"]) for table in tables), key=abs)
    found["lmd_ratio"] = found["lmd"] / found["lmd_static"]
    found["lmd_ratio_mean_pose"] = found["lmd"] / found["lmd_mean_pose"]
    return found


def geometric_mean(ratios: list[float]) -> float:
    """Return the geometric mean; 0 where one of them is."""
    return float(np.exp(np.mean(np.log(ratios)))) if min(ratios) > 0 else 0.0


def measure_clip(module: Motion, store: Store, row: Row, words: list[Word]) -> dict[str, Any]:
    """Measure the mouth on one clip, whose first frame is the picture."""
    gt, picture = store["points"][row.frames].astype(np.float64), first_frame(store, row)
    moved = predict(
        module, store["speech"][row.rows], row.n_frames,
        fps=row.fps, encoder=store.info.encoder, picture=picture,
    )  # fmt: skip
    mean = module.mean_displacement.numpy(force=True)
    faces = np.broadcast_arrays(moved, np.zeros(2), mean, picture)
    pred, static, mean_pose, still = on_clip(module, store, row, np.stack(faces))
    openings = evaluation.opening(pred), evaluation.opening(gt)
    widths = evaluation.width(pred), evaluation.width(gt)
    stretches = evaluation.closures(words)
    return {
        "lmd": evaluation.distance(pred=pred, gt=gt).mean(),
        "lmd_static": evaluation.distance(pred=static, gt=gt).mean(),
        "lmd_mean_pose": evaluation.distance(pred=mean_pose, gt=gt).mean(),
        "lmd_picture": evaluation.distance(pred=still, gt=gt).mean(),
        "opening_corr": evaluation.correlation(*openings),
        "opening_spread": evaluation.spread(pred=openings[0], gt=openings[1]),
        "width_corr": evaluation.correlation(*widths),
        "width_spread": evaluation.spread(pred=widths[0], gt=widths[1]),
        "lag_frames": evaluation.lag(*openings),
        "jitter": evaluation.jitter(pred),
        "jitter_real": evaluation.jitter(gt),
        "closed": evaluation.shut(openings[0], stretches, fps=row.fps),
        "closed_real": evaluation.shut(openings[1], stretches, fps=row.fps),
    }


def first_frame(store: Store, row: Row) -> np.ndarray:
    """Displacement (68, 2) of the first frame of a clip, which is its picture."""
    return store["displacement"][row.frames][0]


def on_clip(module: Motion, store: Store, row: Row, moved: np.ndarray) -> np.ndarray:
    """Points (..., T, 68, 2) in pixels of a clip whose person moves by such displacement."""
    canonical = module.canonical.numpy(force=True).astype(np.float64)  # may differ from the store's
    return geometry.retarget(
        moved, pose=store["pose"][row.frames], neutral=store.speakers[row.speaker],
        canonical=canonical,
    )  # fmt: skip


def apply(
    trained: Trained,
    features: np.ndarray,
    *,
    n_frames: int = 0,
    fps: float = 0.0,
    picture: np.ndarray | None = None,
) -> np.ndarray:
    """Move the mouth of the canonical face by speech.

    Parameters
    ----------
    trained : Trained
    features : ndarray (N, D)
        Of the speech encoder that the stage was trained on, ``trained.encoder``: what
        ``tkit.speech.ENCODERS.get(trained.encoder.name).load()`` makes of sound.
    n_frames : int
        By default as many as the speech is long.
    fps : float
        Their rate; by default that of the training.
    picture : ndarray (68, 2), optional
        Displacement of the face in the picture, which shows while the person waits for the first
        word; by default its lips are closed.

    Returns
    -------
    ndarray (n_frames, 68, 2) float32
        In inter-ocular distances of the canonical face.

    Raises
    ------
    UsageError
        If there are no features, or with another number of columns than those of the training, or
        another argument is not as described.
    """
    encoder, fps = trained.encoder, fps or trained.weights.record["fps"]
    try:
        features = require_array(features, "features", (None, encoder.dim))
    except UsageError as error:
        raise UsageError(
            f"{error}; {trained.weights.path} takes those of --speech {encoder.name}"
        ) from None
    if not fps > 0:
        raise UsageError(f"fps is {fps:g}; frames a second are above zero")
    if picture is not None:
        picture = require_array(picture, "picture", (geometry.N_POINTS, 2))
    n_frames = require_count(n_frames, "n_frames")
    return predict(
        trained.weights.module, features, n_frames or round(len(features) / encoder.rate_hz * fps),
        fps=fps, encoder=encoder, picture=picture,
    )  # fmt: skip
