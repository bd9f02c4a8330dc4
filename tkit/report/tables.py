"""A report as text: JSON (and back), CSV, Markdown and a table for the terminal.

JSON has no infinity: an infinite value (the PSNR of identical pictures) is written as ``null`` with
a ``note`` beside it that begins with ``inf``; any other ``null`` has a note that says why. Tables
and CSV print ``inf``; a row that does not apply to a metric (its note begins with ``n/a``) prints
``n/a``.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from typing import Any, TypeVar

from tkit.errors import ScoreError
from tkit.report import (
    CONTROL_ROWS,
    Cell,
    ClipScore,
    Comparison,
    Report,
    SpeakerScore,
    Unscored,
)
from tkit.report.published import MARK, TABLES, UNITS

ARROWS = {"higher": "↑", "lower": "↓", "closer": "→"}
EMPTY = "-"
NOT_APPLICABLE = "n/a"
COMMON = ", common clips"  # of the names of rows on the clips that all methods have
UNEQUAL = "*"  # beside the number of clips of rows that have others than these
MAX_LINES = 20  # of what is left out, told after a run; the JSON report has all
# Line ends, what steers a terminal, and halves of characters, which no file can hold.
CONTROLS = dict.fromkeys(
    (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0xD800, 0xE000)), "?"
)
Part = TypeVar("Part", Cell, ClipScore, Unscored, SpeakerScore, Comparison)


def as_json(report: Report) -> str:
    """The whole report: protocol, methods, clips, rejects."""
    content: dict[str, Any] = {
        "protocol": report.protocol,
        "methods": _methods_fields(report.methods),
        "clips": [_clip_fields(clip) for clip in report.clips],
        "rejects": [vars(reject) for reject in report.rejects],
        "speakers": [_clip_fields(speaker) for speaker in report.speakers],
        "comparisons": [vars(comparison) for comparison in report.comparisons],
    }
    if report.common:
        content["common"] = _methods_fields(report.common)
    if report.lacks:
        content["lacks"] = list(report.lacks)
    if rows := TABLES.get(report.published):
        content["published"] = {"corpus": report.published, "mark": MARK, "rows": rows}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> Report:
    """Read what :func:`as_json` wrote, of this version or an older one.

    Raises
    ------
    ScoreError
        If the text is no such report.
    """
    try:
        content = json.loads(text)
        return Report(
            protocol=content.get("protocol", ""),
            methods=_methods(content["methods"]),
            clips=[_part(ClipScore, fields) for fields in content.get("clips", [])],
            rejects=[_part(Unscored, fields) for fields in content.get("rejects", [])],
            speakers=[_part(SpeakerScore, fields) for fields in content.get("speakers", [])],
            comparisons=[_part(Comparison, fields) for fields in content.get("comparisons", [])],
            published=content.get("published", {}).get("corpus", ""),
            common=_methods(content.get("common", {})),
            lacks=tuple(content.get("lacks", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ScoreError(f"not a JSON report of tkit score: {error}") from error


def _methods(content: dict[str, Any]) -> dict[str, dict[str, Cell]]:
    methods = {
        method: {metric: _part(Cell, fields) for metric, fields in cells.items()}
        for method, cells in content.items()
    }
    for cell in (cell for cells in methods.values() for cell in cells.values()):
        if not cell.signature:
            raise ValueError("a score without its signature")
        if not all(isinstance(x, float | int | None) for x in (cell.value, cell.low, cell.high)):
            raise ValueError("a score that is no number")
        if cell.better not in ARROWS:
            raise ValueError(f"better is {cell.better!r}, not one of {', '.join(ARROWS)}")
    return methods


def as_csv(report: Report) -> str:
    """The clips: one line for each method, clip and metric."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "clip", "metric", "value", "frames"])
    for clip in report.clips:
        names = [plain(name) for name in (clip.method, clip.clip, clip.metric)]
        writer.writerow([*names, repr(clip.value), clip.frames])
    return text.getvalue()


def as_markdown(report: Report) -> str:
    """The table of methods, then how it was measured and what was left out."""
    header, *rows = cells(report)
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    if said := notes(report):
        lines += ["", *(f"- {line}" for line in said)]
    lines += ["", f"Protocol `{plain(report.protocol)}`.", ""]
    lines += [f"- `{signature}`" for signature in signatures(report)]
    if pairs := comparison_lines(report):
        lines += ["", "Paired comparisons:", "", *(f"- {line}" for line in pairs)]
    if rejects := summarise(report.rejects):
        lines += ["", "Left out:", "", *(f"- {line}" for line in rejects)]
    return "\n".join(lines) + "\n"


def as_text(report: Report) -> str:
    """The table of methods with aligned columns, what is to be said of it, and the signatures."""
    table = cells(report)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for first, *others in table:
        aligned = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *aligned]).rstrip())
    parts = [lines, notes(report), signatures(report), comparison_lines(report)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def signatures(report: Report) -> list[str]:
    """Every signature of the report once, in the order of the table's columns."""
    every = [
        score
        for metric in report.metrics
        for methods in (report.methods, report.common)
        for score in _column(methods, metric)
    ]
    scored = [score for score in every if score.n] or every
    return list(dict.fromkeys(plain(score.signature) for score in scored))


def summarise(rejects: list[Unscored], *, examples: int = 3) -> list[str]:
    """One line for each method and reason: how many clips, and the names of the first."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for reject in rejects:
        groups[reject.method, reject.reason].append(reject.clip)
    lines = []
    for (method, reason), clips in groups.items():
        named = ", ".join(clips[:examples])
        if len(clips) > examples:
            named = f"{len(clips)} clips ({named}, …)"
        lines.append(plain(f"{method}: {named}: {reason}"))
    return lines


def left_out(rejects: list[Unscored]) -> list[str]:
    """Lines that count and name what has no score; none if every clip has all of them."""
    lines = summarise(rejects)
    if not lines:
        return []
    clips: dict[str, set[str]] = defaultdict(set)
    for reject in rejects:
        clips[reject.method].add(reject.clip)
    total = ", ".join(f"{method} {len(names)}" for method, names in clips.items())
    told = [f"  {line}" for line in lines[:MAX_LINES]]
    if len(lines) > MAX_LINES:
        told.append(f"  … {len(lines) - MAX_LINES} more; --json has all of them")
    return [plain(f"clips left out, wholly or in one metric: {total}"), *told]


def plain(text: str) -> str:
    """Replace control characters and line ends, so that a name stays within its cell or line.

    Examples
    --------
    >>> plain("two\\nlines")
    'two?lines'
    """
    return text.translate(CONTROLS)


def number(value: float | None) -> str:
    """A value as the tables print it."""
    if value is None:
        return EMPTY
    return f"{value:.3f}" if math.isfinite(value) else str(value)


def cells(report: Report) -> list[list[str]]:
    """The table as text: header, methods and control rows, these on common clips, published."""
    metrics = report.metrics
    header = ["method", "clips"]
    for metric in metrics:
        score = _column(report.methods, metric)[0]
        header.append(" ".join(filter(None, [metric.upper(), ARROWS[score.better], score.unit])))
    rows = [header]
    for method, scores in report.methods.items():
        rows.append([method, _clips(report, method), *map(_with_interval, scores.values())])
    for method, scores in report.common.items():
        rows.append([method + COMMON, _count(scores), *map(_with_interval, scores.values())])
    for name, published in TABLES.get(report.published, {}).items():
        if published.keys() & set(metrics):
            shown = [_foreign(metric, published.get(metric)) for metric in metrics]
            rows.append([f"{name} ({MARK})", EMPTY, *shown])
    return [[plain(cell) for cell in row] for row in rows]


def _clips(report: Report, method: str) -> str:
    """Number of clips of a row, marked where they are not those that all rows have."""
    count = _count(report.methods[method])
    common = report.common.get(method)
    return count + UNEQUAL if common and _count(common) != count else count


def _count(scores: dict[str, Cell]) -> str:
    """Number of clips, one a metric where they differ; metrics that a row has not do not count."""
    counts = [cell.n for cell in scores.values() if not _is_foreign(cell)]
    return "/".join(map(str, counts if len(set(counts)) > 1 else counts[:1])) or NOT_APPLICABLE


def _is_foreign(cell: Cell) -> bool:
    return cell.value is None and cell.note.startswith(NOT_APPLICABLE)


def notes(report: Report) -> list[str]:
    """What is to be said of a table: what its protocol lacks, unequal clips, notes of scores."""
    lines = [f"{plain(report.protocol)}: {plain(what)}" for what in report.lacks]
    if report.common:
        lines.append(
            f"{UNEQUAL} methods were scored on different clips; rows of common clips are on those "
            "that all of them have"
        )
    scored: dict[str, list[str]] = defaultdict(list)  # metric to rows
    said: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for suffix, methods in (("", report.methods), (COMMON, report.common)):
        for method, scores in methods.items():
            for metric, cell in scores.items():
                if _is_finite(cell.value):
                    scored[metric].append(method + suffix)
                    for note in filter(None, cell.note.split("; ")):
                        said[note][metric].append(method + suffix)
    return [*lines, *(plain(note + _where(rows, scored)) for note, rows in said.items())]


def _where(rows: dict[str, list[str]], scored: dict[str, list[str]]) -> str:
    """The metrics and rows that a note is of, in brackets; nothing if it is of all of them."""
    if rows == scored:
        return ""
    if all(found == scored[metric] for metric, found in rows.items()):
        return f" ({', '.join(rows)})"
    return f" ({'; '.join(f'{metric}: ' + ', '.join(found) for metric, found in rows.items())})"


def _foreign(metric: str, value: float | None) -> str:
    return EMPTY if value is None else " ".join([number(value), UNITS.get(metric, "")]).rstrip()


def _with_interval(score: Cell) -> str:
    if _is_foreign(score):
        return NOT_APPLICABLE
    return " ".join(filter(None, [number(score.value), interval(score.low, score.high)]))


def interval(low: float | None, high: float | None) -> str:
    """Ends of an interval as the tables print them; empty if there is none."""
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def comparison_lines(report: Report) -> list[str]:
    """One line for each paired comparison, then how p was found, or why there is none."""
    lines = []
    for c in report.comparisons:
        closer = report.methods[c.first][c.metric].better == "closer"
        what = f"{c.metric}, distance from gt" if closer else c.metric
        ends = f"{c.difference:+.4f} {interval(c.low, c.high)}".rstrip()
        note = f" ({c.note})" if c.note else ""
        won = f"better in {100 * c.win_rate:.0f} % of {c.n} clips{note}"
        lines.append(", ".join([f"{what}: {c.first} - {c.second} = {ends}", won, *_tested(c)]))
    if any(c.family and c.p is not None for c in report.comparisons):
        lines.append(
            "p: signs of whole speakers flipped, two-sided; Holm's correction within a metric, "
            "over the pairs of methods and, apart from them, over the methods against static"
        )
    lines += dict.fromkeys(c.no_p for c in report.comparisons if c.no_p)
    return [plain(line) for line in lines]


def _tested(c: Comparison) -> list[str]:
    """The p of a comparison in words, if it has one."""
    if c.p is None or c.p_holm is None:
        return []
    if not c.family:  # of a report of 0.2.0 or before, corrected over all of its comparisons
        return [f"p = {c.p_holm:.2g} (Holm, signs of {c.unit}s flipped)"]
    return [
        f"p = {c.p:.2g} (least possible {c.least_p:.2g})",
        f"by Holm over {c.family} {c.p_holm:.2g}",
    ]


def shortfall(value: float, better: str, truth: float) -> float:
    """Number that is the smaller, the better a score is.

    Parameters
    ----------
    value : float
    better : {"higher", "lower", "closer"}
        As declared by the metric.
    truth : float
        The ground truth's own score, which "closer" is measured from.
    """
    return {"higher": -value, "lower": value}.get(better, abs(value - truth))


def best(report: Report, metric: str) -> set[str]:
    """Methods that are the best in a metric: one, several that are equal, or none.

    Control rows do not compete, nor does a score that is missing or NaN. There is no best where
    fewer than two predictions are compared, where scores are of different signatures (on other
    clips, say), or where the ground truth's is needed and not known.
    """
    cells = {method: row[metric] for method, row in report.methods.items()}
    known = {m: c for m, c in cells.items() if c.value is not None and not math.isnan(c.value)}
    preds = {method: cell for method, cell in known.items() if method not in CONTROL_ROWS}
    compared = [*preds.values()]
    if len(compared) < 2:
        return set()
    truth = 0.0
    if any(cell.better == "closer" for cell in compared):
        if "gt" not in known:
            return set()
        compared.append(known["gt"])
        truth = known["gt"].value or 0.0
    if len({cell.signature for cell in compared}) != 1:
        return set()
    short = {m: shortfall(c.value or 0.0, c.better, truth) for m, c in preds.items()}
    return {method for method, value in short.items() if value == min(short.values())}


def _column(methods: dict[str, dict[str, Cell]], metric: str) -> list[Cell]:
    return [cells[metric] for cells in methods.values()]


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _methods_fields(methods: dict[str, dict[str, Cell]]) -> dict[str, Any]:
    return {
        method: {metric: _cell_fields(cell) for metric, cell in scores.items()}
        for method, scores in methods.items()
    }


def _cell_fields(cell: Cell) -> dict[str, Any]:
    fields = vars(cell) | {"value": cell.value if _is_finite(cell.value) else None}
    if not cell.note:
        del fields["note"]
    return fields


def _clip_fields(clip: ClipScore | SpeakerScore) -> dict[str, Any]:
    fields = vars(clip) | {"value": clip.value if _is_finite(clip.value) else None}
    if not math.isfinite(clip.value):
        fields["note"] = "inf: no error at all"
    return fields


def _part(kind: type[Part], fields: dict[str, Any]) -> Part:
    """One part of a report from its JSON fields; those that it has not are of another version."""
    known = {name: fields[name] for name in kind.__dataclass_fields__ if name in fields}
    if fields.get("value", 0.0) is None and fields.get("note", "").startswith("inf"):
        known["value"] = math.inf
    return kind(**known)
