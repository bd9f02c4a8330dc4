"""Self-contained HTML pages from templates, with one stylesheet; text in them is escaped."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from tkit.report import Report, tables
from tkit.templates import environment

_templates = cache(partial(environment, "tkit.report"))


def render(template: str, **values: Any) -> str:
    """Fill in one of the files of ``templates/``.

    Parameters
    ----------
    template : str
        Name of the file, e.g. ``"demo.html"``; its first comment names the values it takes.
    **values
        What it takes; text is escaped, unless the template says that it is safe.
    """
    return _templates().get_template(template).render(values)


def as_notebook(report: Report) -> str:
    """The table and how it was measured, to be shown inside another page."""
    return render(
        "notebook.html",
        table=tables.cells(report),
        notes=tables.notes(report),
        signatures=tables.signatures(report),
    )
