"""Every output of every command on a drive that is full, or read only: one line, old files stay."""

import os
import subprocess
import sys
from pathlib import Path

import mediafiles
import numpy as np
import pytest

from tkit import media

skimage = pytest.importorskip("skimage.data")

DRIVE_KB = 512
SCORE = "score --pred IN/a --gt IN/gt --metrics psnr"
ANIMATE = "animate --image IN/face.png --audio IN/x.wav --force"
# Command line (IN is the folder of inputs, OUT the full drive), its outputs, KB that are left.
CASES = {
    "prep": ("prep folder --root IN/corpus --speech logmel --out OUT/x.h5 --force", "x.h5"),
    "check": ("check IN/tiny.h5 --html OUT/x.html --force", "x.html"),
    "train": ("train motion --data IN/tiny.h5 --steps 3 --device cpu --out OUT/run --force", ""),
    "eval": ("eval blink --data IN/tiny.h5 --split all --json OUT/x.json --force", "x.json"),
    "score json": (SCORE + " --json OUT/x.json --force", "x.json"),
    "score csv": (SCORE + " --csv OUT/x.csv --force", "x.csv"),
    "score md": (SCORE + " --md OUT/x.md --force", "x.md"),
    "score latex": (SCORE + " --latex OUT/x.tex --force", "x.tex"),
    "score html": (SCORE + " --html OUT/x.html --force", "x.html"),
    "score resume": (SCORE + " --resume OUT/kept", ""),
    "leaderboard": ("leaderboard IN/report.json --format html --out OUT/x.html --force", "x.html"),
    "animate": (ANIMATE + " --out OUT/x.mp4", "x.mp4"),
    "animate debug": (ANIMATE + " --out IN/y.mp4 --debug OUT/debug", ""),
    "speech": ("speech IN/x.wav --out OUT/x.npy --force", "x.npy"),
    "speech plot": ("speech IN/x.wav --plot OUT/x.png --force", "x.png"),
    "landmarks npy": ("landmarks IN/corpus/a/x.mp4 --out OUT/x.npy --force", "x.npy"),
    "landmarks csv": ("landmarks IN/corpus/a/x.mp4 --out OUT/x.csv --force", "x.csv"),
    "landmarks overlay": (
        "landmarks IN/corpus/a/x.mp4 --out IN/p.npy --overlay OUT/x.mp4 --force", "x.mp4"),
    "zoo export": ("zoo export motion --out OUT/x.onnx --force", "x.onnx"),
    "zoo add": ("zoo add deepspeech DATA/deepspeech-0.9.pb --out OUT/net", ""),
    "demo": ("demo --out OUT/demo --clips 1 --minutes .01", ""),
}  # fmt: skip
DATA = Path(__file__).parents[1] / "data"


def tkit(*args: str) -> subprocess.CompletedProcess:
    code = "from tkit.cli import main\nif __name__ == '__main__': main()"
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, write_clip, stores):
    """What the commands read."""
    folder = tmp_path_factory.mktemp("inputs")
    write_clip(folder / "corpus" / "a" / "x.mp4", n_frames=12, sound_s=0.5)
    stores.write_store(folder / "tiny.h5", n_frames=50)
    media.write_image(folder / "face.png", skimage.astronaut()[0:240, 100:340])
    hum = np.sin(2 * np.pi * 150 * np.arange(16000) / 16000)
    mediafiles.write_sound(folder / "x.wav", 0.3 * hum)
    rng = np.random.default_rng(0)
    for name in ("a", "gt"):
        (folder / name).mkdir()
        for clip in range(40):
            np.save(folder / name / f"{clip}.npy", rng.integers(0, 256, (3, 16, 16, 3), np.uint8))
    report = folder / "report.json"
    done = tkit("score", "--pred", f"{folder}/a", "--gt", f"{folder}/gt", "--json", str(report))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def drive(tmp_path):
    """A small drive of its own, where mounting is allowed."""
    folder = tmp_path / "drive"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DRIVE_KB}k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small drive is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(drive: Path, left_kb: int) -> None:
    """Leave so much room on a drive."""
    room = os.statvfs(drive)
    free = room.f_bavail * room.f_bsize
    (drive / "filler").write_bytes(bytes(max(free - 1024 * left_kb, 0)))


def words_of(text: str, inputs: Path, drive: Path) -> list[str]:
    """Return the words of a command line, its folders set in."""
    text = text.replace("IN/", f"{inputs}/").replace("OUT/", f"{drive}/")
    return text.replace("DATA", str(DATA)).split()


@pytest.mark.slow
@pytest.mark.parametrize("left_kb", [0, 8])
@pytest.mark.parametrize("case", CASES)
def test_a_full_drive_is_one_line_and_the_old_file_stays(inputs, drive, case, left_kb):
    if case == "zoo export":
        pytest.importorskip("onnx")
    text, output = CASES[case]
    if output:
        (drive / output).write_bytes(b"old")
    before = sorted(path.name for path in drive.iterdir())
    fill(drive, left_kb)
    words = words_of(text, inputs, drive)
    done = tkit(*words)
    said = done.stderr.splitlines()
    assert "Traceback" not in done.stderr, done.stderr
    (drive / "filler").unlink()
    if done.returncode == 0:  # the output is small enough for what was left
        assert left_kb and output and (drive / output).read_bytes() != b"old"
        return
    assert done.returncode == 1, (words, done)
    assert said[-1].startswith("tkit: ") and "No space left on device" in said[-1], done.stderr
    assert sum(line.startswith("tkit: ") for line in said) == 1
    if output:
        assert (drive / output).read_bytes() == b"old"
    hidden = [path for path in drive.rglob(".*") if path.name != ".archives"]
    assert not hidden, hidden
    assert {path.name for path in drive.iterdir()} - {"run", "kept", "x.h5.parts", "net", "demo",
                                                      "debug"} == set(before)  # fmt: skip
    if case.startswith("score") and left_kb and case != "score resume":
        assert "psnr" in done.stdout  # what was found is shown all the same


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_drive_that_is_read_only_is_one_line_before_any_work(inputs, drive, case):
    if case == "zoo export":
        pytest.importorskip("onnx")
    text, output = CASES[case]
    if output:
        (drive / output).write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(drive)], check=True)
    done = tkit(*words_of(text, inputs, drive))
    assert done.returncode == 1, done
    assert done.stdout == "", done
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("tkit: "), done.stderr
    assert "Read-only file system" in lines[0], done.stderr
    if output:
        assert (drive / output).read_bytes() == b"old"
