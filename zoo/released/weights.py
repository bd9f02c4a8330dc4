"""Weight files: safetensors that say which network they are and how they came to be.

The file's metadata holds, as JSON, the network's name in the registry, its config, and a record
(stage, settings, speech encoder, corpus, tkit version). No pickle is ever read. torch is loaded
when tensors are: a missing file is named before.
"""

from __future__ import annotations

import json
import math
import re
import typing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from tkit import __version__
from tkit.errors import ConfigError, UnknownNameError, WeightsError, one_line
from tkit.files import atomic_path, sha256_of
from tkit.parsing import from_json, plain, toml_of
from tkit.zoo import NETS, Net, shapes, without_memory
from tkit.zoo.released import cards
from tkit.zoo.released.sessions import session

if TYPE_CHECKING:
    from torch import nn

_NAME = re.compile("[A-Za-z0-9_-]+")  # a TOML key as it is
_LARGEST_SIZE = 2**16  # number in a config: channels, samples, layers
_MADE_TWICE = 4  # how often a parameter may be made while a network is built


@dataclass(frozen=True)
class Weights:
    """A loaded weight file: the module with its values, and where they come from."""

    net: str
    config: Any
    module: Any  # the nn.Module that ``net`` names
    record: dict[str, Any]
    sha256: str
    path: Path


def save(
    path: str | Path,
    *,
    net: str,
    config: Any,
    module: nn.Module,
    record: dict[str, Any],
    half: bool = False,
) -> None:
    """Write a module's parameters and buffers with its name, config and record.

    Parameters
    ----------
    half : bool
        Store floating-point tensors in half precision (they are read back as float32).
    """
    from safetensors.torch import save_file

    tensors = {}
    for name, tensor in module.state_dict().items():
        tensor = tensor.detach().cpu()
        if half and tensor.is_floating_point():
            tensor = tensor.half()
        tensors[name] = tensor.contiguous().clone()
    about = {"net": net, "config": asdict(config), "record": {"tkit": __version__, **record}}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"tkit": json.dumps(about, sort_keys=True)})


def load(name_or_path: str | Path) -> Weights:
    """Load a weight file by path, or a released one by its name in the zoo.

    Returns
    -------
    Weights
        With the module in evaluation mode on the CPU, in float32.

    Raises
    ------
    UsageError
        If there is no such file or released name.
    WeightsError
        If the file is no weight file of tkit or does not fit its network.
    """
    path = cards.locate(name_or_path)
    about = read_about(path)
    from safetensors.torch import load_file

    try:
        net = NETS.get(about["net"])
        config = _config(net.config, about["config"])
        module = _fitting(net, config, path)
        state = {name: value.float() if value.is_floating_point() else value
                 for name, value in load_file(path).items()}  # fmt: skip
        module.load_state_dict(state)
    # What sizes that make no network lead to, inside torch and before it.
    except (
        TypeError, ValueError, RuntimeError, AttributeError, IndexError, KeyError, OverflowError,
        ZeroDivisionError, SafetensorError, OSError, UnknownNameError, ConfigError,
    ) as error:  # fmt: skip
        reason = one_line(str(error))  # torch lists wrong tensors on lines of their own
        raise WeightsError(
            f"{path}: does not fit the network {about['net']!r}: {reason}"
        ) from error
    return Weights(about["net"], config, module.eval(), about["record"], sha256_of(path), path)


def _fitting(net: Net, config: Any, path: Path) -> Any:
    """Build a network whose parameters have the shapes of those in a file."""
    there = shapes(path)
    with without_memory(_MADE_TWICE * (len(there) + 1)):
        wanted = {k: tuple(v.shape) for k, v in net.build(config).state_dict().items()}
    unlike = sorted({name for name, _ in wanted.items() ^ there.items()})
    if unlike:
        first = unlike[0]
        raise ValueError(
            f"{len(unlike)} tensors differ, first {first}: {there.get(first, 'none')} in the file, "
            f"{wanted.get(first, 'none')} in the network"
        )
    return net.build(config)


def _config(kind: type, values: dict[str, Any]) -> Any:
    """Make a network's config of plain values; ``ValueError`` for those of another kind."""
    hints, values = typing.get_type_hints(kind), _tuples(values)
    for name, value in values.items():
        hint = hints.get(name)
        item = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
        items = value if item is not hint and isinstance(value, tuple) else [value]
        if not all(_is_of(item, each) for each in items) or len(items) > _LARGEST_SIZE:
            raise ValueError(f"{name} is {value!r:.80}")
    return kind(**values)


def _is_of(kind: Any, value: Any) -> bool:
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is kind and (kind is not int or 0 <= value <= _LARGEST_SIZE)


def check(name_or_path: str | Path) -> None:
    """Raise :class:`WeightsError` if a weight file, safetensors or ONNX, cannot be loaded."""
    path = cards.locate(name_or_path)
    if path.suffix != ".onnx":
        load(path)
        return
    session(path)


def problems(name: str) -> list[str]:
    """Return what is wrong with a released weight file, its card or its fit to its network."""
    found = cards.verify(name)
    try:
        check(name)
    except WeightsError as error:
        found.append(str(error))
    return found


def describe(name_or_path: str | Path) -> str:
    """Say what a weight file is: its place, its card if there is one, and its record, as TOML."""
    path = cards.locate(name_or_path)
    lines, card = [f"# {path}, sha256 {sha256_of(path)}\n"], cards.card_beside(path)
    if card.is_file():
        lines.append(card.read_text(encoding="utf-8") + "\n")
    if path.suffix != ".onnx":  # which holds a network and nothing about it
        about = read_about(path)
        record = {
            key: one for key, one in about["record"].items()
            if _NAME.fullmatch(key) and all(
                isinstance(part, str | bool | int | float)
                for part in (one if isinstance(one, list) else [one])
            )
        }  # fmt: skip
        lines.append(f"# record\n{toml_of({'net': about['net'], **record})}")
    return "".join(f"{plain(line)}\n" for line in "".join(lines).splitlines())


def read_about(path: str | Path) -> dict[str, Any]:
    """Read what a weight file says of itself: ``net``, ``config`` and ``record``."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        about = from_json(metadata["tkit"])
        found = {key: about[key] for key in ("net", "config", "record")}
        if [type(value) for value in found.values()] != [str, dict, dict]:
            raise TypeError("net, config or record is of another kind")
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise WeightsError(f"{path}: not a weight file of tkit") from error
    return found


def _tuples(config: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples; frozen configs hold nothing else."""
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in config.items()
    }
