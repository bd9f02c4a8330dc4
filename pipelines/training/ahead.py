"""Batches drawn ahead of the step that takes them, by torch's loader, in processes of its own.

A batch depends on the seed and the step alone, so it is the same whoever draws it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

MOST = 8  # processes that are started unasked: more have never been waited for
AHEAD = 4  # batches that each of them has ready


class Draws(Dataset[dict[str, Tensor]]):
    """What a stage's ``batch(step)`` gives, as torch's loader asks for it.

    Parameters
    ----------
    draw : callable
        ``draw(step)``, or ``draw(step, share)`` where a share is given.
    share : range, optional
        The samples of each batch that are wanted; by default all.
    """

    def __init__(self, draw: Callable[..., Mapping[str, Tensor]], share: range | None) -> None:
        self._draw, self._share = draw, share

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Draw the batch of a step."""
        return dict(self._draw(step) if self._share is None else self._draw(step, self._share))


def loader(draws: Draws, steps: range, *, workers: int, pin: bool) -> DataLoader[dict[str, Tensor]]:
    """Make what yields the batches of ``steps``, in order.

    Parameters
    ----------
    workers : int
        Processes that draw; 0 draws here, when a batch is asked for.
    pin : bool
        Put batches where a GPU copies them from without waiting.
    """
    about: dict[str, Any] = {}
    if workers:
        about = {"worker_init_fn": _begin, "prefetch_factor": AHEAD}
        # A fork has what was read of the store already, and needs no guard in the user's script.
        if "fork" in multiprocessing.get_all_start_methods():
            about["multiprocessing_context"] = "fork"
    return DataLoader(
        draws, batch_size=None, sampler=steps, num_workers=workers, pin_memory=pin, **about
    )


def workers_for(wanted: int, *, device: str, processes: int) -> int:
    """Return how many processes draw for one that trains.

    Parameters
    ----------
    wanted : int
        As the config says; -1 leaves it open: none on a CPU, which has its hands full, on a GPU the
        cores that are left, up to :data:`MOST`.
    device : str
        Type of the device that is trained on.
    processes : int
        That train side by side and share the cores.
    """
    if wanted >= 0:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 0 if device == "cpu" else max(min((cores or 1) // processes - 1, MOST), 0)


def _begin(_worker: int) -> None:
    """Prepare a process that draws: one thread, and Ctrl-C is for the process that trains."""
    import cv2

    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
