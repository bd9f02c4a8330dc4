"""The formats of a report by name, and writing one to a file or to stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tkit.files import atomic_path, claimed, refuse_overwrite
from tkit.report import Report, latex, page, tables

STDOUT = Path("-")


FORMATS: dict[str, Callable[[Report], str]] = {
    "json": tables.as_json,
    "csv": tables.as_csv,
    "markdown": tables.as_markdown,
    "text": tables.as_text,
    "latex": latex.as_latex,
    "html": page.as_html,
}


@contextmanager
def free(paths: Iterable[Path], *, force: bool, folders: Iterable[Path] = ()) -> Iterator[None]:
    """Keep files for the results of a block; raise before it unless every one can be written.

    So no run ends without its result.

    Parameters
    ----------
    folders : iterable of Path
        Folders that are to be written, too.
    """
    with ExitStack() as kept:
        for path in paths:
            if path != STDOUT:
                kept.enter_context(claimed(refuse_overwrite(path, force=force)))
        for folder in folders:
            if os.path.lexists(folder):  # else it is made when there is something to put in
                refuse_overwrite(folder, force=force, folder=True)
        yield


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
