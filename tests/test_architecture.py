"""The house rules that a program can check."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Imports point down only: a package may import those of the layers below it, and its own.
LAYERS = [
    {"tkit.cli"},
    {"tkit.pipelines"},
    {"tkit.prep", "tkit.scoring", "tkit.download"},
    {"tkit.tracking"},
    {"tkit.corpora", "tkit.landmarks", "tkit.lips", "tkit.speech", "tkit.metrics",
     "tkit.report", "tkit.protocols"},
    {"tkit.clips", "tkit.media", "tkit.geometry", "tkit.plausible", "tkit.store", "tkit.windows",
     "tkit.crops", "tkit.statistics", "tkit.blinks", "tkit.drawing", "tkit.overlay", "tkit.toml",
     "tkit._jobs", "tkit._decoding", "tkit._encoding", "tkit.zoo"},
    {"tkit.errors", "tkit.registry"},
]  # fmt: skip
SCORING = {f"tkit.{name}" for name in (
    "_pairing", "_measuring", "_reading", "_resuming", "_summing", "_tracking", "_viewing",
    "framing", "_neutrals",
)}  # fmt: skip
PACKAGES = {"tkit": ROOT / "tkit", "tkit.zoo": ROOT / "zoo", "tkit.pipelines": ROOT / "pipelines"}


def modules() -> dict[str, Path]:
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *parts]).removesuffix(".__init__")] = path
    return found


def layer_of(name: str) -> int:
    """Index of the layer a module is in; private helpers of scoring and prep sit beside them."""
    if name in SCORING:
        name = "tkit.scoring"
    for index, layer in enumerate(LAYERS):
        if any(name == entry or name.startswith(entry + ".") for entry in layer):
            return index
    return -1


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name == "tkit" or name.startswith("tkit.")}


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_point_down(name):
    if name == "tkit":
        return
    layer = layer_of(name)
    assert layer >= 0, f"{name} is in no layer: add it to LAYERS"
    for other in imports(modules()[name]):
        target = layer_of(other)
        same_package = other.rpartition(".")[0] == name or name.startswith(other.rpartition(".")[0])
        assert target == -1 or target >= layer or same_package, f"{name} imports {other}"


@pytest.mark.parametrize("name", sorted(modules()))
def test_modules_stay_small(name):
    lines = modules()[name].read_text(encoding="utf-8").count("\n")
    assert lines <= 360, f"{name} has {lines} lines: split it"


def test_import_is_fast():
    code = "import time; t = time.perf_counter(); import tkit; print(time.perf_counter() - t)"
    best = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        for _ in range(5)
    )
    assert best < 0.05


def test_scoring_pictures_needs_no_torch():
    code = "import sys, tkit.scoring; print([m for m in ('torch', 'dlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """Names of the files in a wheel built from a copy of the sources."""
    import shutil
    import zipfile

    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("tkit", "zoo", "pipelines"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(out)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


@pytest.mark.slow
def test_wheel_holds_tkit_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel}
    assert tops == {"tkit", "talking_face_toolkit-0.1.0.dist-info"}


@pytest.mark.slow
def test_wheel_holds_every_source_card_and_weight_file(wheel):
    wanted = {name.replace(".", "/") for name in modules()}
    files = {f"{name}.py" for name in wanted} | {f"{name}/__init__.py" for name in wanted}
    packed = {name for name in wheel if name.endswith(".py")}
    assert packed <= files and len(packed) == len(wanted)
    data = {
        "zoo/cards": "*.toml",
        "zoo/weights": "*.safetensors",
        "pipelines/experiments": "*.toml",
        "tkit/corpora": "*.gz",
        "tkit/protocols": "*.toml",
    }
    for folder, pattern in data.items():
        inside = folder if folder.startswith("tkit") else f"tkit/{folder}"
        for path in (ROOT / folder).glob(pattern):
            assert f"{inside}/{path.name}" in wheel
