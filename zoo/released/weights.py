"""Weight files: safetensors that say which network they are and how they came to be.

The file's metadata holds, as JSON, the network's name in the registry, its config, and a record
(stage, settings, speech encoder, corpus, tkit version). No pickle is ever read. torch is loaded
when tensors are: a missing file is named before.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from tkit import __version__, toml
from tkit.errors import ConfigError, UnknownNameError, WeightsError
from tkit.files import atomic_path, sha256_of
from tkit.zoo import NETS
from tkit.zoo.released import cards

if TYPE_CHECKING:
    from torch import nn


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
        config = net.config(**_tuples(about["config"]))
        module = net.build(config)
        state = {name: value.float() if value.is_floating_point() else value
                 for name, value in load_file(path).items()}  # fmt: skip
        module.load_state_dict(state)
    except (TypeError, RuntimeError, SafetensorError, UnknownNameError, ConfigError) as error:
        reason = " ".join(str(error).split())  # torch lists wrong tensors on lines of their own
        raise WeightsError(
            f"{path}: does not fit the network {about['net']!r}: {reason}"
        ) from error
    return Weights(about["net"], config, module.eval(), about["record"], sha256_of(path), path)


def check(name_or_path: str | Path) -> None:
    """Raise :class:`WeightsError` if a weight file, safetensors or ONNX, cannot be loaded."""
    path = cards.locate(name_or_path)
    if path.suffix != ".onnx":
        load(path)
        return
    import cv2

    try:
        cv2.dnn.readNetFromONNX(str(path))
    except cv2.error as error:
        raise WeightsError(f"{path}: OpenCV cannot read it ({error.err})") from error


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
        record = {key: one for key, one in about["record"].items() if not isinstance(one, dict)}
        lines.append(f"# record\n{toml.dumps({'net': about['net'], **record})}")
    return "".join(lines)


def read_about(path: str | Path) -> dict[str, Any]:
    """Read what a weight file says of itself: ``net``, ``config`` and ``record``."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        about = json.loads(metadata["tkit"])
        return {key: about[key] for key in ("net", "config", "record")}
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise WeightsError(f"{path}: not a weight file of tkit") from error


def _tuples(config: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples; frozen configs hold nothing else."""
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in config.items()
    }
