"""The zoo: networks, released weights and their cards; no files, corpora or metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tkit.registry import Registry

NETS: Registry[Net] = Registry("tkit.zoo.nets", "NET")


@dataclass(frozen=True)
class Net:
    """One network.

    Parameters
    ----------
    title : str
    config : type
        Frozen dataclass of its sizes.
    build : callable
        ``build(config)`` returns a freshly initialised ``torch.nn.Module``.
    example : config, optional
        Small sizes, where the Config has fields without a default; for tests.
    """

    title: str
    config: type
    build: Callable[[Any], Any]
    example: Any = None
