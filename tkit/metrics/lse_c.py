"""LSE-C: confidence of SyncNet, the median over offsets minus the least distance."""

from __future__ import annotations

import numpy as np

from tkit.metrics import Stats
from tkit.metrics.lse import metric


def finish(stats: Stats) -> float:
    """Median minus least of the mean distances."""
    mean = stats["distance"] / stats["windows"]
    return float(np.median(mean) - mean.min())


METRIC = metric("lse-c", "Lip-sync error, confidence", "higher", finish)
