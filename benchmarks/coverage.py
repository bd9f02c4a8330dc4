"""What the intervals of scores cover, and how often paired tests err, by simulation.

    python benchmarks/coverage.py

Three tables, by the number of speakers; each entry is of 10,000 sets of clips, with its standard
error, and comes from the functions that ``tkit score`` calls:

* **coverage** of the 95 % interval: the share of sets whose interval holds the true value. Speakers
  are drawn anew in each set, their effects normal, log-normal (sigma .5) or, as counts of blinks,
  Poisson. All have 10 clips, or from 1 to 100 (log-uniform). *mean*: mean over clips; *pooled*: a
  ratio of sums (depth over blinks; blinks over seconds). Five blinks are expected of the average
  speaker; *of each* speaker in the rows that say so. Sets with fewer than five a speaker get no
  interval, as in ``tkit score``; the share that gets one stands behind it where it is not all.
* **width**: its median, in standard deviations of speakers' means.
* **level** of the paired test: the share of sets with p <= .05 where the two methods may be
  exchanged, which is what the test supposes. The *skewed* rows break it: one method's differences
  from the other are log-normal about a mean of 0.

What falls short is named at the end.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tkit.scoring import statistics

if (
    __name__ == "coverage"
):  # numba looks for the package of this name, from a script beside this one
    raise ImportError("benchmarks/coverage.py is not the package coverage")

SPEAKERS = (2, 3, 4, 6, 10, 20, 40)
GOAL = 0.93  # of the coverage
EVENTS = 5.0  # blinks expected of a speaker
NOISE = 0.5  # of a clip, in standard deviations of speakers
CHUNK = 500  # sets whose sign flips are held at once
POPULATIONS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "log-normal": lambda rng, shape: np.exp(0.5 * rng.normal(size=shape)) - np.exp(0.125),
}


@dataclass(frozen=True)
class Sets:
    """Sets of clips of speakers, and the value that an interval should hold.

    Parameters
    ----------
    sums, counts : ndarray (R, S)
        Of each speaker: the score is the ratio of their totals.
    weights : ndarray (R, S)
        Share of each speaker in what the score is a mean over.
    truth : float
    events : ndarray (R, S), optional
        Blinks, where few of them allow no interval.
    """

    sums: np.ndarray
    counts: np.ndarray
    weights: np.ndarray
    truth: float
    events: np.ndarray | None = None


@dataclass
class Row:
    """One row of a table: an entry for each number of speakers."""

    name: str
    values: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)


def clips(rng: np.random.Generator, shape: tuple[int, int], unequal: bool) -> np.ndarray:
    """Number of clips of each speaker, (R, S)."""
    if not unequal:
        return np.full(shape, 10.0)
    return np.round(np.exp(rng.uniform(0, np.log(100), shape)))


def effects(rng: np.random.Generator, population: str, counts: np.ndarray) -> np.ndarray:
    """Mean score of each speaker's clips about 0, (R, S): the speaker, and the clips' own noise."""
    found = POPULATIONS[population](rng, counts.shape)
    spread = 1.0 if population == "normal" else np.sqrt(np.exp(0.5) - np.exp(0.25))
    return found + NOISE * spread * rng.normal(size=counts.shape) / np.sqrt(counts)


def means(rng: np.random.Generator, population: str, counts: np.ndarray) -> Sets:
    """A metric whose score of a set is the mean over clips."""
    weights = counts / counts.sum(-1, keepdims=True)
    if population in POPULATIONS:
        return Sets(counts * effects(rng, population, counts), counts, weights, 0.0)
    expected = _expected(population, counts, weights)
    blinks = rng.poisson(expected * counts).astype(float)
    # The true rate differs between sets, so each is given in shares of it.
    return Sets(blinks / expected, counts, weights, 1.0)


def pooled(rng: np.random.Generator, population: str, counts: np.ndarray) -> Sets:
    """A metric whose score of a set is a ratio of sums: per blink, or blinks per second."""
    weights = counts / counts.sum(-1, keepdims=True)
    expected = _expected(population, counts, weights)
    if population in POPULATIONS:
        blinks = rng.poisson(expected * counts).astype(float)
        weights = blinks / np.maximum(blinks.sum(-1, keepdims=True), 1)
        return Sets(blinks * effects(rng, population, counts), blinks, weights, 0.0, blinks)
    # Clips are of two to four seconds, and frames are what weighs a speaker.
    seconds = counts * 3 + rng.uniform(-1, 1, counts.shape) * np.sqrt(counts)
    weights = seconds / seconds.sum(-1, keepdims=True)
    blinks = rng.poisson(expected * seconds / 3).astype(float)
    return Sets(blinks / expected, seconds / 3, weights, 1.0, blinks)


def _expected(population: str, counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Blinks expected in a clip, (R, 1)."""
    fewest = counts.min(-1) if "of each" in population else counts.mean(-1)
    return EVENTS / fewest[:, None]


def cover(sets: Sets) -> tuple[float, float, float]:
    """Coverage, the share of sets that have an interval, and its median width."""
    n_speakers = sets.sums.shape[-1]
    if n_speakers < statistics.MIN_SPEAKERS:
        return np.nan, 0.0, np.nan
    rest = sets.counts.sum(-1, keepdims=True) - sets.counts
    given = (rest > 0).all(-1)  # a ratio without a speaker that has all blinks is unknown
    if sets.events is not None:
        given &= sets.events.sum(-1) >= statistics.MIN_EVENTS * n_speakers
    sums, counts, weights = (x[given] for x in (sets.sums, sets.counts, sets.weights))
    value = sums.sum(-1) / counts.sum(-1)
    low, high = statistics.interval(value, statistics.without_each(sums, counts), weights)
    covered = ((low <= sets.truth) & (sets.truth <= high)).mean()
    spread = np.nanstd(sums / np.where(counts > 0, counts, np.nan))
    return float(covered), float(given.mean()), float(np.median(high - low) / spread)


def errs(rng: np.random.Generator, population: str, counts: np.ndarray) -> float:
    """Share of sets in which methods that are the same are told apart with p <= .05."""
    if statistics.least_p(counts.shape[-1]) > statistics.ALPHA:
        return np.nan
    if population == "skewed":
        difference = effects(rng, "log-normal", counts)
    elif population in POPULATIONS:
        difference = effects(rng, population, counts) - effects(rng, population, counts)
    else:
        expected = _expected(population, counts, counts)
        ones, others = (rng.poisson(expected * counts) for _ in range(2))
        difference = (ones - others) / counts
    parts = np.array_split(counts * difference, max(len(counts) // CHUNK, 1))
    p = np.concatenate([statistics.sign_flip_p(part) for part in parts])
    return float((p <= statistics.ALPHA).mean())


def tables(runs: int, speakers: tuple[int, ...]) -> tuple[list[Row], list[Row]]:
    """Rows of coverage, and of the test's level."""
    covers, levels = [], []
    populations = (*POPULATIONS, "Poisson", "Poisson of each")
    for kind, draw in (("mean", means), ("pooled", pooled)):
        for unequal in (False, True):
            for place, population in enumerate(populations[: 4 if unequal else 3]):
                row = Row(f"{kind}, {'1-100' if unequal else '10'} clips, {population}")
                for n in speakers:
                    rng = np.random.default_rng([n, place, unequal, kind == "mean"])
                    sets = draw(rng, population, clips(rng, (runs, n), unequal))
                    for values, found in zip(
                        (row.values, row.shares, row.widths), cover(sets), strict=True
                    ):
                        values.append(found)
                covers.append(row)
    for unequal in (False, True):
        for place, population in enumerate((*POPULATIONS, "Poisson", "skewed")):
            row = Row(f"{'1-100' if unequal else '10'} clips, {population}")
            for n in speakers:
                rng = np.random.default_rng([n, place, unequal, 2])
                row.values.append(errs(rng, population, clips(rng, (runs, n), unequal)))
            levels.append(row)
    return covers, levels


def show(rows: list[Row], runs: int, speakers: tuple[int, ...], title: str) -> Iterator[str]:
    """Lines of one table; an entry is a share with its standard error."""
    yield f"{title:<36}" + "".join(f"{n:>18}" for n in speakers)
    for row in rows:
        entries = []
        for value, share in zip(row.values, row.shares or [1.0] * len(row.values), strict=True):
            of = f" ({share:.0%})" if 0 < share < 0.995 else ""
            error = np.sqrt(value * (1 - value) / max(runs * share, 1))
            entries.append("none" if np.isnan(value) else f"{value:.3f}±{error:.3f}{of}")
        yield f"{row.name:<36}" + "".join(f"{entry:>18}" for entry in entries)


def short(covers: list[Row], levels: list[Row], runs: int, speakers: tuple[int, ...]) -> list[str]:
    """What misses its goal: coverage of .93; a level of .05, by more than two standard errors."""
    found = []
    for row in covers:
        for n, value in zip(speakers, row.values, strict=True):
            if value < GOAL:
                found.append(f"{row.name}, {n} speakers: covers {value:.3f}")
    for row in levels:
        for n, value in zip(speakers, row.values, strict=True):
            if value > statistics.ALPHA + 2 * np.sqrt(0.05 * 0.95 / runs):
                found.append(f"{row.name}, {n} speakers: errs in {value:.3f}")
    return found


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000, help="sets of clips an entry")
    parser.add_argument("--speakers", type=int, nargs="+", default=SPEAKERS)
    args = parser.parse_args()
    start, speakers = time.perf_counter(), tuple(args.speakers)
    covers, levels = tables(args.runs, speakers)
    print(*show(covers, args.runs, speakers, "coverage; speakers:"), "", sep="\n")
    print(f"{'width; speakers:':<36}" + "".join(f"{n:>18}" for n in speakers))
    for row in covers:
        print(f"{row.name:<36}" + "".join(f"{width:>18.2f}" for width in row.widths))
    print("", *show(levels, args.runs, speakers, "level; speakers:"), "", sep="\n")
    print("falls short:", *(short(covers, levels, args.runs, speakers) or ["nothing"]), sep="\n  ")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
