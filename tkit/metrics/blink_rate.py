"""Blink rate: blinks over observed seconds, pooled over the set."""

from __future__ import annotations

from tkit.metrics import Stats
from tkit.metrics.blink import metric


def finish(stats: Stats) -> float:
    """Blinks a second."""
    return stats["blinks"] / stats["seconds"]


METRIC = metric("blink-rate", "Blink rate", "1/s", "closer", finish)
