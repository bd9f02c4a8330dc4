"""Work in a child process that is ended when it stands still.

For libraries that can hang or crash on a damaged file: HDF5 follows references round in circles
and walks through addresses that are not there. The work may take any time while it goes on.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from tkit.errors import TkitError
from tkit.jobs import no_interrupt

START_S = 120.0  # for a process to start and import what it needs, on a busy machine


class StoppedError(TkitError):
    """The work stood still for too long, or its process died."""


def watched(work: Callable[..., Iterator[Any]], *args: Any, still_s: float) -> Iterator[Any]:
    """Yield what a generator yields in a process of its own.

    Parameters
    ----------
    work : callable
        Of a module; with ``args`` it returns the generator. What it yields must be picklable.
    still_s : float
        Seconds between two of its items after which it is ended.

    Raises
    ------
    StoppedError
        If it yields nothing for so long, or its process dies.
    TkitError
        Whichever the work itself raises.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(there, work, args), daemon=True)
    with no_interrupt():  # the process is ended here
        process.start()
    there.close()
    try:
        kind, item = _receive(here, process, START_S)  # it has started
        while True:
            kind, item = _receive(here, process, still_s)
            if kind == "error":
                raise item
            if kind == "end":
                return
            yield item
    finally:
        here.close()
        process.kill()
        process.join()


def _receive(pipe: Connection, process: Any, wait_s: float) -> tuple[str, Any]:
    if not pipe.poll(wait_s):
        raise StoppedError(f"no progress for {wait_s:g} s")
    try:
        received: tuple[str, Any] = pipe.recv()
    except EOFError:
        process.join()
        raise StoppedError(
            f"the process that read it died (exit code {process.exitcode})"
        ) from None
    return received


def _send(pipe: Connection, work: Callable[..., Iterator[Any]], args: tuple[Any, ...]) -> None:
    pipe.send(("start", None))
    try:
        for item in work(*args):
            pipe.send(("item", item))
        pipe.send(("end", None))
    except TkitError as error:
        pipe.send(("error", error))
    except BrokenPipeError:  # nobody waits any more
        pass
