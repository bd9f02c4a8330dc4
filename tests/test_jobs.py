import contextlib
import json
import operator
import os
import socket
import subprocess
import sys
import time

import pytest

from tkit import jobs as parallel
from tkit import prep
from tkit.errors import CorpusError, UsageError
from tkit.prep import parts


def program(*args: object) -> subprocess.CompletedProcess:
    """Run the real program: distributed starts processes that must not be children of pytest."""
    command = [sys.executable, "-c", "from tkit.cli import main; main()", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_call_is_done_once():
    calls = [(value, value) for value in range(7)]
    for jobs in (1, 2):
        done = parallel.run(operator.mul, calls, jobs=jobs, cluster="")
        assert sorted(done) == [value * value for value in range(7)]


def slow_first(value: int) -> int:
    """Return the value; the first call is done last."""
    time.sleep(0.5 * (value == 0))
    return value


def test_the_order_of_the_calls_is_kept_where_it_is_asked_for():
    calls = [(value,) for value in range(6)]
    for jobs in (1, 2):
        done = parallel.run(slow_first, calls, jobs=jobs, ordered=True)
        assert list(done) == list(range(6))


def grow(value: int) -> int:
    """Take 400 MB for good in the second call, as by the networks of the first clip with a face."""
    CALLS.append(bytes(400_000_000 * (len(CALLS) == 1)).replace(b"\0", b"x"))
    time.sleep(1.1)  # joblib looks once a second
    return os.getpid()


CALLS = []


def test_a_worker_that_grows_by_its_models_is_not_replaced():
    workers = list(parallel.run(grow, [(value,) for value in range(6)], jobs=2, ordered=True))
    assert len(set(workers)) == 2


def test_one_job_alone_works_in_this_process():
    assert set(parallel.run(os.getpid, [(), ()], jobs=1)) == {os.getpid()}


def test_no_calls_give_nothing():
    assert list(parallel.run(operator.neg, [], jobs=4)) == []


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'talking-face-toolkit\[cluster\]'"):
        list(parallel.run(operator.neg, [(1,)], jobs=1, cluster="local"))


def test_workers_are_checked():
    class Client:
        def __init__(self, threads):
            self.threads = threads

        def nthreads(self):
            return self.threads

    with pytest.raises(UsageError, match="no workers"):
        parallel.require_workers(Client({}), "tcp://x:1")
    with pytest.raises(UsageError, match="--nthreads 1"):
        parallel.require_workers(Client({"a": 1, "b": 4}), "tcp://x:1")
    parallel.require_workers(Client({"a": 1, "b": 1}), "tcp://x:1")


def test_parts_that_workers_wrote_elsewhere_are_missed(tmp_path, write_clip, monkeypatch):
    write_clip(tmp_path / "c" / "a" / "x.mp4", n_frames=3, sound_s=0.2)
    monkeypatch.setattr(parts, "make_part", lambda clip, path, settings: None)
    with pytest.raises(CorpusError, match="1 of 1 parts are not in"):
        prep.prepare("folder", tmp_path / "c", tmp_path / "x.h5")


@pytest.mark.slow
def test_a_cluster_gives_the_same_bytes(tmp_path, write_clip):
    pytest.importorskip("distributed")
    for name in ("a", "b", "c"):
        write_clip(tmp_path / "c" / name / "x.mp4", n_frames=12, sound_s=0.5)
    (tmp_path / "c" / "a" / "bad.mp4").touch()
    prep.prepare("folder", tmp_path / "c", tmp_path / "plain.h5")
    out = tmp_path / "cluster.h5"
    done = program("prep", "folder", "--root", tmp_path / "c", "--out", out, "--cluster", "local")
    assert done.returncode == 0, done.stderr
    assert "3 clips of 3 speakers" in done.stdout and "1 rejected" in done.stdout
    assert out.read_bytes() == (tmp_path / "plain.h5").read_bytes()


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_one_line(tmp_path, write_clip):
    pytest.importorskip("distributed")
    write_clip(tmp_path / "c" / "a" / "x.mp4", n_frames=3, sound_s=0.2)
    done = program(
        *("prep", "folder", "--root", tmp_path / "c", "--out", tmp_path / "x.h5"),
        *("--cluster", "tcp://127.0.0.1:9"),
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "no Dask scheduler answers" in done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_second_cluster_of_this_machine_starts_without_a_word():
    pytest.importorskip("distributed")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # taken by another one
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        with parallel.connected("local", 1) as client:  # a warning would be an error
            assert client.submit(abs, -3).result() == 3


def of_dask(what: str, *options: str) -> subprocess.Popen:
    """Start a scheduler or a worker as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dask", what, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def appears(path, wait_s: float, pattern: str = "") -> bool:
    """Whether a file, or one of a folder, is there before so many seconds have gone."""
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        if any(path.glob(pattern)) if pattern else path.exists():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["scheduler", "worker"])
def test_a_cluster_that_is_killed_ends_the_run_in_one_line_within_a_minute(
    tmp_path, write_clip, gone
):
    pytest.importorskip("distributed")
    for number in range(12):
        write_clip(tmp_path / "c" / "a" / f"{number}.mp4", n_frames=50, sound_s=2.0)
    address = tmp_path / "scheduler.json"
    cluster = {"scheduler": of_dask("scheduler", "--port", "0", "--no-dashboard",
                                    "--scheduler-file", str(address))}  # fmt: skip
    command = [sys.executable, "-c", "from tkit.cli import main; main()", "prep", "folder"]
    run = None
    try:
        assert appears(address, 60)
        cluster["worker"] = of_dask(
            *("worker", "--scheduler-file", str(address), "--nthreads", "1", "--no-nanny")
        )
        url = json.loads(address.read_text())["address"]
        wait_for_workers(url)
        run = subprocess.Popen(
            [*command, "--root", tmp_path / "c", "--out", tmp_path / "x.h5", "--cluster", url],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert appears(tmp_path / "x.h5.parts", 120, "[!.]*.npz")
        cluster[gone].kill()
        killed = time.monotonic()
        said = run.communicate(timeout=90)[1].splitlines()
        assert time.monotonic() - killed < 60
    finally:
        if run:
            run.kill()
        for process in cluster.values():
            process.kill()
            process.wait()
    assert run.returncode == 1, said
    assert "is gone; what is done is kept" in said[-1] and gone in said[-1]
    assert sum("prep" not in line.split(":")[0] for line in said) == 1, said  # but for progress
    assert any((tmp_path / "x.h5.parts").glob("[!.]*.npz")) and not (tmp_path / "x.h5").exists()


def wait_for_workers(url: str) -> None:
    """Wait until a scheduler has a worker, asked from a process of its own."""
    code = f"from distributed import Client; Client({url!r}).wait_for_workers(1, timeout=60)"
    subprocess.run([sys.executable, "-c", code], check=True)
