"""Merge reports into rankings: only scores of one signature stand in one table."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from tkit.report import CONTROL_ROWS, Cell, Report, latex, pages
from tkit.report.tables import ARROWS, interval, number, plain, shortfall


@dataclass(frozen=True)
class Entry:
    """One score of one report."""

    metric: str
    method: str
    cell: Cell
    report: str

    @property
    def value(self) -> float | None:
        """The score, None for one that cannot be ranked: there is none, or it is NaN."""
        value = self.cell.value
        return None if value is None or math.isnan(value) else value


@dataclass(frozen=True)
class Ranking:
    """All scores of one signature, the best first; control rows keep their place but no rank."""

    metric: str
    signature: str
    unit: str
    better: str
    entries: list[Entry]


def merge(paths: list[Path]) -> list[Ranking]:
    """Group the scores of several reports by signature and order each group.

    Raises
    ------
    UsageError
        If there is no such file.
    ScoreError
        If one is no JSON report of ``tkit score``.
    """
    groups: dict[str, list[Entry]] = {}
    for path in paths:
        for method, cells in Report.read(path).methods.items():
            for metric, cell in cells.items():
                entry = Entry(plain(metric), plain(method), cell, plain(path.stem))
                groups.setdefault(plain(cell.signature), []).append(entry)
    rankings = []
    for signature, found in groups.items():
        if all(entry.cell.value is None for entry in found):  # e.g. a row that a metric has not
            continue
        metric, cell = found[0].metric, found[0].cell
        entries = _ordered(_once(found), cell.better)
        rankings.append(Ranking(metric, signature, plain(cell.unit), cell.better, entries))
    return rankings


def _once(entries: list[Entry]) -> list[Entry]:
    """Control rows that several reports share, to the digit, are listed once."""
    seen, kept = set(), []
    for entry in entries:
        key = entry.method, entry.cell.value
        if entry.method not in CONTROL_ROWS or key not in seen:
            kept.append(entry)
        seen.add(key)
    return kept


def _ordered(entries: list[Entry], better: str) -> list[Entry]:
    values = [entry.value for entry in entries if entry.method == "gt"]
    truth = next((value for value in values if value is not None), 0.0)

    def key(entry: Entry) -> tuple[bool, float]:
        value = entry.value
        return (True, 0.0) if value is None else (False, shortfall(value, better, truth))

    return sorted(entries, key=key)


def rows(ranking: Ranking) -> list[list[str]]:
    """Header and rows of one ranking."""
    arrow = " ".join(filter(None, [ranking.metric.upper(), ARROWS[ranking.better], ranking.unit]))
    table, rank = [["rank", "method", arrow, "95 %", "report"]], 0
    for entry in ranking.entries:
        cell = entry.cell
        ranked = entry.method not in CONTROL_ROWS and entry.value is not None
        rank += ranked
        place, ends = str(rank) if ranked else "", interval(cell.low, cell.high)
        table.append([place, entry.method, number(cell.value), ends, entry.report])
    return table


def as_markdown(rankings: list[Ranking]) -> str:
    """One table a signature."""
    parts = []
    for ranking in rankings:
        header, *body = rows(ranking)
        lines = [f"`{ranking.signature}`", "", "| " + " | ".join(header) + " |"]
        lines += ["|---" * len(header) + "|", *("| " + " | ".join(row) + " |" for row in body)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def as_csv(rankings: list[Ranking]) -> str:
    """One line a score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["metric", "rank", "method", "value", "low", "high", "report", "signature"])
    for ranking in rankings:
        for entry, row in zip(ranking.entries, rows(ranking)[1:], strict=True):
            numbers = [entry.cell.value, entry.cell.low, entry.cell.high]
            shown = ["" if value is None else repr(value) for value in numbers]
            place = [ranking.metric, row[0], entry.method]
            writer.writerow([*place, *shown, entry.report, ranking.signature])
    return text.getvalue()


def as_latex(rankings: list[Ranking]) -> str:
    """One ``tabular`` a signature."""
    return "\n".join(
        latex.tabular("rlrrl", latex.escaped(rows(ranking)), comments=[ranking.signature])
        for ranking in rankings
    )


def as_html(rankings: list[Ranking]) -> str:
    """A page with one table a signature."""
    tables = [(ranking.signature, rows(ranking)) for ranking in rankings]
    return pages.render("leaderboard.html", title="Leaderboard", rankings=tables)


FORMATS = {"md": as_markdown, "csv": as_csv, "latex": as_latex, "html": as_html}
