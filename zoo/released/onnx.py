"""Networks as ONNX files, for programs without torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tkit.errors import UsageError, WeightsError
from tkit.face.geometry import N_POINTS
from tkit.files import atomic_path
from tkit.zoo.nets import blink, motion
from tkit.zoo.released.weights import Weights

OPSET = 17


@dataclass(frozen=True)
class Interface:
    """What goes into an exported network and comes out.

    Parameters
    ----------
    module : nn.Module
        Takes and returns plain tensors.
    inputs : dict of str to Tensor
        Examples.
    outputs : tuple of str
    free : dict of str to tuple of str
        Names of the leading axes whose lengths are free, for inputs and outputs.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    free: dict[str, tuple[str, ...]]


class _Mouth(nn.Module):
    """One stretch of frames, with what came before it going in and coming out."""

    def __init__(self, module: motion.Motion) -> None:
        super().__init__()
        self.module = module

    def forward(self, windows: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        n = int(self.module.config.waits)
        moved, after = self.module.advance(windows, list(others[n:]) or None, *others[:n])
        return moved, *after


class _Eyes(nn.Module):
    def __init__(self, module: blink.Blink) -> None:
        super().__init__()
        self.module = module

    def forward(self, noise: Tensor, begins: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.module(noise, state, begins=begins)


def _motion(module: motion.Motion) -> Interface:
    """``windows`` (1, T, window, dim) to ``displacement`` (1, T, 68, 2).

    With ``waits`` the displacement of the ``picture`` (1, 68, 2) goes in as well. With context
    there is a ``state_i`` (1, channels, frames) for each of its layers, zeros at the beginning of
    speech; it comes out as ``state_i_after``.
    """
    config = module.config
    picture = {"picture": torch.zeros(1, N_POINTS, 2)} if config.waits else {}
    states = {
        f"state_{i}": torch.zeros(1, config.channels, reach)
        for i, reach in enumerate(config.reaches)
    }
    return Interface(
        _Mouth(module).eval(),
        {"windows": torch.zeros(1, 5, config.window, config.dim), **picture, **states},
        ("displacement", *(f"{name}_after" for name in states)),
        {"windows": ("", "frames"), "displacement": ("", "frames")},
    )


def _blink(module: blink.Blink) -> Interface:
    """``noise`` (n, T, 10) and ``state`` (1, n, hidden) to ``displacement`` and state.

    With a hazard ``begins`` (n, T), 1 where a blink begins, goes in as well.
    """
    config = module.config
    return Interface(
        _Eyes(module).eval(),
        {
            "noise": torch.zeros(2, 5, config.noise),
            "begins": torch.zeros(2, 5),
            "state": torch.zeros(1, 2, config.hidden),
        },
        ("displacement", "state_after"),
        {
            "noise": ("n", "frames"),
            "begins": ("n", "frames"),
            "state": ("", "n"),
            "displacement": ("n", "frames"),
            "state_after": ("", "n"),
        },
    )


INTERFACES: dict[str, Callable[[Any], Interface]] = {"motion": _motion, "blink": _blink}


def export(weights: Weights, path: str | Path) -> Interface:
    """Write the network of a weight file as ONNX.

    Returns
    -------
    Interface
        The names of what goes in and comes out.

    Raises
    ------
    UsageError
        If the package ``onnx`` is missing.
    WeightsError
        If networks of this kind have no interface here.
    """
    if weights.net not in INTERFACES:
        there = ", ".join(sorted(INTERFACES))
        raise WeightsError(f"{weights.path}: {weights.net} cannot be exported to ONNX; {there} can")
    try:
        import onnx  # noqa: F401  (torch needs it and would say so at length)
    except ImportError as error:
        raise UsageError(
            "exporting needs the package onnx: pip install 'talking-face-toolkit[export]'"
        ) from error
    interface = INTERFACES[weights.net](weights.module.eval())
    axes = {
        name: {axis: label for axis, label in enumerate(labels) if label}
        for name, labels in interface.free.items()
    }
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # The tracer warns of lengths that it takes for constants; the tests run other lengths.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            interface.module, tuple(interface.inputs.values()), str(temporary), dynamo=False,
            input_names=list(interface.inputs), output_names=list(interface.outputs),
            dynamic_axes=axes, opset_version=OPSET,
        )  # fmt: skip
    return interface
