"""Help works in every command, and wrong use is answered in one line, before anything is loaded."""

import subprocess
import sys

import pytest

from tkit.cli import SUMMARIES
from tkit.report import Unscored, tables


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_command_has_help_with_an_example(run, name):
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "") and out.startswith(f"Usage: tkit {name} ") and "Example:" in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["check", "nope.h5"], "nope.h5: no such store; make one with tkit prep"),
        (["download", "gird"], "did you mean grid?"),
        (
            ["eval", "motion", "--data", "nope.h5"],
            "nope.h5: no such store; make one with tkit prep",
        ),
        (["landmarks", "nope.mp4", "--out", "x.npy"], "nope.mp4: no such media file"),
        (["landmarks", "nope.mp4", "--out", "x.txt"], "x.txt: points are written as .npy or .csv"),
        (["app", "--root", "nowhere"], "nowhere: no such folder"),
        (["study", "serve", "nope"], "nope: no study is there; make one with tkit study new"),
        (["study", "report", "nope"], "nope: no study is there; make one with tkit study new"),
        (
            ["study", "new", "--pred", "a=nope", "--pred", "b=nope", "--out", "s"],
            "nope: no such folder",
        ),
        (
            ["study", "new", "--pred", "a=nope", "--out", "s", "--question", "how real"],
            "--question how real: give NAME=TEXT",
        ),
        (["protocols", "show", "tkti"], "did you mean tkit?"),
        (["speech", "nope.wav"], "nope.wav: no such sound file"),
        (["speech", "nope.wav", "--encoder", "phonse"], "did you mean phones?"),
        (["speech", "nope.wav", "--speech-weights", "x"], "nope.wav: no such sound file"),
        (
            ["train", "motion", "--data", "nope.h5"],
            "nope.h5: no such store; make one with tkit prep",
        ),
    ],
)
def test_wrong_use_is_one_line(run, tmp_path, args, message):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("tkit: ") and message in line
    assert not list(tmp_path.iterdir())


def test_the_zoo_lists_and_describes_its_weights(run):
    code, out, _ = run("zoo", "list")
    assert code == 0 and any(line.startswith("motion ") for line in out.splitlines())
    code, out, _ = run("zoo", "info", "motion")
    assert code == 0 and 'net = "motion"' in out
    code, out, err = run("zoo", "info", "motoin")
    assert (code, out) == (2, "") and len(err.splitlines()) == 1 and "motion" in err


def test_protocols_are_listed_without_a_subcommand_too(run):
    assert run("protocols") == run("protocols", "list")


@pytest.mark.parametrize(
    "call",
    [
        "main(['landmarks', 'nope.mp4', '--out', 'x.npy'])",
        "main(['eval', 'motion', '--data', 'nope.h5'])",
        "main(['eval', 'moton'])",
        "main(['train', 'motion', '--data', 'nope.h5'])",
        "main(['train', 'motion', '--lrr', '3'])",
        "main(['speech', 'nope.wav'])",
        "tkit.train('motion', 'nope.h5')",
        "tkit.evaluate('motion', 'nope.h5')",
        "tkit.train('moton', 'here.h5')",
        "tkit.train('motion', 'here.h5', config='nope.toml')",
        "tkit.train('motion', 'here.h5', lrr=3)",
        "tkit.evaluate('moton', 'here.h5')",
        "tkit.evaluate('motion', 'here.h5', weights='nope.safetensors')",
        "tkit.load('nope')",
    ],
)
def test_a_wrong_path_loads_no_model(call, tmp_path):
    (tmp_path / "here.h5").touch()
    code = (
        "import sys, tkit\nfrom tkit.cli import main\nfrom tkit.errors import UsageError\n"
        f"try: {call}\nexcept SystemExit as end: assert end.code == 2, end.code\n"
        "except UsageError: pass\nelse: raise SystemExit('no error')\n"
        "found = {'torch', 'dlib'} & set(sys.modules)\nassert not found, found"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_left_out_is_counted_and_at_most_twenty_lines_are_named():
    assert tables.left_out([]) == []
    rejects = [Unscored("ours", f"c{i}", f"reason {i}") for i in range(21)]
    head, *lines = tables.left_out(rejects)
    assert head == "clips left out, wholly or in one metric: ours 21"
    assert lines[0] == "  ours: c0: reason 0" and len(lines) == 21
    assert lines[-1] == "  … 1 more; --json has all of them"
