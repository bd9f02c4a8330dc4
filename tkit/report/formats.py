"""The formats of a report by name, and writing one to a file or to stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tkit.files import atomic_path, refuse_overwrite
from tkit.report import Report, latex, pages, tables

STDOUT = Path("-")


FORMATS: dict[str, Callable[[Report], str]] = {
    "json": tables.as_json,
    "csv": tables.as_csv,
    "markdown": tables.as_markdown,
    "text": tables.as_text,
    "latex": latex.as_latex,
    "html": pages.as_html,
}


def require_free(paths: Iterable[Path], *, force: bool) -> None:
    """Raise unless every file may be written, so that no run ends without its result."""
    for path in paths:
        if path != STDOUT:
            refuse_overwrite(path, force=force)


def write(report: Report, kind: str, path: Path) -> None:
    """Write a report in one of ``FORMATS``; the path ``-`` is stdout."""
    save(FORMATS[kind](report), path)


def save(text: str, path: Path) -> None:
    """Write a text to a file, whole or not at all; the path ``-`` is stdout."""
    if path == STDOUT:
        sys.stdout.write(text)
        return
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
