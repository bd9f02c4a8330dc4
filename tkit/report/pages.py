"""A report for people: LaTeX and a self-contained HTML page."""

from __future__ import annotations

import html

from tkit.report import Report
from tkit.report.tables import cells, comparison_lines, signatures, summarise

LATEX_SIGNS = {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\rightarrow$"}

STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}
table{border-collapse:collapse;display:block;overflow-x:auto}
td,th{padding:.3em .8em;border-bottom:1px solid #ccc}
td,th{text-align:right}td:first-child,th:first-child{text-align:left}code{font-size:85%;overflow-wrap:anywhere}"""


def as_latex(report: Report) -> str:
    """The table of methods as a LaTeX ``tabular`` (needs no package); signatures as comments."""
    header, *rows = cells(report)
    lines = [f"% protocol {report.protocol}"]
    lines += [f"% {signature}" for signature in signatures(report)]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", r"\hline"]
    lines += [latex_row(header), r"\hline", *(latex_row(row) for row in rows)]
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def latex_row(row: list[str]) -> str:
    """One row of a ``tabular``, escaped."""
    return " & ".join(map(_latex, row)) + r" \\"


def _latex(text: str) -> str:
    for sign in "\\&%$#_{}":
        text = text.replace(sign, r"\textbackslash " if sign == "\\" else f"\\{sign}")
    for sign, command in LATEX_SIGNS.items():
        text = text.replace(sign, command)
    return text


def as_html(report: Report) -> str:
    """A page with the table, how it was measured, comparisons, clips and what was left out."""
    title = f"Scores under the protocol {report.protocol}"
    parts = [f"<h1>{html.escape(title)}</h1>", table_of(cells(report))]
    parts += ["<h2>How it was measured</h2>", bullets(signatures(report), code=True)]
    if lines := comparison_lines(report):
        parts += ["<h2>Paired comparisons</h2>", bullets(lines)]
    if lines := summarise(report.rejects):
        parts += ["<h2>Left out</h2>", bullets(lines)]
    if report.clips:
        rows = [[c.method, c.clip, c.metric, f"{c.value:.4f}", str(c.frames)] for c in report.clips]
        table = table_of([["method", "clip", "metric", "value", "frames"], *rows])
        parts += [f"<details><summary>{len(rows)} scores of clips</summary>{table}</details>"]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}'
        f"</title><style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def table_of(rows: list[list[str]]) -> str:
    """An HTML table of text cells; the first row is the header."""
    header, *body = rows
    lines = ["<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in header) + "</tr>"]
    lines += ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in body]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _cell(text: str) -> str:
    unbroken = html.escape(text).replace(", ", ",&nbsp;")  # an interval stays in one line
    return f"<td>{unbroken}</td>"


def bullets(lines: list[str], *, code: bool = False) -> str:
    """An HTML list of lines of text."""
    shown = [html.escape(line) for line in lines]
    items = [f"<li><code>{line}</code></li>" if code else f"<li>{line}</li>" for line in shown]
    return "<ul>\n" + "\n".join(items) + "\n</ul>"
