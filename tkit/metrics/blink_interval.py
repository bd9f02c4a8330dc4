"""Inter-blink interval: median from onset to onset, short clips taken as censored data."""

from __future__ import annotations

import numpy as np

from tkit.face import blinks
from tkit.metrics import Stats
from tkit.metrics.blink import metric


def finish(stats: Stats) -> float:
    """Kaplan-Meier median in seconds."""
    return blinks.median_interval(np.array(stats["gaps_s"]), np.array(stats["open_s"]))


METRIC = metric("blink-interval", "Inter-blink interval", "s", "closer", finish)
