"""The wheel: what it holds, and that it works where nothing of the checkout is.

Nothing is downloaded: it is built by this environment's setuptools, and an empty environment takes
its dependencies from this one. A path in a ``.pth`` file does not activate the ``.pth`` files that
lie there, so an editable install of tkit stays out of sight.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
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
    source = tmp_path_factory.mktemp("source")
    copy(source)
    return build(source, tmp_path_factory.mktemp("wheel"), "wheel")


def copy(folder: Path) -> None:
    """Copy what the archives are made of."""
    junk = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in (*PACKAGES, "tests", "docs", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=junk)
    files = "setup.py", "setup.cfg", "pyproject.toml", "LICENSE", "CITATION.cff", "Makefile"
    for path in (*map(ROOT.joinpath, files), *ROOT.glob("*.md"), *ROOT.glob("*.in")):
        shutil.copy(path, folder)
    for path in ROOT.glob("constraints*.txt"):
        shutil.copy(path, folder)


def build(source: Path, out: Path, kind: str) -> Path:
    """Build a wheel or an sdist of a folder, without anything from outside."""
    code = f"import sys; from setuptools import build_meta as b; b.build_{kind}(sys.argv[1])"
    run(sys.executable, "-c", code, out, cwd=source)
    (path,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
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


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """Copy the sources to another folder, of another time, readable by nobody else."""
    folder = tmp_path_factory.mktemp("elsewhere")
    copy(folder)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1e9, 1e9))
    return folder


def test_is_the_same_bytes_wherever_whenever_and_by_whomever_it_is_built(
    wheel, elsewhere, tmp_path
):
    before = os.umask(0o077)
    try:
        again = build(elsewhere, tmp_path, "wheel")
    finally:
        os.umask(before)
    assert sha256(again) == sha256(wheel) and again.name == wheel.name


def test_sources_are_the_same_bytes_and_build_the_same_wheel(wheel, elsewhere, tmp_path):
    first, second = (tmp_path / name for name in ("first", "second"))
    plain = tmp_path / "plain"
    plain.mkdir()
    copy(plain)
    archive, again = build(plain, first, "sdist"), build(elsewhere, second, "sdist")
    assert sha256(archive) == sha256(again)
    with tarfile.open(archive) as tar:
        names = {Path(name).relative_to(archive.name.removesuffix(".tar.gz")).as_posix()
                 for name in tar.getnames()}  # fmt: skip
        tar.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    assert sha256(build(source, tmp_path / "wheel", "wheel")) == sha256(wheel)
    assert {"tests/test_wheel.py", "CITATION.cff", "constraints.txt", "docs/scoring.md"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_archives_state_the_time_that_is_asked_for(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")  # 2020-09-13 12:26:40
    dates = {
        info.date_time for info in zipfile.ZipFile(build(elsewhere, tmp_path, "wheel")).infolist()
    }
    assert dates == {(2020, 9, 13, 12, 26, 40)}
    with tarfile.open(build(elsewhere, tmp_path, "sdist")) as tar:
        assert {(one.mtime, one.uid, one.mode) for one in tar} == {(1600000000, 0, 0o644)}


def test_is_small_enough_and_links_to_its_paper(wheel):
    assert wheel.stat().st_size <= 60e6
    with zipfile.ZipFile(wheel) as archive:
        about = archive.read(f"talking_face_toolkit-{__version__}.dist-info/METADATA").decode()
        licences = [name for name in archive.namelist() if "/licenses/" in name]
    assert "Project-URL: Paper, https://arxiv.org/abs/2005.12318" in about
    assert {Path(name).name for name in licences} == {"LICENSE", "THIRD_PARTY.md"}
