"""The zoo: networks, released weights and their cards; no files, corpora or metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def without_memory(most: int) -> Iterator[None]:
    """Build networks that have shapes and no values, of so many parameters at most.

    A file of a few bytes may declare any size, and as many layers as it likes: what it would be is
    compared with what it holds before there is any memory for it. ``ValueError`` for more.
    """
    import torch
    from torch.nn.modules.module import register_module_parameter_registration_hook

    made = 0

    def count(*_: Any) -> None:
        nonlocal made
        made += 1
        if made > most:
            raise ValueError(f"it declares more than {most} parameters")

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            yield
    finally:
        hook.remove()


def shapes(path: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in a safetensors file by their names."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
