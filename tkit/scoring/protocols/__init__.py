"""Protocols: named ways to score, one small TOML file each.

A file says how pictures are aligned, cut and resized, which metrics are measured under which
definition, and which landmarks are used; every choice has a source in its table ``[sources]``.
``[split]`` names the test clips of the publication where they are known; it selects nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from typing import Any

from tkit.errors import ConfigError, UnknownNameError, did_you_mean

DEFAULT = "tkit"
POLICIES = {
    "missing": ("reject", "static"),
    "length": ("error", "cut"),
    "size": ("error", "resize"),
    "fps": ("error", "nearest"),
}


@dataclass(frozen=True)
class Protocol:
    """A named way to score.

    Parameters
    ----------
    name : str
    metrics : mapping
        Metric to the parameters that differ from its defaults.
    landmarks : str
        Back-end of the metrics that need points, and of crops.
    crop : str
        One of :data:`tkit.face.crops.CROPS`, or ``none``.
    resize : int
        Side in pixels of the square that pictures are resized to after the crop; 0 keeps them.
    stretch : bool
        Stretch every picture to its own minimum and maximum, as one evaluator does by accident.
    missing, length, size, fps : str
        What becomes of a clip without prediction, and of one whose number of frames, picture size
        or frame rate differs: an error for that clip, or a policy (see :data:`POLICIES`).
    title, split : str
    sources : mapping
        Choice to where it comes from.
    """

    name: str
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    landmarks: str = "dlib68"
    crop: str = "none"
    resize: int = 0
    stretch: bool = False
    missing: str = "reject"
    length: str = "error"
    size: str = "error"
    fps: str = "error"
    title: str = ""
    split: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, choices in POLICIES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"{name}: {getattr(self, name)!r} is none of {', '.join(choices)}"
                )


def names() -> list[str]:
    """Names of all protocols, the default first."""
    files = resources.files(__name__).iterdir()
    found = sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))
    return [DEFAULT, *(name for name in found if name != DEFAULT)]


def load(name: str) -> Protocol:
    """Read a protocol by name.

    Raises
    ------
    UnknownNameError
        If there is none of this name; the message names the nearest.
    """
    there = names()
    if name not in there:
        hint = did_you_mean(name, there)
        raise UnknownNameError(f"unknown protocol {name!r}{hint} (there are: {', '.join(there)})")
    text = (resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    known = {entry.name for entry in fields(Protocol)} - {"name"}
    if unknown := sorted(content.keys() - known):
        raise ConfigError(f"protocol {name}: unknown key {unknown[0]}")
    return Protocol(name=name, **content)
