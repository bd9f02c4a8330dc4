"""A report as text: JSON, CSV, Markdown and a table for the terminal.

JSON has no infinity: an infinite value (the PSNR of identical pictures) is written as ``null`` with
a ``note`` beside it that begins with ``inf``; any other ``null`` has a note that says why. Tables
and CSV print ``inf``.
"""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tkit.files import atomic_path, refuse_overwrite
from tkit.report import ClipScore, Report, Score, SpeakerScore, Unscored
from tkit.report.published import MARK, TABLES, UNITS

ARROWS = {"higher": "↑", "lower": "↓", "closer": "→"}
EMPTY = "-"
STDOUT = Path("-")


def as_json(report: Report) -> str:
    """The whole report: protocol, methods, clips, rejects."""
    methods = {
        method: {metric: _score_fields(score) for metric, score in scores.items()}
        for method, scores in report.methods.items()
    }
    content: dict[str, Any] = {
        "protocol": report.protocol,
        "methods": methods,
        "clips": [_clip_fields(clip) for clip in report.clips],
        "rejects": [vars(reject) for reject in report.rejects],
        "speakers": [_clip_fields(speaker) for speaker in report.speakers],
        "comparisons": [vars(comparison) for comparison in report.comparisons],
    }
    if rows := TABLES.get(report.published):
        content["published"] = {"corpus": report.published, "mark": MARK, "rows": rows}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(report: Report) -> str:
    """The clips: one line for each method, clip and metric."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "clip", "metric", "value", "frames"])
    for clip in report.clips:
        writer.writerow([clip.method, clip.clip, clip.metric, repr(clip.value), clip.frames])
    return text.getvalue()


def as_markdown(report: Report) -> str:
    """The table of methods, then how it was measured and what was left out."""
    header, *rows = cells(report)
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", f"Protocol `{report.protocol}`.", ""]
    lines += [f"- `{signature}`" for signature in signatures(report)]
    if pairs := comparison_lines(report):
        lines += ["", "Paired comparisons:", "", *(f"- {line}" for line in pairs)]
    left_out = summarise(report.rejects)
    if left_out:
        lines += ["", "Left out:", "", *(f"- {line}" for line in left_out)]
    return "\n".join(lines) + "\n"


def as_text(report: Report) -> str:
    """The table of methods with aligned columns, and the signatures."""
    table = cells(report)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for first, *others in table:
        aligned = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *aligned]).rstrip())
    pairs = comparison_lines(report)
    return "\n".join([*lines, "", *signatures(report), *([""] if pairs else []), *pairs]) + "\n"


def _as_latex(report: Report) -> str:
    from tkit.report import pages

    return pages.as_latex(report)


def _as_html(report: Report) -> str:
    from tkit.report import pages

    return pages.as_html(report)


FORMATS = {
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
    "text": as_text,
    "latex": _as_latex,
    "html": _as_html,
}


def require_free(paths: Iterable[Path], *, force: bool) -> None:
    """Raise unless every file may be written, so that no run ends without its result."""
    for path in paths:
        if path != STDOUT:
            refuse_overwrite(path, force=force)


def write(report: Report, kind: str, path: Path) -> None:
    """Write a report in one of ``FORMATS``; the path ``-`` is stdout."""
    text = FORMATS[kind](report)
    if path == STDOUT:
        sys.stdout.write(text)
        return
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def signatures(report: Report) -> list[str]:
    """Every signature of the report once, in the order of the table's columns."""
    every = [score for metric in _metrics(report) for score in _column(report, metric)]
    scored = [score for score in every if score.n] or every
    return list(dict.fromkeys(score.signature for score in scored))


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
        lines.append(f"{method}: {named}: {reason}")
    return lines


def number(value: float | None) -> str:
    """A value as the tables print it."""
    if value is None:
        return EMPTY
    return f"{value:.3f}" if math.isfinite(value) else str(value)


def cells(report: Report) -> list[list[str]]:
    """The table of methods as text: header, methods, honest rows, published rows."""
    metrics = _metrics(report)
    header = ["method", "clips"]
    for metric in metrics:
        score = _column(report, metric)[0]
        header.append(" ".join(filter(None, [metric.upper(), ARROWS[score.better], score.unit])))
    rows = [header]
    for method, scores in report.methods.items():
        counts = list(dict.fromkeys(scores[metric].n for metric in metrics))
        if len(counts) > 1:
            counts = [scores[metric].n for metric in metrics]
        values = [_with_interval(scores[metric]) for metric in metrics]
        rows.append([method, "/".join(map(str, counts)), *values])
    for name, published in TABLES.get(report.published, {}).items():
        if published.keys() & set(metrics):
            shown = [_foreign(metric, published.get(metric)) for metric in metrics]
            rows.append([f"{name} ({MARK})", EMPTY, *shown])
    return rows


def _foreign(metric: str, value: float | None) -> str:
    return EMPTY if value is None else " ".join([number(value), UNITS.get(metric, "")]).rstrip()


def _with_interval(score: Score) -> str:
    return " ".join(filter(None, [number(score.value), interval(score.low, score.high)]))


def interval(low: float | None, high: float | None) -> str:
    """Ends of an interval as the tables print them; empty if there is none."""
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def comparison_lines(report: Report) -> list[str]:
    """One line for each paired comparison."""
    lines = []
    for c in report.comparisons:
        ends = interval(c.low, c.high)
        closer = report.methods[c.first][c.metric].better == "closer"
        what = f"{c.metric}, distance from gt" if closer else c.metric
        lines.append(
            f"{what}: {c.first} - {c.second} = {c.difference:+.4f} {ends}".rstrip()
            + f", better in {100 * c.win_rate:.0f} % of {c.n} clips, p = {c.p_holm:.2g} "
            f"(Holm, signs of {c.unit}s flipped)"
        )
    return lines


def _metrics(report: Report) -> list[str]:
    return list(next(iter(report.methods.values())))


def _column(report: Report, metric: str) -> list[Score]:
    return [scores[metric] for scores in report.methods.values()]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _score_fields(score: Score) -> dict[str, Any]:
    fields = vars(score) | {"value": _finite(score.value)}
    if not score.note:
        del fields["note"]
    return fields


def _clip_fields(clip: ClipScore | SpeakerScore) -> dict[str, Any]:
    fields = vars(clip) | {"value": _finite(clip.value)}
    if not math.isfinite(clip.value):
        fields["note"] = "inf: no error at all"
    return fields
