"""Find the packages and their data in the three roots, and pack them to the same bytes every time.

setup.cfg holds the rest. Setuptools' own ``find:`` knows one root, and a package that is forgotten
in a list works in an editable install but is missing from the wheel.

An archive keeps times, owners and permissions of the files it was made of; two builds of the same
sources differ in them. So both are written anew without: every file is of ``SOURCE_DATE_EPOCH``
(1980 if it is not set), of nobody, and readable by all.
"""

import gzip
import os
import tarfile
import time
import zipfile
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.sdist import sdist

ROOTS = {"tkit": "tkit", "tkit.zoo": "zoo", "tkit.pipelines": "pipelines"}
NOT_INSTALLED = {"tkit.pipelines.makers"}
FIRST_S = 315532800  # zip files know no time before 1980
MODE = 0o644


def packages() -> list[str]:
    """Dotted names of the folders that hold an ``__init__.py``."""
    found = []
    for prefix, root in ROOTS.items():
        for path in sorted(Path(root).rglob("__init__.py")):
            name = ".".join([prefix, *path.parent.relative_to(root).parts])
            if not any(f"{name}.".startswith(f"{left_out}.") for left_out in NOT_INSTALLED):
                found.append(name)
    return found


def epoch_s() -> int:
    """Time of all files in an archive."""
    return max(int(os.environ.get("SOURCE_DATE_EPOCH", FIRST_S)), FIRST_S)


class Wheel(bdist_wheel):
    """A wheel of the same bytes whenever, wherever and by whomever it is built."""

    def run(self) -> None:
        """Build it, and write it anew."""
        super().run()
        for kind, _, path in self.distribution.dist_files:
            if kind == "bdist_wheel":
                rewrite(Path(path))


def rewrite(wheel: Path) -> None:
    """Write a zip file anew: its files sorted, of one time and one mode; RECORD stays the last."""
    with zipfile.ZipFile(wheel) as old:
        files = [(name, old.read(name)) for name in old.namelist()]
    files.sort(key=lambda file: (file[0].endswith("/RECORD"), file[0]))
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name, content in files:
            about = zipfile.ZipInfo(name, time.gmtime(epoch_s())[:6])
            about.compress_type, about.create_system = zipfile.ZIP_DEFLATED, 3  # Unix
            about.external_attr = (0o100000 | MODE) << 16
            new.writestr(about, content)


class Sources(sdist):
    """An archive of the sources, likewise."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **_: object) -> str:
        """Write the folder ``base_dir`` as one file, and return its path."""
        if format != "gztar":
            raise ValueError(f"{format}: only gztar is written")
        path = Path(f"{base_name}.tar.gz")
        with (
            path.open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=epoch_s()) as packed,
            tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as archive,
        ):
            top = Path(root_dir or ".")
            for file in sorted(path for path in (top / base_dir).rglob("*") if path.is_file()):
                about = tarfile.TarInfo(file.relative_to(top).as_posix())
                about.size, about.mtime, about.mode = file.stat().st_size, epoch_s(), MODE
                with file.open("rb") as content:
                    archive.addfile(about, content)
        return str(path)


DATA = [
    "py.typed",
    "*.toml",
    "*.gz",
    "*.safetensors",
    "*.onnx",
    "experiments/*.toml",
    "templates/*",
]
setup(
    packages=packages(),
    package_dir=ROOTS,
    package_data={"": DATA},
    cmdclass={"bdist_wheel": Wheel, "sdist": Sources},
)
