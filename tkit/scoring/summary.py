"""From the statistics of clips to a report: scores, intervals, speakers, paired comparisons."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from tkit import __version__
from tkit.errors import ScoreError
from tkit.metrics import Scorer, Stats, add
from tkit.report import Cell, ClipScore, Comparison, Report, SpeakerScore, Unscored
from tkit.scoring import statistics
from tkit.scoring.baselines import BASELINES
from tkit.scoring.measuring import Measured, Plan
from tkit.scoring.protocols import POLICIES, Protocol
from tkit.scoring.view import points_tokens

Sums = dict[str, Stats]  # clip to the statistics of one metric of one method


def summarise(
    plan: Plan, preds: list[str], measured: list[Measured], rejects: list[Unscored], *, seed: int
) -> Report:
    """Finish the statistics of all clips into a report."""
    methods = [*preds, *plan.rows]
    rejects = rejects + [reject for clip in measured for reject in clip.rejects]
    clips: list[ClipScore] = []
    scores: dict[str, dict[str, Cell]] = {}
    for method in methods:
        scores[method] = {}
        for metric in plan.metrics:
            sums = {
                clip.clip: clip.stats[method][metric]
                for clip in measured
                if metric in clip.stats.get(method, {})
            }
            found, failed = _clip_scores(method, metric, plan.entries[metric], sums)
            rejects += failed
            clips += found
            kept = {clip.clip: sums[clip.clip] for clip in found}
            pooled = plan.entries[metric].pooled
            scores[method][metric] = _score(metric, sums if pooled else kept, found, plan, seed)
            row = BASELINES.get(method)
            if row and row.note and not plan.entries[metric].needs.of_points:
                scores[method][metric] = replace(scores[method][metric], note=row.note)
    order = {method: place for place, method in enumerate(methods)}
    place = {metric: index for index, metric in enumerate(plan.metrics)}
    by_clip = {clip.clip: index for index, clip in enumerate(measured)}
    clips.sort(key=lambda c: (order[c.method], by_clip[c.clip], place[c.metric]))
    return Report(
        protocol=plan.protocol.name,
        methods=scores,
        clips=clips,
        rejects=sorted(rejects, key=lambda reject: (order[reject.method], reject.clip)),
        speakers=_speakers(clips),
        comparisons=_compare(preds, plan, clips, seed),
    )


def speaker_of(clip: str) -> str:
    """The first folder of a clip's name; the clip itself where it lies in none."""
    return PurePosixPath(clip).parts[0]


def groups_of(clips: Sequence[str]) -> tuple[str, list[str]]:
    """Unit of resampling, and the group of each clip: speakers, or clips if there is but one."""
    speakers = [speaker_of(clip) for clip in clips]
    if len(set(speakers)) > 1 and any("/" in clip for clip in clips):
        return "speaker", speakers
    return "clip", list(clips)


def _clip_scores(
    method: str, metric: str, entry: Scorer, sums: Sums
) -> tuple[list[ClipScore], list[Unscored]]:
    found, failed = [], []
    for clip, stats in sums.items():
        try:
            value = entry.finish(stats)
            reason = "the value is undefined" if math.isnan(value) else ""
        except ScoreError as error:
            value, reason = math.nan, str(error)
        if not reason:
            found.append(ClipScore(method, clip, metric, value, stats["frames"]))
        elif not entry.pooled:  # a rate may be undefined in a clip and known of the set
            failed.append(Unscored(method, clip, f"{metric}: {reason}"))
    return found, failed


def _score(metric: str, sums: Sums, clips: list[ClipScore], plan: Plan, seed: int) -> Cell:
    """One cell of the table: over all clips of one method."""
    entry = plan.entries[metric]
    unit, groups = groups_of(list(sums))
    value, note, interval = None, "no clip has a score; the rejects say why", None
    if entry.pooled and sums:
        value, note, interval = _pooled(entry, sums, groups, seed)
    elif clips:
        values = [clip.value for clip in clips]
        # fsum: the same sum in every order.
        value, note = math.fsum(values) / len(values), ""
        if math.isinf(value):
            exact = sum(map(math.isinf, values))
            note = f"inf: {exact} of {len(values)} clips without any error"
        interval = statistics.mean_interval(values, groups, seed=seed)
    return Cell(
        value=value,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        n=len(sums),
        unit=entry.unit_of(plan.metrics[metric]),
        better=entry.better,
        signature=signature(metric, plan, clips=list(sums), seed=seed, unit=unit),
        note=note,
    )


def _pooled(
    entry: Scorer, sums: Sums, groups: list[str], seed: int
) -> tuple[float | None, str, tuple[float, float] | None]:
    """Score of the summed statistics, and its interval from drawing groups of clips."""
    by_group: dict[str, Stats] = {}
    for group, stats in zip(groups, sums.values(), strict=True):
        by_group[group] = add(by_group.get(group, {}), stats)
    parts = [by_group[name] for name in sorted(by_group)]
    try:
        value = entry.finish(_total(parts, [1] * len(parts)))
    except ScoreError as error:
        return None, str(error), None
    if len(parts) < 2:
        return value, "", None
    resampled = []
    for weights in statistics.draws(len(parts), n_resamples=200, seed=seed):
        try:
            resampled.append(entry.finish(_total(parts, weights)))
        except ScoreError:  # a draw without any event has no score
            continue
    if len(resampled) < 100:
        return value, "", None
    return value, "", statistics.spread(np.array(resampled), len(parts))


def _total(parts: list[Stats], weights: Sequence[int]) -> Stats:
    total: Stats = {}
    for part, weight in zip(parts, weights, strict=True):
        if weight:
            total = add(total, {key: value * int(weight) for key, value in part.items()})
    return total


def _speakers(clips: list[ClipScore]) -> list[SpeakerScore]:
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for clip in clips:
        if "/" in clip.clip:
            values[clip.method, speaker_of(clip.clip), clip.metric].append(clip.value)
    return [
        SpeakerScore(*key, value=math.fsum(found) / len(found), n=len(found))
        for key, found in values.items()
    ]


def _compare(preds: list[str], plan: Plan, clips: list[ClipScore], seed: int) -> list[Comparison]:
    """Pairs of methods, and each method against the static row, on their common clips."""
    values: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for clip in clips:
        if math.isfinite(clip.value):
            values[clip.method, clip.metric][clip.clip] = clip.value
    pairs = list(itertools.combinations(preds, 2))
    pairs += [(method, "static") for method in preds if "static" in plan.rows]
    found = []
    for metric in plan.metrics:
        better = plan.entries[metric].better
        for first, second in pairs:
            sides = [dict(values[method, metric]) for method in (first, second)]
            if better == "closer":  # to the ground truth's own value
                truth = values["gt", metric]
                sides = [{c: abs(v - truth[c]) for c, v in s.items() if c in truth} for s in sides]
            common = [clip for clip in sides[0] if clip in sides[1]]
            if not plan.entries[metric].pooled and common:
                result = statistics.paired(
                    [sides[0][clip] for clip in common],
                    [sides[1][clip] for clip in common],
                    groups_of(common)[1],
                    lower_is_better=better != "higher",
                    seed=seed,
                )
                found.append(Comparison(metric, first, second, **vars(result), p_holm=result.p))
    corrected = statistics.holm([entry.p for entry in found])
    return [
        Comparison(**{**vars(entry), "p_holm": p})
        for entry, p in zip(found, corrected, strict=True)
    ]


def signature(metric: str, plan: Plan, *, clips: list[str], seed: int, unit: str) -> str:
    """How a score was measured, as one line; built from the declared parameters alone.

    ``set`` is a hash of the clips' names: a score on other clips is another score.
    """
    entry, protocol = plan.entries[metric], plan.protocol
    own = entry.needs.view.startswith("own-")
    tokens = [metric, f"crop:{'none' if own else protocol.crop}"]
    if protocol.resize and not own:
        tokens.append(f"resize:{protocol.resize}")
    if protocol.stretch and not own:
        tokens.append("stretch:own")
    tokens += entry.tokens(plan.metrics[metric])
    if entry.needs.of_points or (protocol.crop != "none" and not own):
        tokens += points_tokens(plan.front_ends, entry.needs.view)
    tokens += _policy_tokens(protocol)
    names = hashlib.sha256("\n".join(sorted(clips)).encode()).hexdigest()[:8]
    n_resamples = 200 if entry.pooled else statistics.N_RESAMPLES
    tokens += [f"boot:{unit}-{n_resamples}-{seed}", f"n:{len(clips)}", f"set:{names}"]
    return "|".join([*tokens, f"v:{__version__}"])


def _policy_tokens(protocol: Protocol) -> list[str]:
    """The policies that were chosen; an error for the clip is the rule and goes unsaid."""
    return [
        f"{name}:{getattr(protocol, name)}"
        for name, choices in POLICIES.items()
        if getattr(protocol, name) != choices[0]
    ]
