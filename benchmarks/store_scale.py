"""A store at scale: how quickly one of many clips, or of many shards, opens and is read.

    python benchmarks/store_scale.py                                        # as many clips as GRID
    python benchmarks/store_scale.py --clips 1000000 --shards 30 --frames 2 --people 150000

Writes stores of random faces and features into a temporary folder, joins them where they are
several, and prints a table with the goals that there are: processor seconds to open, memory that
stays taken, random windows of 16 feature rows a second in training sequences of 25 frames with
their displacement, and the way of the motion stage to its first batch. A few frames a clip leave
out what only takes room, so that the index of a million clips can be tried on a small disk;
sequences are then shorter, too.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import tempfile
from pathlib import Path
from time import process_time

import numpy as np

from tkit import store
from tkit.clips import Clip
from tkit.seeds import generator
from tkit.speech.windows import WINDOW, windows

FPS, RATE_HZ = 25.0, 50.0
SEQUENCE = 25  # frames of a training sequence
MAX_S = 10.0  # of one measurement
ENCODER = store.EncoderInfo("random", "1", "", 29, RATE_HZ, 0.01)  # as large as chars29
FACE = generator(0, "face").uniform(-1, 1, (68, 2))
FACE[36:42], FACE[42:48] = (-0.5, 0), (0.5, 0)


def write(path: Path, numbers: range, people: int, frames: int) -> None:
    """Write a store of clips; clip n is of speaker n modulo ``people``."""
    info = store.StoreInfo("grid", "unseen", "random68", "", FPS, WINDOW, ENCODER)
    rng = generator(0, path.name)
    turning = np.tile([[60.0, 0, 160], [0, 60, 110]], (frames, 1, 1))
    arrays = {
        "points": rng.normal(150, 40, (frames, 68, 2)),
        "displacement": rng.normal(0, 0.02, (frames, 68, 2)),
        "pose": turning,
        "valid": np.ones(frames, bool),
        "placed": np.zeros((frames, 68), bool),
        "speech": rng.normal(size=(round(frames / FPS * RATE_HZ), ENCODER.dim)),
    }
    speakers = {}
    with store.create(path, info) as writer:
        for number in numbers:
            speaker = f"p{number % people:06}"
            speakers[speaker] = FACE + 0.02 * generator(0, speaker).normal(size=(68, 2))
            clip = Clip(f"{speaker}/{number:07}", speaker, "x.mp4", text="bin blue at f two now")
            writer.add(clip, arrays, split="val" if number % 10 == 9 else "train", fps=FPS)
        writer.finish(speakers=speakers, canonical=FACE, rejects=[])


def resident_mb() -> float:
    """Memory of this process, in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def show(what: str, found: str, goal: str = "") -> None:
    """Print a row of the table."""
    print(f"{what:52}{found:>16}{goal:>14}", flush=True)


def read(path: Path) -> None:
    """Measure a store, or a manifest of shards."""
    size = sum(one.stat().st_size for one in path.parent.glob("*.h5"))
    show("GB on the disk", f"{size / 1e9:.2f}")
    before, start = resident_mb(), process_time()
    with store.open_store(path) as data:
        took = process_time() - start
        show("CPU seconds to open", f"{took:.2f}", "0.5" if len(data.clips) < 40_000 else "")
        grown = resident_mb() - before
        show("MB of memory for the index", f"{grown:.0f}")
        show("kB of memory a clip", f"{1e3 * grown / len(data.clips):.2f}")
        rate_of_windows(data)
        first_batch(data)


def rate_of_windows(data: store.Store) -> None:
    """Measure random windows, as the motion stage cuts them, with their displacement."""
    encoder, rng, count = data.info.encoder, generator(0, "read"), 0
    length, start = min(SEQUENCE, data.clips[0].n_frames), process_time()
    while process_time() < start + MAX_S:
        row = data.clips[int(rng.integers(len(data.clips)))]
        cut = windows(
            data["speech"][row.rows], row.n_frames, fps=row.fps, rate_hz=encoder.rate_hz,
            offset_s=encoder.offset_s,
        )  # fmt: skip
        first = int(rng.integers(row.n_frames - length + 1))
        frames = slice(row.frame_start + first, row.frame_start + first + length)
        count += len(np.ascontiguousarray(cut[first : first + length]))
        assert len(data["displacement"][frames]) == length  # noqa: S101
    rate = count / (process_time() - start)
    show(f"random windows a CPU second, {length} a draw", f"{rate:.0f}", "20000")


def first_batch(data: store.Store) -> None:
    """Measure the motion stage up to its first batch."""
    from tkit.pipelines.stages.motion import Config, work

    config = Config(sequence=min(SEQUENCE, data.clips[0].n_frames))
    start = process_time()
    work.batches(data, config, config.train_split)(0)
    show("CPU seconds to the first batch of motion", f"{process_time() - start:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=33000)
    parser.add_argument("--people", type=int, default=33)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--frames", type=int, default=75, help="of each clip")
    parser.add_argument("--folder", default=None, help="where to write; removed in the end")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        paths = [Path(folder, f"{shard:03}.h5") for shard in range(given.shards)]
        start = process_time()
        for shard, path in enumerate(paths):
            # Speakers, not clips, are dealt out: one is in one shard.
            people = range(shard, given.people, given.shards)
            mine = [n for one in people for n in range(one, given.clips, given.people)]
            write(path, mine, given.people, given.frames)
        about = f"{given.clips} clips of {given.people} speakers, {given.shards} file(s)"
        show(about, "found", "goal")
        show("CPU ms a clip to write", f"{1e3 * (process_time() - start) / given.clips:.2f}")
        path = paths[0]
        if given.shards > 1:
            path, start = Path(folder, "x.json"), process_time()
            store.join(paths, path).__exit__()
            show("CPU seconds to join", f"{process_time() - start:.2f}")
        # Anew, so that no memory that was freed before is taken for nothing.
        reader = multiprocessing.get_context("spawn").Process(target=read, args=(path,))
        reader.start()
        reader.join()


if __name__ == "__main__":
    main()
