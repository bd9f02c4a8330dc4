"""Method × metric as pages show it: numbers, and intervals as small bars on the column's scale."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tkit.parsing import plain
from tkit.report import CONTROL_ROWS, Cell, Report, Stratum, tables
from tkit.report.published import MARK, TABLES, UNITS


@dataclass(frozen=True)
class Shown:
    """One score.

    Parameters
    ----------
    text, ends : str
        The number and its interval.
    title : str
        What is said when one points at it.
    sort : str
        What the column is sorted by; empty for what has no place in an order.
    best : bool
    place : float or None
        Of the number on the column's scale, percent of its width; None if it has none.
    reach : (float, float) or None
        Where the interval begins there, and how wide it is.
    """

    text: str
    ends: str = ""
    title: str = ""
    sort: str = ""
    best: bool = False
    place: float | None = None
    reach: tuple[float, float] | None = None


@dataclass(frozen=True)
class Line:
    """A row: its name, what marks it, its cells; ``kind`` is the class that pages give it."""

    name: str
    cells: list[Shown]
    kind: str = ""
    badge: str = ""


@dataclass(frozen=True)
class Column:
    """The head of a column, and whether sorting begins with the ``higher`` or ``lower`` numbers."""

    name: str
    title: str = ""
    better: str = "lower"


@dataclass(frozen=True)
class Grid:
    """A table whose parts are sorted each within itself."""

    label: str
    columns: list[Column]
    parts: list[list[Line]]


def column(cells: Sequence[Cell | None], best: Collection[int] = ()) -> list[Shown]:
    """Lay the scores of one column on one scale.

    Parameters
    ----------
    cells : sequence of Cell or None
        None where a row has no score in this column.
    best : collection of int
        Which of them are the best.
    """
    every = [e for cell in cells if cell for e in (cell.value, cell.low, cell.high)]
    ends = [end for end in every if end is not None and math.isfinite(end)]
    low, high = min(ends, default=0.0), max(ends, default=0.0)

    def at(value: float) -> float:
        # Room at both ends for the dot; a column of equal numbers has it in the middle.
        share = (value - low) / (high - low) if high > low else 0.5
        return round(4 + 92 * share, 2)

    found = []
    for index, cell in enumerate(cells):
        if cell is None:
            found.append(Shown(tables.EMPTY))
            continue
        reach = None
        if cell.low is not None and cell.high is not None:
            reach = at(cell.low), round(at(cell.high) - at(cell.low), 2)
        found.append(
            Shown(
                text=_number(cell),
                ends=tables.interval(cell.low, cell.high),
                title=plain("; ".join(filter(None, [f"{cell.n} clips", cell.note]))),
                sort="" if cell.value is None or math.isnan(cell.value) else repr(cell.value),
                best=index in best,
                place=None
                if cell.value is None or not math.isfinite(cell.value)
                else at(cell.value),
                reach=reach,
            )
        )
    return found


def of_report(report: Report) -> Grid:
    """The table of a report: methods and control rows, those on common clips, published ones."""
    texts = [row[:2] for row in tables.cells(report)[1:]]
    sources = [report.methods, *([report.common] if report.common else [])]
    rows = [(method, cells) for methods in sources for method, cells in methods.items()]
    columns, shown = [Column("method"), Column("clips")], []
    for metric in report.metrics:
        best, start = set(), 0
        for methods in sources:
            winners = _best(report, methods, metric)
            best |= {start + at for at, method in enumerate(methods) if method in winners}
            start += len(methods)
        shown.append(column([cells[metric] for _, cells in rows], best))
        columns.append(heading(metric, next(iter(report.methods.values()))[metric]))
    lines = [
        Line(name, [_count(count, scores), *(cells[at] for cells in shown)],
             kind="control" if method in CONTROL_ROWS else "")
        for at, ((name, count), (method, scores)) in enumerate(zip(texts, rows, strict=False))
    ]  # fmt: skip
    parts = [lines[: len(report.methods)], lines[len(report.methods) :], _published(report)]
    return Grid("scores of the methods", columns, [part for part in parts if part])


def of_strata(report: Report) -> list[Grid]:
    """A table for each column that parts the clips; its parts are the texts, sorted apart."""
    found: dict[str, list[Stratum]] = {}
    for stratum in report.strata:
        found.setdefault(stratum.column, []).append(stratum)
    return [_of_stratum(report, name, strata) for name, strata in found.items()]


def _of_stratum(report: Report, name: str, strata: list[Stratum]) -> Grid:
    first = next(iter(report.methods.values()))
    columns = [Column("method"), Column(plain(name)), Column("clips")]
    columns += [heading(metric, first[metric]) for metric in report.metrics]
    rows = [(part, method, cells) for part in strata for method, cells in part.methods.items()]
    shown = [column([cells[metric] for _, _, cells in rows]) for metric in report.metrics]
    lines = [
        Line(
            plain(method),
            [
                Shown(plain(part.text), sort=part.text),
                _count(tables.count(cells), cells),
                *(scores[at] for scores in shown),
            ],
            kind="control" if method in CONTROL_ROWS else "",
        )
        for at, (part, method, cells) in enumerate(rows)
    ]
    size = len(report.methods)
    parts = [lines[at : at + size] for at in range(0, len(lines), size)]
    return Grid(f"scores by {plain(name)}", columns, parts)


def heading(metric: str, cell: Cell) -> Column:
    """The head of a metric's column: name, which way is better, unit."""
    arrow = tables.ARROWS[cell.better]
    told = {"closer": "nearer to the ground truth is better"}
    name = plain(" ".join(filter(None, [metric.upper(), arrow, cell.unit])))
    return Column(name, told.get(cell.better, f"{cell.better} is better"), cell.better)


def _best(report: Report, methods: dict[str, dict[str, Cell]], metric: str) -> set[str]:
    part = Report(report.protocol, methods)
    return tables.best(part, metric)


def _published(report: Report) -> list[Line]:
    found, metrics = [], report.metrics
    for name, numbers in TABLES.get(report.published, {}).items():
        if numbers.keys() & set(metrics):
            cells = [
                Shown(f"{numbers[m]:.3f} {UNITS.get(m, '')}".rstrip(), sort=repr(numbers[m]))
                if m in numbers else Shown(tables.EMPTY)
                for m in metrics
            ]  # fmt: skip
            found.append(Line(name, [Shown(tables.EMPTY), *cells], "control", MARK))
    return found


def _count(text: str, scores: dict[str, Cell]) -> Shown:
    return Shown(text, sort=str(max((cell.n for cell in scores.values()), default=0)))


def _number(cell: Cell) -> str:
    if cell.value is None and cell.note.startswith(tables.NOT_APPLICABLE):
        return tables.NOT_APPLICABLE
    return tables.number(cell.value)
