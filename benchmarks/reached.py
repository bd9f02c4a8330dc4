"""Which lines and branches the tests reach.

    python benchmarks/reached.py                          # all tests; takes three times as long
    python benchmarks/reached.py tests/metrics tests/web  # some; adds to what is kept
    python benchmarks/reached.py --fresh tests/metrics    # forgets what was kept

Processes that tests start count, too. Kernels are machine code, of which nothing is seen: so the
quick tests of those folders that hold kernels run a second time, in which Python itself runs them,
and each is broken off after ``--patience`` seconds; what becomes of them then is of no matter.
Prints the share of lines and branches of each top-level folder, and the files below 80 %.
``make coverage TESTS=...`` is the same. What was reached is kept in ``build/reached``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "build" / "reached"
LOW = 80.0  # percent
# Folders of tests beside those of tkit whose loops are kernels.
OF_KERNELS = ("metrics", "face", "media", "landmarks")
SETTINGS = f"""
[run]
branch = true
parallel = true
patch = subprocess
data_file = {KEPT}/data
source_dirs = {ROOT}/tkit, {ROOT}/zoo, {ROOT}/pipelines
disable_warnings = no-data-collected, module-not-measured, couldnt-parse
[report]
exclude_also =
    if TYPE_CHECKING:
    @overload
"""


def main() -> None:
    """Run the tests, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--patience", type=int, default=20, help="seconds")
    parser.add_argument("tests", nargs="*", default=["tests"])
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / "settings").write_text(SETTINGS, encoding="utf-8")
    pytest = ["run", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    coverage(*pytest, *options.tests)
    folders = {ROOT / "tests" / name for name in OF_KERNELS}
    given = [ROOT / test.partition("::")[0] for test in options.tests]
    if again := [
        str(one) for one in sorted(folders | {*given})
        if any(one.is_relative_to(test) for test in given)
        and any(one.is_relative_to(folder) for folder in folders)
    ]:  # fmt: skip
        os.environ["TKIT_PATIENCE_S"] = str(options.patience)
        coverage(*pytest, "-p", "interpreted", "-m", "not slow", *again)
    coverage("combine", "--append", "--keep", "--quiet")
    coverage("json", "--quiet", "-o", str(KEPT / "reached.json"))
    for line in table(json.loads((KEPT / "reached.json").read_text(encoding="utf-8"))):
        print(line)


def coverage(command: str, *words: str) -> None:
    """Call coverage with our settings; failing tests end nothing."""
    # Not from this folder: a script of ours is called coverage, too.
    call = [
        sys.executable,
        "-P",
        "-m",
        "coverage",
        command,
        f"--rcfile={KEPT / 'settings'}",
        *words,
    ]
    subprocess.run(call, cwd=ROOT, check=False)


def table(found: dict) -> list[str]:
    """Shares of the top-level folders, and of the files with less than is good."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    low = []
    for name, file in sorted(found["files"].items()):
        told = file["summary"]
        done = told["covered_lines"] + told["covered_branches"]
        whole = told["num_statements"] + told["num_branches"]
        if whole and 100 * done / whole < LOW:
            low.append(f"{100 * done / whole:6.1f} %  {name}  ({whole - done} of {whole} missed)")
        for place, number in enumerate((done, whole)):
            sums[Path(name).parts[0]][place] += number
    shares = [f"{100 * done / max(whole, 1):6.1f} %  {name}/  ({done} of {whole})"
              for name, (done, whole) in sums.items()]  # fmt: skip
    return [*shares, f"files below {LOW:.0f} %:", *low]


if __name__ == "__main__":
    main()
