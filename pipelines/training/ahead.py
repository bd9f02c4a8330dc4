"""Batches drawn ahead of the step that takes them, by torch's loader, in processes of its own.

A batch depends on the seed and the step alone, so it is the same whoever draws it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tkit.errors import TkitError

MOST = 15  # processes that are started unasked: on one H200 8 were too few, of 12 pairs a step
AHEAD = 4  # batches that each of them has ready
ALIGNED = 64  # bytes that a tensor in a packed batch begins at a multiple of


@dataclass(frozen=True)
class Packed:
    """A batch as one stretch of memory: to hand a tensor to another process costs as much as this.

    Parameters
    ----------
    flat : Tensor (bytes,) uint8
    layout : tuple
        Of each tensor its name, type, shape, strides, and where its bytes begin.
    """

    flat: Tensor
    layout: tuple[tuple[str, torch.dtype, torch.Size, tuple[int, ...], int], ...]

    @classmethod
    def of(cls, batch: Mapping[str, Tensor]) -> Packed:
        """Copy a batch; memory formats stay."""
        layout, end = [], 0
        for name, tensor in batch.items():
            strides = torch.empty_like(tensor, device="meta").stride()
            layout.append((name, tensor.dtype, tensor.shape, strides, end))
            end += -(-tensor.numel() * tensor.itemsize // ALIGNED) * ALIGNED
        packed = cls(torch.empty(end, dtype=torch.uint8), tuple(layout))
        for name, place in packed.batch().items():
            place.copy_(batch[name])
        return packed

    def batch(self) -> dict[str, Tensor]:
        """The tensors, where they lie."""
        return {
            name: self.flat[start : start + shape.numel() * dtype.itemsize]
            .view(dtype)
            .as_strided(shape, strides)
            for name, dtype, shape, strides, start in self.layout
        }

    def pin_memory(self) -> Packed:
        """Copy to where a GPU reads without waiting; torch's loader calls this."""
        return Packed(self.flat.pin_memory(), self.layout)


class Draws(Dataset[Packed]):
    """What a stage's ``batch(step)`` gives, and packed, as torch's loader asks for it.

    Parameters
    ----------
    draw : callable
        ``draw(step)``, or ``draw(step, share)`` where a share is given.
    share : range, optional
        The samples of each batch that are wanted; by default all.
    """

    def __init__(self, draw: Callable[..., Mapping[str, Tensor]], share: range | None) -> None:
        self._draw, self._share = draw, share

    def batch(self, step: int) -> Mapping[str, Tensor]:
        """Draw the batch of a step."""
        return self._draw(step) if self._share is None else self._draw(step, self._share)

    def __getitem__(self, step: int) -> Packed:
        """Draw it to be handed over."""
        return Packed.of(self.batch(step))


def drawn(draws: Draws, steps: range, *, workers: int, pin: bool) -> Iterator[Mapping[str, Tensor]]:
    """Yield the batches of ``steps``, in order.

    Parameters
    ----------
    workers : int
        Processes that draw; 0 draws here, when a batch is asked for.
    pin : bool
        Put batches where a GPU copies them from without waiting.
    """
    if not workers and not pin:  # as on a CPU: nothing is handed over, so nothing is packed
        yield from map(draws.batch, steps)
        return
    about: dict[str, Any] = {}
    if workers:  # a fork has what was read already, and needs no guard in the user's script
        about = {
            "worker_init_fn": _begin, "prefetch_factor": AHEAD, "multiprocessing_context": "fork"
        }  # fmt: skip
    batches = DataLoader(
        draws, batch_size=None, sampler=steps, num_workers=workers, pin_memory=pin,
        **about,
    )  # fmt: skip
    if not workers:
        yield from (packed.batch() for packed in batches)
        return
    # To take a batch from another process is to wait for its answer: a thread does, during a step.
    with ThreadPoolExecutor(1) as thread:
        source = iter(batches)
        coming = thread.submit(next, source, None)
        while (packed := coming.result()) is not None:
            coming = thread.submit(next, source, None)
            yield packed.batch()


@contextmanager
def dead_are_told() -> Iterator[None]:
    """Raise :class:`~tkit.errors.TkitError` where a process that draws dies while a block runs.

    torch then raises wherever the block is, so that what a step has done by then cannot be known.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise TkitError(
            "a process that draws batches died (killed, or out of memory); go on from the last "
            "checkpoint with --resume, and with fewer --workers"
        ) from error


def workers_for(wanted: int, *, device: str, processes: int) -> int:
    """Return how many processes draw for one that trains.

    Parameters
    ----------
    wanted : int
        As the config says, at most all cores; -1 leaves it open: none on a CPU, which has its hands
        full, on a GPU the cores that are left, up to :data:`MOST`. None where processes cannot be
        forked.
    device : str
        Type of the device that is trained on.
    processes : int
        That train side by side and share the cores.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return 0
    own = max(cores() // processes, 1)
    if wanted >= 0:
        return min(wanted, own)
    return 0 if device == "cpu" else min(own - 1, MOST)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin(_worker: int) -> None:
    """Prepare a process that draws: one thread, and Ctrl-C is for the process that trains."""
    import cv2

    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
