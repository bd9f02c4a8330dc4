"""What share of small faults the tests notice: mutants of metrics, geometry and statistics.

    python benchmarks/mutants.py --count 300 --seed 0 --resume mutants/

A mutant is one change inside one function: a comparison, an operator, a number, a condition, a
sign, a slice, a statement left out. ``--count`` of them are drawn from all that there are in
:data:`MODULES`. Each is killed if a test fails, that ends, or runs ten times as long; else it
survives and is printed. Those of :data:`EQUIVALENT` change nothing that anybody could notice.

Before the first mutant and after every tenth stands a control: all is done to the function of that
mutant but the change. A control that a test kills shows that tests fail by themselves, and voids
the run.

The tests run once as they are, watched: which of them call which function. A mutant is tried in a
fork of a process that has loaded all modules and run nothing (threads of libraries do not outlive a
fork, and what waits for them crashes), where the code of its function is exchanged, by the tests
that call it, the quickest first. So it costs the time of those tests alone; tools that start Python
anew for each mutant take twenty times as long. A kernel is compiled anew for each of its mutants.
Times are those of the processor, so that a busy machine kills nothing; the test that kills must
pass without the change, or nothing is said of the mutant ("unsure", counted as not killed).

With ``--resume`` a folder keeps what the tests called and what became of each mutant, and a run
that was interrupted goes on. After a change of tests or code it wants another folder. Where time is
short: ``--longest 6`` at first, and then ``--again`` with more for those that survived.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import gc
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

ROOT = Path(__file__).parents[1]
MODULES = [
    *sorted((ROOT / "tkit" / "metrics").rglob("*.py")),
    *(
        ROOT / "tkit" / "face" / f"{name}.py"
        for name in ("geometry", "blinks", "steady", "plausible")
    ),
    *(
        ROOT / "tkit" / "scoring" / f"{name}.py"
        for name in ("statistics/__init__", "comparing", "summary")
    ),
]
TESTS = ["tests/metrics", "tests/face", "tests/scoring"]
SAYS = " fails: "
CONTROL, CONTROL_EVERY = -1, 10  # a mutant that changes nothing, and how many stand between two
PATIENCE = 10  # times as long as without the mutant, and …
GRACE_S = 60.0  # … so much for compiling a kernel
SWAPS: dict[type, list[type]] = {
    ast.Lt: [ast.LtE], ast.LtE: [ast.Lt], ast.Gt: [ast.GtE], ast.GtE: [ast.Gt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn], ast.NotIn: [ast.In],
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult], ast.FloorDiv: [ast.Div], ast.Mod: [ast.Mult], ast.MatMult: [ast.Add],
    ast.BitAnd: [ast.BitOr], ast.BitOr: [ast.BitAnd], ast.And: [ast.Or], ast.Or: [ast.And],
    ast.LShift: [ast.RShift], ast.RShift: [ast.LShift],
}  # fmt: skip
LOADED = ("tkit.", "torch", "numba", "scipy.", "cv2", "skimage.", "matplotlib.pyplot", "pandas")
# (file, source line, change): why nobody can tell the difference.
EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "tkit/metrics/psnr.py",
        "return [np.ascontiguousarray(array).reshape(-1) for array in arrays]",
        "1 to 2",
    ): "NumPy takes any negative number for the rest",
    (
        "tkit/scoring/statistics/__init__.py",
        "sums = [(b * weights**power).sum(-1) for power in range(3)]",
        "3 to 4",
    ): "the fourth sum is not used",
    (
        "tkit/scoring/statistics/__init__.py",
        "n = np.where(counts.sum(-1) > 1, counts.sum(-1), np.nan)",
        "1 to 2",
    ): "of two speakers both intervals are the same",
    (
        "tkit/face/geometry.py",
        "u, v = source - source_mean, target - target_mean",
        "Sub to Add",
    ): "the other set is centred: their products are the same",
    (
        "tkit/face/plausible.py",
        "crossed = always | (upper[..., 1:] > lower[..., 1:])",
        "Gt to GtE, 0",
    ): "points at one height meet where they are",
    (
        "tkit/face/blinks.py",
        "if opened < max(REOPENED * lower, REOPENED_SIGMAS * noise):",
        "Lt to LtE, 0",
    ): "a tie of measured numbers",
    (
        "tkit/face/blinks.py",
        "back = (last - first + 1) / fps <= PARTIAL_S + 1e-9",
        "LtE to Lt, 0",
    ): "numbers of frames over a rate do not meet the bound with its 1e-9",
    (
        "tkit/metrics/kernels.py",
        "mx, my = flat[:n_out], flat[n_out : 2 * n_out]",
        "Mult to Div",
    ): "machine code asks where a view begins, and never for its end",
    (
        "tkit/metrics/cpbd/canny.py",
        "upright = ay > ax if step > 0 else ay >= ax",
        "Gt to GtE, 0",
    ): "at a tie all weight is the corner's, upright or not",
    (
        "tkit/metrics/dists.py",
        "gt = rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)"
        ".repeat(2, axis=1).repeat(2, axis=2)",
        "2 to 3",
    ): "an example of another size is as good",
    (
        "tkit/metrics/csim.py",
        '[helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 147])],',
        "1 to 2",
    ): "what an example's network declares of its result is not used",
}


@dataclass(frozen=True)
class Mutant:
    """One change of one node of a module."""

    path: Path
    node: int  # in the order of ast.walk
    variant: int  # of the changes of this node, or CONTROL
    line: int
    change: str
    function: str

    def __str__(self) -> str:
        """Place, line of source and change."""
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.source}  [{self.change}]"

    @property
    def source(self) -> str:
        """The line that is changed."""
        with tokenize.open(self.path) as file:
            return file.read().splitlines()[self.line - 1].strip()

    @property
    def known(self) -> tuple[str, str, str]:
        """How :data:`EQUIVALENT` names it."""
        return self.path.relative_to(ROOT).as_posix(), self.source, self.change

    @property
    def key(self) -> tuple[str, int, int, str]:
        """What no other one has."""
        return self.path.relative_to(ROOT).as_posix(), self.node, self.variant, self.change

    @property
    def is_control(self) -> bool:
        """Whether it changes nothing."""
        return self.variant == CONTROL

    def tree(self) -> ast.Module:
        """The module with the change."""
        tree = parse(self.path)
        if not self.is_control:
            node = list(ast.walk(tree))[self.node]
            changes(node)[self.variant][1]()
        return ast.fix_missing_locations(tree)


def parse(path: Path) -> ast.Module:
    """The tree of a module; each node knows what it is in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    child.parent, child.field = parent, field  # type: ignore[attr-defined]
    return tree


def mutants(path: Path) -> Iterator[Mutant]:
    """All mutants of a module: changes inside functions, but not of what is said or annotated."""
    for index, node in enumerate(ast.walk(parse(path))):
        function = enclosing(node)
        if function and hasattr(node, "lineno"):
            for variant, (change, _) in enumerate(changes(node)):
                yield Mutant(path, index, variant, node.lineno, change, function)


def enclosing(node: Any) -> str:
    """Name of the outermost function that runs a node; empty if none does."""
    name = ""
    while (parent := getattr(node, "parent", None)) is not None:
        if isinstance(parent, ast.FunctionDef):
            name = parent.name if node.field == "body" else ""
        if isinstance(parent, ast.AnnAssign) and node.field == "annotation":
            return ""
        if isinstance(parent, ast.Raise | ast.JoinedStr):
            return ""
        node = parent
    return name


def changes(node: Any) -> list[tuple[str, Any]]:
    """What can be done to a node: how it is called, and a function that does it."""
    found: list[tuple[str, Any]] = []

    def put(owner: Any, field: str, value: Any, change: str) -> None:
        found.append((change, lambda: setattr(owner, field, value)))

    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        for other in SWAPS.get(type(node.op), []):
            put(node, "op", other(), f"{type(node.op).__name__} to {other.__name__}")
    elif isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            for other in SWAPS[type(op)]:
                ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                put(node, "ops", ops, f"{type(op).__name__} to {other.__name__}, {place}")
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        put(node, "value", node.value + 1, f"{node.value} to {node.value + 1}")
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        put(node, "value", not node.value, f"{node.value} to {not node.value}")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        put(node, "op", ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not(), "sign dropped")
        if not isinstance(node.op, ast.USub):
            found[-1] = ("negation dropped", functools.partial(_replace, node, node.operand))
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        put(node, "test", ast.UnaryOp(ast.Not(), node.test), "condition negated")
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        put(node, "value", ast.Constant(None), "statement left out")
    elif isinstance(node, ast.Return) and ast.unparse(node) not in ("return", "return None"):
        put(node, "value", ast.Constant(None), "returns None")
    return found


def _replace(node: Any, other: Any) -> None:
    value = getattr(node.parent, node.field)
    if isinstance(value, list):
        value[value.index(node)] = other
    else:
        setattr(node.parent, node.field, other)


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and all within it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from codes(part)


class Watch:
    """A pytest plugin that notes which functions each test calls, and how long it takes."""

    def __init__(self) -> None:
        self.calls: dict[str, set[str]] = defaultdict(set)  # test to "file:first line" of functions
        self.seconds: dict[str, float] = {}  # of the processor
        self.failed: set[str] = set()
        self._files = {str(path) for path in MODULES}
        self._began = 0.0

    def pytest_runtest_protocol(self, item: Any) -> None:
        """Begin to watch."""
        self._began = time.process_time()
        sys.settrace(functools.partial(self._note, self.calls[item.nodeid]))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note which tests do not pass."""
        if not report.passed:
            self.failed.add(report.nodeid)  # skipped ones prove nothing either

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """End to watch."""
        sys.settrace(None)
        self.seconds[nodeid] = time.process_time() - self._began

    def save(self, path: Path) -> None:
        """Keep what was seen, and which modules were loaded."""
        kept = {"calls": {test: sorted(calls) for test, calls in self.calls.items()},
                "seconds": self.seconds, "failed": sorted(self.failed),
                "modules": [name for name in sys.modules if name.startswith(LOADED)]}  # fmt: skip
        path.write_text(json.dumps(kept), encoding="utf-8")

    def load(self, path: Path) -> None:
        """Take up what was kept, and load the modules, which forks then need not do."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        self.calls |= {test: set(calls) for test, calls in kept["calls"].items()}
        self.seconds, self.failed = kept["seconds"], set(kept["failed"])
        for name in kept["modules"]:
            with contextlib.suppress(ImportError):  # made by a test
                import_module(name)

    def _note(self, found: set[str], frame: Any, *_: Any) -> None:
        code = frame.f_code
        if code.co_filename in self._files:
            found.add(f"{code.co_filename}:{code.co_name}")
        elif code.co_name == "__call__" and code.co_filename.endswith("compiled.py"):
            for kernel in reached(frame.f_locals["self"].python):
                found.add(f"{kernel.__code__.co_filename}:{kernel.__code__.co_name}")


def reached(function: FunctionType) -> set[FunctionType]:
    """A kernel's function and those of its module that it names."""
    found, todo = set(), [function]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            named = (one.__globals__.get(name) for name in one.__code__.co_names)
            todo += [other for other in named if isinstance(other, FunctionType)]
    return found


def names_of(kernel: Any) -> set[str]:
    """Names of the functions that a kernel is made of."""
    return {function.__name__ for function in reached(kernel.python)}


def tests_of(mutant: Mutant, watch: Watch, longest_s: float) -> list[str]:
    """Tests that call the function of a mutant, as many as fit into the time.

    Those that are named for its module come first, the quickest before the others.
    """
    key = f"{mutant.path}:{mutant.function}"
    able = [
        test for test, calls in watch.calls.items() if key in calls and test not in watch.failed
    ]
    chosen: list[str] = []
    for test in sorted(able, key=lambda test: (mutant.path.stem not in test, watch.seconds[test])):
        if chosen and sum(watch.seconds[one] for one in chosen) + watch.seconds[test] > longest_s:
            break
        chosen.append(test)
    return chosen


def put_in(mutant: Mutant) -> None:
    """Exchange the code of the mutant's function, and forget what was computed with the old one."""
    from tkit.compiled import Kernel

    compiled = compile(mutant.tree(), str(mutant.path), "exec", dont_inherit=True)
    new = {(code.co_qualname, code.co_firstlineno): code for code in codes(compiled)}
    for one in gc.get_objects():
        # Not isinstance, which asks proxies of what is no more.
        if type(one) is FunctionType and one.__code__.co_filename == str(mutant.path):
            code = new.get((one.__code__.co_qualname, one.__code__.co_firstlineno))
            if code is not None and len(code.co_freevars) == len(one.__code__.co_freevars):
                one.__code__ = code
        elif type(one) is Kernel and mutant.function in names_of(one):
            one._call = None  # the others stay as they are loaded
        elif type(one) is functools._lru_cache_wrapper and one.__module__.startswith("tkit"):
            one.cache_clear()


class First:
    """A pytest plugin that writes down which test fails first."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Write it down."""
        if report.failed:
            self._path.write_text(f"{report.nodeid}{SAYS}{report.longreprtext[-300:]}", "utf-8")


def killer(mutant: Mutant, tests: list[str], limit_s: float, kept: Path) -> str:
    """Which test fails with a mutant, in a fork of this process, or how that ends; empty if none.

    Machine code and examples of mutants go to the folder ``kept``, not into the real caches.
    """
    import pytest

    first = kept / "first.txt"
    first.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(kept)
        if not mutant.is_control:  # whose machine code is the real one
            os.environ["NUMBA_CACHE_DIR"] = str(kept)
        limit = int(time.process_time() + limit_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        code = 1
        try:
            put_in(mutant)
            told = ["-x", "-q", "-p", "no:cacheprovider", "--basetemp", str(kept / "tests")]
            # Most are killed by the tests of their module: files of others need not be loaded.
            own = [test for test in tests if mutant.path.stem in test]
            for part in filter(None, (own, [test for test in tests if test not in own])):
                code = int(pytest.main([*told, *part], plugins=[First(first)]))
                if code:
                    break
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return ""
    return first.read_text("utf-8") if first.exists() else f"ended with {code}"


def main() -> None:
    """Draw, try and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", type=Path, help="Folder that keeps what is known so far.")
    parser.add_argument("--at-most", type=int, default=10**9, help="Mutants to try this time.")
    parser.add_argument(
        "--longest", type=float, default=30.0,
        help="Seconds of the tests that are tried on a mutant, as they take without it.",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="Try those that survived again.")
    parser.add_argument("--only", default="", help="Modules whose path has this in it.")
    parser.add_argument("--watch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("tests", nargs="*", default=TESTS)
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.dont_write_bytecode = False  # pytest rewrites the assertions of a hundred modules: once
    if options.watch:
        import pytest

        watch = Watch()
        told = ["-q", "-p", "no:cacheprovider", "-m", "not slow"]
        pytest.main([*told, *options.tests], plugins=[watch])
        watch.save(options.watch)
        return
    every = [one for path in MODULES if options.only in str(path) for one in mutants(path)]
    drawn = random.Random(options.seed).sample(every, min(options.count, len(every)))
    with tempfile.TemporaryDirectory() as name:
        folder = options.resume or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        results = folder / f"{options.seed}{options.only.replace('/', '-')}.jsonl"
        known = read(results)
        if options.again:
            known = {key: found for key, found in known.items() if found["what"] != "survived"}
        todo = [one for one in with_controls(drawn) if str(one.key) not in known]
        watch = watched(options.tests, folder / "watched.json")
        for one in todo[: options.at_most]:
            known[str(one.key)] = found = try_one(one, watch, options.longest)
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps([str(one.key), found]) + "\n")
            if found["what"] not in ("killed", "equivalent", "unchanged"):
                print(f"{found['what']}: {one}", flush=True)
    tally = Counter(known[str(one.key)]["what"] for one in drawn if str(one.key) in known)
    counted = tally.total() - tally["equivalent"]
    print(f"{tally.total()} of {len(drawn)}, of {len(every)}, seed {options.seed}: {dict(tally)}")
    share = 100 * tally["killed"] / max(counted, 1)
    print(f"killed: {share:.1f} % of those that are not equivalent")
    controls = Counter(
        known[str(one.key)]["what"] for one in with_controls(drawn)
        if one.is_control and str(one.key) in known
    )  # fmt: skip
    print(f"controls: {dict(controls)}")
    if controls["void"]:
        raise SystemExit("void: tests fail without any change")


def read(path: Path) -> dict[str, dict[str, Any]]:
    """What became of the mutants of an earlier run, by their keys."""
    if not path.exists():
        return {}
    return dict(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


def watched(tests: list[str], path: Path) -> Watch:
    """Which tests call what: as kept, or seen now by a process of its own."""
    import pytest

    if not path.exists():
        subprocess.run([sys.executable, __file__, "--watch", path, *tests], check=True)
    watch = Watch()
    watch.load(path)
    # Forks find pytest's plugins loaded, too, which takes longer than most tests; but not the
    # tests, some of which call kernels at once: what links machine code does not outlive a fork.
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["-q", "-p", "no:cacheprovider", "--collect-only", "tests/conftest.py"])
    gc.collect()
    return watch


def with_controls(drawn: list[Mutant]) -> list[Mutant]:
    """Mutants in their order, and a control before the first and after every tenth."""
    found: list[Mutant] = []
    for place, mutant in enumerate(drawn):
        if place % CONTROL_EVERY == 0:
            found.append(replace(mutant, variant=CONTROL, change="nothing"))
        found.append(mutant)
    return found


def try_one(mutant: Mutant, watch: Watch, longest_s: float) -> dict[str, Any]:
    """Say what becomes of a mutant, by how many tests, and which kills it."""
    tests = tests_of(mutant, watch, longest_s)
    if not tests:
        return {"what": "no control" if mutant.is_control else "not called", "tests": 0}
    limit_s = PATIENCE * sum(watch.seconds[test] for test in tests) + GRACE_S
    with tempfile.TemporaryDirectory() as kept:
        by = killer(mutant, tests, limit_s, Path(kept))
        what = "killed" if by else "survived"
        if by and not mutant.is_control:
            again = [by.partition(SAYS)[0]] if SAYS in by else tests
            still = killer(replace(mutant, variant=CONTROL), again, limit_s, Path(kept))
            what = "unsure" if still else what
    if mutant.is_control:
        what = "void" if by else "unchanged"
    elif not by and mutant.known in EQUIVALENT:
        what = "equivalent"
    return {"what": what, "tests": len(tests), "by": by}


if __name__ == "__main__":
    main()
