"""What a finished run leaves: weights with their record, scores, and the draft of a card."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tkit import __version__
from tkit.corpora import CORPORA
from tkit.files import sha256_of
from tkit.pipelines.training.runs import Run, Trained, load
from tkit.pipelines.training.stage import Stage
from tkit.report import tables
from tkit.scoring import statistics
from tkit.store import Row, Store, together
from tkit.zoo.released import cards
from tkit.zoo.released import weights as released_weights


def export(
    stage: Stage,
    nets: dict[str, Any],
    store: Store,
    config: Any,
    run: Run,
    *,
    steps: int,
    terms: Mapping[str, str],
) -> None:
    """Write the weights, and a draft of their card with the scores on the val split.

    ``terms``: what :func:`inherited` gave.
    """
    module = nets[stage.released]
    released_weights.save(
        run.weights,
        net=stage.released,
        config=module.config,
        module=module,
        record={**record(stage, config, store, steps=steps), **terms},
    )
    scores: dict[str, float] = {}
    if has(store, config.val_split):
        for net in nets.values():
            net.eval()
        scores = stage.evaluate(nets, store, store.select(config.val_split), config)
    cards.write_card(run.card, draft_card(stage, module, store, config, run, scores, terms))


def has(store: Store, split: str) -> bool:
    """Whether a store has clips of a split."""
    return any(row.split == split for row in store.clips)


def record(stage: Stage, config: Any, store: Store, *, steps: int) -> dict[str, Any]:
    """Say how weights came to be: what the weight file and the next user need to know."""
    rows = store.select(config.train_split)
    info = store.info
    return {
        "stage": stage.name,
        "config": dataclasses.asdict(config),
        "encoder": dataclasses.asdict(info.encoder),
        "corpus": info.corpus,
        "protocol": info.protocol,
        "landmarks": info.landmarks,
        "lips": info.lips,
        "fps": info.fps,
        "speakers": sorted({row.speaker for row in rows}),
        "clips": len(rows),
        "steps": steps,
    }


def inherited(stage: Stage, store: Store, config: Any) -> dict[str, str]:
    """Licence and attribution of all that weights come from: corpora, and weights they began as.

    A store from before 0.4.0 says neither; then its corpus does, where there is a recipe for it.
    """
    licences, citations = {}, {}
    for info in store.infos:
        entry = CORPORA.get(info.corpus) if info.corpus in CORPORA.names() else None
        licences[info.corpus] = info.licence or (entry.licence if entry else "")
        citations[info.corpus] = info.citation or (entry.citation if entry else "")
    if config.init:
        before = load(stage.name, config.init)
        name, card, told = f"weights {config.init}", before.card, before.weights.record
        licences[name] = card.licence if card else str(told.get("licence", ""))
        citations[name] = card.attribution if card else str(told.get("attribution", ""))
    return {"licence": together(licences), "attribution": together(citations)}


def measure(trained: Trained, store: Store, split: str) -> dict[str, Any]:
    """Measure a trained stage on a split of any store.

    Returns
    -------
    dict
        ``split``, ``n_clips``, the stage's numbers, and what was measured with what;
        ``intervals``: name to the ends of the 95 % interval of what is a mean over clips, if the
        clips are of three speakers or more.

    Raises
    ------
    WeightsError
        If the stage needs speech and the store has that of another encoder.
    """
    rows, info = store.select(split), store.info
    trained.require_encoder(info.encoder, where=str(store.path))
    found, intervals = _numbers(trained, store, rows)
    return {
        "stage": trained.stage.name,
        "split": split,
        "n_clips": len(rows),
        **found,
        "corpus": info.corpus,
        "landmarks": info.landmarks,
        "lips": info.lips,
        "speech": info.encoder.signature,
        "weights": str(trained.weights.path),
        "sha256": trained.weights.sha256,
        "intervals": intervals,
    }


def _numbers(
    trained: Trained, store: Store, rows: list[Row]
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """All numbers of a stage, and ends of the interval of every mean over clips, by name.

    Speakers are the units. Clips are looked at one by one for the intervals; all of them at once
    only for numbers that are no means over clips.
    """
    means = {name for name, what in trained.stage.quantities.items() if what.of_clips}
    speakers = [row.speaker for row in rows]

    def evaluate(some: list[Row]) -> dict[str, float]:
        return trained.stage.evaluate(trained.nets, store, some, trained.config)

    if not means or len(set(speakers)) < statistics.MIN_SPEAKERS:
        return evaluate(rows), {}
    clips = [evaluate([row]) for row in rows]
    of_each = {name: [clip[name] for clip in clips] for name in clips[0] if name in means}
    ends = {name: statistics.mean_interval(each, speakers) for name, each in of_each.items()}
    if means >= clips[0].keys():
        found = {name: float(np.mean(each)) for name, each in of_each.items()}
    else:
        found = evaluate(rows)
    return found, {name: pair for name, pair in ends.items() if pair}


def as_text(found: Mapping[str, Any], stage: Stage, *, width: int = tables.WIDTH) -> str:
    """What :func:`measure` found, for the terminal: numbers with intervals, units and directions.

    Parameters
    ----------
    found : mapping
    stage : Stage
    width : int
        Columns of the terminal.
    """
    intervals, rows = found["intervals"], []
    for name, what in stage.quantities.items():
        if name in found:
            ends = tables.interval(*intervals.get(name, (None, None)))
            arrow = tables.ARROWS.get(what.better, "")
            sign = " ".join(filter(None, [arrow, what.unit]))
            rows.append([name, f"{found[name]:.4g}", ends, sign, what.title])
    digits = max(len(value) for _, value, *_ in rows)
    rows = [[name, value.rjust(digits), *others] for name, value, *others in rows]
    lines = [f"{found['stage']}: {found['n_clips']} clips of {found['split']}, {found['corpus']}"]
    lines += tables.listed(rows, width=width)
    with_what = (f"{key} {found[key]}" for key in ("landmarks", "lips", "speech", "weights"))
    lines.append(tables.wrapped("; ".join(with_what), width=width))
    return "\n".join(lines) + "\n"


def draft_card(
    stage: Stage,
    module: Any,
    store: Store,
    config: Any,
    run: Run,
    scores: Mapping[str, float],
    terms: Mapping[str, str],
) -> cards.Card:
    """Fill in of a card what the run knows; a person writes the rest before a release."""
    info, rows = store.info, store.select(config.train_split)
    speakers = sorted({row.speaker for row in rows})
    signature = "|".join(
        [
            stage.name,
            f"corpus:{info.corpus}",
            f"protocol:{info.protocol}",
            f"split:{config.val_split}",
            f"n:{sum(row.split == config.val_split for row in store.clips)}",
            f"landmarks:{info.landmarks}",
            f"lips:{info.lips}",
            f"speech:{info.encoder.signature}",
            f"v:{__version__}",
        ]
    )
    return cards.Card(
        name=stage.name,
        net=stage.released,
        sha256=sha256_of(run.weights),
        data=f"{info.corpus}: {len(rows)} clips of {', '.join(speakers)}; landmarks "
        f"{info.landmarks}, lips {info.lips}, speech {info.encoder.signature}",
        protocol=info.protocol,
        **terms,
        intended_use="",
        limits="",
        command=f"tkit train {stage.name} --data {store.path.name} --config {run.config.name}",
        scores=tuple(
            cards.Reported(name, float(value), config.val_split, signature)
            for name, value in scores.items()
        ),
    )
