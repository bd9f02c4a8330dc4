"""What a run will cost: time and memory, from a few of its clips measured as the run would."""

from __future__ import annotations

import math
import os
import pickle
import socket
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tkit import jobs as parallel
from tkit import remote
from tkit.errors import Fault
from tkit.progress import track
from tkit.remote import Place
from tkit.scoring.cache import Measure, is_kept
from tkit.scoring.measuring import Plan
from tkit.scoring.pairing import ClipFiles
from tkit.scoring.task import Asked, measured, prepared

A_PROCESS = 3  # clips that are measured, one of them to get started
LEAST = 4
COPIES = 2  # of all statistics, while they are summed up


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Parameters
    ----------
    n_clips : int
        Clips that are to be measured; those that are kept already are not.
    n_measured : int
        Of them, how many the estimate was made of.
    n_processes : int
    seconds : float
        Of the whole run, on this machine as busy as it is now.
    clip_s : float
        Of one clip in one process.
    bytes : float or None
        Most memory of all processes together; None where the system does not tell.
    note : str
        What is not in it.
    """

    n_clips: int
    n_measured: int
    n_processes: int
    seconds: float
    clip_s: float
    bytes: float | None
    note: str = ""

    def __str__(self) -> str:
        """Say it in a line or two."""
        if not self.n_clips:
            return "nothing is to be measured: every clip is kept already"
        many = self.n_processes > 1
        where = f"{self.n_processes} processes" if many else "one process"
        memory = "" if self.bytes is None else f", {self.bytes / 1e9:.1f} GB of memory"
        text = (
            f"{self.n_clips} clips in {where}: about {_time(self.seconds)}{memory} "
            f"({self.clip_s:.2g} s a clip; {self.n_measured} were measured)"
        )
        return "\n".join(filter(None, [text, self.note]))


def _time(seconds: float) -> str:
    """A time in words, to two digits.

    Examples
    --------
    >>> _time(42), _time(750), _time(10_000)
    ('42 s', '12 min', '2.8 h')
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{max(seconds, 1):.2g} s"


@dataclass(frozen=True)
class _Cost:
    """One clip: in which process, how long, what that process has needed, what is kept of it."""

    process: tuple[str, int]
    seconds: float
    peak_bytes: float | None
    result_bytes: int


def estimate(
    preds: Mapping[str, str | Path] | str | Path,
    gt: str | Path | None = None,
    *,
    jobs: int = 1,
    cluster: str = "",
    progress: bool = False,
    **asked: Any,
) -> Estimate:
    """Measure a few clips, small and large ones, and say what the whole run will cost.

    Takes what :func:`tkit.scoring.score` takes, and raises as that does. With ``resume`` the clips
    that are measured are kept.
    """
    own = {name: asked.pop(name) for name in list(asked) if name in Asked.__dataclass_fields__}
    task = prepared(preds, gt, Asked(**own, choices=asked))
    folder = own.get("resume")
    todo = [
        files
        for files in task.clips
        if not (folder and is_kept(files, task.plan, remote.place_of(folder)))
    ]
    calls = [(files, task.plan, task.measure) for files in _some(todo, A_PROCESS * jobs)]
    start = time.monotonic()
    done = parallel.run(_cost, calls, jobs=jobs, cluster=cluster, lost=_lost)
    costs = list(track(done, len(calls), desc="estimate", unit="clip", show=progress))
    took_s = time.monotonic() - start
    return _summed(costs, len(todo), took_s, note=note_of(task.plan))


def _some(clips: list[ClipFiles[Place]], number: int) -> list[ClipFiles[Place]]:
    """As many clips as are wanted, from the smallest to the largest, the middle one first."""
    number = min(max(number, LEAST), len(clips))
    ordered = sorted(clips, key=lambda files: sum(map(remote.size, files.preds.values())))
    chosen = [ordered[round((i + 0.5) * len(ordered) / number - 0.5)] for i in range(number)]
    middle = chosen.pop(len(chosen) // 2) if chosen else None
    return [middle, *chosen] if middle else []


def _cost(files: ClipFiles[Place], plan: Plan, measure: Measure) -> _Cost:
    """Measure one clip, and say what that took; runs in the process that a clip is measured in."""
    start = time.perf_counter()
    found = measured(files, plan, measure)
    seconds = time.perf_counter() - start
    process = socket.gethostname(), os.getpid()
    return _Cost(process, seconds, parallel.peak_bytes(), len(pickle.dumps(found)))


def _lost(fault: Fault, *_: Any) -> _Cost:
    return _Cost(("", 0), math.nan, None, 0)


def _summed(costs: list[_Cost], n_clips: int, took_s: float, *, note: str) -> Estimate:
    by_process: dict[tuple[str, int], list[_Cost]] = defaultdict(list)
    for cost in costs:
        if not math.isnan(cost.seconds):
            by_process[cost.process].append(cost)
    n_processes = max(len(by_process), 1)
    # The first clip of a process pays for its start: models, compiled code, caches.
    later = [cost.seconds for found in by_process.values() for cost in found[1:]]
    every = [cost.seconds for found in by_process.values() for cost in found]
    clip_s = sum(later or every) / max(len(later or every), 1)
    left = max(n_clips - len(costs), 0)
    seconds = took_s + left * clip_s / n_processes if n_clips else 0.0
    peaks = [max((c.peak_bytes or 0) for c in found) for found in by_process.values()]
    memory: float | None = None
    if peaks and all(peaks):
        kept = COPIES * n_clips * sum(c.result_bytes for c in costs) / len(costs)
        here = parallel.peak_bytes() or 0.0
        is_here = (socket.gethostname(), os.getpid()) in by_process
        memory = sum(peaks) + kept + (0.0 if is_here else here)
    return Estimate(n_clips, len(costs), n_processes, seconds, clip_s, memory, note)


def note_of(plan: Plan) -> str:
    """What is not in the estimate."""
    slow = [name for name, entry in plan.entries.items() if entry.score.without]
    if not slow:
        return ""
    return f"without the distances of whole sets ({', '.join(slow)}): minutes for each row"
