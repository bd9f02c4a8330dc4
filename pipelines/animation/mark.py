"""The mark in a video: that tkit generated it, by which weights and settings.

It is the comment in the file's metadata: whoever encodes the video again takes it off. It tells
people what they see, and a run that was interrupted which videos it may keep.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tkit import __version__, media
from tkit.errors import MediaError, UsageError
from tkit.files import short_hash
from tkit.media.about import MARK
from tkit.pipelines.training.runs import Trained

DIGITS = 16  # of a SHA-256
FEW = 4  # numbers that are written out


def mark(facts: Mapping[str, Any]) -> str:
    """Write in one line what a video is made with: ``generated with tkit 0.4.0; motion 1a2b …``.

    Parameters
    ----------
    facts : mapping
        Stages, arrays and files are named by their hashes, a few numbers as they are; what is None
        or empty is not named.
    """
    named = [f"{name} {_named(value)}" for name, value in facts.items() if _is_given(value)]
    return "; ".join([f"{MARK}{__version__}", *named])


def require_same(video: Path, mark: str) -> None:
    """Raise :class:`UsageError` unless a video was made with what ``mark`` says."""
    try:
        there = media.stated_comment(video)
    except MediaError:
        there = ""
    if there == mark:
        return
    if not there.startswith(MARK):
        raise UsageError(f"{video}: does not say how it was made; pass --force to replace it")
    before, now = (dict(_pairs(text)) for text in (there, mark))
    differing = next(name for name in [*now, *before] if before.get(name) != now.get(name))
    old, new = (one.get(differing, "none") for one in (before, now))
    raise UsageError(
        f"{video}: was made with {differing} {old}, not {new}; give what it was made with, or "
        "--force without --resume to make all again"
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    found = []
    for part in text.removeprefix("generated with ").split("; "):
        name, _, value = part.partition(" ")
        found.append((name, value))
    return found


def _is_given(value: Any) -> bool:
    return value is not None and value is not False and str(value) != ""


def _named(value: Any) -> str:
    if isinstance(value, Trained):
        return value.weights.sha256[:DIGITS]
    if isinstance(value, np.ndarray) and value.size <= FEW:
        return " ".join(f"{number:g}" for number in value.ravel())
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:DIGITS]
    if value is True:
        return "yes"
    if isinstance(value, float):
        return f"{value:g}"
    path = Path(str(value))
    return short_hash(path) if path.is_file() else path.name
