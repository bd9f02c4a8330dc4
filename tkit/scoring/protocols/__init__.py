"""Protocols: named ways to score, one small TOML file each.

A file says how pictures are aligned, cut and resized, which metrics are measured under which
definition, and which landmarks are used; every choice has a source in its table ``[sources]``.
``[split]`` names the test clips of the publication where they are known; it selects nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from typing import Any

from tkit.errors import ConfigError, UnknownNameError, UsageError, did_you_mean
from tkit.metrics import INPUTS, METRICS

DEFAULT = "tkit"
WITHOUT_TRUTH = "noref"  # the default where there is no ground truth
POLICIES = {
    "missing": ("reject", "static"),
    "length": ("error", "cut"),
    "size": ("error", "resize", "cut"),
    "fps": ("error", "nearest"),
}
POINTS_IN = "file", "crop"
NEEDED = "gt", "source"  # of what a metric asks for: must be given; the rest is found


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
    points_in : {"file", "crop"}
        Where points are found: in the pictures of the file, and moved along with the crop, or anew
        in the pictures that are measured.
    stretch : bool
        Stretch every picture to its own minimum and maximum, as one evaluator does by accident.
    missing, length, size, fps : str
        What becomes of a clip without prediction, and of one whose number of frames, picture size
        or frame rate differs: an error for that clip, or a policy (see :data:`POLICIES`).
    title, split : str
    sources : mapping
        Choice to where it comes from.
    lacks : sequence of str
        What the evaluator that it is named for has or does, and this protocol does not.
    """

    name: str
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    landmarks: str = "dlib68"
    crop: str = "none"
    resize: int = 0
    points_in: str = "file"
    stretch: bool = False
    missing: str = "reject"
    length: str = "error"
    size: str = "error"
    fps: str = "error"
    title: str = ""
    split: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    lacks: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, choices in {**POLICIES, "points_in": POINTS_IN}.items():
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


def change(
    named: Protocol,
    *,
    metrics: Sequence[str] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    missing_face: str | None = None,
    **choices: str | None,
) -> Protocol:
    """Return a protocol with other choices, called ``custom`` where they change what it fixes.

    Parameters
    ----------
    metrics : sequence of str, optional
        What to measure instead of the protocol's own; those that it has keep its parameters.
    settings : mapping, optional
        Metric to its parameters that differ.
    missing_face : str, optional
        For every metric that has this parameter.
    **choices
        Fields of :class:`Protocol`; None and the protocol's own landmarks change nothing.

    Raises
    ------
    UsageError
        If nothing is to be measured, or a setting is of a metric that is not measured.
    """
    names = list(named.metrics if metrics is None else metrics)
    if metrics is not None and not names:
        raise UsageError(f"--metrics names nothing (there are: {', '.join(METRICS.names())})")
    chosen = {name: dict(named.metrics.get(name, {})) for name in names}
    changes = [
        (m, name, value) for m, own in (settings or {}).items() for name, value in own.items()
    ]
    for name, param, value in changes:
        if name not in chosen:
            there = ", ".join(chosen)
            raise UsageError(
                f"--set {name}.{param}={value}: {name!r} is none of the metrics {there}"
            )
    if missing_face:
        with_faces = [name for name in chosen if "missing_face" in METRICS.get(name).params]
        changes += [(name, "missing_face", missing_face) for name in with_faces]
    for name, param, value in changes:
        chosen[name][param] = value
    fixed: dict[str, Any] = {name: value for name, value in choices.items() if value}
    if fixed.get("landmarks") == named.landmarks:
        del fixed["landmarks"]
    if changes or fixed:
        # What it is compared with is another evaluator's no longer.
        fixed |= {"name": "custom", "lacks": ()}
    return replace(named, metrics=chosen, **fixed)


def fitting(protocol: Protocol, given: Collection[str], *, asked: bool) -> Protocol:
    """Return a protocol of what can be measured with what is ``given``, and say what is left out.

    Parameters
    ----------
    protocol : Protocol
    given : collection of str
        Of ``gt``, ``audio`` and ``source``; a sound is always looked for.
    asked : bool
        The user has named the metrics: one that cannot be measured is an error.

    Raises
    ------
    UsageError
        If one that was asked for, or all, cannot be measured.
    """
    lacking: dict[str, list[str]] = {}
    for name in protocol.metrics:
        for what in METRICS.get(name).required:
            if what in NEEDED and what not in given:
                if asked:
                    raise UsageError(f"{name} needs {INPUTS[what]}: give --{what}")
                lacking.setdefault(what, []).append(name)
    out = {name for names in lacking.values() for name in names}
    left = {name: own for name, own in protocol.metrics.items() if name not in out}
    if lacking and not left:
        needed = " and ".join(f"--{what}" for what in lacking)
        raise UsageError(
            f"all metrics of the protocol {protocol.name} need {needed}; tkit metrics list says "
            f"which do not, and --protocol {WITHOUT_TRUTH} has those that need no ground truth"
        )
    said = [f"left out without --{what}: {', '.join(names)}" for what, names in lacking.items()]
    return replace(protocol, metrics=left, lacks=(*protocol.lacks, *said))


def read_settings(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Read ``METRIC.PARAM=VALUE`` texts: metric to parameter to value.

    Raises
    ------
    UsageError
        If one does not look like this.
    """
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        name, dot, param = (part.strip() for part in place.partition("."))
        if not (equals and dot and param):
            raise UsageError(f"--set {text}: give METRIC.PARAM=VALUE, e.g. ssim.window=gauss11")
        found.setdefault(name, {})[param] = value.strip()
    return found
