"""What a trainable stage must give; the loop knows nothing else of it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tkit.registry import Registry

WORK = "nets", "batches", "losses", "evaluate", "apply"  # the functions of a stage

STAGES: Registry[Stage] = Registry("tkit.pipelines.stages", "STAGE")


@dataclass(frozen=True)
class Quantity:
    """What one number of a stage's evaluation is.

    Parameters
    ----------
    title : str
        In words; of what another one is to be compared with, the words after "...".
    unit : str
        Empty for a pure number.
    better : str
        ``higher``, ``lower``, ``closer`` (to what it is ``beside``), or empty for what the others
        are to be compared with.
    of_clips : bool
        It is a mean over clips, of what ``evaluate`` says of each alone: it has an interval.
    heading : str
        Its name where pages show it; empty for what they only list.
    beside : str
        Name of the quantity that it is to be compared with.
    """

    title: str
    unit: str = ""
    better: str = ""
    of_clips: bool = False
    heading: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Meaning:
    """What one number of a stage's log is.

    Parameters
    ----------
    title : str
    text : str
        One line.
    unit : str
        Empty for a pure number.
    better : str
        ``higher``, ``lower``, or empty where neither is.
    """

    title: str
    text: str
    unit: str = ""
    better: str = "lower"


@dataclass(frozen=True)
class Stage:
    """One trainable stage; the loop knows nothing else about it.

    Its functions may be given by :func:`work_of`.

    Parameters
    ----------
    name : str
        Its name in the registry; it goes into seeds, checkpoints and weight files.
    title : str
    config : type
        Frozen dataclass: schema, command-line options, documentation and checkpoint record.
    nets : callable
        ``nets(store, config)`` returns {name: module}, initialised from the training split.
    batches : callable
        ``batches(store, config, split)`` returns ``batch(step, share)``, which maps a step number
        to {name: tensor}; ``share`` is a range of the numbers of samples that are wanted, by
        default ``range(config.batch_size)``. A sample depends on the seed, the step and its number
        alone, with all that is random about it: so a resumed run sees the batches it would have
        seen, processes that draw ahead change nothing, and several that train draw what one would.
    players : tuple of str
        Nets that are trained, each with its own optimiser.
    losses : callable
        ``losses(nets, batch, config)`` returns {player: {name: scalar tensor}} from one forward
        pass; ``"loss"`` is what the player minimises, the others are logged. A player's gradient is
        taken for its own parameters alone, and of all players before any of them moves. A loss is
        a mean over samples, or of the :func:`~tkit.pipelines.training.shares.whole` batch.
    evaluate : callable
        ``evaluate(nets, store, rows, config)`` returns {name: number} over the clips ``rows``.
    quantities : mapping
        What each of these numbers is, the most telling first: {name: :class:`Quantity`}.
    logged : mapping
        What its log holds: {name: :class:`Meaning`}. Names that are not here are shown as they are.
    released : str
        The net whose weights are the result of the stage, by its name in
        :data:`tkit.zoo.NETS`. Its module keeps its sizes in ``config``, the Config of that entry.
    apply : callable
        ``apply(trained, ...)`` does the stage's work on arrays: what calling a
        :class:`~tkit.pipelines.training.runs.Trained` does.
    weights : str
        Name in the zoo of the weights that are used when none are given; empty for the stage's own.
    watch : callable, optional
        ``watch(values)`` looks at the logged numbers {name: number} of the released net, and warns
        if they say that the training goes astray.
    pictures : callable, optional
        ``pictures(nets, batch, config)`` returns {name: picture (3, H, W) in [0, 1]} for the log.
    steady : bool
        Every batch has the same shapes, and losses look at no value: a step can be recorded as a
        CUDA graph.
    needs_speech : bool
        Whether it hears: its weights then fit only stores of the same speech encoder.
    tiny : mapping
        Settings with which a step takes a moment, for tests.
    example : callable, optional
        ``example(folder)`` writes a small store for the stage to train on and returns its path. By
        default tests train on short drawn clips with face crops and features of a few columns.
    """

    name: str
    title: str
    config: type
    nets: Callable[..., dict[str, Any]]
    batches: Callable[..., Callable[[int], Mapping[str, Any]]]
    players: tuple[str, ...]
    losses: Callable[..., dict[str, dict[str, Any]]]
    evaluate: Callable[..., dict[str, float]]
    quantities: Mapping[str, Quantity]
    released: str
    apply: Callable[..., Any]
    logged: Mapping[str, Meaning] = field(default_factory=dict)
    weights: str = ""
    watch: Callable[[Mapping[str, float]], None] | None = None
    pictures: Callable[..., dict[str, Any]] | None = None
    steady: bool = False
    needs_speech: bool = False
    tiny: Mapping[str, Any] = field(default_factory=dict)
    example: Callable[[Path], Path] | None = None


@dataclass(frozen=True)
class Late:
    """A function by its name in a module, which is imported when the function is needed."""

    module: str
    name: str

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Import the module, and call the function."""
        return self._function(*args, **given)

    @property
    def __signature__(self) -> inspect.Signature:
        """What ``inspect.signature`` says of the function."""
        return inspect.signature(self._function)

    @property
    def _function(self) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(importlib.import_module(self.module), self.name)
        return found


def work_of(module: str, *more: str) -> dict[str, Any]:
    """Return the functions of a stage (:data:`WORK` and ``more``) that ``module`` has, by name.

    The module is imported at the first call, so that a stage's settings are known, and a wrong one
    is answered, before torch is loaded.
    """
    return {name: Late(module, name) for name in (*WORK, *more)}
