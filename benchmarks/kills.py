"""Kill runs at random moments and run them again: are the results equal, and is nothing left over?

Kills the run itself and, where it has workers, every other time one of them, which the run must
survive; a training ends in one line that says how to go on, and counts as failed. Prints, for each
command, how many were killed; how many runs of those that were then let go on to their end made
what a run makes that nobody disturbed; how many of them failed; hidden files that were left; and
processes that lived on for 10 s without the run, with the longest time that one did.

    python benchmarks/kills.py --kills 20
    python benchmarks/kills.py --only prep-2 --kills 5
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tkit import media, prepare
from tkit.corpora import puppet

MAIN = "from tkit.cli import main\nif __name__ == '__main__': main()"
PREP = "prep puppet --root IN/puppet --speech logmel --out out/x.h5 --force"
TRAIN = "train motion --data IN/p.h5 --steps 40 --checkpoint-every 5 --device cpu --threads 1"
# What is run, and what is added when there is something of it to go on from.
RUNS = {
    "prep-1": (PREP, ""),
    "prep-2": (PREP + " --jobs 2", ""),
    "train": (TRAIN + " --out out", "--resume"),
    "train-2": (TRAIN + " --workers 2 --out out", "--resume"),
    "score": ("score --pred IN/a --gt IN/gt --metrics psnr,ssim --resume kept --json out/x.json"
              " --force --jobs 2", ""),
    "animate": ("animate --corpus IN/short.h5 --root IN/short --split= --out out", "--resume"),
}  # fmt: skip
AT_ONCE = 5  # kills before a run is let go on to its end
STARTING = 0.2  # share of the kills before a run has written anything
ALONE_S = 10  # that a worker may live on for


@dataclass
class Found:
    """What came of the kills of one command."""

    kills: int = 0
    workers: int = 0  # of the kills, those of a worker
    ended: int = 0
    equal: int = 0
    failed: int = 0
    hidden: set[str] = field(default_factory=set)
    orphans: int = 0
    alone_s: float = 0.0

    def __str__(self) -> str:
        killed = f"{self.kills} ({self.workers})"
        return (
            f"{killed:>16} {self.equal:3} of {self.ended:2} {self.failed:7} "
            f"{len(self.hidden):13} {self.orphans:8} {self.alone_s:11.1f}"
        )


def main() -> None:
    """Kill, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only", choices=RUNS, help="one of them")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        inputs = make_inputs(Path(name))
        head = "run      kills (workers)     equal  failed  hidden files  orphans  longest (s)"
        print(head, flush=True)
        for what in [given.only] if given.only else RUNS:
            found = try_out(what, inputs, given.kills, random.Random(given.seed))
            print(f"{what:8} {found}", flush=True)
            for path in sorted(found.hidden):
                print(f"         left: {path}", flush=True)


def make_inputs(folder: Path) -> Path:
    """Puppets and their store, two short ones, and sixty small clips as arrays."""
    puppet.generate(folder / "puppet", speakers=2, clips=3)
    prepare("puppet", folder / "puppet", folder / "p.h5", speech="logmel")
    for number, clip in enumerate(list(puppet.scan(folder / "puppet"))[:2]):
        seen = media.read_clip(clip.video)
        path = folder / "short" / "s" / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        media.write_video(path, seen.frames[:15], wave=seen.wave[:9600])
    prepare("folder", folder / "short", folder / "short.h5")
    rng = np.random.default_rng(0)
    for name in ("a", "gt"):
        (folder / name).mkdir()
        for clip in range(60):
            frames = rng.integers(0, 256, (20, 96, 96, 3), np.uint8)
            np.save(folder / name / f"{clip}.npy", frames)
    return folder


def start(text: str, inputs: Path, work: Path) -> subprocess.Popen:
    """Start a command in a session of its own, by which its workers are known."""
    words = text.replace("IN/", f"{inputs}/").split()
    with Path(work, "said.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, *words], cwd=work, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=said,
        )  # fmt: skip


def made(work: Path) -> str:
    """Hash of the names and bytes of what a command made, but for logs of when it did."""
    about = hashlib.sha256()
    for path in sorted(Path(work, "out").rglob("*")):
        if path.is_file() and path.suffix in (".h5", ".json", ".mp4", ".safetensors"):
            about.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return about.hexdigest()


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


def workers_of(run: subprocess.Popen) -> list[int]:
    """Processes in which a run works, not that which only looks after what they share."""
    found = []
    for process in of_session(run.pid):
        try:
            command = Path(f"/proc/{process}/cmdline").read_text()
        except OSError:
            continue
        if process != run.pid and "tracker" not in command:
            found.append(process)
    return found


def has_begun(run: subprocess.Popen, work: Path) -> None:
    """Wait until a run, having imported what it needs, writes something."""
    before = entries(work)
    while run.poll() is None and entries(work) <= before | {work / "said.txt"}:
        time.sleep(0.02)


def entries(work: Path) -> set[Path]:
    """All that is below a folder, in which others may make and remove folders meanwhile."""
    return {Path(at, name) for at, folders, files in os.walk(work) for name in folders + files}


def try_out(what: str, inputs: Path, kills: int, rng: random.Random) -> Found:
    """Kill one command so often, and let the run after some kills go on to its end."""
    text, again = RUNS[what]
    with tempfile.TemporaryDirectory() as name:
        run, began = start(text, inputs, Path(name)), time.monotonic()
        has_begun(run, Path(name))
        at_work = time.monotonic()
        if run.wait():
            raise SystemExit(f"tkit {text} fails: {Path(name, 'said.txt').read_text()}")
        took, starting = time.monotonic() - at_work, at_work - began
        wanted = made(Path(name))
    found = Found()
    while found.kills < kills:
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            for _ in range(min(AT_ONCE, kills - found.kills)):
                run = start(text + resumed(again, work), inputs, work)
                if rng.random() < STARTING:
                    kill(run, rng.uniform(0, starting), found, rng)
                else:
                    has_begun(run, work)
                    kill(run, rng.uniform(0, took), found, rng)
            found.failed += start(text + resumed(again, work), inputs, work).wait() != 0
            found.ended += 1
            found.equal += made(work) == wanted
            found.hidden |= {
                str(path.relative_to(work)) for path in work.rglob("*") if path.name[0] == "."
            }
            if made(work) != wanted:
                print(Path(work, "said.txt").read_text()[-2000:], file=sys.stderr)
    return found


def resumed(again: str, work: Path) -> str:
    """What is added to a command that has run here before."""
    return f" {again if (work / 'out' / 'checkpoint.pt').exists() else '--force'}" if again else ""


def kill(run: subprocess.Popen, wait_s: float, found: Found, rng: random.Random) -> None:
    """Kill a run or one of its workers after so many seconds, and look who lives on."""
    try:
        run.wait(wait_s)
        return
    except subprocess.TimeoutExpired:
        pass
    found.kills += 1
    workers = workers_of(run)
    if workers and rng.random() < 0.5:
        found.workers += 1
        try:
            os.kill(rng.choice(workers), signal.SIGKILL)
        except ProcessLookupError:  # it was done
            found.kills, found.workers = found.kills - 1, found.workers - 1
        found.failed += run.wait() != 0
        return
    os.kill(run.pid, signal.SIGKILL)  # the one who was started, not its workers
    run.wait()
    alone = time.monotonic()
    while of_session(run.pid) and time.monotonic() < alone + ALONE_S:
        time.sleep(0.1)
    found.alone_s = max(found.alone_s, time.monotonic() - alone)
    for process in of_session(run.pid):
        found.orphans += 1
        os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main()
