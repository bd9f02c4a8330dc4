"""Look whether what tkit needs is there and sound: packages, back-ends, weights, codecs."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tkit import __version__
from tkit.errors import Fault, TkitError, UsageError, guarded
from tkit.installation import requirements
from tkit.installation.requirements import Package
from tkit.landmarks import LANDMARKERS
from tkit.lips import SEGMENTERS
from tkit.metrics import METRICS, Network
from tkit.registry import BackEnd
from tkit.speech import ENCODERS
from tkit.zoo.released import cards
from tkit.zoo.released import weights as released_weights

# Back-ends that work as tkit is installed: they take no file and need no extra.
USED = frozenset(
    {"dlib68", "dlib68-plain", "dlib68-plain-gray", "lipseg", "chars29", "phones", "logmel"}
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    what : str
        What it is, in one line.
    state : {"ok", "missing", "broken"}
        ``missing`` is what tkit can do without.
    remedy : str
        The line that mends it; empty where nothing is to be done.
    """

    what: str
    state: str = "ok"
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, from the machine to the weights; takes some seconds."""
    yield Finding(environment())
    packages = requirements.needed()
    sound = [f"{one.wanted.name} {one.version}" for one in packages if not one.trouble]
    yield Finding("packages: " + ", ".join(sound))
    for one in packages:
        if one.trouble:
            yield Finding(f"{one.wanted.name} {one.trouble}", "broken", _install(one))
    if any(one.trouble for one in packages):
        return  # what follows would only say the same again
    for extra, optional in requirements.optional().items():
        yield _extra(extra, optional)
    yield from _back_ends()
    yield _trial("kernels (compiled once, by numba)", _measure)
    yield _trial("H.264 and AAC (videos are written with them)", _codecs)
    for name in cards.released():
        problems = released_weights.problems(name)
        remedy = f"pip install --force-reinstall --no-deps {requirements.NAME}=={__version__}"
        if problems:
            yield Finding(f"weights {name}: {'; '.join(problems)}", "broken", remedy)
        else:
            yield Finding(f"weights {name}: sound")


def environment() -> str:
    """Versions of tkit, Python and the system, cores and graphics card, in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    told = f"tkit {__version__}, Python {platform.python_version()}, {platform.platform()}"
    return f"{told}, {cores} cores, {_graphics_card()}"


def _graphics_card() -> str:
    try:
        import torch
    except (ImportError, OSError):
        return "no torch"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def _install(package: Package) -> str:
    return f"pip install '{package.wanted}'"


def _extra(extra: str, packages: list[Package]) -> Finding:
    lacking = [one for one in packages if one.trouble]
    what = f"extra {extra}, {requirements.PURPOSES[extra]}"
    if not lacking:
        there = ", ".join(f"{one.wanted.name} {one.version}" for one in packages)
        return Finding(f"{what}: {there}")
    told = ", ".join(f"{one.wanted.name} {one.trouble}" for one in lacking)
    return Finding(f"{what}: {told}", "missing", f"pip install '{requirements.NAME}[{extra}]'")


def _back_ends() -> Iterator[Finding]:
    """Those that are always used are loaded; of the others it is said what they would need."""
    known: list[BackEnd] = [
        registry.get(name)
        for registry in (LANDMARKERS, SEGMENTERS, ENCODERS)
        for name in registry.names()
    ]
    for end in known:
        what = f"{end.kind} {end.name}"
        if end.name in USED:
            yield _trial(what, end.load)
        elif end.model and end.model.required:
            way = f"; or set {end.model.variable}" if end.model.variable else ""
            needs = f"{what}, {end.title}: needs {end.model.what}"
            yield Finding(needs, "missing", f"give the file by {end.option}{way}")
    yield from _networks()


def _networks() -> Iterator[Finding]:
    """Networks that metrics look through, one line for all metrics that take the same file."""
    users: dict[tuple[str, str], list[tuple[str, Network]]] = {}
    for name, family in METRICS.families().items():
        if net := family.network:
            file = net.model.what if net.model and net.model.required else ""
            users.setdefault((net.name, file), []).append((name, net))
    for (name, file), them in users.items():
        what = f"network {name}, for {', '.join(user for user, _ in them)}"
        if file:
            ways = dict.fromkeys(net.option for _, net in them)
            yield Finding(f"{what}: needs {file}", "missing", f"give it by {' or '.join(ways)}")
        else:
            yield _of_package(what, them[0][1])


def _of_package(what: str, net: Network) -> Finding:
    """Whether the package is there that brings a network; its own words tell how to get it."""
    try:
        net.load()
    except UsageError as error:
        _, _, way = str(error).partition(": ")
        return Finding(f"{what}: {net.title}", "missing", way)
    return Finding(f"{what}: works")


def _trial(what: str, work: Callable[[], object]) -> Finding:
    """Whether something works that comes with tkit or its packages."""
    remedy = f"pip install --force-reinstall {requirements.NAME}"
    try:
        found = guarded(work)
    except TkitError as error:
        return Finding(f"{what}: {error}", "broken", remedy)
    if isinstance(found, Fault):
        return Finding(f"{what}: {found.reason}", "broken", remedy)
    return Finding(f"{what}: works")


def _measure() -> None:
    frames = np.zeros((1, 8, 8), np.uint8)
    if METRICS.get("psnr")(pred=frames + np.uint8(1), gt=frames) != 10 * np.log10(255**2):
        raise TkitError("a compiled kernel gives a wrong number")


def _codecs() -> None:
    import av

    for name in ("libx264", "aac"):
        av.codec.Codec(name, "w")
