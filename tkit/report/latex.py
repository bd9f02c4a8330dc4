r"""LaTeX tables with the rules of booktabs.

A document that does not load the package gets plain lines: the three rules are defined, if they are
not yet, before the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tkit.report import Report, tables

RULES = [rf"\providecommand{{\{name}rule}}{{\hline}}" for name in ("top", "mid", "bottom")]
ESCAPES = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "→": r"$\rightarrow$",
    }
)


def as_latex(report: Report) -> str:
    """The table of methods, the best of two or more predictions in bold; signatures as comments."""
    header, *rows = escaped(tables.cells(report))
    for column, metric in enumerate(report.metrics, start=2):
        is_best = []
        for part in (report, replace(report, methods=report.common)):
            best = tables.best(part, metric) if part.methods else set()
            is_best += [method in best for method in part.methods]
        for row, bold in zip(rows, is_best, strict=False):  # published rows come after
            if bold:
                number, *ends = row[column].split(" ", 1)
                row[column] = " ".join([rf"\textbf{{{number}}}", *ends])
    comments = [f"protocol {report.protocol}", *tables.notes(report), *tables.signatures(report)]
    return tabular("l" + "r" * (len(header) - 1), [header, *rows], comments=comments)


def escaped(table: list[list[str]]) -> list[list[str]]:
    """Cells of text with what LaTeX would read as commands escaped."""
    return [[cell.translate(ESCAPES) for cell in row] for row in table]


def tabular(columns: str, table: list[list[str]], *, comments: Sequence[str] = ()) -> str:
    """One ``tabular``.

    Parameters
    ----------
    columns : str
        Alignment of each, e.g. ``"lrr"``.
    table : list of rows of cells
        In LaTeX, see :func:`escaped`; the first row is the header.
    comments : sequence of str
        Lines written above the table for those who read its source.
    """
    header, *rows = [" & ".join(row) + r" \\" for row in table]
    lines = [f"% {tables.plain(comment)}" for comment in comments] + RULES
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", header, r"\midrule"]
    return "\n".join([*lines, *rows, r"\bottomrule", r"\end{tabular}"]) + "\n"
