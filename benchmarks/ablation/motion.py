"""What in the motion stage pays: equal short trainings, one table with intervals.

    python benchmarks/ablation/motion.py --grid /data/grid --store grid.h5 --store grid29.h5 \\
        --steps 400 --out runs/ablation

The stores are of the same clips with different speech features; the first is the base. Each row but
*released* is trained for the same number of steps on the training split and measured on ``val``:

* *released*: the weights in the zoo, if they are of the first store's features;
* *paper*: the experiment paper-motion; *defaults*: those of ``tkit train motion``;
* *no PCA start*, *no temporal loss*, *no width loss*, *no picture*: the defaults without it;
* *defaults, NAME*: the defaults on the features of another store.

**lmd/static**, **lmd/mean**: mouth distance beside that of the neutral and of the mean mouth;
**corr**: correlation of the mouth opening. With ``--grid`` the sound of the clips is heard again
with **noise** at 10 dB (white, pink and eight babbling speakers; mean) and in **voices** a tenth
higher and lower (played faster and slower). Intervals of 95 % are over speakers.

Runs that are finished in ``--out`` are not trained again; an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from tkit import media
from tkit.clips import Clip
from tkit.corpora import grid
from tkit.errors import TkitError
from tkit.files import atomic_path
from tkit.pipelines.stages import motion
from tkit.pipelines.stages.motion import augment, evaluation, work
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import loop, runs
from tkit.scoring import statistics
from tkit.seeds import generator
from tkit.speech import ENCODERS
from tkit.store import Row, Store

NOISE_DB = 10.0
VOICES = (10, 11), (10, 9)  # up, down: a tenth slower and faster
BABBLERS = 8
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": configs.read_values("paper-motion"),
    "defaults": {},
    "no PCA start": {"pca_init": False},
    "no temporal loss": {"temporal_weight": 0.0},
    "no width loss": {"width_weight": 0.0},
    "no picture": {"waits": False},
}
Table = dict[str, list[float]]


def main() -> None:
    """Train what is missing, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, action="append", required=True)
    parser.add_argument("--grid", type=Path, help="the corpus, for noise and other voices")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    args = parser.parse_args()
    results = {}
    for name, path, trained in rows(args):
        with Store(path) as store:
            results[name] = summary(measure(trained, store, args.grid))
        print(line(name, results[name]), flush=True)
    with atomic_path(args.out / "motion.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2))
    print("\n".join(["", *table(results)]))


def rows(args: argparse.Namespace) -> Iterator[tuple[str, Path, runs.Trained]]:
    """Yield the rows: name, store, trained stage."""
    with Store(args.store[0]) as store:
        released = runs.load("motion", "motion")
        try:
            released.require_encoder(store.info.encoder, where="the store")
            yield "released", args.store[0], released
        except TkitError as error:
            print(f"no row for the released weights: {error}")
    for name, values in VARIANTS.items():
        yield name, args.store[0], train(name, values, args.store[0], args)
    for path in args.store[1:]:
        with Store(path) as store:
            name = f"defaults, {store.info.encoder.name}"
        yield name, path, train(name, {}, path, args)


def train(name: str, values: dict[str, Any], path: Path, args: argparse.Namespace) -> runs.Trained:
    """Train one row, or go on with it, or load it if it is finished."""
    config = configs.make(
        motion.Config, values | {"steps": args.steps, "threads": args.threads, "device": "cpu"}
    )
    with Store(path) as store:
        return loop.finish(
            "motion", config, store, args.out / name.replace(" ", "-").replace(",", "")
        )


# -- measuring --------------------------------------------------------------------------------


def measure(trained: runs.Trained, store: Store, corpus: Path | None) -> dict[str, Table]:
    """Measure every val clip: speaker to columns, one number a clip (``noise``: a kind)."""
    module, info = trained.weights.module, store.info.encoder
    words, found = store.words(), {}
    sounds = dict(hearings(store, corpus)) if corpus else {}
    for row in store.select("val"):
        clean = work.measure_clip(module, store, row, words.get(row.id, []))
        columns = found.setdefault(row.speaker, {})
        for key in ("lmd", "lmd_static", "lmd_mean_pose", "opening_corr"):
            columns.setdefault(key, []).append(float(clean[key]))
        for kind, (features, n_frames) in sounds.get(row.id, {}).items():
            moved = work.predict(
                module, features, n_frames,
                fps=row.fps, encoder=info, picture=work.first_frame(store, row),
            )  # fmt: skip
            lmd = distance(store, row, module, augment.at_speed(moved, row.n_frames))
            columns.setdefault(kind, []).append(lmd)
    return found


def distance(store: Store, row: Row, module: Any, moved: np.ndarray) -> float:
    """Mean mouth distance of predicted displacement on one clip."""
    pred = work.on_clip(module, store, row, moved)
    gt = store["points"][row.frames].astype(np.float64)
    return float(evaluation.distance(pred=pred, gt=gt).mean())


def hearings(store: Store, corpus: Path) -> Iterator[tuple[str, dict[str, tuple[np.ndarray, int]]]]:
    """Features and number of frames of each val clip, with noise and in other voices."""
    encode, rate = ENCODERS.get(store.info.encoder.name).load(), ENCODERS.get(
        store.info.encoder.name
    ).sample_rate  # fmt: skip
    clips = {clip.id: clip for clip in grid.CORPUS.scan(corpus) if isinstance(clip, Clip)}

    def wave_of(row: Row) -> np.ndarray:
        decoded = media.read_clip(clips[row.id].video, clips[row.id].audio, sample_rate=rate)
        return decoded.wave[: round(decoded.duration_s * rate)]

    training = store.select("train")
    chosen = generator(0, "babble").choice(len(training), BABBLERS, replace=False)
    babble = [np.resize(wave_of(training[i]), 5 * rate) for i in chosen]
    for row in store.select("val"):
        wave, rng = wave_of(row), generator(0, "noise", row.id)
        white = rng.standard_normal(len(wave))
        spectrum = np.fft.rfft(rng.standard_normal(len(wave)))
        pink = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), len(wave))
        talk = np.resize(sum(one / one.std() for one in babble), len(wave))
        found = {}
        for kind, noise in (("white", white), ("pink", pink), ("babble", talk)):
            level = wave.std() * 10 ** (-NOISE_DB / 20) / noise.std()
            found[kind] = encode((wave + level * noise).astype(np.float32)), row.n_frames
        for up, down in VOICES:
            other = resample_poly(wave, up, down).astype(np.float32)
            found[f"voice {down / up:.2f}"] = encode(other), round(row.n_frames * up / down)
        yield row.id, found


# -- the table --------------------------------------------------------------------------------


def summary(found: dict[str, Table]) -> dict[str, list[float]]:
    """Value and 95 % interval over speakers of each column of the table."""
    names = sorted(found)
    clips = np.array([len(found[name]["lmd"]) for name in names], np.float64)

    def pooled(kept: list[str], *columns: str) -> float:
        return float(np.mean([v for name in kept for key in columns for v in found[name][key]]))

    def cell(score: Callable[[list[str]], float]) -> list[float]:
        value, left_out = score(names), [score([n for n in names if n != out]) for out in names]
        ends = statistics.interval(np.asarray(value), np.array(left_out), clips / clips.sum())
        return [value, *map(float, ends)]

    noises, voices = ["white", "pink", "babble"], [f"voice {down / up:.2f}" for up, down in VOICES]
    heard = "white" in found[names[0]]
    ratios = {
        "lmd/static": ((["lmd"]), ["lmd_static"]),
        "lmd/mean": (["lmd"], ["lmd_mean_pose"]),
        **({"noise/clean": (noises, ["lmd"]), "voices/clean": (voices, ["lmd"])} if heard else {}),
    }
    result = {
        key: cell(lambda kept, of=of, to=to: pooled(kept, *of) / pooled(kept, *to))
        for key, (of, to) in ratios.items()
    }
    return result | {"corr": cell(lambda kept: pooled(kept, "opening_corr"))}


def line(name: str, row: dict[str, list[float]]) -> str:
    """One row as Markdown."""
    cells = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in row.values()]
    return f"| {name} | {' | '.join(cells)} |"


def table(results: dict[str, dict[str, list[float]]]) -> Iterator[str]:
    """All rows as Markdown."""
    columns = list(next(iter(results.values())))
    yield f"| row | {' | '.join(columns)} |"
    yield "|---|" + "---:|" * len(columns)
    for name, row in results.items():
        yield line(name, row)


if __name__ == "__main__":
    main()
