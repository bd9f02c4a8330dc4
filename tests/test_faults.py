"""Whatever is raised in a step of one clip: it is left out and named, and the run goes on."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from tkit import media, prep, scoring
from tkit.errors import (
    CorpusError,
    Fault,
    MediaError,
    MissingPathError,
    OutputError,
    ScoreError,
    UsageError,
    WeightsError,
    guarded,
)
from tkit.media import frames as frames_reading
from tkit.metrics import METRICS
from tkit.pipelines.animation import jobs as videos
from tkit.pipelines.animation import render
from tkit.prep import assembly, parts
from tkit.scoring import measuring, recoding
from tkit.store import Store


class Panic(BaseException):
    """As libraries written in Rust raise it: no child of Exception."""


OF_INPUT = [
    ValueError("odd\nvalue \x1b[2J"),
    MediaError("x.mp4: is odd"),
    MissingPathError("x.mp4: no such media file"),
    PermissionError(errno.EACCES, "Permission denied", "x.mp4"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    RecursionError("maximum recursion depth exceeded"),
    AssertionError(),
    Panic("called unwrap on None"),
]
OF_MACHINE = [
    MemoryError("605 GiB"),
    OSError(errno.EMFILE, "Too many open files", "x.mp4"),
    OSError(errno.EIO, "Input/output error", "x.mp4"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
]
OF_RUN = [
    UsageError("wrong"),
    WeightsError("w: damaged"),
    OutputError("o: cannot be written (No space left on device)"),
    KeyboardInterrupt(),
]
EVERY = [*OF_INPUT, *OF_MACHINE]


def names(errors) -> list[str]:
    return [type(error).__name__ for error in errors]


def raising(error, real=None, when=lambda *given: True):
    """Return what raises an error when it is called on what ``when`` says, else does the work."""

    def call(*given, **settings):
        if when(*given):
            raise error
        return real(*given, **settings)

    return call


@pytest.mark.parametrize("error", EVERY, ids=names(EVERY))
def test_a_fault_is_one_line_that_names_file_type_and_cause(error):
    fault = guarded(raising(error), name="x.mp4")
    assert isinstance(fault, Fault) and fault.machine == (error in OF_MACHINE)
    assert fault.reason.startswith("x.mp4: ") and fault.reason.isprintable()
    ours = isinstance(error, MediaError | MissingPathError)
    assert (type(error).__name__ in fault.reason) != ours
    assert ("please report" in fault.reason) == (not ours and not fault.machine)


def test_a_fault_of_ours_that_the_machine_caused_is_one_of_the_machine():
    def read():
        try:
            raise OSError(errno.ENFILE, "Too many open files in system")
        except OSError as error:
            raise MediaError("x.png: not a picture that can be read") from error

    assert guarded(read) == Fault("x.png: not a picture that can be read", machine=True)


@pytest.mark.parametrize("error", OF_RUN, ids=names(OF_RUN))
def test_what_concerns_the_run_is_raised(error):
    with pytest.raises(type(error)):
        guarded(raising(error))


# -- prep -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, write_clip):
    """Clips of three speakers with one clip each; the sizes of their pictures tell them apart."""
    root = tmp_path_factory.mktemp("faults")
    face = media.read_clip(write_clip(root / "face.mp4", n_frames=1)).frames[0]
    for number, name in enumerate("abc"):
        frames = [np.pad(face, ((0, 2 * number), (0, 0), (0, 0)))] * 6
        write_clip(root / "c" / name / "x.mp4", frames=frames, sound_s=0.3)
    return root / "c"


def of_b(decoded, *_) -> bool:
    return decoded.frames.shape[1] == 242


STEPS = {
    "reading": (media, "read_clip", lambda video, *_: "/b/" in video),
    "tracking": (parts, "track_clip", of_b),
    "sound": (media, "require_sound", lambda *_: next(TURN) == 1),
    "crops": (parts.crops, "cut_all", lambda frames, *_: frames.shape[1] == 242),
    "neutral": (assembly.geometry, "speaker_neutral", lambda *_: next(TURN) == 1),
    "displacement": (assembly.geometry, "canonicalise", lambda *_: next(TURN) == 1),
}
TURN = iter(())


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [OF_INPUT[0], OF_INPUT[-1], OF_MACHINE[0]], ids=str)
def test_one_clip_of_prep_fails_in_any_step(corpus, tmp_path, monkeypatch, step, error):
    module, name, when = STEPS[step]
    monkeypatch.setattr(sys.modules[__name__], "TURN", iter(range(99)))
    out = tmp_path / "x.h5"
    settings = prep.Settings(speech="logmel", crops=True)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, raising(error, getattr(module, name), when))
        done = prep.prepare("folder", corpus, out, settings=settings)
    (reject,) = done.rejects
    assert done.clips == 2 and reject.id == "b/x" and type(error).__name__ in reject.reason
    assert reject.step == ("machine" if error in OF_MACHINE else "prep")
    with Store(out) as store:
        assert [row.id for row in store.clips] == ["a/x", "c/x"] and store.rejects == [reject]
        assert store.problems() == []
    there = out.with_name("x.h5.parts")
    assert there.exists() == (error in OF_MACHINE)  # the next run has one clip to make
    if there.exists():
        made, real = [], parts.prepare_clip
        monkeypatch.setattr(parts, "prepare_clip", lambda c, s: made.append(c.id) or real(c, s))
        again = prep.prepare("folder", corpus, out, settings=settings)
        assert again.clips == 3 and not again.rejects and not there.exists()
        assert made == (["b/x"] if step not in ("neutral", "displacement") else [])


@pytest.mark.parametrize("error", [OF_INPUT[0], OF_MACHINE[0]], ids=str)
def test_where_no_clip_of_prep_is_left_the_run_fails(corpus, tmp_path, monkeypatch, error):
    monkeypatch.setattr(parts, "track_clip", raising(error))
    with pytest.raises(CorpusError, match=f"none of 3 clips .* a/x: .*{type(error).__name__}"):
        prep.prepare("folder", corpus, tmp_path / "x.h5", speech="logmel")
    with pytest.raises(CorpusError, match="--strict"):
        prep.prepare("folder", corpus, tmp_path / "x.h5", speech="logmel", strict=True)


@pytest.mark.parametrize("error", OF_RUN, ids=names(OF_RUN))
def test_what_concerns_the_run_ends_prep(corpus, tmp_path, monkeypatch, error):
    monkeypatch.setattr(parts, "track_clip", raising(error))
    with pytest.raises(type(error)):
        prep.prepare("folder", corpus, tmp_path / "x.h5", speech="logmel")
    assert [path.name for path in tmp_path.iterdir()] in ([], ["x.h5.parts"])


# Patches the program and its workers, which are other processes, when they start.
SITE = """
import importlib.util, os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "tkit.prep.parts":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            real = module.prepare_clip
            def prepare_clip(clip, settings):
                if clip.id == "a/x":
                    raise ValueError("odd")
                if clip.id == "b/x":
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(clip, settings)
            module.prepare_clip = prepare_clip
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["--jobs=2", "--cluster=local"])
def test_faults_and_dead_workers_in_processes(corpus, tmp_path, how):
    if how.startswith("--cluster"):
        pytest.importorskip("distributed")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    call = ["prep", "folder", "--root", corpus, "--out", tmp_path / "x.h5", "--speech", "logmel"]
    code = "from tkit.cli import main\nif __name__ == '__main__': main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, call), how],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert "1 clips of 1 speakers" in done.stdout and "2 rejected" in done.stdout
    with Store(tmp_path / "x.h5") as store:
        odd, dead = store.rejects
    assert (odd.id, odd.step) == ("a/x", "prep") and "x.mp4: ValueError: odd" in odd.reason
    assert (dead.id, dead.step) == ("b/x", "machine") and "died twice" in dead.reason
    assert "run again with --force" in done.stderr


# -- score ------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    """Two methods with two clips each, as arrays that differ in the first pixel of each clip."""
    rng = np.random.default_rng(0)
    for folder, level in {"gt": 0, "a": 9, "b": 18}.items():
        (tmp_path / folder).mkdir()
        for number, clip in enumerate("xy"):
            frames = rng.integers(40, 200, (4, 32, 48, 3), np.uint8)
            frames[0, 0, 0] = level + number
            np.save(tmp_path / folder / f"{clip}.npy", frames)
    return tmp_path


def score(folder, **settings):
    preds = {name: folder / name for name in "ab"}
    return scoring.score(preds, folder / "gt", metrics=["psnr", "ssim"], **settings)


def scored(report) -> set[tuple[str, str, str]]:
    return {(clip.method, clip.clip, clip.metric) for clip in report.clips if clip.method in "ab"}


ALL = {(method, clip, metric) for method in "ab" for clip in "xy" for metric in ("psnr", "ssim")}


@pytest.mark.parametrize("error", EVERY, ids=names(EVERY))
@pytest.mark.parametrize("step", ["opening", "reading", "truth", "metric", "whole"])
def test_one_clip_of_one_method_fails_in_any_step(pictures, monkeypatch, step, error):
    real_open, real_read = frames_reading.open_frames, measuring.View.read
    psnr = METRICS.get("psnr").family
    of = pictures / "a" / "x.npy"
    if step == "opening":
        patched = raising(error, real_open, lambda path: path == of)
        monkeypatch.setattr(frames_reading, "open_frames", patched)
        lost = {row for row in ALL if row[:2] == ("a", "x")}
    elif step == "reading":
        patched = raising(error, real_read, lambda view, *_: view.reader.path == of)
        monkeypatch.setattr(measuring.View, "read", patched)
        lost = {row for row in ALL if row[:2] == ("a", "x")}
    elif step == "truth":
        truth = pictures / "gt" / "x.npy"
        patched = raising(error, real_read, lambda view, *_: view.reader.path == truth)
        monkeypatch.setattr(measuring.View, "read", patched)
        lost = {row for row in ALL if row[1] == "x"}
    elif step == "metric":
        real = psnr.measure

        def measure(*, pred, **others):
            if np.ravel(pred)[0] == 9:
                raise error
            return real(pred=pred, **others)

        monkeypatch.setitem(vars(psnr), "measure", measure)
        lost = {("a", "x", "psnr")}
    else:
        patched = raising(error, measuring.measure_clip, lambda files, _: files.clip == "x")
        monkeypatch.setattr(recoding, "measure_clip", patched)
        lost = {row for row in ALL if row[1] == "x"}
    report = score(pictures)
    assert scored(report) == ALL - lost, report.rejects
    left_out = {(reject.method, reject.clip) for reject in report.rejects if reject.method in "ab"}
    assert left_out == {row[:2] for row in lost}
    said = {reject.reason for reject in report.rejects}
    assert all(reason.isprintable() for reason in said)
    ours = isinstance(error, MediaError | MissingPathError)
    assert ours or all(type(error).__name__ in reason for reason in said)


@pytest.mark.parametrize("error", OF_RUN, ids=names(OF_RUN))
def test_what_concerns_the_run_ends_score(pictures, monkeypatch, error):
    monkeypatch.setattr(measuring.View, "read", raising(error))
    with pytest.raises(type(error)):
        score(pictures)


@pytest.mark.parametrize("error", [OF_INPUT[0], OF_MACHINE[0]], ids=str)
def test_only_faults_of_the_machine_are_tried_again_by_resume(pictures, monkeypatch, error):
    resume = pictures / "resume"
    of = pictures / "a" / "x.npy"
    with monkeypatch.context() as patch:
        real = frames_reading.open_frames
        patch.setattr(frames_reading, "open_frames", raising(error, real, lambda path: path == of))
        assert ("a", "x", "psnr") not in scored(score(pictures, resume=resume))
    again = score(pictures, resume=resume)
    assert (scored(again) == ALL) == (error in OF_MACHINE)


def test_where_no_clip_of_a_method_is_left_score_fails(pictures, monkeypatch):
    monkeypatch.setattr(measuring.View, "read", raising(MemoryError()))
    report = score(pictures)
    with pytest.raises(ScoreError, match=r"a: no clip could be scored; .*MemoryError"):
        scoring.require_scores(report, ["a", "b"])


# -- animate ----------------------------------------------------------------------------------

STAGES = dict.fromkeys(("motion", "blink", "texture"))


@pytest.mark.parametrize("error", EVERY, ids=names(EVERY))
@pytest.mark.parametrize("step", ["require_audible", "stream_audio", "write_video"])
def test_one_clip_of_a_corpus_cannot_be_animated(tmp_path, monkeypatch, step, error):
    todo = [
        videos.Job(tmp_path / "x.mp4", tmp_path / "x.mp4", tmp_path / f"{name}.mp4", 5, name)
        for name in "abc"
    ]
    turn = iter(range(99))
    patched = {
        "require_audible": lambda *_: None,
        "stream_audio": lambda *_: iter([(np.ones(3200, np.float32),) * 2]),
        "write_video": lambda *_, **__: 5,
    }
    for name, does in patched.items():
        monkeypatch.setattr(media, name, does)
    monkeypatch.setattr(media, step, raising(error, patched[step], lambda *_: next(turn) == 1))
    monkeypatch.setattr(videos.Job, "picture", lambda self: np.zeros((9, 9, 3), np.uint8))
    monkeypatch.setattr(render, "talk", lambda *_, **__: iter([]))
    made = list(videos.make_all(todo, STAGES, warn=print))
    assert [job.name for job, _ in made] == ["a", "b", "c"]
    assert [count for _, count in made[::2]] == [5, 5]
    assert isinstance(made[1][1], Fault) and made[1][1].machine == (error in OF_MACHINE)


@pytest.mark.parametrize("error", OF_RUN, ids=names(OF_RUN))
def test_what_concerns_the_run_ends_animate(tmp_path, monkeypatch, error):
    todo = [
        videos.Job(tmp_path / "x.mp4", tmp_path / "x.mp4", tmp_path / f"{n}.mp4", 5, n)
        for n in "ab"
    ]
    monkeypatch.setattr(videos.Job, "picture", raising(error))
    with pytest.raises(type(error)):
        list(videos.make_all(todo, STAGES, warn=print))
    assert not list(tmp_path.iterdir())
