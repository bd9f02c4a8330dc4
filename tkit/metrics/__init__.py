"""Metrics: one module a metric; each measures additive statistics and finishes them into a score.

A metric never turns a clip into a number directly. ``measure`` returns sums; the sums of parts of a
clip add up to those of the clip, and ``finish`` makes the score. Chunked reading, parallel runs and
pooling over any set follow from that. Prediction and ground truth are always passed by keyword.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tkit.errors import ConfigError
from tkit.registry import Registry

METRICS: Registry[Metric] = Registry(
    "tkit.metrics",
    "METRIC",
    exclude=frozenset({"av", "blink", "faces", "kernels", "lse", "moving", "pictures"}),
)

Stats = dict[str, Any]


@dataclass(frozen=True)
class Param:
    """One declared choice of a metric.

    Parameters
    ----------
    default : str, float or None
        Value of the ``tkit`` protocol.
    doc : str
    choices : tuple of str, optional
        Allowed values; without them the value is a number, or None where that is the default.
    tag : str, optional
        Name in the signature; by default the parameter's own.
    tokens : mapping, optional
        Values whose signature token is not ``tag:value``.
    units : mapping, optional
        Values that change the unit of the score.
    text : bool
        The value is any text (a path); its token is the file's name and hash.
    """

    default: Any
    doc: str
    choices: tuple[str, ...] = ()
    tag: str = ""
    tokens: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    text: bool = False

    def check(self, name: str, value: Any) -> Any:
        """Return ``value`` (text is read as a number) or raise :class:`ConfigError`."""
        if self.choices:
            if value not in self.choices:
                raise ConfigError(f"{name}: {value!r} is none of {', '.join(self.choices)}")
            return value
        if self.text:
            return str(value or "")
        if value is None or value == "none":
            if self.default is None:
                return None
            raise ConfigError(f"{name}: needs a number")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ConfigError(f"{name}: {value!r} is not a number") from None
        if number != number:
            raise ConfigError(f"{name}: nan is not a number that can be used")
        return number

    def token(self, name: str, value: Any) -> str:
        """Return the signature token of one value."""
        if value in self.tokens:
            return self.tokens[value]
        if self.text:
            return f"{self.tag or name}:{_file_token(value)}"
        text = "none" if value is None else f"{value:g}" if isinstance(value, float) else value
        return f"{self.tag or name}:{text}"


@dataclass(frozen=True)
class Metric:
    """What tkit knows about a metric.

    Parameters
    ----------
    title : str
    unit : str
        Empty for a pure number.
    better : {"higher", "lower", "closer"}
        ``closer``: to the value of the ground truth.
    needs : {"frames", "gray", "clip", "points"}
        What ``measure`` takes: frames (T, H, W, 3) uint8 RGB or (T, H, W) gray of any part of a
        clip (``gray``: of these the gray ones; ``clip``: RGB frames of a whole clip), or the points
        (T, 68, 2) of a whole clip in pixels, NaN where no face was found.
    params : mapping
        Name to :class:`Param`; all of them appear in the signature.
    measure : callable
        ``measure(*, pred, gt, **params) -> stats``: additive sums by name. ``frames``, the number
        of frames that entered, is always one of them. Raises :class:`tkit.errors.ScoreError` with
        the reason if the pair cannot be measured.
    finish : callable
        ``finish(stats) -> float``.
    citation : str
    pooled : bool
        The score of a set is ``finish`` of the sum of its clips' statistics, not the mean of the
        clips' scores: for rates and distributions, of which a clip holds too little.
    also : tuple of str
        What ``measure`` takes besides, by keyword: ``fps`` (frames a second of the ground truth),
        ``wave`` (its sound, (S,) float32 at 16 kHz).
    """

    title: str
    unit: str
    better: str
    needs: str
    params: Mapping[str, Param]
    measure: Callable[..., Stats]
    finish: Callable[[Stats], float]
    citation: str
    pooled: bool = False
    also: tuple[str, ...] = ()

    def settings(self, given: Mapping[str, Any], *, name: str = "") -> dict[str, Any]:
        """Complete ``given`` with the defaults, in declared order.

        Raises
        ------
        ConfigError
            If a parameter is not declared (the message names the nearest) or its value not allowed.
        """
        prefix = f"{name}." if name else ""
        for key in given:
            if key not in self.params:
                near = difflib.get_close_matches(key, self.params, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                there = ", ".join(self.params) or "none"
                raise ConfigError(f"unknown parameter {prefix}{key}{hint} (there are: {there})")
        return {
            key: param.check(f"{prefix}{key}", given.get(key, param.default))
            for key, param in self.params.items()
        }

    def unit_of(self, settings: Mapping[str, Any]) -> str:
        """Return the unit of scores measured with ``settings``."""
        for key, param in self.params.items():
            if settings[key] in param.units:
                return param.units[settings[key]]
        return self.unit

    def tokens(self, settings: Mapping[str, Any]) -> list[str]:
        """Signature tokens of complete ``settings``, from the declared parameters alone."""
        found = [param.token(key, settings[key]) for key, param in self.params.items()]
        # Unless a metric offers a choice, frames are averaged within a clip and clips over the set.
        pool = "pool:set" if self.pooled else "pool:clip"
        return found if "pool" in self.params else [*found, pool]


def _file_token(path: str) -> str:
    """Name and first digits of the SHA-256 of a file: two files of one name are not one."""
    if not Path(path).is_file():
        return path or "none"
    with Path(path).open("rb") as file:
        return f"{Path(path).name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:8]}"


def add(left: Stats, right: Stats) -> Stats:
    """Sum of two statistics of the same metric; an empty one is the neutral element."""
    if not left or not right:
        return left or right
    return {key: left[key] + right[key] for key in left}
