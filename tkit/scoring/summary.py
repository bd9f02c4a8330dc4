"""From the statistics of clips to a report: scores, intervals, common clips, speakers."""

from __future__ import annotations

import hashlib
import itertools
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tkit import __version__
from tkit.errors import ScoreError
from tkit.metrics import Scorer, Stats, add
from tkit.report import Cell, ClipScore, Report, SpeakerScore, Stratum, Unscored
from tkit.scoring import statistics
from tkit.scoring.baselines import BASELINES
from tkit.scoring.comparing import compare
from tkit.scoring.measuring import Measured, Plan
from tkit.scoring.protocols import POLICIES, Protocol
from tkit.scoring.statistics.parts import counted, speaker_of, speakers_of, too_few
from tkit.scoring.view import points_tokens

MOST_SLOW = 20  # speakers, or blocks of them, that are left out of a score that takes seconds
Sums = dict[str, Stats]  # clip to the statistics of one metric of one method


@dataclass(frozen=True)
class _Found:
    """Of one metric of one method: the sums of the clips that count, and the clips' scores."""

    sums: Sums
    clips: list[ClipScore]

    def of(self, kept: set[str]) -> _Found:
        """The same on fewer clips."""
        sums = {clip: stats for clip, stats in self.sums.items() if clip in kept}
        return _Found(sums, [clip for clip in self.clips if clip.clip in kept])


def summarise(
    plan: Plan,
    preds: list[str],
    measured: list[Measured],
    rejects: list[Unscored],
    *,
    parts: Mapping[str, Mapping[str, list[str]]] | None = None,
    seed: int,
) -> Report:
    """Finish the statistics of all clips into a report.

    ``parts`` are the clips of each stratum: column to text to names.
    """
    methods = [*preds, *plan.rows]
    rejects = rejects + [reject for clip in measured for reject in clip.rejects]
    found: dict[str, dict[str, _Found]] = {method: {} for method in methods}
    for method, metric in itertools.product(methods, plan.metrics):
        sums = {
            clip.clip: clip.stats[method][metric]
            for clip in measured
            if metric in clip.stats.get(method, {})
        }
        clips, failed = _clip_scores(method, metric, plan.entries[metric], sums)
        rejects += failed
        kept = sums if plan.entries[metric].pooled else {c.clip: sums[c.clip] for c in clips}
        found[method][metric] = _Found(kept, clips)
    order = {method: place for place, method in enumerate(methods)}
    place = {metric: index for index, metric in enumerate(plan.metrics)}
    by_clip = {clip.clip: index for index, clip in enumerate(measured)}
    clips = [clip for row in found.values() for part in row.values() for clip in part.clips]
    clips.sort(key=lambda c: (order[c.method], by_clip[c.clip], place[c.metric]))
    return Report(
        protocol=plan.protocol.name,
        methods=_cells(found, plan),
        clips=clips,
        rejects=sorted(rejects, key=lambda reject: (order[reject.method], reject.clip)),
        speakers=_speakers(clips, plan),
        comparisons=compare(preds, plan, clips, seed),
        common=_common(found, plan),
        strata=_strata(found, plan, parts or {}),
        lacks=tuple(plan.protocol.lacks),
    )


def _strata(
    found: dict[str, dict[str, _Found]], plan: Plan, parts: Mapping[str, Mapping[str, list[str]]]
) -> list[Stratum]:
    """The table on the clips of each stratum that has a score."""
    strata = []
    for column, texts in parts.items():
        for text, clips in texts.items():
            kept = set(clips)
            rows = {
                method: {metric: part.of(kept) for metric, part in row.items()}
                for method, row in found.items()
            }
            if any(part.sums for row in rows.values() for part in row.values()):
                cells = _cells(rows, plan, empty="no clip of this stratum has a score")
                strata.append(Stratum(column, text, cells))
    return strata


def _cells(
    found: dict[str, dict[str, _Found]],
    plan: Plan,
    *,
    empty: str = "no clip has a score; the rejects say why",
) -> dict[str, dict[str, Cell]]:
    cells: dict[str, dict[str, Cell]] = {}
    for method, row in found.items():
        cells[method] = {metric: _score(metric, part, plan, empty) for metric, part in row.items()}
        baseline = BASELINES.get(method)
        for metric, cell in cells[method].items():
            if baseline and (note := baseline.why_not(plan.entries[metric].family)):
                cells[method][metric] = replace(cell, note=note)
    return cells


def _common(found: dict[str, dict[str, _Found]], plan: Plan) -> dict[str, dict[str, Cell]]:
    """The table on the clips that all rows with a score have; empty if they all have the same."""
    scored = {m: row for m, row in found.items() if any(part.sums for part in row.values())}
    common, differ = scored, False
    for metric in plan.metrics:
        sets = [set(row[metric].sums) for row in scored.values() if row[metric].sums]
        kept = set.intersection(*sets) if sets else set()
        if any(clips != kept for clips in sets):
            differ = True
            common = {
                method: row | {metric: row[metric].of(kept)} for method, row in common.items()
            }
    return _cells(common, plan, empty="no common clip has a score") if differ else {}


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


def _score(metric: str, found: _Found, plan: Plan, empty: str) -> Cell:
    """One cell of the table: over all clips of one method."""
    entry, clips = plan.entries[metric], list(found.sums)
    value, interval, note = None, None, empty
    if entry.pooled and clips:
        value, interval, note = _pooled(entry, found.sums)
    elif clips:
        value, interval, note = _mean(entry, found.clips)
    if value is not None and entry.score.remark:
        note = "; ".join(filter(None, [note, entry.score.remark(_total(found.sums.values()))]))
    return Cell(
        value=value,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        n=len(clips),
        unit=entry.unit_of(plan.metrics[metric]),
        better=entry.better,
        signature=signature(metric, plan, clips=clips),
        note=note,
    )


Scored = tuple[float | None, tuple[float, float] | None, str]  # value, interval, note


def _mean(entry: Scorer, clips: list[ClipScore]) -> Scored:
    """Mean over clips, its interval, and what is to be said of them."""
    values, speakers = [clip.value for clip in clips], speakers_of(clip.clip for clip in clips)
    value = _mean_of(entry, values)
    exact = sum(map(math.isinf, values))
    if math.isinf(value):
        return value, None, f"inf: {exact} of {len(values)} clips without any error"
    notes = [too_few(speakers)]
    if exact:
        as_much = f"counted as {entry.score.ceiling:g} {entry.score.unit}"
        notes.insert(0, f"{exact} of {len(values)} clips infinite, {as_much}".strip())
    interval = statistics.mean_interval(_capped(entry, values), speakers) if speakers else None
    return value, interval, "; ".join(filter(None, notes))


def _capped(entry: Scorer, values: Iterable[float]) -> list[float]:
    ceiling = math.inf if entry.score.ceiling is None else entry.score.ceiling
    return [min(value, ceiling) for value in values]


def _mean_of(entry: Scorer, values: list[float]) -> float:
    """Mean of clips; infinite only if all are, or the metric has no ceiling."""
    if all(map(math.isinf, values)):
        return values[0]
    # fsum: the same sum in every order.
    return math.fsum(_capped(entry, values)) / len(values)


def _pooled(entry: Scorer, sums: Sums) -> Scored:
    """Score of the summed statistics, and its interval from leaving out each speaker."""
    try:
        value = entry.finish(_total(sums.values()))
    except ScoreError as error:
        return None, None, str(error)
    speakers = speakers_of(sums)
    if note := too_few(speakers) or _too_few_events(entry, sums, len(set(speakers))):
        return value, None, note
    parts = _by_speaker(sums, speakers, most=_most_left_out(entry))
    shares = [stats[entry.score.over] for stats in parts]
    try:
        left_out = _without_each(entry, parts)
    except ScoreError as error:
        return value, None, f"no interval: without one of the speakers, {error}"
    weights = np.array(shares, np.float64) / sum(shares)
    low, high = statistics.interval(np.asarray(value), np.array(left_out), weights)
    return value, (float(low), float(high)), ""


def _by_speaker(sums: Sums, speakers: list[str], *, most: int) -> list[Stats]:
    """Statistics of each speaker, of blocks of speakers where there are more than ``most``."""
    block = {name: index % most for index, name in enumerate(sorted(set(speakers)))}
    parts: list[Stats] = [{} for _ in range(min(len(block), most))]
    for name, stats in zip(speakers, sums.values(), strict=True):
        parts[block[name]] = add(parts[block[name]], stats)
    return parts


def _without_each(entry: Scorer, parts: list[Stats]) -> list[float]:
    """Scores of all speakers but one, for each in turn."""
    if entry.score.without:
        return entry.score.without(parts)
    return [
        entry.finish(_total(part for other, part in enumerate(parts) if other != gone))
        for gone in range(len(parts))
    ]


def _most_left_out(entry: Scorer) -> int:
    """How many speakers are left out one by one: seconds each, where a score takes so long."""
    return MOST_SLOW if entry.score.without else sys.maxsize


def _too_few_events(entry: Scorer, sums: Sums, n_speakers: int) -> str:
    events = entry.score.events
    if not events:
        return ""
    number = sum(stats[events] for stats in sums.values())
    if number >= statistics.MIN_EVENTS * n_speakers:
        return ""
    needed = f"{statistics.MIN_EVENTS} a speaker are needed"
    return f"no interval: {counted(number, events.removesuffix('s'))} too few, {needed}"


def _total(parts: Iterable[Stats]) -> Stats:
    total: Stats = {}
    for part in parts:
        total = add(total, part)
    return total


def _speakers(clips: list[ClipScore], plan: Plan) -> list[SpeakerScore]:
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for clip in clips:
        if "/" in clip.clip:
            values[clip.method, speaker_of(clip.clip), clip.metric].append(clip.value)
    return [
        SpeakerScore(*key, value=_mean_of(plan.entries[key[2]], found), n=len(found))
        for key, found in values.items()
    ]


def signature(metric: str, plan: Plan, *, clips: list[str]) -> str:
    """How a score was measured, as one line; built from the declared parameters alone.

    ``ci`` names the interval's unit and rule; ``set`` is a hash of the clips' names: a score on
    other clips is another score.
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
        if protocol.points_in == "crop" and entry.needs.of_points:
            tokens.append("found:crop")
    tokens += _policy_tokens(protocol)
    if "gt" not in plan.given:
        tokens.append("gt:none")
    if "wave" in entry.family.inputs and ("audio" in plan.given or "gt" not in plan.given):
        tokens.append(f"sound:{'file' if 'audio' in plan.given else 'pred'}")
    names = hashlib.sha256("\n".join(sorted(clips)).encode()).hexdigest()[:8]
    blocks = f"-{MOST_SLOW}" if entry.score.without else ""
    tokens += [f"ci:speaker-t{blocks}", f"n:{len(clips)}", f"set:{names}"]
    return "|".join([*tokens, f"v:{__version__}"])


def _policy_tokens(protocol: Protocol) -> list[str]:
    """The policies that were chosen; an error for the clip is the rule and goes unsaid."""
    return [
        f"{name}:{getattr(protocol, name)}"
        for name, choices in POLICIES.items()
        if getattr(protocol, name) != choices[0]
    ]
