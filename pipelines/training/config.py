"""Configs: one frozen dataclass is schema, command-line options, documentation and record.

A field is declared with :func:`option`, which carries its help. A TOML file gives values, flags
override them, and an unknown or ill-typed value raises :class:`~tkit.errors.ConfigError`.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from tkit.errors import ConfigError, UsageError, did_you_mean
from tkit.parsing import from_toml, toml_of
from tkit.pipelines.training.stage import STAGES, Stage


def option(
    default: Any, help: str, *, choices: tuple[str, ...] = (), low: float | None = None
) -> Any:
    """Declare a field of a Config: its default, its help, and which values it takes.

    Parameters
    ----------
    choices : tuple of str
        The only values allowed.
    low : float, optional
        The smallest value allowed.
    """
    return dataclasses.field(
        default=default, metadata={"help": help, "choices": choices, "low": low}
    )


@dataclass(frozen=True)
class Common:
    """The fields every stage has; a stage's Config inherits them and adds its own."""

    steps: int = option(2000, "Steps of training.", low=0)
    minutes: float = option(
        0.0,
        "Stop after so many minutes of training, those before --resume counted, reading and "
        "measuring clips not; 0: no limit.",
        low=0,
    )
    batch_size: int = option(16, "Samples in a batch.", low=1)
    lr: float = option(1e-3, "Learning rate of Adam.", low=0)
    lr_end: float = option(1.0, "Share of it at the last step, which it falls to.", low=0)
    beta1: float = option(0.9, "First momentum of Adam.", low=0)
    beta2: float = option(0.999, "Second momentum of Adam.", low=0)
    ema: float = option(0.0, "Release the average of the weights, decaying so; 0: the last.", low=0)
    seed: int = option(0, "Seed of all randomness.", low=0)
    init: str = option("", "Start from these weights: file, run folder or name in the zoo.")
    train_split: str = option("train", "Split of the store that is trained on.")
    val_split: str = option("val", "Split that is measured at the end, if the store has it.")
    log_every: int = option(20, "Steps between two lines of the log.", low=1)
    checkpoint_every: int = option(500, "Steps between two checkpoints.", low=1)
    device: str = option("auto", "Where to train.", choices=("auto", "cpu"))
    precision: str = option(
        "no", "Mixed precision; fp64: double, to compare.", choices=("no", "bf16", "fp64")
    )
    threads: int = option(0, "Threads of the CPU; 0: as torch decides.", low=0)
    record: bool = option(True, "On a GPU, record a step as one CUDA graph.")
    workers: int = option(
        -1, "Processes that draw batches ahead; -1: for a GPU as many as pay, else none.", low=-1
    )


# Fields that may differ between a checkpoint and the run that resumes it: they change how long and
# where the training runs, not what it computes.
FREE_FIELDS = frozenset(
    {
        "steps", "minutes", "log_every", "checkpoint_every", "val_split",
        "device", "threads", "workers", "record",
    }
)  # fmt: skip


def bare(config: Any) -> Any:
    """Return a config without what changes nothing of the result: how many share the work."""
    return dataclasses.replace(config, threads=0, workers=0, record=False)


def make(config: type, values: Mapping[str, Any], *, where: str = "config") -> Any:
    """Make a Config from plain values, which are checked by :func:`check`."""
    return config(**check(config, values, where=where))


def merge(
    config: type, files: Iterable[str | Path | None], flags: Mapping[str, Any] | None = None
) -> Any:
    """Make a Config from TOML files (or names of experiments) and flags; the last one wins.

    Raises
    ------
    ConfigError
        As :func:`check` does, or if a file has fields that only another stage knows.
    """
    values: dict[str, Any] = {}
    for name_or_path in files:
        if name_or_path is not None:
            read = read_values(name_or_path)
            if not _takes(config, read) and (others := _stages_that_take(read)):
                stages = " or ".join(others)
                raise ConfigError(f"{name_or_path} is for {stages}; use tkit train {stages}")
            values |= check(config, read, where=str(name_or_path))
    return config(**values | check(config, flags or {}, where="command line"))


def _takes(config: type, values: Mapping[str, Any]) -> bool:
    return {key.replace("-", "_") for key in values} <= fields(config).keys()


def _stages_that_take(values: Mapping[str, Any]) -> list[str]:
    return [name for name in STAGES.names() if _takes(STAGES.get(name).config, values)]


def check(config: type, values: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Check values for a Config and return them by field, in the fields' types.

    Parameters
    ----------
    config : type
        The frozen dataclass.
    values : mapping
        Field name to value, not necessarily of every field; ``-`` in a name reads as ``_``.
    where : str
        Where the values come from, for the error's message.

    Raises
    ------
    ConfigError
        If a field is unknown (the message names the nearest) or a value does not fit.
    """
    known, types = fields(config), typing.get_type_hints(config)
    checked = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in known:
            hint = did_you_mean(name, known) or f" (there are: {', '.join(known)})"
            raise ConfigError(f"{where}: unknown field {key!r}{hint}")
        checked[name] = _fit_value(known[name], types[name], value, where=f"{where}: {name}")
    return checked


def fields(config: type) -> dict[str, dataclasses.Field]:
    """Return the fields of a Config by name."""
    return {field.name: field for field in dataclasses.fields(config)}


def _fit_value(field: dataclasses.Field, kind: Any, value: Any, *, where: str) -> Any:
    """Return ``value`` in the field's type, or raise."""
    if typing.get_origin(kind) is tuple:
        item_kind = typing.get_args(kind)[0]
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} is {value!r}, not a list of {item_kind.__name__}")
        return tuple(_fit_type(item_kind, item, where=where) for item in value)
    value = _fit_type(kind, value, where=where)
    choices, low = field.metadata.get("choices"), field.metadata.get("low")
    if choices and value not in choices:
        raise ConfigError(f"{where} is {value!r}, not one of {', '.join(choices)}")
    if low is not None and value < low:
        raise ConfigError(f"{where} is {value}, less than {low}")
    return value


def _fit_type(kind: type, value: Any, *, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # not isinstance: True is an int
        raise ConfigError(f"{where} is {value!r}, not of type {kind.__name__}")
    return value


def read_values(name_or_path: str | Path) -> dict[str, Any]:
    """Read the values of a TOML file, or of a shipped experiment by its name."""
    path = Path(name_or_path)
    shipped = experiments()
    if not path.is_file():
        if str(name_or_path) not in shipped:
            near = did_you_mean(str(name_or_path), shipped)
            hint = near or f" (there are: {', '.join(shipped)})"
            raise UsageError(f"{name_or_path}: no such file or experiment{hint}")
        path = shipped[str(name_or_path)]
    try:
        return from_toml(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: not TOML ({error})") from error


def experiments(stage: Stage | None = None) -> dict[str, Path]:
    """Return the experiments that come with the package, of one stage if given: name to path."""
    folder = Path(str(resources.files("tkit.pipelines") / "experiments"))
    found = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if stage is None:
        return found
    return {name: path for name, path in found.items() if _takes(stage.config, read_values(path))}


def to_toml(config: Any) -> str:
    """Write a Config as TOML, each field with its help."""
    lines = []
    for name, field in fields(type(config)).items():
        help_ = field.metadata.get("help")
        comment = f"  # {help_}" if help_ else ""
        lines.append(toml_of({name: getattr(config, name)}).rstrip("\n") + comment)
    return "\n".join(lines) + "\n"
