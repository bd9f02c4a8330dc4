"""Preparation at scale: a corpus as large as GRID without its media, and real clips in processes.

    python benchmarks/prep_scale.py --clips 33000 [--index grid_clips.tsv.gz]
    python benchmarks/prep_scale.py --root /data/grid --clips 300 [--speech chars29]

Without ``--root`` the corpus is empty files under real names (those of an index, a table with the
columns name and speaker, or the first of GRID's grammar), landmarks and features are random;
everything else is ``tkit prep``: scan, parts, neutrals, store. Prints the largest memory of the
process, the time to open the store, and how many random windows of 16 feature rows a second come
out of it, in training sequences of 25 frames and drawn one by one; and what training starts with:
the first batch of the motion stage, and its batches after it.

With ``--root`` the first clips of each speaker, repeated under new names where they are fewer, are
prepared by one process, with the processor time of each step and the memory after each quarter of
the clips, and by two; what ``--estimate`` says is compared. Two processes begin by loading what
the first one has loaded: what that takes, once, is measured on a clip each and told apart. A
preparation of all of GRID on two cores is extrapolated from the processor time, which depends on
what else the machine does by a fifth or so; the quotient of two processes counts for as much as
it was free.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import os
import resource
import tempfile
from collections import defaultdict
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from tkit import media, prep
from tkit.clips import Clip, Reject
from tkit.corpora import CORPORA, grid
from tkit.face import crops
from tkit.files import atomic_path
from tkit.prep import assembly, parts
from tkit.seeds import generator
from tkit.speech.windows import windows
from tkit.store import Store
from tkit.tracking import FrontEnds

N_FRAMES, N_ROWS = 75, 150
SEQUENCE = 25  # frames of a training sequence
MAX_S = 10.0  # of one measurement


def names_of(index: str, count: int) -> list[tuple[str, str]]:
    """Speaker and name of ``count`` clips: those of the index, or the grammar's first."""
    if index:
        with gzip.open(index, "rt", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            # There is no video of s21.
            found = [(row["speaker"], row["name"]) for row in rows if row["speaker"] != "s21"]
        return found[:count]
    speakers = itertools.cycle(f"s{number}" for number in range(1, 35) if number != 21)
    names = map("".join, itertools.product(*grid.GRAMMAR))
    return list(zip(speakers, itertools.islice(names, count), strict=False))


def make_tree(root: Path, names: list[tuple[str, str]]) -> None:
    """Touch files that GRID's recipe reads."""
    for speaker, name in names:
        (root / speaker).mkdir(parents=True, exist_ok=True)
        (root / speaker / f"{name}.mpg").touch()


def stub(clip: Clip, path: Path, settings: prep.Settings) -> Reject | None:
    """Write a part with random points and features instead of decoding anything."""
    rng = generator(0, clip.id)
    points = FACE + rng.normal(0, 1, (N_FRAMES, 68, 2))
    dim = parts.encoder(settings.speech, settings.speech_weights).info.dim
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            points=points.astype(np.float32),
            valid=np.ones(N_FRAMES, bool),
            speech=rng.normal(size=(N_ROWS, dim)).astype(np.float32),
            notes=np.array([], np.str_),
        )
    return None


FACE = generator(0, "face").uniform(100, 200, (68, 2))
FACE[36:42], FACE[42:48] = (120, 120), (180, 120)


def simulated(names: list[tuple[str, str]], folder: Path) -> None:
    """Prepare a corpus without media and read its store."""
    root, out = folder / "grid", folder / "x.h5"
    make_tree(root, names)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = perf_counter()
    summary = prep.prepare("grid", root, out)
    seconds = perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{summary.clips} clips, {summary.frames} frames in {seconds:.0f} s without media")
    print(f"largest memory {after / 1024:.0f} MiB, {before / 1024:.0f} MiB before")
    read(out)
    train(out)


def read(path: Path) -> None:
    """Time opening the store and random windows, in sequences and one by one."""
    start = perf_counter()
    with Store(path) as store:
        print(f"store: opened in {perf_counter() - start:.2f} s")
        for length in (SEQUENCE, 1):
            rng, count, start = generator(0, "read", str(length)), 0, perf_counter()
            while perf_counter() < start + MAX_S:
                row = store.clips[int(rng.integers(len(store.clips)))]
                first = int(rng.integers(row.n_frames - length + 1))
                count += len(np.ascontiguousarray(cut(store, row)[first : first + length]))
            rate = count / (perf_counter() - start)
            print(f"{rate:.0f} random windows a second, {length} from each clip drawn")


def cut(store: Store, row: Any) -> np.ndarray:
    """Windows (T, 16, D) of one clip, as the motion stage cuts them."""
    encoder = store.info.encoder
    return windows(
        store["speech"][row.rows],
        row.n_frames,
        fps=row.fps,
        rate_hz=encoder.rate_hz,
        offset_s=encoder.offset_s,
    )


def train(path: Path) -> None:
    """Time the motion stage's way to its first batch, and the batches after it."""
    from tkit.pipelines.stages.motion import Config, work

    config = Config()
    start = perf_counter()
    with Store(path) as store:
        draw = work.batches(store, config, config.train_split)
        draw(0)
        print(f"motion: first batch {perf_counter() - start:.2f} s after opening the store")
        start, step = perf_counter(), 0
        while perf_counter() < start + MAX_S:
            step += 1
            draw(step)
        rate = step * config.batch_size * config.sequence / (perf_counter() - start)
        print(f"motion: {rate:.0f} windows a second with their displacement, in {step} batches")
        start = perf_counter()
        work.nets(store, config)
        print(f"motion: statistics of the training split in {perf_counter() - start:.1f} s, once")


GRID_CLIPS, CORES = 33_000, 2


def real(root: str, clips: int, settings: prep.Settings, folder: Path) -> None:
    """Prepare real clips by one process, step by step, and by two."""
    tree = folder / "grid"
    link(root, clips, tree)
    said = prep.estimate(prep.Source("grid", tree), settings)
    spent, make = timed_steps(), parts.make_part
    memory = watched_memory()
    before = perf_counter(), processor_s()
    summary = prep.prepare("grid", tree, folder / "1.h5", settings=settings)
    one_s, one_cpu_s = perf_counter() - before[0], processor_s() - before[1]
    spent["all"] = one_cpu_s
    print(f"--jobs 1: {summary.clips} clips, {summary.frames} frames, {one_cpu_s:.0f} CPU s")
    store_s = spent["store"]
    show(spent, summary.frames)
    quarters = [memory[len(memory) * part // 4 - 1] / 1e6 for part in (1, 2, 3, 4)]
    told = " ".join(f"{size:.0f}" for size in quarters)
    parts.make_part = make
    print(f"memory of the process after each quarter of the clips: {told} MB (goal: flat, 1200)")
    for what, found, truth in (
        ("seconds", said.seconds, one_s),
        ("memory", said.process_bytes, peak_bytes()),
        ("store", said.store_bytes, (folder / "1.h5").stat().st_size),
    ):
        print(f"--estimate of {said.timed} clips said {found / truth:.2f} times the {what}")
    few = folder / "few"
    link(root, CORES, few)
    start_s, start_cpu_s = cost(few, folder / "few.h5", settings)
    two_s, two_cpu_s = cost(tree, folder / "2.h5", settings)
    same = (folder / "1.h5").read_bytes() == (folder / "2.h5").read_bytes()
    print(f"--jobs 2: {two_cpu_s:.0f} CPU s; the same bytes: {same}")
    print(f"  {start_cpu_s:.1f} of them, {start_s:.1f} s on the wall, to begin, with a clip each")
    load, clips = os.getloadavg()[0], summary.clips
    each_s, each_cpu_s = (
        (whole - start) / (clips - CORES)
        for whole, start in ((two_s, start_s), (two_cpu_s, start_cpu_s))
    )
    print(
        f"  on the wall {one_s / two_s:.2f} times as fast, {one_s / clips / each_s:.2f} times once "
        f"they have begun, at a load of {load:.1f} (goal 1.85)"
    )
    # What is done side by side may cost more there; what one process does is done by one.
    free_s = (each_cpu_s - store_s / clips) / CORES + store_s / clips
    print(f"  on {CORES} free cores {one_cpu_s / clips / free_s:.2f} times as fast, by CPU seconds")
    hours = (GRID_CLIPS * free_s + start_s) / 3600
    print(f"{GRID_CLIPS} clips on {CORES} free cores: {hours:.2f} h (goal 1.8)")


def cost(tree: Path, out: Path, settings: prep.Settings) -> tuple[float, float]:
    """Seconds on the wall and of processors that two processes take for a preparation."""
    before = perf_counter(), processor_s()
    prep.prepare("grid", tree, out, settings=settings, jobs=CORES)
    return perf_counter() - before[0], processor_s() - before[1]


def link(root: str, count: int, tree: Path) -> None:
    """Make a GRID of links to some clips, taken in turns from the speakers, over and over."""
    by_speaker: dict[str, list[Clip]] = defaultdict(list)
    for clip in CORPORA.get("grid").scan(Path(root)):
        if isinstance(clip, Clip):
            by_speaker[clip.speaker].append(clip)
    turns = itertools.zip_longest(*by_speaker.values())
    chosen = [clip for turn in turns for clip in turn if clip]
    names = (name for _, name in names_of("", count))
    for clip, name in zip(itertools.cycle(chosen), names, strict=False):
        path = tree / clip.speaker / f"{name}.mpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(Path(clip.video).absolute())


def processor_s() -> float:
    """Processor time of this process and of those that it started and that ended."""
    return sum(os.times()[:4])


def peak_bytes() -> int:
    """Most memory that this process has had."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def watched_memory() -> list[int]:
    """Return a list to which every clip that this process prepares adds its memory, in bytes."""
    taken: list[int] = []
    make = parts.make_part

    def make_and_look(*call: Any) -> Any:
        done = make(*call)
        taken.append(4096 * int(Path("/proc/self/statm").read_text().split()[1]))
        return done

    parts.make_part = make_and_look
    return taken


def timed_steps() -> dict[str, float]:
    """Make the steps of prep in this process add up their CPU time; returns the sums."""
    spent: dict[str, float] = defaultdict(float)
    steps = {
        "decode": (media, "read_clip"),
        "points": (parts, "track_clip"),
        "crops": (crops, "cut_all"),
        "part": (np, "savez"),
        "store": (assembly, "assemble"),
    }
    for name, (module, attribute) in steps.items():
        setattr(module, attribute, timed(name, getattr(module, attribute), spent))
    parts.encoder = timed_result("speech", timed("load models", parts.encoder, spent), spent)
    FrontEnds.track = timed("load models", FrontEnds.track, spent)
    return spent


def timed_result(name: str, function: Any, spent: dict[str, float]) -> Any:
    """Return ``function``, adding the CPU time of what it returns to ``spent[name]``."""
    return lambda *arguments: timed(name, function(*arguments), spent)


def timed(name: str, function: Any, spent: dict[str, float]) -> Any:
    """Return ``function``, adding the CPU time of its calls to ``spent[name]``."""

    def call(*arguments: Any, **named: Any) -> Any:
        start = process_time()
        try:
            return function(*arguments, **named)
        finally:
            spent[name] += process_time() - start

    return call


def show(spent: dict[str, float], n_frames: int) -> None:
    """Print the CPU time of every step a frame, and that of the rest."""
    whole = spent.pop("all")
    rows = {**spent, "other": whole - sum(spent.values()), "all": whole}
    for name, seconds in rows.items():
        print(f"  {name:12}{1000 * seconds / n_frames:8.2f} ms a frame{seconds / whole:8.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=33000)
    parser.add_argument("--index", default="", help="names of the clips, a .tsv.gz")
    parser.add_argument("--root", default="", help="GRID on disk: prepare real clips")
    parser.add_argument("--speech", default="logmel")
    parser.add_argument("--crops", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.root:
            settings = prep.Settings(speech=options.speech, crops=options.crops)
            real(options.root, options.clips, settings, Path(folder))
        else:
            parts.make_part = stub
            simulated(names_of(options.index, options.clips), Path(folder))


if __name__ == "__main__":
    main()
