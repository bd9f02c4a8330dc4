"""Self-contained HTML pages from templates, with one stylesheet; text in them is escaped."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from tkit.report import Report, tables

if TYPE_CHECKING:
    import jinja2


@functools.cache
def _templates() -> jinja2.Environment:
    import jinja2  # here: most commands write no page

    return jinja2.Environment(
        loader=jinja2.PackageLoader("tkit.report"),
        autoescape=True,
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


def as_html(report: Report) -> str:
    """A page with the table, how it was measured, comparisons, clips and what was left out."""
    return render(
        "report.html",
        title=f"Scores under the protocol {report.protocol}",
        table=tables.cells(report),
        notes=tables.notes(report),
        signatures=tables.signatures(report),
        comparisons=tables.comparison_lines(report),
        left_out=tables.summarise(report.rejects),
        clips=report.clips,
    )


def as_notebook(report: Report) -> str:
    """The table and how it was measured, to be shown inside another page."""
    return render(
        "notebook.html",
        table=tables.cells(report),
        notes=tables.notes(report),
        signatures=tables.signatures(report),
    )
