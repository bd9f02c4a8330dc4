"""Checkpoints of others: state dicts in torch's own format, read without running their pickles."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from tkit.errors import WeightsError
from tkit.files import require_path

Loaded = TypeVar("Loaded", bound=nn.Module)
# What torch.load and its reader of pickles, which is Python, raise of files that are damaged.
DAMAGED = (
    RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, TypeError,
    AttributeError, IndexError, OverflowError, AssertionError, OSError, struct.error,
    zipfile.BadZipFile, ImportError, MemoryError,
)  # fmt: skip


def load_into(net: Loaded, path: str | Path, *, wanted: str, spare: str = "") -> Loaded:
    """Give a network the values of a state dict with the same keys and shapes.

    Parameters
    ----------
    wanted : str
        Network and usual name of the file, for messages.
    spare : str
        Beginning of the names of tensors that the file may have and the network has not.

    Returns
    -------
    nn.Module
        The network, in evaluation mode.

    Raises
    ------
    UsageError
        If there is no such file.
    WeightsError
        If the file is no checkpoint, or its keys or shapes are others; the message names them.
    """
    try:
        state = torch.load(require_path(path, "checkpoint"), map_location="cpu", weights_only=True)
    except DAMAGED as error:
        lines = str(error).strip().splitlines()
        first = lines[0] if lines else "it breaks off"
        raise WeightsError(f"{path}: not a checkpoint of {wanted} ({first})") from error
    if spare and isinstance(state, dict):
        state = {key: value for key, value in state.items() if not str(key).startswith(spare)}
    unfit = _misfits(state, net.state_dict())
    if unfit:
        raise WeightsError(f"{path}: not a checkpoint of {wanted} ({unfit})")
    net.load_state_dict(state)
    return net.eval()


def _misfits(state: Any, own: dict[str, torch.Tensor]) -> str:
    """What keeps a loaded object from being the state of a network; empty if nothing does."""
    if not isinstance(state, dict) or not all(torch.is_tensor(value) for value in state.values()):
        return "it holds no state dict"
    reasons = []
    for found, what in (
        (sorted(own.keys() - state.keys()), "missing"),
        (sorted(map(str, state.keys() - own.keys())), "unknown"),
        (sorted(name for name in own.keys() & state.keys()
                if own[name].shape != state[name].shape), "of another shape"),
    ):  # fmt: skip
        if found:
            reasons.append(f"{len(found)} tensors {what}, first {found[0]}")
    return "; ".join(reasons)
