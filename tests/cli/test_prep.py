import subprocess
import sys

import pytest
from click.testing import CliRunner

from tkit import cli
from tkit.cli.check import command as check
from tkit.cli.prep import command as prep


def run(*args: object) -> tuple[int, str, str]:
    """Run the real program: exit code, stdout, stderr."""
    command = [sys.executable, "-c", "from tkit.cli import main; main()", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def one_line(text: str) -> str:
    assert "Traceback" not in text
    (line,) = text.strip().splitlines()
    return line


def test_prepare_and_check(tmp_path, write_clip):
    write_clip(tmp_path / "corpus" / "anna" / "a.mp4")
    (tmp_path / "corpus" / "anna" / "b.mp4").touch()
    out = tmp_path / "x.h5"
    code, stdout, stderr = run("prep", "folder", "--root", tmp_path / "corpus", "--out", out)
    assert code == 0 and "1 clips of 1 speakers, 25 frames" in stdout and "1 rejected" in stdout
    assert "0 bytes" in stderr
    # A log has whole lines and no bar.
    assert "prep: 2 of 2 [" in stderr and "\r" not in stderr
    code, stdout, _ = run("check", out)
    assert code == 0
    for wanted in ("corpus: folder", "dlib68", "chars29-1-", "anna/b (prep)", "sound: yes"):
        assert wanted in stdout
    code, _, stderr = run("prep", "folder", "--root", tmp_path / "corpus", "--out", out)
    assert code == 2 and "--force" in one_line(stderr)
    out.write_bytes(out.read_bytes()[:2000])
    code, _, stderr = run("check", out)
    assert code == 1 and "not an HDF5 file" in one_line(stderr)


def test_wrong_usage_is_one_line_and_exit_2(tmp_path, monkeypatch):
    monkeypatch.delenv("TKIT_CORPORA", raising=False)
    code, _, stderr = run("prep", "grid", "--root", tmp_path / "nowhere")
    assert code == 2 and "no such folder for the corpus grid" in one_line(stderr)
    code, _, stderr = run("prep", "gird", "--root", tmp_path)
    assert code == 2 and "did you mean grid" in one_line(stderr)
    code, _, stderr = run("prep", "grid")
    assert code == 2 and "TKIT_CORPORA" in one_line(stderr)
    code, _, stderr = run("check", tmp_path / "nowhere.h5")
    assert code == 2 and "no such store" in one_line(stderr)
    code, _, stderr = run("prep", "grid", "--root", tmp_path, "--out", tmp_path / "x.h5")
    assert code == 1 and "no GRID videos here" in one_line(stderr)
    assert not (tmp_path / "x.h5").exists()


@pytest.mark.parametrize("command", [prep, check])
def test_help_has_an_example(command):
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0 and "Example:" in result.output


def test_every_command_has_a_summary_that_is_its_help():
    context = cli.cli.make_context("tkit", [], resilient_parsing=True)
    for name in cli.cli.list_commands(context):
        help_text = cli.cli.get_command(context, name).help
        assert help_text.splitlines()[0] == cli.SUMMARIES[name], name
        assert "Example" in help_text, name


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from tkit.cli import cli\n"
        "result = CliRunner().invoke(cli, ['--help'])\n"
        "assert result.exit_code == 0, result.output\n"
        "print(*[m for m in ('torch', 'cv2', 'dlib', 'numpy', 'h5py') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
