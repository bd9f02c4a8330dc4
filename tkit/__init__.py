"""tkit: prepare the corpora, train the models and score the results of talking-face research.

What the commands do, Python does in one call; each is imported when it is first used.

>>> import tkit
>>> sorted(tkit.__all__)
['METRICS', 'animate', 'evaluate', 'load', 'prepare', 'score', 'train']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tkit.metrics import METRICS
    from tkit.pipelines.animation import animate
    from tkit.pipelines.training import evaluate, load, train
    from tkit.prep import prepare
    from tkit.scoring import score

__version__ = "0.4.0"
__all__ = ["METRICS", "animate", "evaluate", "load", "prepare", "score", "train"]

_HOMES = {
    "METRICS": "tkit.metrics",
    "animate": "tkit.pipelines.animation",
    "evaluate": "tkit.pipelines.training",
    "load": "tkit.pipelines.training",
    "prepare": "tkit.prep",
    "score": "tkit.scoring",
    "train": "tkit.pipelines.training",
}


def __getattr__(name: str) -> Any:
    """Import an export when it is asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    from tkit.errors import did_you_mean

    raise AttributeError(f"module 'tkit' has no attribute {name!r}{did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    """Name the exports before they are imported."""
    return [*__all__, "__version__"]
