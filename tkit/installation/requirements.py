"""The packages that tkit asks for, as its own metadata say, beside those that are installed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, metadata

from packaging.requirements import Requirement

from tkit.errors import TkitError, one_line

NAME = "talking-face-toolkit"
DEVELOPERS = frozenset({"docs", "lint", "release", "test"})  # extras that nobody needs to work with
PURPOSES = {  # of extras
    "app": "for tkit app and tkit study serve",
    "cluster": "for --cluster of prep, score and animate",
    "docs": "for make docs, in a checkout",
    "export": "for tkit zoo export --format onnx",
    "face-alignment": "for --landmarks face-alignment",
    "identity": "for the metrics identity and identity-dtw",
    "mesh": "for --landmarks mesh",
    "quality": "an ffmpeg for the metrics vmaf, vmaf-neg, vif and xpsnr",
    "remote": "for clips at URLs and prep --parts",
    "transformers": "for --speech transformers",
}


@dataclass(frozen=True)
class Package:
    """A package that tkit asks for.

    Parameters
    ----------
    wanted : Requirement
    version : str
        What is installed; empty for none.
    trouble : str
        Why it will not do; empty where it does.
    """

    wanted: Requirement
    version: str
    trouble: str


def needed() -> list[Package]:
    """Return the packages without which tkit does not work, each one imported for a trial."""
    return [_look_at(wanted, trial=True) for extra, wanted in _declared() if not extra]


def optional() -> dict[str, list[Package]]:
    """Return the packages of each extra with a purpose, which are not imported."""
    found: dict[str, list[Package]] = defaultdict(list)
    for extra, wanted in _declared():
        if extra in PURPOSES:
            found[extra].append(_look_at(wanted, trial=False))
    return dict(found)


def wanted() -> list[Requirement]:
    """Return all that is asked for, by extras too, but not for developing tkit."""
    return [wanted for extra, wanted in _declared() if extra not in DEVELOPERS]


def _declared() -> Iterator[tuple[str, Requirement]]:
    """Requirements, each with the extra that it is of."""
    try:
        lines = metadata.requires(NAME) or []
    except metadata.PackageNotFoundError as error:
        raise TkitError(
            f"{NAME} is not installed, only its sources are here; run pip install -e ."
        ) from error
    for line in lines:
        wanted = Requirement(line)
        extra = str(wanted.marker).partition("extra == ")[2].strip("\"'") if wanted.marker else ""
        wanted.marker = None
        yield extra, wanted


def _look_at(wanted: Requirement, *, trial: bool) -> Package:
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return Package(wanted, "", "is not installed")
    if not wanted.specifier.contains(version, prereleases=True):
        return Package(wanted, version, f"is {version}, not {wanted.specifier}")
    if trial:
        try:
            for module in _modules(wanted.name):
                import_module(module)
        except (ImportError, OSError, AttributeError, ValueError, RuntimeError) as error:
            return Package(wanted, version, f"cannot be imported: {one_line(str(error))}")
    return Package(wanted, version, "")


def _modules(name: str) -> Iterator[str]:
    """Modules of a package that are imported by their names: those without an underscore."""
    for file in metadata.files(name) or ():
        first, *rest = file.parts
        inside = rest == ["__init__.py"] or (not rest and file.suffix == ".py")
        if inside and not first.startswith(("_", ".")):
            yield first.removesuffix(".py")
