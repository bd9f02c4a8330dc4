"""Self-contained HTML pages from templates, with one stylesheet; text in them is escaped."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tkit.parsing import plain
from tkit.report import Report, tables

if TYPE_CHECKING:
    import jinja2


def _shown(value: Any) -> Any:
    """What a template shows: no control characters; line ends mean nothing in HTML."""
    import markupsafe

    if not isinstance(value, str) or isinstance(value, markupsafe.Markup):
        return value
    return "\n".join(map(plain, value.split("\n")))


@functools.cache
def _templates() -> jinja2.Environment:
    import jinja2  # here: most commands write no page

    return jinja2.Environment(
        loader=jinja2.PackageLoader("tkit.report"),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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
