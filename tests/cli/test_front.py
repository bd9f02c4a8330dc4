"""The command ``tkit`` itself: how it is started, and what it says of a command that is none."""

import subprocess
import sys

import pytest

from tkit import __version__
from tkit.cli import SUMMARIES, cli, main
from tkit.errors import UnknownNameError
from tkit.scoring import protocols


@pytest.fixture
def fail(capsys):
    """Run ``tkit`` with wrong arguments and return what it says on stderr."""

    def call(*args: str) -> str:
        with pytest.raises(SystemExit) as stop:
            main(list(args))
        out, err = capsys.readouterr()
        assert (stop.value.code, out) == (2, "")
        return err

    return call


def test_python_dash_m_is_the_command():
    command = [sys.executable, "-m", "tkit"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"tkit, version {__version__}\n"
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: tkit ") and "leaderboard" in done.stdout
    assert subprocess.run([*command, "nothing"], capture_output=True).returncode == 2


@pytest.mark.parametrize(
    ("name", "nearest"), [("scroe", "score"), ("Score", "score"), ("anim", "animate")]
)
def test_an_unknown_command_names_the_nearest(fail, name, nearest):
    assert f"No such command '{name}'; did you mean {nearest}?" in fail(name)


def test_a_command_like_no_other_is_refused_plainly(fail):
    assert fail("xyzzy").endswith("No such command 'xyzzy'.\n")
    assert "No such option" in fail("--xyzzy")


def test_an_unknown_protocol_names_the_nearest():
    with pytest.raises(UnknownNameError, match="'sinha2002'; did you mean sinha2020\\? \\(there"):
        protocols.load("sinha2002")
    with pytest.raises(UnknownNameError, match="'xyzzy' \\(there are: tkit, "):
        protocols.load("xyzzy")


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_summary_is_the_first_line_of_the_help(name):
    command = cli.get_command(None, name)
    assert command.help.split("\n")[0] == SUMMARIES[name]
