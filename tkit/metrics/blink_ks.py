"""Distance of blink durations from the ground truth: Kolmogorov-Smirnov statistic."""

from __future__ import annotations

from tkit.metrics import Stats
from tkit.metrics.blink import metric, some


def finish(stats: Stats) -> float:
    """Largest difference of the two cumulative distributions, 0 to 1."""
    from scipy.stats import ks_2samp

    mine = some(stats["durations_s"], "was found")
    return float(ks_2samp(mine, some(stats["gt_durations_s"], "is in the ground truth")).statistic)


METRIC = metric("blink-ks", "Blink durations, KS distance", "", "lower", finish)
