"""Ctrl-C in the middle of every command: one line that says how to go on, and nothing is left."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mediafiles
import numpy as np
import pytest

from tkit import media
from tkit.cli import HOW_TO_GO_ON, SUMMARIES

skimage = pytest.importorskip("skimage.data")

SCORE = "score --pred IN/a --gt IN/gt --metrics psnr,ssim,msssim --json x.json --resume kept"
# What works for long enough to be interrupted; IN is the folder of inputs.
CASES = {
    "prep": "prep folder --root IN/corpus --out x.h5",
    "prep, two processes": "prep folder --root IN/corpus --out x.h5 --jobs 2",
    "score": SCORE,
    "score, two processes": SCORE + " --jobs 2",
    "train": "train motion --data IN/tiny.h5 --steps 1000000 --device cpu --out run",
    "animate": "animate --image IN/face.png --audio IN/long.wav --out x.mp4",
    "eval": "eval motion --data IN/tiny.h5 --split all --json x.json",
    "speech": "speech IN/long.wav --out x.npy",
    "landmarks": "landmarks IN/long.mp4 --out x.npy",
    "check": "check IN/tiny.h5 --html x.html",
    "download": "download grid --speakers s1 --out x --url http://127.0.0.1:PORT",
    "demo": "demo --out demo",
}
FAST = ("prep, two processes", "score", "train", "animate")  # the others are tried in slow runs
# These answer so soon that nothing on the drive tells that they have begun.
UNSEEN = ("check", "eval")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, write_clip, stores):
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(8):
        write_clip(folder / "corpus" / "a" / f"{number}.mp4", n_frames=75, sound_s=3.0)
    stores.write_store(folder / "tiny.h5", n_frames=50)
    media.write_image(folder / "face.png", skimage.astronaut()[0:240, 100:340])
    mediafiles.write_sound(folder / "long.wav", 0.3 * np.sin(np.arange(16000 * 120) / 16))
    write_clip(folder / "long.mp4", n_frames=500, sound_s=20.0)
    rng = np.random.default_rng(0)
    for name in ("a", "gt"):
        (folder / name).mkdir()
        for clip in range(8):
            frames = rng.integers(0, 256, (50, 192, 192, 3), np.uint8)
            np.save(folder / name / f"{clip}.npy", frames)
    return folder


@pytest.fixture(scope="module")
def slow_server():
    """One that sends a megabyte of an archive, and then nothing for a long while."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "9000000")
            self.end_headers()
            self.wfile.write(bytes(1_100_000))
            self.wfile.flush()
            stop.wait(120)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    stop.set()
    server.shutdown()
    server.server_close()


def has_begun(run, folder, name) -> None:
    """Wait until a run has looked at its outputs, or is at work."""
    until = time.monotonic() + 120
    while run.poll() is None and time.monotonic() < until:
        if any(folder.rglob("*")):
            break
        time.sleep(0.01)
        if name in UNSEEN and time.monotonic() > until - 118:
            break


def of_session(session: int) -> list[str]:
    """Processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            facts = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(facts[3]) == session and facts[0] not in "ZX":
                found.append(stat.with_name("cmdline").read_text())
    return found


@pytest.mark.parametrize(
    "case", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_one_line_says_how_to_go_on(inputs, slow_server, tmp_path, case):
    name = case.split(",")[0]
    text = CASES[case].replace("IN/", f"{inputs}/").replace("PORT", str(slow_server))
    code = "from tkit.cli import main\nif __name__ == '__main__': main()"
    run = subprocess.Popen(
        [sys.executable, "-c", code, *text.split()],
        cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    has_begun(run, tmp_path, name)
    time.sleep(0.5)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to its workers, too
    said = run.communicate(timeout=60)[1]
    # Where the work was done, the signal may still find the interpreter on its way out.
    ended = run.returncode == 0 or (run.returncode == -signal.SIGINT and "page: x.html" in said)
    if ended and name not in FAST:
        pytest.skip("it was done")
    lines = said.splitlines()
    hint = HOW_TO_GO_ON.get(name, "run it again")
    assert run.returncode == 130, said
    assert lines[-1] == f"tkit: interrupted; nothing half-written is left; {hint}"
    assert "Traceback" not in said and sum(line.startswith("tkit: ") for line in lines) == 1
    left = [path for path in tmp_path.rglob("*") if path.name[0] == "." and path.is_file()]
    assert left == []
    until = time.monotonic() + 10
    while of_session(run.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert of_session(run.pid) == []  # its workers, too, are gone


def test_every_command_has_a_way_to_go_on():
    assert set(HOW_TO_GO_ON) <= set(SUMMARIES)
