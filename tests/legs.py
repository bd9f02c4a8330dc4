"""Run the tests under another Python, or with the oldest versions of the packages that tkit allows.

    python tests/legs.py 3.12                # the newest of all packages, under Python 3.12
    python tests/legs.py oldest              # constraints-oldest.txt, under this Python
    python tests/legs.py 3.13 tests/metrics  # a part of the tests

``make leg PYTHON=3.12`` and ``make leg-oldest`` are the same. A leg has an environment of its own,
``.venv-NAME``, which is kept for the next time. Where the interpreter or a wheel does not exist the
leg is skipped: the last line says why, and the exit code is 0.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST = ROOT / "constraints-oldest.txt"
# What old packages say of their own future, and of each other's, is no fault of ours.
QUIET = "-W", "ignore::DeprecationWarning", "-W", "ignore::PendingDeprecationWarning"


def main() -> None:
    """Make the environment of a leg and run the tests in it."""
    name, *tests = sys.argv[1:]
    interpreter = sys.executable if name == "oldest" else find(name)
    if interpreter is None:
        skip(f"no Python {name} is installed here")
    folder = ROOT / f".venv-{name}"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
    # torch comes from its pin: a bare `torch` would pull gigabytes of GPU libraries.
    pin = next(line for line in (ROOT / "constraints.txt").read_text().split() if "torch==" in line)
    install(python, pin)
    limits = ["-c", str(OLDEST)] if name == "oldest" else []
    install(python, *limits, "-e", f"{ROOT}[test]", pin)
    options = ["-p", "no:cacheprovider", *(QUIET if name == "oldest" else ())]
    done = subprocess.run([python, "-m", "pytest", *options, *tests], cwd=ROOT)
    raise SystemExit(done.returncode)


def find(version: str) -> str | None:
    """Return an interpreter of this version, on the path or of pyenv; None if there is none."""
    folders = sorted(
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob("*")
    )
    found = [str(folder / "bin" / "python") for folder in folders
             if f"{folder.name}.".startswith(f"{version}.")]  # fmt: skip
    for path in [shutil.which(f"python{version}"), *found]:
        # What pyenv puts on the path answers for versions that are not there, too.
        asked = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if path and subprocess.run(asked, capture_output=True, text=True).stdout.strip() == version:
            return path
    return None


def install(python: Path, *what: str) -> None:
    """Install from wheels alone; skip the leg if there is none for this Python."""
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--only-binary", ":all:", *what], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        skip("; ".join(errors) or "pip failed")


def skip(why: str) -> None:
    """End the leg without a failure."""
    print(f"skipped: {why}")
    raise SystemExit(0)


if __name__ == "__main__":
    main()
