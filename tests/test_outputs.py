"""Outputs are looked at before any work, kept for one run at a time, never left half-written."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tkit.errors import OutputError, OutputExistsError
from tkit.files import atomic_path, claimed, refuse_overwrite, sweep

HOLD = """
import sys, time
from tkit.files import atomic_path, claimed
with claimed(sys.argv[1], folder=len(sys.argv) > 2), atomic_path(sys.argv[1] + ".b") as path:
    print(path, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def hold():
    """Start another run that keeps an output, and writes beside it, until it is killed."""
    runs = []

    def start(path, *folder: str) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLD, str(path), *folder]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        runs.append(run)
        assert run.stdout.readline()
        return run

    yield start
    for run in runs:
        run.kill()
        run.wait()
        run.stdout.close()


@pytest.mark.parametrize("folder", [(), ("folder",)])
def test_a_second_run_is_told_and_a_dead_one_is_not_waited_for(tmp_path, hold, folder):
    out = tmp_path / "x"
    run = hold(out, *folder)
    with pytest.raises(OutputExistsError, match=f"another run is writing it .process {run.pid} on"):
        refuse_overwrite(out, force=True, folder=bool(folder))
    run.send_signal(signal.SIGKILL)
    run.wait()
    with claimed(out, folder=bool(folder)):
        pass
    sweep(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_run_of_another_host_is_believed_to_live(tmp_path):
    mark = tmp_path / ".x.run"
    mark.write_text("h00000000-1-1 1 elsewhere\n")
    with pytest.raises(OutputExistsError, match=r"process 1 on elsewhere.*remove .*\.x\.run"):
        refuse_overwrite(tmp_path / "x", force=True)
    mark.write_text("")  # a drive that was full
    refuse_overwrite(tmp_path / "x", force=True)


def test_what_a_living_run_writes_is_not_swept(tmp_path, hold):
    run = hold(tmp_path / "x")
    sweep(tmp_path)
    assert len(list(tmp_path.glob(".x.*.part*"))) == 1
    run.kill()
    run.wait()
    sweep(tmp_path, "other")
    assert len(list(tmp_path.glob(".x.*.part*"))) == 1
    sweep(tmp_path, "x")
    assert not list(tmp_path.glob(".x.*.part*"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "it is a folder"),
        ("file/x.json", "file is a file, not a folder"),
        ("x" * 300, "File name too long"),
        ("pipe", "not an ordinary file"),
    ],
)
def test_what_cannot_be_written_is_said_before_any_work(tmp_path, name, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=f"cannot be written .*{said}"):
        refuse_overwrite(tmp_path / name, force=True)
    assert sorted(tmp_path.iterdir()) == before


def test_a_look_leaves_no_folders(tmp_path):
    refuse_overwrite(tmp_path / "a" / "b" / "x.json", force=False)
    assert not list(tmp_path.iterdir())


def test_a_long_name_that_is_allowed_can_be_written(tmp_path):
    with atomic_path(tmp_path / ("x" * 250 + ".txt")) as temporary:
        temporary.write_text("whole")
    assert next(tmp_path.iterdir()).read_text() == "whole"


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), OSError(30, "Read-only")]
)
def test_what_the_system_says_of_an_output_names_it(tmp_path, error):
    (tmp_path / "x").write_text("old")
    said = pytest.raises(OutputError, match=f"x: cannot be written .{error.strerror}")
    with said, atomic_path(tmp_path / "x"):
        raise error
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_what_is_read_while_an_output_is_written_is_not_taken_for_it(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "x"):
        (tmp_path / "not there").read_text()
    assert not list(tmp_path.iterdir())


def test_workers_end_soon_after_the_run_that_started_them(tmp_path):
    code = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import work
from tkit import jobs
list(jobs.run(work.sleep, [(sys.argv[1], i) for i in range(2)], jobs=2))
"""
    (tmp_path / "work.py").write_text(
        "import os, pathlib, time\n"
        "def sleep(folder, i):\n"
        "    pathlib.Path(folder, f'{i}.pid').write_text(str(os.getpid()))\n"
        "    time.sleep(100)\n"
    )
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    run = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths}
    )
    until = time.monotonic() + 60
    while len(pids := [p for p in tmp_path.glob("*.pid") if p.read_text()]) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    workers = [int(path.read_text()) for path in pids]
    run.kill()
    run.wait()
    until = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in workers):  # noqa: PTH110
        assert time.monotonic() < until
        time.sleep(0.1)
