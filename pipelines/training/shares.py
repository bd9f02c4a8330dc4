"""A batch that several processes train on together: who draws what, and what needs all of it.

A process draws and computes its own share alone, and gradients are averaged. That is the gradient
of the whole batch for losses that are means over samples; what is a statistic of the batch (an MMD)
gathers the shares first, by :func:`whole`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from tkit.errors import ConfigError


def share_of(batch_size: int, *, process: int, processes: int) -> range:
    """Return the numbers of the samples that a process draws: a stretch of the batch.

    Raises
    ------
    ConfigError
        If the batch cannot be shared equally.
    """
    if batch_size % processes:
        raise ConfigError(
            f"batch_size {batch_size} cannot be shared equally by {processes} processes"
        )
    size = batch_size // processes
    return range(process * size, (process + 1) * size)


def whole(x: Tensor) -> Tensor:
    """Gather shares (n, ...) to the whole batch, in the order of its samples.

    Gradients go through: averaged over the processes, those of a loss of the whole batch are what
    one process would find.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return x
    gathered: Tensor = _Gathered.apply(x)  # type: ignore[no-untyped-call]
    return gathered


class _Gathered(torch.autograd.Function):
    """What all processes have, one behind the other; every process asks for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x, memory_format=torch.contiguous_format)
                 for _ in range(dist.get_world_size())]  # fmt: skip
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]
