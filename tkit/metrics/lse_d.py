"""LSE-D: least distance of SyncNet's lip and sound embeddings over all offsets."""

from __future__ import annotations

from tkit.metrics import Stats
from tkit.metrics.lse import metric


def finish(stats: Stats) -> float:
    """Least of the mean distances."""
    return float((stats["distance"] / stats["windows"]).min())


METRIC = metric("lse-d", "Lip-sync error, distance", "lower", finish)
