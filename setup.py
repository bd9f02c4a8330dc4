"""Find the packages and their data in the three roots; setup.cfg holds the rest.

Setuptools' own ``find:`` knows one root, and a package that is forgotten in a list works in an
editable install but is missing from the wheel.
"""

from pathlib import Path

from setuptools import setup

ROOTS = {"tkit": "tkit", "tkit.zoo": "zoo", "tkit.pipelines": "pipelines"}
NOT_INSTALLED = {"tkit.pipelines.makers"}


def packages() -> list[str]:
    """Dotted names of the folders that hold an ``__init__.py``."""
    found = []
    for prefix, root in ROOTS.items():
        for path in sorted(Path(root).rglob("__init__.py")):
            name = ".".join([prefix, *path.parent.relative_to(root).parts])
            if not any(f"{name}.".startswith(f"{left_out}.") for left_out in NOT_INSTALLED):
                found.append(name)
    return found


DATA = [
    "py.typed",
    "*.toml",
    "*.gz",
    "*.safetensors",
    "*.onnx",
    "experiments/*.toml",
    "templates/*",
]
setup(packages=packages(), package_dir=ROOTS, package_data={"": DATA})
