"""Preparation of a corpus as large as GRID, without its media: memory, opening, random windows.

    python benchmarks/prep_scale.py --clips 33000

The corpus is empty files under real names, landmarks and features are random; everything else is
``tkit prep``: scan, parts, neutrals, store. Prints the largest memory of the process, the time to
open the store, and how many random windows of 16 feature rows a second come out of it, in sequences
of 25 frames from clips drawn at random.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from tkit import prep
from tkit.clips import Clip, Reject, atomic_path, generator
from tkit.corpora import grid
from tkit.store import Store
from tkit.windows import windows

N_FRAMES, N_ROWS = 75, 150
SEQUENCE = 25  # frames of a training sequence


def make_tree(root: Path, count: int) -> None:
    """Touch ``count`` files that GRID's recipe reads, over 33 speakers."""
    names = map("".join, itertools.product(*grid.GRAMMAR))
    speakers = [f"s{number}" for number in range(1, 35) if number != 21]
    for speaker in speakers:
        (root / speaker).mkdir(parents=True)
    for index, name in enumerate(itertools.islice(names, count)):
        (root / speakers[index % len(speakers)] / f"{name}.mpg").touch()


def stub(clip: Clip, path: Path, settings: prep.Settings) -> Reject | None:
    """Write a part with random points and features instead of decoding anything."""
    rng = generator(0, clip.id)
    points = FACE + rng.normal(0, 1, (N_FRAMES, 68, 2))
    dim = prep._encoder(settings.speech)[0].info.dim
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=33000)
    parser.add_argument("--sequences", type=int, default=2000)
    options = parser.parse_args()
    prep._make_part = stub
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder, "grid"), Path(folder, "x.h5")
        make_tree(root, options.clips)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = perf_counter()
        summary = prep.prepare("grid", root, out)
        seconds = perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{summary.clips} clips, {summary.frames} frames in {seconds:.0f} s without media")
        print(f"largest memory {after / 1024:.0f} MiB, {before / 1024:.0f} MiB before")
        read(out, options.sequences)


def read(path: Path, sequences: int) -> None:
    """Time opening the store, the first sequence and random ones."""
    start = perf_counter()
    with Store(path) as store:
        opened = perf_counter()
        encoder, rng = store.info.encoder, generator(0, "read")
        count = 0
        for number in range(sequences):
            row = store.clips[int(rng.integers(len(store.clips)))]
            cut = windows(
                store["speech"][row.rows],
                row.n_frames,
                fps=row.fps,
                rate_hz=encoder.rate_hz,
                offset_s=encoder.offset_s,
            )
            first = int(rng.integers(row.n_frames - SEQUENCE + 1))
            count += len(np.ascontiguousarray(cut[first : first + SEQUENCE]))
            if not number:
                begun = perf_counter()
    rate = count / (perf_counter() - opened)
    print(f"store: opened in {opened - start:.2f} s, first sequence {begun - opened:.3f} s later")
    print(f"{rate:.0f} random windows a second, in sequences of {SEQUENCE}")


if __name__ == "__main__":
    main()
