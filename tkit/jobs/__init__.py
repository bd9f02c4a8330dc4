"""Work on many items side by side: in processes of this machine or on a Dask cluster."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from tkit.errors import ClusterError, Fault, TkitError, UsageError

LOCAL = "local"  # a cluster of this machine's processes, for trying it out
_WAIT_S = 10
_LOOK_S = 0.02  # between two looks for results of a cluster
_GONE_S = 30  # a cluster that has been without scheduler or workers for so long does not come back
_MAX_GROWTH = 8e9  # bytes
# Of libraries that work with several threads; as joblib sets them for its workers.
_THREADS = "OMP OPENBLAS MKL BLIS VECLIB_MAXIMUM NUMBA NUMEXPR"

Result = TypeVar("Result")
Call = tuple[Any, ...]


def run(
    function: Callable[..., Result],
    calls: Sequence[Call],
    *,
    jobs: int,
    cluster: str = "",
    ordered: bool = False,
    lost: Callable[..., Result] | None = None,
) -> Iterator[Result]:
    """Yield ``function(*call)`` of every call, as they are done or in the order of the calls.

    A call whose process dies (killed, out of memory, a crash in a library) is made once more.

    Parameters
    ----------
    jobs : int
        Processes on this machine, or workers of the cluster ``local``; a cluster elsewhere uses all
        its workers. One alone works in this process.
    cluster : str
        Address of a Dask scheduler, ``local``, or nothing for plain processes.
    ordered : bool
        Keep the order of the calls; what is done before its turn waits.
    lost : callable, optional
        ``lost(fault, *call)`` stands for the result of a call whose process died again; without it
        that ends the run.

    Raises
    ------
    UsageError
        If the packages for a cluster are not installed, the scheduler does not answer, or its
        workers have more than one thread.
    ClusterError
        If the scheduler, or all workers, are gone.
    """
    if not cluster and (jobs == 1 or len(calls) < 2):  # joblib takes a while to load
        yield from (function(*call) for call in calls)
        return
    if cluster:
        done = _on_cluster(function, calls, cluster, jobs)
    else:
        done = _in_processes(function, calls, min(jobs, len(calls)))
    results = ((index, _found(result, lost, calls[index])) for index, result in done)
    yield from _in_order(results) if ordered else (result for _, result in results)


def peak_bytes() -> float | None:
    """Most memory that this process has had; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # of Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)


def _found(result: Any, lost: Callable[..., Any] | None, call: Call) -> Any:
    if not isinstance(result, Fault):
        return result
    if lost is None:
        raise TkitError(result.reason)
    return lost(result, *call)


def _in_order(results: Iterator[tuple[int, Result]]) -> Iterator[Result]:
    turn, early = 0, {}
    for index, result in results:
        early[index] = result
        while turn in early:
            yield early.pop(turn)
            turn += 1


def _died(how: str) -> Fault:
    return Fault(
        f"the process that worked on it died twice{how and f' ({how})'}: killed, out of memory, or "
        "a crash in a library (a fault of the machine: try again, with fewer --jobs)",
        machine=True,
    )


def _in_processes(
    function: Callable[..., Any], calls: Sequence[Call], jobs: int
) -> Iterator[tuple[int, Any]]:
    """Yield index and result of every call; a :class:`Fault` where the process died twice.

    Each process is a pool of its own, so that one that dies takes no call but its own with it.
    """
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as own_tracker
    from joblib.externals.loky.process_executor import BrokenProcessPool

    # Else the first worker starts them, after which Ctrl-C comes through again.
    resource_tracker.ensure_running()
    own_tracker.ensure_running()
    todo, died = deque(range(len(calls))), set()
    idle = [_worker(jobs) for _ in range(jobs)]
    running: dict[Any, tuple[int, Any]] = {}
    done: list[tuple[int, Any]] = []
    try:
        while todo or running:
            while todo and idle:
                index, worker = todo.popleft(), idle.pop()
                with no_interrupt():  # which would reach the process that starts here, too
                    future = worker.submit(_in_worker, function, *calls[index])
                running[future] = index, worker
            yield from done  # now that there is work to do while the caller takes it
            done = []
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                index, worker = running.pop(future)
                try:
                    done.append((index, future.result()))
                except BrokenProcessPool as error:
                    worker.shutdown(wait=True, kill_workers=True)
                    worker = _worker(jobs)
                    if index in died:
                        codes = re.search(r"{(.*)}", str(error))
                        done.append((index, _died(codes[1] if codes else "")))
                    else:
                        died.add(index)
                        todo.append(index)
                finally:
                    idle.append(worker)
        yield from done
    finally:
        for worker in [*idle, *(worker for _, worker in running.values())]:
            worker.shutdown(wait=True, kill_workers=True)


def _worker(jobs: int) -> Any:
    """Make a pool of one process that shares the processors with ``jobs - 1`` others."""
    from joblib.externals.loky.process_executor import ProcessPoolExecutor

    share = str(max((os.cpu_count() or 1) // jobs, 1))
    names = [f"{library}_NUM_THREADS" for library in _THREADS.split()]
    env = {name: os.environ.get(name, share) for name in names}
    # loky's processes load the models once each and need no guard around a script's main part.
    return ProcessPoolExecutor(1, initializer=_end_with, initargs=(os.getpid(),), env=env)


@contextmanager
def no_interrupt() -> Iterator[None]:
    """Keep Ctrl-C back for the length of a block; processes that start in it never get it.

    The one who started them ends them.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with(parent: int) -> None:
    """Let this process end within a second or so of the one that started it, however that ends."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    faulthandler.disable()  # a crash is told in one line, by the one who waits for the result
    threading.Thread(target=look, daemon=True).start()


def _in_worker(function: Callable[..., Result], *call: Any) -> Result:
    """Call a function in a process that may grow.

    loky takes a worker that grew by 300 MB since its first call for leaking and replaces it. Ours
    grow once, by the networks that the first clip with a face and sound loads.
    """
    from joblib.externals.loky import process_executor

    process_executor._MAX_MEMORY_LEAK_SIZE = _MAX_GROWTH
    return function(*call)


def _on_cluster(
    function: Callable[..., Any], calls: Sequence[Call], cluster: str, jobs: int
) -> Iterator[tuple[int, Any]]:
    """Yield index and result of every call; a :class:`Fault` where workers died of it.

    How often the scheduler tries a call again is its setting ``allowed-failures``; ours: once. Each
    worker has one call at a time, or those that wait there would be taken for what it died of.
    """
    with connected(cluster, jobs) as client:
        from distributed.scheduler import KilledWorker

        todo, lost = deque(range(len(calls))), set()
        running: dict[int, Any] = {}
        workers = _Workers(client, cluster)
        while todo or running:
            while todo and len(running) < workers.count():
                index = todo.popleft()
                running[index] = client.submit(function, *calls[index], pure=False)
            done = [index for index, future in running.items() if future.done()]
            if not done:
                workers.count()
                time.sleep(_LOOK_S)
            for index in done:
                future = running.pop(index)
                error = future.exception() if future.status == "error" else None
                if future.status in ("lost", "cancelled"):  # with the worker that had the result
                    workers.require_scheduler()
                    if index not in lost:
                        lost.add(index)
                        todo.append(index)
                        continue
                    error = KilledWorker
                if error is None:
                    try:  # the worker that has it, or the scheduler, may have died since
                        result = future.result(timeout=_WAIT_S)
                    except OSError:  # distributed's time-outs and closed connections
                        running[index] = future
                        workers.count()
                        continue
                    yield index, result
                elif error is KilledWorker or isinstance(error, KilledWorker):
                    yield index, _died("")
                else:
                    raise error


class _Workers:
    """How many workers a cluster has, asked once a second."""

    def __init__(self, client: Any, cluster: str) -> None:
        self._client, self._cluster = client, cluster
        self._asked = self._alive = 0.0
        self._count = 1

    def count(self) -> int:
        """Return their number; :class:`ClusterError` if there has been none for long."""
        now = time.monotonic()
        if now - self._asked < 1:
            return self._count
        self._asked, self._alive = now, self._alive or now
        self.require_scheduler()
        with contextlib.suppress(OSError):  # as above
            self._count = len(
                self._client.sync(self._client.scheduler.ncores, callback_timeout=_WAIT_S)
            )
            if self._count:
                self._alive = now
        if now - self._alive > _GONE_S:
            raise _gone(self._cluster, "every worker")
        return self._count

    def require_scheduler(self) -> None:
        """Raise :class:`ClusterError` if there is no connection to the scheduler."""
        if self._client.status not in ("running", "connecting"):
            raise _gone(self._cluster, "the scheduler")


def _gone(cluster: str, what: str) -> ClusterError:
    return ClusterError(
        f"{cluster}: {what} of the cluster is gone; what is done is kept: start it again, and then "
        "this command"
    )


@contextmanager
def connected(cluster: str, jobs: int) -> Iterator[Any]:
    """Connect to a scheduler, or start one with ``jobs`` processes, for the length of a block.

    Raises
    ------
    UsageError
        If the packages for a cluster are not installed, the scheduler does not answer, or its
        workers have more than one thread.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise UsageError(
            "a cluster needs dask: pip install 'talking-face-toolkit[cluster]', or leave --cluster "
            "out and use --jobs"
        ) from error
    for name in list(logging.root.manager.loggerDict):
        # Each has a level of its own, and asyncio's tells of distributed's tasks that nobody waits
        # for any more; what matters we say.
        if name == "asyncio" or name.startswith("distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    if cluster == LOCAL:
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": 1}),
            # Its page takes any free port, of this machine alone; by default, even without a
            # dashboard, it is 8787, and a second cluster complains.
            LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
            ) as started,
            Client(started) as client,
        ):
            yield client
        return
    try:
        client = Client(cluster, timeout=_WAIT_S)
    except (OSError, ValueError) as error:  # distributed's timeout is an OSError
        raise UsageError(
            f"{cluster}: no Dask scheduler answers ({error}); start one with dask scheduler"
        ) from error
    with client:
        require_workers(client, cluster)
        yield client


def require_workers(client: Any, cluster: str) -> None:
    """Raise :class:`UsageError` unless a cluster has workers, each of one thread."""
    threads = client.nthreads()
    if not threads:
        raise UsageError(f"{cluster}: the scheduler has no workers; start some with dask worker")
    if max(threads.values()) > 1:  # dlib's and the networks' interpreters serve one thread each
        raise UsageError(
            f"{cluster}: workers with one thread each are needed; start them with "
            "dask worker --nthreads 1 --nworkers N"
        )
