"""Blink depth: mean share of the open eye that blinks close, pooled over the set."""

from __future__ import annotations

from tkit.metrics import Stats
from tkit.metrics.blink import metric, some


def finish(stats: Stats) -> float:
    """Mean depth, 0 to 1."""
    return float(some(stats["depths"], "was found").mean())


METRIC = metric("blink-depth", "Blink depth", "", "closer", finish)
