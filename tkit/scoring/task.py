"""What a run is asked for, made ready: the plan, the files of each clip, the parts of the set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tkit import remote
from tkit.errors import Fault, UsageError, guarded
from tkit.face.crops import CROPS
from tkit.metrics import METRICS
from tkit.remote import Place, place_of
from tkit.report import CONTROL_ROWS, Unscored
from tkit.scoring import protocols, recoding
from tkit.scoring.baselines import BASELINES
from tkit.scoring.cache import Measure, remembering
from tkit.scoring.measuring import Measured, Plan, unscored
from tkit.scoring.pairing import ClipFiles, name_methods, pair, with_files, with_other_sounds
from tkit.scoring.protocols import Protocol
from tkit.scoring.statistics import parts


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be measured, beside the folders of videos: see :func:`tkit.scoring.score`."""

    audio: str | Path | None = None
    source: str | Path | None = None
    protocol: str | Protocol | None = None
    metrics: Sequence[str] | str | None = None
    settings: Mapping[str, Mapping[str, Any]] | None = None
    rows: Iterable[str] | None = None
    renamed: Mapping[str, str] | None = None
    by: Sequence[str] | str = ()
    columns: str | Path | None = None
    landmarks_model: str = ""
    resume: str | Path | None = None
    recode: int = 0
    choices: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A run that can begin.

    Parameters
    ----------
    plan : Plan
    methods : list of str
    clips : list of ClipFiles
    rejects : list of Unscored
        Pairs that do not fit.
    measure : callable
        Measures one clip, or looks it up.
    parts : dict
        Clips of each stratum: column to text to names.
    """

    plan: Plan
    methods: list[str]
    clips: list[ClipFiles[Place]]
    rejects: list[Unscored]
    measure: Measure
    parts: dict[str, dict[str, list[str]]]


def prepared(
    preds: Mapping[str, str | Path] | str | Path, gt: str | Path | None, asked: Asked
) -> Task:
    """Make a run ready; raises as :func:`tkit.scoring.score`, before any work."""
    methods = preds if isinstance(preds, Mapping) else name_methods([str(preds)])
    given = {"gt": gt, "audio": asked.audio, "source": asked.source}
    rows = asked.rows if asked.rows is None else list(asked.rows)
    if gt is None:
        _require_no_truth(rows or [], asked.choices)
    plan = plan_of(
        _protocol(asked, given),
        rows=CONTROL_ROWS if rows is None and gt is not None else rows or (),
        landmarks_model=asked.landmarks_model,
        given=[name for name, path in given.items() if path is not None],
    )
    plan = replace(plan, recode=recoding.factors(asked.recode))
    for name, own in plan.metrics.items():
        plan.entries[name].require_network(own)
    paths = {name: path if path is None else place_of(path) for name, path in given.items()}
    folders = {method: place_of(folder) for method, folder in methods.items()}
    found, rejects = pair(
        folders, paths["gt"], renamed=asked.renamed, missing=plan.protocol.missing
    )
    found = with_files(found, audio=paths["audio"], source=paths["source"])
    if any(BASELINES[row].other_sound for row in plan.rows):
        found = with_other_sounds(found)
    measuring: Measure = measure
    if asked.resume:
        measuring = remembering(measure, place_of(asked.resume))
    by_text = _parts(asked, paths["gt"] or next(iter(folders.values())), found)
    return Task(plan, list(methods), found, rejects, measuring, by_text)


def plan_of(
    protocol: Protocol,
    *,
    rows: Iterable[str] = CONTROL_ROWS,
    landmarks_model: str = "",
    given: Iterable[str] = ("gt",),
) -> Plan:
    """Complete a protocol's settings; anything unknown in it is an error before any work."""
    from tkit.tracking import FrontEnds

    front_ends = FrontEnds(protocol.landmarks, landmarks_model)
    front_ends.signature()  # unknown names fail now, and models that are not there
    if protocol.crop not in ("none", *CROPS):
        raise UsageError(f"unknown crop {protocol.crop!r} (there are: none, {', '.join(CROPS)})")
    for row in rows:
        if row not in CONTROL_ROWS:
            raise UsageError(f"unknown control row {row!r} (there are: {', '.join(CONTROL_ROWS)})")
    metrics = {
        name: METRICS.get(name).settings(params) for name, params in protocol.metrics.items()
    }
    listens = any("wave" in METRICS.get(name).family.inputs for name in metrics)
    rows = tuple(
        row
        for row in CONTROL_ROWS
        if row in set(rows) and (listens or not BASELINES[row].other_sound)
    )
    return Plan(protocol, metrics, rows, front_ends, frozenset(given))


def _protocol(asked: Asked, given: Mapping[str, Any]) -> Protocol:
    """Complete the protocol with the user's choices, as far as what is given allows."""
    named = asked.protocol
    if named is None:
        named = protocols.DEFAULT if given["gt"] is not None else protocols.WITHOUT_TRUTH
    if isinstance(named, str):
        named = protocols.load(named)
    names = [asked.metrics] if isinstance(asked.metrics, str) else asked.metrics
    changed = protocols.change(named, metrics=names, settings=asked.settings, **asked.choices)
    there = [name for name, path in given.items() if path is not None]
    return protocols.fitting(changed, there, asked=names is not None)


def _parts(
    asked: Asked, root: Place, clips: list[ClipFiles[Place]]
) -> dict[str, dict[str, list[str]]]:
    """Clips of each stratum; :class:`UsageError` if nothing is known by which to part them."""
    by = [asked.by] if isinstance(asked.by, str) else list(asked.by)
    if not by and asked.columns is None:
        return {}
    if not by:
        raise UsageError(f"{asked.columns} is looked at by no column: give --by, too")
    known = parts.of_corpus(root) if asked.columns is None else parts.read(asked.columns)
    return parts.of_clips((files.clip for files in clips), known, by)


def _require_no_truth(rows: Sequence[str], choices: Mapping[str, Any]) -> None:
    """Raise :class:`UsageError` if something was chosen that is made of the ground truth."""
    if rows:
        raise UsageError(
            f"control rows ({', '.join(rows)}) are made of the ground truth: give --gt"
        )
    for name in protocols.POLICIES:
        if choices.get(name):
            raise UsageError(
                f"{name}={choices[name]} says what becomes of predictions that do not fit the "
                "ground truth: give --gt"
            )


def measure(files: ClipFiles[Place], plan: Plan) -> Measured:
    """Measure one clip; what of it lies at URLs is on this machine as long as that takes."""
    with remote.here(files.places) as found:
        gt = None if files.gt is None else found[files.gt]
        if isinstance(gt, Fault):
            return unscored(replace(gt, reason=f"ground truth: {gt.reason}"), files)
        preds = {method: found[place] for method, place in files.preds.items()}
        there = {method: path for method, path in preds.items() if isinstance(path, Path)}
        given = (
            None if place is None else place if isinstance(place, Fault) else found[place]
            for place in (files.audio, files.source, files.other)
        )
        measured = recoding.measure(ClipFiles(files.clip, gt, there, files.missing, *given), plan)
    for method, fault in preds.items():
        if isinstance(fault, Fault):
            measured.refuse(method, fault)
    measured.rejects = [
        replace(one, reason=remote.said(one.reason, found)) for one in measured.rejects
    ]
    return measured


def measured(files: ClipFiles[Place], plan: Plan, measure: Measure) -> Measured:
    """Measure one clip, whatever happens."""
    found = guarded(measure, files, plan, name=files.clip)
    return unscored(found, files) if isinstance(found, Fault) else found
