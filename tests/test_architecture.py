"""The house rules that a program can check: who may import whom, and what a folder holds."""

import ast
import subprocess
import sys
from pathlib import Path

import architecture
import pytest

import tkit
from tkit.cli import SUMMARIES
from tkit.corpora import CORPORA
from tkit.landmarks import LANDMARKERS
from tkit.lips import SEGMENTERS
from tkit.metrics import METRICS
from tkit.pipelines import STAGES
from tkit.speech import ENCODERS
from tkit.zoo import NETS

ROOT = Path(__file__).parents[1]
HERE = architecture.modules(ROOT)
REGISTRIES = [CORPORA, LANDMARKERS, SEGMENTERS, METRICS, STAGES, ENCODERS, NETS]


def test_imports_keep_the_rules():
    assert architecture.problems(ROOT) == []


@pytest.fixture
def scratch(tmp_path):
    """Write one module of a scratch project and return what is wrong with its imports."""
    for folder in ("tkit/face", "tkit/scoring", "tkit/cli", "zoo/nets", "pipelines/training"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in [path for path in tmp_path.rglob("*") if path.is_dir()]:
        (folder / "__init__.py").touch()
    for name in ("tkit/store.py", "tkit/face/geometry.py", "tkit/scoring/_parts.py",
                 "tkit/scoring/view.py", "pipelines/training/loop.py", "zoo/nets/motion.py",
                 "tkit/cli/_options.py", "tkit/errors.py"):  # fmt: skip
        (tmp_path / name).touch()

    def write(path: str, text: str) -> list[str]:
        (tmp_path / path).write_text(text)
        return architecture.problems(tmp_path)

    return write


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tkit/face/geometry.py", "from tkit import scoring"),
        ("tkit/face/geometry.py", "from tkit.scoring import view"),
        ("tkit/face/geometry.py", "import tkit.scoring.view"),
        ("tkit/face/geometry.py", "def late():\n    from tkit import scoring"),
        ("tkit/errors.py", "from tkit import store"),
        ("tkit/store.py", "import tkit.zoo.nets.motion, tkit.pipelines.training.loop"),
        ("zoo/nets/motion.py", "from tkit import pipelines"),
        ("zoo/nets/motion.py", "from tkit.pipelines.training import loop"),
        ("pipelines/training/loop.py", "from tkit import cli"),
        ("tkit/store.py", "from tkit import score"),
    ],
)
def test_an_upward_import_is_found(scratch, path, text):
    assert any("imports upward" in problem for problem in scratch(path, text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tkit/cli/__init__.py", "from tkit.scoring import _parts"),
        ("tkit/cli/__init__.py", "from tkit.scoring._parts import anything"),
        ("pipelines/training/loop.py", "import tkit.scoring._parts"),
        ("tkit/scoring/view.py", "from tkit.cli._options import jobs"),
    ],
)
def test_an_underscore_module_of_another_folder_is_found(scratch, path, text):
    assert any("is private to" in problem for problem in scratch(path, text))


def test_a_circle_of_folders_is_found(scratch):
    assert scratch("tkit/face/geometry.py", "from tkit.store import Store") == []
    assert any("circle" in p for p in scratch("tkit/store.py", "from tkit.face import geometry"))


def test_a_relative_import_is_found(scratch):
    assert any("relative" in problem for problem in scratch("tkit/store.py", "from . import face"))


def test_a_module_in_no_floor_is_found(scratch):
    assert any("on no floor" in problem for problem in scratch("tkit/novelty.py", ""))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tkit/scoring/view.py", "from tkit.scoring import _parts\nfrom tkit.face import geometry"),
        ("tkit/cli/__init__.py", "from tkit.cli import _options\nfrom tkit import scoring"),
        ("tkit/store.py", "from tkit import __version__"),
        ("tkit/__init__.py", "from tkit.scoring import score"),
    ],
)
def test_good_imports_are_no_problem(scratch, path, text):
    assert scratch(path, text) == []


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.package)
def test_public_modules_of_a_registry_are_entries_or_excluded(registry):
    inside = {
        name.removeprefix(f"{registry.package}.")
        for name in HERE
        if name.rpartition(".")[0] == registry.package
    }
    public = {name for name in inside if not name.startswith("_")}
    entries = {name for name in public - registry.exclude
               if hasattr(sys.modules.get(f"{registry.package}.{name}")
                          or __import__(f"{registry.package}.{name}", fromlist=["_"]),
                          registry.constant)}  # fmt: skip
    assert public == entries | registry.exclude
    # Metrics are named by their scores; an entry is a family of them.
    listed = list(registry.families()) if registry is METRICS else registry.names()
    assert sorted(name.replace("_", "-") for name in entries) == listed


def test_every_command_is_listed():
    files = {path.stem for path in (ROOT / "tkit" / "cli").glob("*.py")}
    assert {name for name in files if not name.startswith("_")} == set(SUMMARIES)


def test_import_is_fast_and_light():
    code = "import time; t = time.perf_counter(); import tkit; print(time.perf_counter() - t)"
    best = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        for _ in range(5)
    )
    assert best < 0.05
    code = "import sys, tkit; print([m for m in ('numpy', 'torch', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_scoring_is_imported_before_anything_heavy():
    heavy = "torch dlib numba av cv2 onnxruntime scipy.stats scipy.signal joblib".split()
    code = f"import sys, tkit.scoring; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


FRONT_DOOR = {
    f"{thing.__module__}.{thing.__name__}"
    for thing in (getattr(tkit, name) for name in tkit.__all__)
    if hasattr(thing, "__name__")
}


@pytest.mark.parametrize("name", sorted(HERE))
def test_functions_stay_small(name):
    """At most eight parameters, and 60 lines besides the docstring."""
    for node in ast.walk(ast.parse(HERE[name].read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef):
            continue
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = sum(argument.arg not in ("self", "cls") for argument in given)
        allowed = name.startswith("tkit.cli") or f"{name}.{node.name}" in FRONT_DOOR
        assert count <= 8 or allowed, node.name
        docstring = ast.get_docstring(node, clean=False) or ""
        lines = node.end_lineno - node.lineno + 1 - (docstring.count("\n") + bool(docstring))
        assert lines <= 60 or name.startswith("tkit.cli"), f"{node.name} has {lines} lines"


def test_tests_and_benchmarks_use_public_names():
    """No ``thing._name`` of ours; names of other projects are theirs."""
    found = []
    for path in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        ours = {
            alias.asname or alias.name.split(".")[-1]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tkit")
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tkit"):
                names = [*node.module.split("."), *(alias.name for alias in node.names)]
                found += [f"{path.name}: {name}" for name in names if name.startswith("_")]
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                private = node.attr.startswith("_") and not node.attr.startswith("__")
                if private and node.value.id in ours:
                    found.append(f"{path.name}: {node.value.id}.{node.attr}")
    assert [name for name in found if "__" not in name] == []


def test_one_broad_except_is_the_guard_of_a_clip():
    """Whatever a clip raises is told in one place; elsewhere it is known what is caught."""
    found = []
    for name, path in HERE.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "BaseException"
                if {"Exception", "BaseException"} & set(caught.strip("()").split(", ")):
                    found.append(name)
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
                assert not {"Exception", "BaseException"} & {ast.unparse(a) for a in node.args}
    assert found == ["tkit.errors"]
