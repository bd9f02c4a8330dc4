"""Blink duration: mean over blinks of the full width at half depth, pooled over the set."""

from __future__ import annotations

from tkit.metrics import Stats
from tkit.metrics.blink import metric, some


def finish(stats: Stats) -> float:
    """Mean duration in seconds."""
    return float(some(stats["durations_s"], "was found").mean())


METRIC = metric("blink-duration", "Blink duration", "s", "closer", finish)
