"""Work on many items side by side: in processes of this machine or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from tkit.errors import UsageError

LOCAL = "local"  # a cluster of this machine's processes, for trying it out
_WAIT_S = 10
_MAX_GROWTH = 8e9  # bytes

Result = TypeVar("Result")


def run(
    function: Callable[..., Result],
    calls: Sequence[tuple[Any, ...]],
    *,
    jobs: int,
    cluster: str = "",
    ordered: bool = False,
) -> Iterator[Result]:
    """Yield ``function(*call)`` of every call, as they are done or in the order of the calls.

    Parameters
    ----------
    jobs : int
        Processes on this machine, or workers of the cluster ``local``; a cluster elsewhere uses all
        its workers. One alone works in this process.
    cluster : str
        Address of a Dask scheduler, ``local``, or nothing for plain processes.
    ordered : bool
        Keep the order of the calls; what is done before its turn waits.

    Raises
    ------
    UsageError
        If the packages for a cluster are not installed, the scheduler does not answer, or its
        workers have more than one thread.
    """
    if not cluster and (jobs == 1 or len(calls) < 2):  # joblib takes a while to load
        yield from (function(*call) for call in calls)
        return
    from joblib import Parallel, delayed, parallel_config

    # "spawn"-like loky workers load the models once each; batch_size=1 keeps the bar honest.
    how = {"return_as": "generator" if ordered else "generator_unordered", "batch_size": 1}
    work = (delayed(_in_worker)(function, *call) for call in calls)
    if not cluster:
        yield from Parallel(n_jobs=min(jobs, len(calls)), **how)(work)
        return
    with connected(cluster, jobs), parallel_config(backend="dask", n_jobs=-1):
        yield from Parallel(**how)(work)


def _in_worker(function: Callable[..., Result], *call: Any) -> Result:
    """Call a function in a process that may grow.

    joblib takes a worker that grew by 300 MB since its first call for leaking and replaces it, with
    a warning; where warnings are errors that ends the thread that hands out work, and the run
    hangs. Ours grow once, by the networks that the first clip with a face and sound loads.
    """
    from joblib.externals.loky import process_executor

    process_executor._MAX_MEMORY_LEAK_SIZE = _MAX_GROWTH
    return function(*call)


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
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise UsageError(
            "a cluster needs dask: pip install 'talking-face-toolkit[cluster]', or leave --cluster "
            "out and use --jobs"
        ) from error
    if cluster == LOCAL:
        with (
            LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None) as started,
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
