"""Kill runs at random moments and run them again: are the results equal, and is nothing left over?

Prints, for each command, how often it was killed, how often what it made in the end was that of a
run that nobody disturbed, and what was left: hidden files, and processes 10 s after the kill.

    python benchmarks/kills.py --kills 20
    python benchmarks/kills.py --only prep-2 --kills 5
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tkit import prepare
from tkit.corpora import puppet

MAIN = "from tkit.cli import main\nif __name__ == '__main__': main()"
PREP = "prep puppet --root IN/puppet --speech logmel --out x.h5 --force"
# What is run, with what it is run again, and what it makes.
RUNS = {
    "prep-1": (PREP, "", "x.h5"),
    "prep-2": (PREP + " --jobs 2", "", "x.h5"),
    "train": ("train motion --data IN/p.h5 --steps 60 --checkpoint-every 5 --device cpu --threads 1"
              " --out run", "--resume", "run/weights.safetensors"),
    "score": ("score --pred IN/a --gt IN/gt --metrics psnr,ssim --resume kept --json x.json --force"
              " --jobs 2", "", "x.json"),
    "animate": ("animate --image IN/face.png --audio IN/x.mp4 --out x.mp4 --force", "", "x.mp4"),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only", choices=RUNS, help="one of them")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        inputs = make_inputs(Path(name))
        print(f"{'run':8} kills  equal  hidden files  processes after 10 s")
        for what in [given.only] if given.only else RUNS:
            found = try_out(what, inputs, given.kills, random.Random(given.seed))
            print(f"{what:8} {found}", flush=True)


def make_inputs(folder: Path) -> Path:
    """Puppets, their store, and forty small clips as arrays."""
    from skimage import data

    from tkit import media

    puppet.generate(folder / "puppet", speakers=2, clips=3)
    prepare("puppet", folder / "puppet", folder / "p.h5", speech="logmel")
    media.write_image(folder / "face.png", data.astronaut()[:240, 100:340])
    shutil.copy(next(iter(puppet.scan(folder / "puppet"))).video, folder / "x.mp4")
    rng = np.random.default_rng(0)
    for name in ("a", "gt"):
        (folder / name).mkdir()
        for clip in range(40):
            frames = rng.integers(0, 256, (20, 64, 64, 3), np.uint8)
            np.save(folder / name / f"{clip}.npy", frames)
    return folder


def start(text: str, inputs: Path, work: Path) -> subprocess.Popen:
    words = text.replace("IN/", f"{inputs}/").split()
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], cwd=work, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


def of_session(session: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            facts = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(facts[3]) == session and facts[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


def try_out(what: str, inputs: Path, kills: int, rng: random.Random) -> str:
    text, again, output = RUNS[what]
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        if start(text, inputs, Path(name)).wait():
            raise SystemExit(f"tkit {text} fails")
        took = time.monotonic() - began
        wanted = digest(Path(name, output))
    done = rounds = equal = hidden = orphans = 0
    while done < kills:
        with tempfile.TemporaryDirectory() as name:
            work, resumed = Path(name), ""
            for _ in range(min(3, kills - done)):
                run = start(text + resumed, inputs, work)
                try:
                    run.wait(rng.uniform(0.1, took))
                    continue
                except subprocess.TimeoutExpired:
                    os.kill(run.pid, signal.SIGKILL)  # the one who was started, not its workers
                    run.wait()
                done += 1
                until = time.monotonic() + 10
                while of_session(run.pid) and time.monotonic() < until:
                    time.sleep(0.1)
                orphans += len(of_session(run.pid))
                is_there = (work / "run" / "checkpoint.pt").is_file()
                resumed = f" {again}" if again and is_there else " --force" if again else ""
            start(text + resumed, inputs, work).wait()
            equal += digest(work / output) == wanted
            hidden += sum(path.name.startswith(".") for path in work.rglob("*"))
            rounds += 1
    return f"{done:5}  {equal} of {rounds}  {hidden:12}  {orphans:20}"


if __name__ == "__main__":
    main()
