"""Blink completeness: share of blinks that close the eye at least by half."""

from __future__ import annotations

from tkit.face.blinks import CLOSED_DEPTH
from tkit.metrics import Stats
from tkit.metrics.blink import metric, some


def finish(stats: Stats) -> float:
    """Share of complete blinks, 0 to 1."""
    return float((some(stats["depths"], "was found") >= CLOSED_DEPTH).mean())


METRIC = metric("blink-completeness", "Complete blinks", "", "closer", finish)
