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
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, TypeVar

from tkit.errors import ScoreError
from tkit.parsing import from_json as parsed
from tkit.parsing import plain
from tkit.report import (
    CONTROL_ROWS,
    Cell,
    ClipScore,
    Comparison,
    Recoded,
    Report,
    SpeakerScore,
    Stratum,
    Unscored,
)
from tkit.report.published import MARK, TABLES, UNITS

ARROWS = {"higher": "↑", "lower": "↓", "closer": "→"}
WIDTH = 80  # columns of a terminal
NAME = 20  # of them for the name of a row; longer ones take several lines
GAP = "  "  # between two columns of a table
EMPTY = "-"
NOT_APPLICABLE = "n/a"
COMMON = ", common clips"  # of the names of rows on the clips that all methods have
UNEQUAL = "*"  # beside the number of clips of rows that have others than these
# What a spreadsheet computes begins so, also where it takes a semicolon for the end of a cell.
FORMULA = re.compile(r"((?:^|;)\s*)(?=[=+\-@])")
# Signs of Markdown within a line; brackets around an interval mean nothing.
SIGNS = re.compile(r"(\[-?[\d.]+, -?[\d.]+\])|([\\`*_\[\]<>|~&#])")
MAX_LINES = 20  # of what is left out, told after a run; the JSON report has all
Part = TypeVar("Part", Cell, ClipScore, Unscored, SpeakerScore, Comparison, Recoded)


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
    if report.strata:
        content["strata"] = [
            vars(stratum) | {"methods": _methods_fields(stratum.methods)}
            for stratum in report.strata
        ]
    if report.recoded:
        content["recoded"] = [vars(recoded) for recoded in report.recoded]
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
        content = parsed(text)
        report = Report(
            protocol=str(content.get("protocol", "")),
            methods=_methods(content["methods"]),
            clips=[_part(ClipScore, fields) for fields in content.get("clips", [])],
            rejects=[_part(Unscored, fields) for fields in content.get("rejects", [])],
            speakers=[_part(SpeakerScore, fields) for fields in content.get("speakers", [])],
            comparisons=[_part(Comparison, fields) for fields in content.get("comparisons", [])],
            published=str(content.get("published", {}).get("corpus", "")),
            common=_methods(content.get("common", {})),
            strata=[_stratum(fields) for fields in content.get("strata", [])],
            lacks=tuple(map(str, content.get("lacks", ()))),
            recoded=[_part(Recoded, fields) for fields in content.get("recoded", [])],
        )
        _require_whole(report)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ScoreError(f"not a JSON report of tkit score: {plain(str(error))}") from error
    return report


def _require_whole(report: Report) -> None:
    """Raise ``ValueError`` unless the parts of a report speak of the same methods and metrics."""
    metrics = set(report.metrics)
    for cells in report.common.values():
        if cells.keys() != metrics:
            raise ValueError("common clips of other metrics")
    if not report.common.keys() <= report.methods.keys():
        raise ValueError("common clips of a method that is not there")
    for stratum in report.strata:
        if stratum.methods.keys() != report.methods.keys():
            raise ValueError("a stratum of other methods")
        if any(cells.keys() != metrics for cells in stratum.methods.values()):
            raise ValueError("a stratum of other metrics")
    for comparison in report.comparisons:
        if {comparison.first, comparison.second} - report.methods.keys():
            raise ValueError("a comparison of a method that is not there")
        if comparison.metric not in metrics:
            raise ValueError("a comparison in a metric that is not there")
        if comparison.p is not None and comparison.family and comparison.least_p is None:
            raise ValueError("a p without the least possible one")


def _methods(content: dict[str, Any]) -> dict[str, dict[str, Cell]]:
    methods = {
        method: {metric: _part(Cell, fields) for metric, fields in cells.items()}
        for method, cells in content.items()
    }
    metrics = next(iter(methods.values()), {}).keys()
    for cells in methods.values():
        if cells.keys() != metrics:
            raise ValueError("methods of different metrics")
        for cell in cells.values():
            if not cell.signature:
                raise ValueError("a score without its signature")
            if cell.better not in ARROWS:
                raise ValueError(f"better is {cell.better!r}, not one of {', '.join(ARROWS)}")
            if cell.n < 0:
                raise ValueError(f"a score of {cell.n} clips")
    return methods


def _stratum(fields: dict[str, Any]) -> Stratum:
    names = {name: _fitting(name, fields[name], "str") for name in ("column", "text")}
    return Stratum(**names, methods=_methods(fields["methods"]))


def as_csv(report: Report) -> str:
    """The clips: one line for each method, clip and metric."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "clip", "metric", "value", "frames"])
    for clip in report.clips:
        names = [unsteering(name) for name in (clip.method, clip.clip, clip.metric)]
        writer.writerow([*names, repr(clip.value), clip.frames])
    return text.getvalue()


def unsteering(text: str) -> str:
    """A cell of CSV that spreadsheets take for a text: what would be a formula gets an apostrophe.

    Examples
    --------
    >>> unsteering("=1+1"), unsteering("ours")
    ("'=1+1", 'ours')
    """
    return FORMULA.sub(r"\1'", plain(text))


def marked(text: str) -> str:
    """Text of Markdown in which no sign means anything.

    Examples
    --------
    >>> marked("a|b <i>")
    'a\\\\|b \\\\<i\\\\>'
    """
    return SIGNS.sub(lambda found: found[1] or f"\\{found[2]}", plain(text))


def code(text: str) -> str:
    """Text as a span of code of Markdown, whatever back quotes it has."""
    text = plain(text)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    space = " " if len(fence) > 1 else ""
    return f"{fence}{space}{text}{space}{fence}"


def as_markdown(report: Report) -> str:
    """The table of methods, then how it was measured and what was left out."""
    lines = _markdown(cells(report), n_names=1)
    for table in stratum_cells(report):
        lines += ["", *_markdown(table, n_names=2)]
    if said := notes(report):
        lines += ["", *(f"- {marked(line)}" for line in said)]
    lines += ["", f"Protocol {code(report.protocol)}.", ""]
    lines += [f"- {code(signature)}" for signature in signatures(report)]
    if pairs := comparison_lines(report):
        lines += ["", "Paired comparisons:", "", *(f"- {marked(line)}" for line in pairs)]
    if rejects := summarise(report.rejects):
        lines += ["", "Left out:", "", *(f"- {marked(line)}" for line in rejects)]
    return "\n".join(lines) + "\n"


def _markdown(table: list[list[str]], *, n_names: int) -> list[str]:
    """Lines of a table whose first columns are names."""
    header, *rows = ([marked(cell) for cell in row] for row in table)
    ruler = "|---" * n_names + "|---:" * (len(header) - n_names) + "|"
    return ["| " + " | ".join(header) + " |", ruler, *("| " + " | ".join(r) + " |" for r in rows)]


def as_text(report: Report, *, width: int = WIDTH) -> str:
    """The table of methods with aligned columns, what is to be said of it, and the signatures.

    Parameters
    ----------
    report : Report
    width : int
        Columns of the terminal. A wider table goes on below, its rows named anew; signatures stay
        whole, as they are copied.
    """
    said = [wrapped(line, width=width) for line in notes(report)]
    pairs = [wrapped(line, width=width) for line in comparison_lines(report)]
    strata = [
        block for table in stratum_cells(report) for block in blocks(table, names=3, width=width)
    ]
    parts = [*blocks(cells(report), width=width), *strata, said, signatures(report), pairs]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def blocks(table: list[list[str]], *, names: int = 2, width: int = WIDTH) -> list[list[str]]:
    """Lines of a table of text, in as many blocks one below the other as ``width`` asks for.

    Parameters
    ----------
    table : list of rows of cells
    names : int
        First columns, which every block begins with; the very first is aligned to the left.
    width : int
        Columns of the terminal. A block has at least one column that is no name, however wide.

    Examples
    --------
    >>> blocks([["method", "PSNR", "SSIM"], ["ours", "31.500", "0.912"]], names=1, width=16)
    [['method    PSNR', 'ours    31.500'], ['method   SSIM', 'ours    0.912']]
    """
    first, *others = zip(*table, strict=True)
    shown = [line for name in first for line in _name_lines(name)]
    widths = [max(map(len, column)) for column in (shown, *others)]
    parts: list[list[int]] = [[]]
    for column in range(names, len(widths)):
        taken = sum(widths[at] + len(GAP) for at in [*range(names), *parts[-1]])
        if parts[-1] and taken + widths[column] > width:
            parts.append([])
        parts[-1].append(column)

    def lines(row: list[str], columns: list[int]) -> Iterator[str]:
        first, *more = _name_lines(row[0])
        cells = [row[at].rjust(widths[at]) for at in [*range(1, names), *columns]]
        yield GAP.join([first.ljust(widths[0]), *cells]).rstrip()
        yield from more

    return [[line for row in table for line in lines(row, columns)] for columns in parts]


def _name_lines(name: str) -> list[str]:
    return textwrap.wrap(name, NAME, subsequent_indent="  ", break_on_hyphens=False) or [""]


def listed(rows: list[list[str]], *, width: int = WIDTH) -> list[str]:
    """Lines of a list: columns aligned to the left, the last one wrapped within itself.

    Parameters
    ----------
    rows : list of rows of cells
        A column that is empty throughout is left out.
    width : int
        Columns of the terminal.

    Examples
    --------
    >>> listed([["psnr", "", "dB", "peak signal to noise"], ["ssim", "", "", "likeness"]], width=22)
    ['psnr  dB  peak signal', '          to noise', 'ssim      likeness']
    """
    lines, sizes = [], [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for *cells, last in rows:
        padded = [cell.ljust(size) for cell, size in zip(cells, sizes, strict=True) if size]
        lead = GAP.join([*padded, ""])
        room = max(width - len(lead), NAME)
        parts = textwrap.wrap(last, room, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [(lead + parts[0]).rstrip(), *(" " * len(lead) + part for part in parts[1:])]
    return lines


def wrapped(line: str, *, width: int = WIDTH) -> str:
    """A sentence over several lines where it is longer than the terminal is wide."""
    return textwrap.fill(
        line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


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
        rows.append([method + COMMON, count(scores), *map(_with_interval, scores.values())])
    for name, published in TABLES.get(report.published, {}).items():
        if published.keys() & set(metrics):
            shown = [_foreign(metric, published.get(metric)) for metric in metrics]
            rows.append([f"{name} ({MARK})", EMPTY, *shown])
    return [[plain(cell) for cell in row] for row in rows]


def stratum_cells(report: Report) -> list[list[list[str]]]:
    """Tables as :func:`cells`, one for each column that parts the clips: method, text, …"""
    header = cells(report)[0]
    tables: dict[str, list[list[str]]] = {}
    for stratum in report.strata:
        head = [header[0], plain(stratum.column), *header[1:]]
        rows = tables.setdefault(stratum.column, [head])
        for method, scores in stratum.methods.items():
            shown = [method, stratum.text, count(scores), *map(_with_interval, scores.values())]
            rows.append([plain(cell) for cell in shown])
    return list(tables.values())


def _clips(report: Report, method: str) -> str:
    """Number of clips of a row, marked where they are not those that all rows have."""
    scores, common = report.methods[method], report.common.get(method)
    unequal = common and _counts(common) != _counts(scores)
    return count(scores) + (UNEQUAL if unequal else "")


def count(scores: dict[str, Cell]) -> str:
    """Number of clips, from the least to the most where metrics differ in it."""
    counts = sorted(set(_counts(scores).values()))
    return "-".join(map(str, [*counts[:1], *counts[1:][-1:]])) or NOT_APPLICABLE


def _counts(scores: dict[str, Cell]) -> dict[str, int]:
    """Number of clips by metric, of those that the row has."""
    return {metric: cell.n for metric, cell in scores.items() if not _is_foreign(cell)}


def _unlike_counts(report: Report) -> Iterator[str]:
    """One sentence for each row whose metrics have scores of different numbers of clips."""
    for suffix, methods in (("", report.methods), (COMMON, report.common)):
        for method, scores in methods.items():
            of: dict[int, list[str]] = defaultdict(list)
            for metric, n in _counts(scores).items():
                of[n].append(metric)
            if len(of) > 1:
                told = "; ".join(f"{n} in {', '.join(of[n])}" for n in sorted(of))
                yield f"clips with a score of {method}{suffix}: {told}"


def _is_foreign(cell: Cell) -> bool:
    return cell.value is None and cell.note.startswith(NOT_APPLICABLE)


def notes(report: Report) -> list[str]:
    """What is to be said of tables: what a protocol lacks, unequal clips, notes of scores."""
    lines = [f"{plain(report.protocol)}: {plain(what)}" for what in report.lacks]
    if report.common:
        lines.append(
            f"{UNEQUAL} methods were scored on different clips; rows of common clips are on those "
            "that all of them have"
        )
    lines += map(plain, _unlike_counts(report))
    lines += _robustness(report)
    common = {method + COMMON: scores for method, scores in report.common.items()}
    lines += _of_scores({**report.methods, **common})
    for part in report.strata:
        named = f"{plain(part.column)} {plain(part.text)}"
        lines += [f"{named}: {line}" for line in _of_scores(part.methods)]
    return lines


def _robustness(report: Report) -> Iterator[str]:
    """One sentence for each method: how far re-encoding its predictions moves its scores."""
    of: dict[tuple[str, str], list[Recoded]] = defaultdict(list)
    for recoded in report.recoded:
        of[recoded.method, recoded.encoder].append(recoded)
    for (method, encoder), found in of.items():
        told = ", ".join(
            " ".join(filter(None, [f"{one.metric} {number(one.high - one.low)}", one.unit]))
            + f" ({number(one.low)} to {number(one.high)})"
            for one in found
        )
        yield plain(f"{method}, re-encoded by {encoder}, moves by: {told}")


def _of_scores(methods: dict[str, dict[str, Cell]]) -> list[str]:
    """The notes of the scores of a table, each once, with the metrics and rows that it is of."""
    scored: dict[str, list[str]] = defaultdict(list)  # metric to rows
    said: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for method, scores in methods.items():
        for metric, cell in scores.items():
            if _is_finite(cell.value):
                scored[metric].append(method)
                for note in filter(None, cell.note.split("; ")):
                    said[note][metric].append(method)
    return [plain(note + _where(rows, scored)) for note, rows in said.items()]


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
    if low is None or high is None:
        return ""
    low, high = (round(end, 3) + 0.0 for end in (low, high))  # no minus before zeros
    return f"[{low:.3f}, {high:.3f}]"


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
    if fields.get("value", 0.0) is None and str(fields.get("note", "")).startswith("inf"):
        known["value"] = math.inf
    for name, value in known.items():
        known[name] = _fitting(name, value, str(kind.__dataclass_fields__[name].type))
    return kind(**known)


def _fitting(name: str, value: Any, annotation: str) -> Any:
    """A field's value, if it is of the kind that is annotated."""
    wanted = set(annotation.split(" | "))
    if isinstance(value, float) and not math.isfinite(value) and name != "value":
        raise ValueError(f"{name} is {value}, no number")
    if type(value).__name__ in wanted or (value is None and "None" in wanted):
        return value
    if type(value) is int and "float" in wanted:
        return float(value)
    what = "no number" if wanted & {"float", "int"} else "no text"
    raise ValueError(f"{name} is {value!r:.80}, {what}")
