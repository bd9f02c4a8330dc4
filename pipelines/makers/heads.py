"""Measure how the heads of real speakers move, for ``tkit animate --pose auto``.

    python -m tkit.pipelines.makers.heads --data grid.h5 --out heads.toml

The poses of a store's training split are taken without the tremble of the tracker, in pieces of
three seconds; lists go through the parts of the movement (``head.PARTS``). **deviation** is that at
which the filtered noise of :class:`tkit.pipelines.animation.head.Sway` has the speakers' spectrum
from .33 to 2 Hz, each speaker counting alike. **lean** and **nod** are the correlations of roll
with the shift across, and of size with the shift down (those of the other pairs change their sign
in a mirror). **speaking** and **quiet**: how fast heads move between the first and the last word
and outside, over their mean. **speed** and **spectrum** hold the range of 95 % of the speakers, for
the test of what is generated.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from tkit.files import atomic_path
from tkit.parsing import toml_of
from tkit.pipelines.animation.head import deviation, filtered, head_moves, parts
from tkit.seeds import generator
from tkit.store import Store

PIECE_S = 3.0
BINS = slice(1, 13)  # of the spectrum: .33 to 4 Hz
FITTED = 6  # of them: above 2 Hz the tracker trembles more than heads move
# Corners of the noise's spectrum, chosen by eye on that of the speakers: below the first it is
# level, so that heads come back, above the others, of each part of the movement, it falls fast.
SLOW_HZ, FAST_HZ = [0.4] * 4, [2.0, 2.4, 3.0, 2.0]
TREMBLE = 3.0  # frames, deviation of the Gaussian that head_moves smooths by


def main(args: list[str] | None = None) -> None:
    """Measure and write the numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(args)
    with Store(given.data) as store, atomic_path(given.out) as temporary:
        heading = f"# python -m tkit.pipelines.makers.heads --data {given.data.name}\n"
        temporary.write_text(heading + toml_of(measure(store, given.split)), encoding="utf-8")


def measure(store: Store, split: str) -> dict[str, Any]:
    """Return the numbers, as the module says."""
    pieces: dict[str, list[np.ndarray]] = defaultdict(list)
    speeds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    words = store.words()
    fps = store.info.fps
    size = round(PIECE_S * fps)
    for row in store.select(split):
        points = store["points"][row.frames]
        for start in range(0, row.n_frames - size + 1, size):
            moved = parts(head_moves(points[start : start + size]))
            pieces[row.speaker].append(moved)
            spoken = [w for w in words.get(row.id, []) if w.text not in ("sil", "sp")]
            if spoken:
                time_s = (np.arange(start, start + size - 1) + 1) / fps
                within = (time_s > spoken[0].start_s) & (time_s < spoken[-1].end_s)
                speeds[row.speaker].append(_speeds(moved, within, fps))
    amplitudes = np.stack([spectrum(found) for found in pieces.values()])
    speed = np.stack([mean_speed(found, fps) for found in pieces.values()])
    spread = np.exp(np.log(amplitudes / noise_spectrum(fps))[:, :FITTED].mean(axis=(0, 1)))
    pairs = np.mean([np.mean([np.corrcoef(m.T) for m in p], 0) for p in pieces.values()], 0)
    speaking, quiet = np.mean([np.nanmean(found, 0) for found in speeds.values()], 0)
    low, high = (np.quantile(amplitudes, q, axis=0) for q in (0.025, 0.975))
    slow, fast = (np.quantile(speed, q, axis=0) for q in (0.025, 0.975))
    return {
        "speakers": len(pieces),
        "slow_hz": SLOW_HZ,
        "fast_hz": FAST_HZ,
        "lean": _short(pairs[0, 3]),
        "nod": _short(pairs[1, 2]),
        "speaking": _short(speaking),
        "quiet": _short(quiet),
        "deviation": _short(spread),
        "speed_low": _short(slow),
        "speed_high": _short(fast),
        "spectrum_low": _short(low),
        "spectrum_high": _short(high),
    }


def spectrum(pieces: list[np.ndarray]) -> np.ndarray:
    """Mean amplitude (12, 4) of pieces (T, 4) at .33 to 4 Hz."""
    window = np.hanning(len(pieces[0]))[:, None]
    power = [np.abs(np.fft.rfft((m - m.mean(0)) * window, axis=0)[BINS]) ** 2 for m in pieces]
    return np.sqrt(np.mean(power, axis=0))


def mean_speed(pieces: list[np.ndarray], fps: float) -> np.ndarray:
    """Root mean square of the speed (4,) a second, mean over pieces (T, 4)."""
    return np.mean([np.sqrt((np.diff(m, axis=0) ** 2).mean(0)) * fps for m in pieces], axis=0)


def noise_spectrum(fps: float) -> np.ndarray:
    """Amplitude (12, 4) of filtered noise of deviation 1, smoothed as tracked heads are."""
    size = round(PIECE_S * fps)
    poles = np.exp(-2 * np.pi * np.array([SLOW_HZ, FAST_HZ, FAST_HZ]) / fps)
    noise = generator(0, "heads").standard_normal((1000 * size, 4)) / deviation(poles)
    made = filtered(noise, poles, np.zeros_like(poles)).reshape(-1, size, 4)
    return spectrum(list(gaussian_filter1d(made, TREMBLE, axis=1, mode="nearest")))


def _speeds(moved: np.ndarray, within: np.ndarray, fps: float) -> tuple[float, float]:
    """Speed of the shift within and outside the words, over its mean; NaN where too short."""
    speed = np.hypot(*np.diff(moved[:, :2], axis=0).T) * fps
    parts = [speed[mask].mean() if mask.sum() > 10 else np.nan for mask in (within, ~within)]
    return parts[0] / speed.mean(), parts[1] / speed.mean()


def _short(values: Any) -> Any:
    """Numbers of three digits."""
    return np.vectorize(lambda value: float(f"{value:.3g}"))(values).tolist()


if __name__ == "__main__":
    main()
