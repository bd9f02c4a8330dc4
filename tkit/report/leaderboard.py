"""Merge reports into rankings: only scores of one signature stand in one table.

Two scores of one signature may still be unlike, when clips of the same names are others: then the
control rows, which are made of the ground truth, differ, and nothing is ranked.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tkit.parsing import plain
from tkit.report import CONTROL_ROWS, Cell, Report, grid, latex, pages
from tkit.report.tables import (
    ARROWS,
    code,
    interval,
    marked,
    number,
    shortfall,
    unsteering,
)


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
    """All scores of one signature, the best first; control rows keep their place but no rank.

    Nothing is ranked, and entries stay in the order of the reports, where ``unequal`` says why
    these cannot have been measured on the same things.
    """

    metric: str
    signature: str
    unit: str
    better: str
    entries: list[Entry]
    unequal: str = ""


def merge(paths: list[Path]) -> list[Ranking]:
    """Group the scores of several reports by signature and order each group.

    Scores on the clips that all methods of a report have are entries, too.

    Raises
    ------
    UsageError
        If there is no such file.
    ScoreError
        If one is no JSON report of ``tkit score``.
    """
    groups: dict[str, list[Entry]] = {}
    for path in paths:
        report = Report.read(path)
        for method, metric, cell in _scores(report):
            entry = Entry(plain(metric), plain(method), cell, plain(path.stem))
            groups.setdefault(plain(cell.signature), []).append(entry)
    rankings = []
    for signature, found in groups.items():
        if all(entry.cell.value is None for entry in found):  # e.g. a row that a metric has not
            continue
        metric, cell = found[0].metric, found[0].cell
        unequal = _unequal(found)
        entries = _once(found) if unequal else _ordered(_once(found), cell.better)
        rankings.append(Ranking(metric, signature, plain(cell.unit), cell.better, entries, unequal))
    return rankings


def _scores(report: Report) -> Iterator[tuple[str, str, Cell]]:
    for method, cells in report.methods.items():
        for metric, cell in cells.items():
            yield method, metric, cell
            common = report.common.get(method, {}).get(metric, cell)
            if common.signature != cell.signature:
                yield method, metric, common


def _unequal(entries: list[Entry]) -> str:
    """Why scores of one signature do not compare, if they do not."""
    kinds = [(entry.metric, entry.cell.unit, entry.cell.better, entry.cell.n) for entry in entries]
    for place, what in enumerate(("metric", "unit", "direction", "number of clips")):
        if len({kind[place] for kind in kinds}) > 1:
            return f"not ranked: the entries are not of one {what}"
    for row in CONTROL_ROWS:  # made of the ground truth alone
        known = [e.value for e in entries if e.method == row and e.value is not None]
        if any(not math.isclose(value, known[0], rel_tol=1e-4, abs_tol=1e-9) for value in known):
            return f"not ranked: {row} differs, so the reports are not of the same ground truth"
    if entries[0].cell.better == "closer" and not any(
        entry.method == "gt" and entry.value is not None for entry in entries
    ):
        return "not ranked: nearer to the ground truth's own is better, and no report has that"
    return ""


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
    table = [["rank", "method", arrow, "95 %", "report"]]
    ranked = [e.value for e in ranking.entries if _competes(e)] if not ranking.unequal else []
    for entry in ranking.entries:
        cell = entry.cell
        # Equal scores share the rank of the first of them.
        place = str(ranked.index(entry.value) + 1) if _competes(entry) and ranked else ""
        ends = interval(cell.low, cell.high)
        table.append([place, entry.method, number(cell.value), ends, entry.report])
    return table


def _competes(entry: Entry) -> bool:
    return entry.method not in CONTROL_ROWS and entry.value is not None


def _said(ranking: Ranking) -> list[str]:
    return ["", ranking.unequal] if ranking.unequal else []


def as_markdown(rankings: list[Ranking]) -> str:
    """One table a signature."""
    parts = []
    for ranking in rankings:
        header, *body = ([marked(cell) for cell in row] for row in rows(ranking))
        lines = [code(ranking.signature), *_said(ranking), "", "| " + " | ".join(header) + " |"]
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
            place = [unsteering(ranking.metric), row[0], unsteering(entry.method)]
            about = [unsteering(entry.report), unsteering(ranking.signature)]
            writer.writerow([*place, *shown, *about])
    return text.getvalue()


def as_latex(rankings: list[Ranking]) -> str:
    """One ``tabular`` a signature."""
    return "\n".join(
        latex.tabular(
            "rlrrl", latex.escaped(rows(ranking)), comments=[ranking.signature, *_said(ranking)[1:]]
        )
        for ranking in rankings
    )


def as_grid(rankings: list[Ranking]) -> grid.Grid:
    """Method × metric: a column a signature, so that no column mixes what does not compare."""
    columns = [grid.Column("method"), grid.Column("report")]
    found: dict[tuple[str, str], dict[int, Entry]] = {}
    shown: list[dict[int, grid.Shown]] = []
    shared = _alike(rankings)
    for at, ranking in enumerate(rankings):
        head = grid.heading(ranking.metric, ranking.entries[0].cell)
        said = f"{head.title}; {ranking.signature}"
        better = head.better if not ranking.unequal else "lower"
        columns.append(grid.Column(named(rankings, at), said, better))
        ranks = [row[0] for row in rows(ranking)[1:]]
        compared = sum(rank != "" for rank in ranks) > 1
        best = [index for index, rank in enumerate(ranks) if compared and rank == "1"]
        cells = grid.column([entry.cell for entry in ranking.entries], best)
        shown.append(dict(zip(map(id, ranking.entries), cells, strict=True)))
        for entry in ranking.entries:
            # Control rows are of the ground truth, not of a report, unless they differ.
            key = entry.method, "" if entry.method in CONTROL_ROWS else shared[entry.report]
            if at in found.get(key, {}):
                key = entry.method, entry.report
            found.setdefault(key, {})[at] = entry
    lines = [
        grid.Line(
            method,
            [
                grid.Shown(report, sort=report),
                *(
                    shown[at][id(entries[at])] if at in entries else grid.Shown("")
                    for at in range(len(rankings))
                ),
            ],
            kind="control" if method in CONTROL_ROWS else "",
        )
        for (method, report), entries in found.items()
    ]
    lines.sort(key=lambda line: line.kind)  # stable: control rows last
    return grid.Grid("scores of all reports", columns, [lines])


def _alike(rankings: list[Ranking]) -> dict[str, str]:
    """Report to the names of all reports of the same methods, two or more: they share rows.

    One method alone, "ours" of two groups, may be two.
    """
    preds: dict[str, set[str]] = {}
    for entry in (entry for ranking in rankings for entry in ranking.entries):
        preds.setdefault(entry.report, set()).update({entry.method} - {*CONTROL_ROWS})
    return {
        report: ", ".join(other for other in preds if preds[other] == methods)
        if len(methods) > 1
        else report
        for report, methods in preds.items()
    }


def named(rankings: list[Ranking], at: int) -> str:
    """The heading of a ranking, numbered where its metric was measured in several ways."""
    ranking = rankings[at]
    name = grid.heading(ranking.metric, ranking.entries[0].cell).name
    alike = [index for index, other in enumerate(rankings) if other.metric == ranking.metric]
    return name if len(alike) == 1 else f"{name} ({alike.index(at) + 1})"


def as_html(rankings: list[Ranking]) -> str:
    """A page with one table of methods and metrics, the best in bold."""
    return pages.render(
        "leaderboard.html",
        title="Leaderboard",
        grid=as_grid(rankings),
        signatures=[(named(rankings, at), one.signature) for at, one in enumerate(rankings)],
        said=[(named(rankings, at), one.unequal) for at, one in enumerate(rankings) if one.unequal],
    )


FORMATS = {"md": as_markdown, "csv": as_csv, "latex": as_latex, "html": as_html}
