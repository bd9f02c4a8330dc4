"""``kill -9`` at any moment of ``tkit prep``; run again: only the missing clips, the same bytes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tkit import media, prep
from tkit.prep import parts
from tkit.store import Store

N_GOOD, N_CLIPS = 6, 8
# Programs that are killed from inside, in the middle of writing: a part, and the store.
IN_A_PART = """
import os, signal, numpy
from tkit.prep import parts
save, count = numpy.savez, [0]
def savez(path, **arrays):
    count[0] += 1
    save(path, **arrays)
    if count[0] == 4:
        os.truncate(path, 1000)
        os.kill(os.getpid(), signal.SIGKILL)
parts.np.savez = savez
"""
IN_THE_STORE = """
import os, signal
from tkit import store
add, count = store.Writer.add, [0]
def slower(self, clip, arrays, **facts):
    add(self, clip, arrays, **facts)
    count[0] += 1
    if count[0] == 3:
        self._file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
store.Writer.add = slower
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, write_clip):
    """Short clips of two speakers, one without sound and one of no bytes."""
    root = tmp_path_factory.mktemp("killed") / "corpus"
    for number in range(N_GOOD):
        speaker = "anna" if number % 2 else "ben"
        write_clip(root / speaker / f"{number}.mp4", n_frames=8 + number, sound_s=0.4)
    frames = media.read_clip(root / "ben" / "0.mp4").frames
    media.write_video(root / "ben" / "mute.mp4", frames)
    (root / "ben" / "zero.mp4").touch()
    return root


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """Bytes of the store of a run that nobody interrupts."""
    out = tmp_path_factory.mktemp("whole") / "x.h5"
    prep.prepare("folder", corpus, out)
    with Store(out) as store:
        assert len(store.clips) == N_GOOD and len(store.rejects) == N_CLIPS - N_GOOD
    return out.read_bytes()


def start(corpus, out, *options: str, before: str = "") -> subprocess.Popen:
    """Start the real program in a group of its own, so that its workers can be killed with it."""
    code = f"{before}\nfrom tkit.cli import main\nmain()"
    command = [sys.executable, "-c", code, "prep", "folder", "--root", corpus, "--out", out]
    return subprocess.Popen(
        [*map(str, command), *options],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def finished_parts(out) -> dict[str, tuple[int, int]]:
    """Finished parts: name to when they were written and which file it is."""
    found = {}
    for path in out.with_name(out.name + ".parts").glob("[!.]*.npz"):
        state = path.stat()
        found[path.name] = (state.st_mtime_ns, state.st_ino)
    return found


def resume(corpus, out, monkeypatch) -> list[str]:
    """Run again in this process; check that finished parts stay as they are; clips that it did."""
    kept, done, make = finished_parts(out), [], parts.make_part
    with monkeypatch.context() as patch:
        patch.setattr(parts, "make_part", lambda *call: done.append(call[0].id) or make(*call))
        patch.setattr(prep.shutil, "rmtree", lambda path: None)  # parts stay, to be looked at
        prep.prepare("folder", corpus, out)
    after = finished_parts(out)
    assert {name: after[name] for name in kept} == kept
    assert len(after) == N_CLIPS and len(done) == N_CLIPS - len(kept)
    return done


@pytest.mark.parametrize(("before", "n_parts"), [(IN_A_PART, 3), (IN_THE_STORE, N_CLIPS)])
def test_killed_while_writing(corpus, whole, tmp_path, monkeypatch, before, n_parts):
    out = tmp_path / "x.h5"
    assert start(corpus, out, before=before).wait(timeout=120) == -signal.SIGKILL
    assert not out.exists() and len(finished_parts(out)) == n_parts
    litter = [path for path in out.with_name("x.h5.parts").iterdir() if path.name.startswith(".")]
    assert len(litter) == 1  # half a file, under a name that nobody reads
    assert len(resume(corpus, out, monkeypatch)) == N_CLIPS - n_parts
    assert out.read_bytes() == whole


@pytest.mark.slow
@pytest.mark.parametrize("n_parts", [0, 1, 4, 7])
def test_killed_from_outside_with_its_workers(corpus, whole, tmp_path, monkeypatch, n_parts):
    out = tmp_path / "x.h5"
    run = start(corpus, out, "--jobs", "2")
    until = time.monotonic() + 120
    while run.poll() is None and time.monotonic() < until and not out.exists():
        if out.with_name("x.h5.parts").exists() and len(finished_parts(out)) >= n_parts:
            break
        time.sleep(0.002)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait(timeout=60) == -signal.SIGKILL
    finished = out.exists()  # it may have been quicker than the look at it
    if not finished:
        assert len(finished_parts(out)) >= n_parts
        resume(corpus, out, monkeypatch)
    assert out.read_bytes() == whole


@pytest.mark.slow
def test_killed_twice_leaves_nothing_but_the_store(corpus, whole, tmp_path):
    """Wherever these seconds fall, also in the starting of workers."""
    out = tmp_path / "x.h5"
    for wait_s in (3.0, 6.0):
        run = start(corpus, out, "--jobs", "2", "--force")
        try:
            run.wait(timeout=wait_s)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait(timeout=60)
    assert start(corpus, out, "--jobs", "2", "--force").wait(timeout=300) == 0
    assert out.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]
