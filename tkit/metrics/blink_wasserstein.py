"""Distance of blink durations from the ground truth: Wasserstein, in seconds."""

from __future__ import annotations

from tkit.metrics import Stats
from tkit.metrics.blink import metric, some


def finish(stats: Stats) -> float:
    """Mean shift in seconds that turns one distribution into the other."""
    from scipy.stats import wasserstein_distance

    mine = some(stats["durations_s"], "was found")
    return float(
        wasserstein_distance(mine, some(stats["gt_durations_s"], "is in the ground truth"))
    )


METRIC = metric("blink-wasserstein", "Blink durations, Wasserstein distance", "s", "lower", finish)
