"""Merge reports into rankings: only scores of one signature stand in one table."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tkit.errors import ScoreError
from tkit.files import require_path
from tkit.report import HONEST_ROWS
from tkit.report.pages import bullets, latex_row, table_of
from tkit.report.tables import ARROWS, interval, number


@dataclass(frozen=True)
class Entry:
    """One score of one report."""

    method: str
    value: float | None
    low: float | None
    high: float | None
    note: str
    report: str


@dataclass(frozen=True)
class Ranking:
    """All scores of one signature, the best first; honest rows keep their place but no rank."""

    metric: str
    signature: str
    unit: str
    better: str
    entries: list[Entry]


def read(path: Path) -> dict[str, Any]:
    """Read a JSON report of ``tkit score``; :class:`ScoreError` if it is none."""
    try:
        content = json.loads(require_path(path, "report").read_text(encoding="utf-8"))
        methods = content["methods"]
        if not all(s["signature"] for scores in methods.values() for s in scores.values()):
            raise KeyError("signature")
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ScoreError(f"{path}: not a JSON report of tkit score") from error
    return content


def merge(paths: list[Path]) -> list[Ranking]:
    """Group the scores of several reports by signature and order each group."""
    groups: dict[str, list[tuple[Entry, dict[str, Any], str]]] = {}
    for path in paths:
        for method, scores in read(path)["methods"].items():
            for metric, score in scores.items():
                entry = Entry(
                    method,
                    _value(score),
                    score["low"],
                    score["high"],
                    score.get("note", ""),
                    path.stem,
                )
                groups.setdefault(score["signature"], []).append((entry, score, metric))
    rankings = []
    for signature, found in groups.items():
        _, score, metric = found[0]
        entries = _once([entry for entry, _, _ in found])
        if all(entry.value is None for entry in entries):  # e.g. a row that a metric has not
            continue
        rankings.append(
            Ranking(
                metric,
                signature,
                score["unit"],
                score["better"],
                _ordered(entries, score["better"]),
            )
        )
    return rankings


def _value(score: dict[str, Any]) -> float | None:
    infinite = score["value"] is None and score.get("note", "").startswith("inf")
    return float("inf") if infinite else score["value"]


def _once(entries: list[Entry]) -> list[Entry]:
    """Honest rows that several reports share, to the digit, are listed once."""
    seen, kept = set(), []
    for entry in entries:
        key = entry.method, entry.value
        if entry.method not in HONEST_ROWS or key not in seen:
            kept.append(entry)
        seen.add(key)
    return kept


def _ordered(entries: list[Entry], better: str) -> list[Entry]:
    truth = next((e.value for e in entries if e.method == "gt" and e.value is not None), 0.0)

    def key(entry: Entry) -> tuple[bool, float]:
        if entry.value is None:
            return True, 0.0
        distance = {"higher": -entry.value, "lower": entry.value}
        return False, distance.get(better, abs(entry.value - truth))

    return sorted(entries, key=key)


def rows(ranking: Ranking) -> list[list[str]]:
    """Header and rows of one ranking."""
    arrow = " ".join(filter(None, [ranking.metric.upper(), ARROWS[ranking.better], ranking.unit]))
    table, rank = [["rank", "method", arrow, "95 %", "report"]], 0
    for entry in ranking.entries:
        ranked = entry.method not in HONEST_ROWS and entry.value is not None
        rank += ranked
        ends = interval(entry.low, entry.high)
        place = str(rank) if ranked else ""
        table.append([place, entry.method, number(entry.value), ends, entry.report])
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
            ends = ["" if end is None else repr(end) for end in (entry.low, entry.high)]
            value = "" if entry.value is None else repr(entry.value)
            writer.writerow(
                [
                    ranking.metric,
                    row[0],
                    entry.method,
                    value,
                    *ends,
                    entry.report,
                    ranking.signature,
                ]
            )
    return text.getvalue()


def as_latex(rankings: list[Ranking]) -> str:
    """One ``tabular`` a signature."""
    parts = []
    for ranking in rankings:
        header, *body = rows(ranking)
        lines = [f"% {ranking.signature}", r"\begin{tabular}{rlrrl}", r"\hline", latex_row(header)]
        lines += [r"\hline", *map(latex_row, body), r"\hline", r"\end{tabular}"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def as_html(rankings: list[Ranking]) -> str:
    """A page with one table a signature."""
    body = "\n".join(bullets([r.signature], code=True) + table_of(rows(r)) for r in rankings)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title>'
        f"</head><body>\n<h1>Leaderboard</h1>\n{body}\n</body></html>\n"
    )


FORMATS = {"md": as_markdown, "csv": as_csv, "latex": as_latex, "html": as_html}
