"""What a preparation will take, from a few of its clips, before it starts.

Time and room grow with the bytes of the video files, where those are known, else with their number;
memory is that of the largest clip.
"""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from tkit.clips import Clip, Reject
from tkit.errors import CorpusError
from tkit.jobs import peak_bytes
from tkit.prep import assembly, parts
from tkit.prep.settings import Settings, encoder_of
from tkit.prep.sources import Source, choose_clips
from tkit.progress import track
from tkit.store import Store

# Arrays of a store that take room; /placed is packed to nearly nothing.
ROOM = ("points", "displacement", "pose", "valid", "speech", "crops", "crop_pose")
TIMED = 8  # clips, evenly spread; one more, the largest, goes first and loads the models


@dataclass(frozen=True)
class Estimate:
    """What a preparation takes, on this machine as it is now.

    Parameters
    ----------
    clips, timed : int
        In the corpus; prepared to find out.
    seconds : float
        From start to end.
    jobs : int
        Processes that work side by side.
    process_bytes : int
        Memory of each, at most; the one that starts them takes less.
    store_bytes, parts_bytes : int
        On the disk: the result, and what lies beside it until it is there.
    """

    clips: int
    timed: int
    seconds: float
    jobs: int
    process_bytes: int
    store_bytes: int
    parts_bytes: int

    def as_text(self) -> str:
        """Three lines for a terminal, and how they were found.

        Examples
        --------
        >>> print(Estimate(33000, 9, 6300.0, 2, 9 * 10**8, 21 * 10**8, 17 * 10**8).as_text())
        33000 clips, of which 9 were prepared to see
        time:   1 h 45 min with 2 processes, on this machine as busy as it is now
        memory: 0.9 GB for each process
        disk:   2.1 GB for the store, 1.7 GB beside it until it is there
        """
        minutes, seconds = divmod(round(self.seconds), 60)
        hours, rest = divmod(minutes, 60)
        time = f"{hours} h {rest} min" if hours else f"{minutes} min {seconds} s"
        processes = f"{self.jobs} processes" if self.jobs > 1 else "1 process"
        memory, store, beside = (
            f"{size / 1e9:.{1 if size > 1e8 else 3}f} GB"
            for size in (self.process_bytes, self.store_bytes, self.parts_bytes)
        )
        return (
            f"{self.clips} clips, of which {self.timed} were prepared to see\n"
            f"time:   {time} with {processes}, on this machine as busy as it is now\n"
            f"memory: {memory} for each process\n"
            f"disk:   {store} for the store, {beside} beside it until it is there"
        )


def estimate(
    source: Source, settings: Settings | None = None, *, jobs: int = 1, progress: bool = False
) -> Estimate:
    """Prepare a few clips of a corpus, keep nothing, and say what all of them will take.

    Parameters
    ----------
    source : Source
    settings : Settings, optional
    jobs : int
        Processes; those beyond the number of processors are not counted on.
    progress : bool
        Show it on stderr.

    Raises
    ------
    UsageError
        As :func:`tkit.prepare` does.
    CorpusError
        If there are no clips, or none of the few can be used.
    """
    settings, laps = settings or Settings(), [perf_counter()]
    source.check()
    settings.front_ends.check()
    encoder = encoder_of(settings)
    chosen = choose_clips(source)
    if not chosen.clips:
        raise CorpusError("there are no clips to prepare")
    sizes = _sizes(chosen.clips)
    largest = max(chosen.clips, key=lambda clip: sizes[clip.id])
    some = _spread([clip for clip in chosen.clips if clip != largest]) or [largest]
    laps.append(perf_counter())
    rejects: list[Reject | None] = []
    with tempfile.TemporaryDirectory() as folder:
        todo = [(clip, Path(folder, f"{i}.npz")) for i, clip in enumerate([largest, *some])]
        for clip, path in track(todo, len(todo), desc="estimate", unit="clip", show=progress):
            rejects.append(parts.make_part(clip, path, settings))
            laps.append(perf_counter())
        peak = round(peak_bytes() or 0)
        there = [(clip, path) for clip, path in todo[1:] if path.exists()]
        for _ in range(2):  # the first time something has to be loaded
            laps.append(perf_counter())
            assembly.assemble(
                Path(folder, "x.h5"),
                assembly.info_of(source.corpus, chosen.scheme, settings, encoder),
                assembly.usable(there)[0],
                [one for one in rejects if one],
                splits=chosen.splits,
                crop_size=settings.crops * settings.crop_size,
            )
        laps.append(perf_counter())
        part_bytes = sum(path.stat().st_size for _, path in there)
        store_bytes = _room(Path(folder, "x.h5"))
    scan_s, first_s, *each_s, _, _, store_s = np.diff(laps)
    timed = sum(sizes[clip.id] for clip in some)
    times = sum(sizes.values()) / timed
    load_s = max(first_s - sum(each_s) * sizes[largest.id] / timed, 0)
    side = min(jobs, os.cpu_count() or 1, len(chosen.clips))
    return Estimate(
        clips=len(chosen.clips),
        timed=len(todo),
        seconds=float(scan_s + load_s + times * (sum(each_s) / side + store_s)),
        jobs=jobs,
        process_bytes=peak,
        store_bytes=round(times * store_bytes),
        parts_bytes=round(times * part_bytes),
    )


def _room(path: Path) -> int:
    """Bytes of a store but for what fills up the last chunk of each array."""
    with Store(path) as store:
        arrays = [store[name] for name in ROOM if name in store]
        return sum(math.prod(array.shape) * array.dtype.itemsize for array in arrays)


def _sizes(clips: list[Clip]) -> dict[str, int]:
    """Bytes of each clip's video; 1 of all where one is not known, as at a URL."""
    try:
        return {clip.id: max(os.stat(clip.video).st_size, 1) for clip in clips}  # noqa: PTH116
    except OSError:
        return {clip.id: 1 for clip in clips}


def _spread(clips: list[Clip]) -> list[Clip]:
    """Some clips, evenly spread."""
    count = min(TIMED, len(clips))
    return [clips[(2 * index + 1) * len(clips) // (2 * count)] for index in range(count)]
