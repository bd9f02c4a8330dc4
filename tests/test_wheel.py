"""The wheel: what it holds, and that it works where nothing of the checkout is.

Nothing is downloaded: it is built by this environment's setuptools, and an empty environment takes
its dependencies from this one. A path in a ``.pth`` file does not activate the ``.pth`` files that
lie there, so an editable install of tkit stays out of sight.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tkit import __version__
from tkit.scoring import protocols

ROOT = Path(__file__).parents[1]
PACKAGES = {"tkit": "tkit", "zoo": "tkit/zoo", "pipelines": "tkit/pipelines"}
LEFT_OUT = "tkit/pipelines/makers/"  # how two released networks were made; run from a checkout
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build a wheel from a copy of the sources: a build leaves folders behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(*PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", out, source)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """Install the wheel in an empty environment and return the folder of its programs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(*PIP, "--python", python, "install", "--no-deps", "--no-index", wheel)
    (site,) = folder.glob("lib/python*/site-packages")
    here = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (site / "dependencies.pth").write_text("".join(f"{path}\n" for path in sorted(here)))
    return python.parent


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a program that must succeed, without this process's Python path; return its output."""
    surroundings = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=surroundings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_holds_tkit_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"tkit", f"talking_face_toolkit-{__version__}.dist-info"}


def test_holds_every_source_and_data_file_but_the_makers(wheel):
    wanted = {
        f"{inside}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in PACKAGES.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    wanted = {name for name in wanted if not name.startswith(LEFT_OUT)}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("tkit/")}
    assert packed == wanted
    suffixes = {Path(name).suffix for name in packed}
    assert suffixes >= {".py", ".toml", ".gz", ".safetensors"}


def test_works_in_an_empty_environment(environment, tmp_path):
    names = "tkit", "tkit.zoo", "tkit.pipelines"
    code = f"import {', '.join(names)}; print({', '.join(f'{name}.__file__' for name in names)})"
    for place in run(environment / "python", "-c", code, cwd=tmp_path).split():
        assert Path(place).is_relative_to(environment.parent)

    tkit = environment / "tkit"
    assert run(tkit, "--version", cwd=tmp_path) == f"tkit, version {__version__}\n"
    assert "leaderboard" in run(tkit, "--help", cwd=tmp_path)
    listed = run(tkit, "protocols", "list", cwd=tmp_path)
    assert all(name in listed for name in protocols.names())
    verified = run(tkit, "zoo", "verify", cwd=tmp_path)
    assert all(card.stem in verified for card in (ROOT / "zoo" / "released").glob("*.toml"))
    assert "leaderboard" in run(environment / "python", "-m", "tkit", "--help", cwd=tmp_path)
