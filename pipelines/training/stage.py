"""What a trainable stage must give; the loop knows nothing else of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tkit.registry import Registry

STAGES: Registry[Stage] = Registry("tkit.pipelines.stages", "STAGE", exclude=frozenset({"losses"}))


@dataclass(frozen=True)
class Stage:
    """One trainable stage; the loop knows nothing else about it.

    Parameters
    ----------
    title : str
    config : type
        Frozen dataclass: schema, command-line options, documentation and checkpoint record.
    nets : callable
        ``nets(store, config)`` returns {name: module}, initialised from the training split.
    batches : callable
        ``batches(store, config, split)`` returns ``batch(step)``, which maps a step number to
        {name: tensor}. It depends on the seed and the step alone, so a resumed run sees the batches
        it would have seen.
    players : tuple of str
        Nets that are trained, each with its own optimiser, in turn within every step.
    step : callable
        ``step(nets, batch, config, player)`` returns {name: scalar tensor}; ``"loss"`` is what the
        player minimises, the others are logged.
    evaluate : callable
        ``evaluate(nets, store, rows, config)`` returns {name: number} over the clips ``rows``.
    released : str
        The net whose weights are the result of the stage. Its module keeps its sizes in ``config``,
        the Config of an entry of :data:`tkit.zoo.NETS`.
    weights : str
        Name in the zoo of the weights that are used when none are given; empty for the stage's own.
    needs_speech : bool
        Whether it hears: its weights then fit only stores of the same speech encoder.
    """

    title: str
    config: type
    nets: Callable[..., dict[str, Any]]
    batches: Callable[..., Callable[[int], Mapping[str, Any]]]
    players: tuple[str, ...]
    step: Callable[..., dict[str, Any]]
    evaluate: Callable[..., dict[str, float]]
    released: str
    weights: str = ""
    needs_speech: bool = False

    @property
    def name(self) -> str:
        """Its name in the registry: the module that defines its Config."""
        return self.config.__module__.rpartition(".")[2].replace("_", "-")
