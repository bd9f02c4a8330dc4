"""Paired comparisons: methods with each other, and with the static row, on their common clips."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import replace

from tkit.metrics import Scorer
from tkit.report import ClipScore, Comparison
from tkit.scoring import statistics
from tkit.scoring.measuring import Plan
from tkit.scoring.statistics.parts import UNKNOWN, counted, speakers_of

STATIC = "static"  # the control row that every method is compared with, too


def compare(preds: list[str], plan: Plan, clips: list[ClipScore], seed: int) -> list[Comparison]:
    """Pairs of methods, and each method against the static row, on their common clips.

    Holm's correction is within a metric; the two kinds of pairs are families of their own.
    """
    values: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for clip in clips:
        values[clip.method, clip.metric][clip.clip] = clip.value
    pairs = list(itertools.combinations(preds, 2))
    stills = [(method, STATIC) for method in preds if STATIC in plan.rows]
    found = []
    for entry in plan.entries.values():
        if not entry.pooled:
            for family, members in (
                ("pairs of methods", pairs),
                ("methods against static", stills),
            ):
                results = [_pair(entry, pair, values, seed) for pair in members]
                found += _corrected([result for result in results if result], family)
    return found


def _corrected(results: list[Comparison], family: str) -> list[Comparison]:
    ps = [result.p for result in results if result.p is not None]
    corrected = iter(statistics.holm(ps))
    family = family.replace("s", "", 1) if len(ps) == 1 else family
    return [
        replace(
            result,
            p_holm=None if result.p is None else next(corrected),
            family=f"{len(ps)} {family}",
        )
        for result in results
    ]


def _pair(
    entry: Scorer,
    pair: tuple[str, str],
    values: dict[tuple[str, str], dict[str, float]],
    seed: int,
) -> Comparison | None:
    """Two methods on their common clips; None if they have none."""
    metric, ceiling = entry.name, entry.score.ceiling
    sides = [dict(values[method, metric]) for method in pair]
    if entry.better == "closer":  # to the ground truth's own value
        truth = values["gt", metric]
        sides = [{c: abs(v - truth[c]) for c, v in s.items() if c in truth} for s in sides]
    notes = []
    common = [clip for clip in sides[0] if clip in sides[1]]
    if alone := len(sides[0].keys() ^ sides[1].keys()):
        notes.append(f"{alone} left out that only one of them has")
    exact = [clip for clip in common if any(math.isinf(side[clip]) for side in sides)]
    if exact and ceiling is None:
        common = [clip for clip in common if clip not in exact]
        notes.append(f"{len(exact)} left out as infinite")
    elif exact:
        notes.append(f"{len(exact)} infinite, counted as {ceiling:g} {entry.score.unit}".strip())
    if not common:
        return None
    speakers = speakers_of(common)
    result = statistics.paired(
        [sides[0][clip] for clip in common],
        [sides[1][clip] for clip in common],
        speakers,
        lower_is_better=entry.better != "higher",
        cap=math.inf if ceiling is None else ceiling,
        seed=seed,
    )
    why = ""
    if result.p is None:
        few = f"{counted(len(set(speakers)), 'speaker')} too few to test"
        reached = f"flipping their signs reaches no p below {result.least_p:.2g}"
        why = f"{few}: {reached}" if speakers else f"no test: {UNKNOWN}"
    return Comparison(
        metric, *pair, **vars(result), unit="speaker", p_holm=None, no_p=why, note=", ".join(notes)
    )
