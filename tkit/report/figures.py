"""Figures of a report for a paper: PNG, SVG and PDF (matplotlib, drawn without a screen)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit.files import atomic_path
from tkit.parsing import plain
from tkit.report import CONTROL_ROWS, Report, grid, page
from tkit.report.series import TRUTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("png", "svg", "pdf")
COLUMNS = 3  # of small figures in one
BIN_S = 0.04  # of the durations of blinks: a frame of 25 a second
TRUTH_INK, CONTROL_INK, SOFT = "#1d5fc4", "#6b7480", "#9aa3ad"
INKS = "#d0342c #15803d #8b3fd1 #b45309 #0e7490 #be185d #4d7c0f #5b6470".split()
# Names are no formulas, and equal figures are equal files.
LOOK: dict[Any, Any] = {
    "text.parse_math": False,
    "svg.hashsalt": "tkit",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
}
# By the writer of each kind: what would say when it was made.
DATES: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def write(report: Report, folder: Path) -> list[Path]:
    """Draw what a report holds and return the files.

    ``scores`` are the methods with their intervals, ``speakers`` the means of speakers, ``blinks``
    durations beside the ground truth's (Sinha et al. 2020, Fig. 11), ``worst`` the curves of the
    worst clip; what the report does not hold is left out.

    Parameters
    ----------
    report : Report
        With its series, where there are some.
    folder : Path
    """
    drawn: dict[str, Callable[[Report], Figure | None]] = {
        "scores": scores,
        "speakers": speakers,
        "blinks": blinks,
        "worst": worst,
    }
    written = []
    with _look():
        for name, draw in drawn.items():
            figure = draw(report)
            for kind in KINDS:
                if figure is None:
                    continue
                path = folder / f"{name}.{kind}"
                with atomic_path(path) as temporary:
                    figure.savefig(temporary, format=kind, dpi=200, metadata=DATES[kind])
                written.append(path)
    return written


@contextmanager
def _look() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(LOOK):
        yield


def ink(report: Report, row: str) -> str:
    """The colour of a row, that of pages in a light room."""
    preds = [method for method in report.methods if method not in CONTROL_ROWS]
    if row == TRUTH:
        return TRUTH_INK
    return INKS[preds.index(row) % len(INKS)] if row in preds else CONTROL_INK


def scores(report: Report) -> Figure | None:
    """Every metric on its own axis: a dot a method, its interval as a line."""
    names = list(report.methods)
    figure, axes = _many(report.metrics, height=0.5 + 0.2 * len(names))
    for ax, metric in zip(axes, report.metrics, strict=True):
        for at, name in enumerate(names):
            cell = report.methods[name][metric]
            if cell.low is not None and cell.high is not None:
                ax.plot([cell.low, cell.high], [at, at], color=ink(report, name), lw=1.4)
            if cell.value is not None and math.isfinite(cell.value):
                ax.plot(cell.value, at, "o", color=ink(report, name), ms=4)
        _rows(ax, names, grid.heading(metric, report.methods[names[0]][metric]).name)
    return figure


def speakers(report: Report) -> Figure | None:
    """Every metric on its own axis: a dot a speaker, in the row of the method."""
    known = [m for m in report.metrics if any(one.metric == m for one in report.speakers)]
    if not known:
        return None
    names = list(report.methods)
    figure, axes = _many(known, height=0.5 + 0.2 * len(names))
    for ax, metric in zip(axes, known, strict=True):
        for at, name in enumerate(names):
            values = [
                one.value for one in report.speakers
                if (one.method, one.metric) == (name, metric) and math.isfinite(one.value)
            ]  # fmt: skip
            ax.plot(values, [at] * len(values), "o", color=ink(report, name), ms=3.5, alpha=0.6,
                    mew=0)  # fmt: skip
        _rows(ax, names, grid.heading(metric, report.methods[names[0]][metric]).name)
    return figure


def blinks(report: Report) -> Figure | None:
    """Durations of blinks of each prediction, beside those of the ground truth."""
    durations: dict[str, list[float]] = {}
    for clip in report.series.values():
        for name, row in clip.rows.items():
            if row.durations_s is not None:
                durations.setdefault(name, []).extend(row.durations_s)
    preds = [name for name in report.methods if name in durations and name != TRUTH]
    if not preds:
        return None
    every = [duration for values in durations.values() for duration in values]
    edges = np.arange(0, max([0.6, *every]) + BIN_S, BIN_S)
    figure, axes = _many(preds, height=1.7)
    for ax, name in zip(axes, preds, strict=True):
        truth, mine = durations.get(TRUTH, []), durations[name]
        looks: list[tuple[list[float], str, dict[str, Any]]] = [
            (truth, "ground truth", {"color": TRUTH_INK, "alpha": 0.45}),
            (mine, plain(name), {"color": ink(report, name), "histtype": "step", "lw": 1.4}),
        ][TRUTH not in durations :]
        for values, label, look in looks:
            shares = np.full(len(values), 100 / max(len(values), 1))
            ax.hist(
                values, edges.tolist(), weights=shares, label=f"{label} ({len(values)})", **look
            )
        ax.set(xlabel="duration of blinks, s", ylabel="% of blinks")
        ax.legend(frameon=False, fontsize=7)
    return figure


def worst(report: Report) -> Figure | None:
    """Mouth opening, eyes and landmark error of the worst clip whose frames were looked at."""
    from matplotlib.figure import Figure

    clip = next((clip for clip, _ in page.ranked(report) if clip in report.series), None)
    if clip is None:
        return None
    series = report.series[clip]
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    panels = {
        "opening": "mouth opening\n(inter-ocular distances)",
        "ear": "eye aspect ratio",
        "error": f"landmark error\n({plain(series.error_unit)})",
    }
    axes = figure.subplots(len(panels), 1, sharex=True)
    for ax, (what, label) in zip(axes, panels.items(), strict=True):
        for name, row in series.rows.items():
            values = getattr(row, what)
            time_s = np.arange(len(values)) / series.fps
            ax.plot(time_s, values, color=ink(report, name), lw=1.1, label=plain(name))
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
    axes[0].set_title(plain(clip))
    look: dict[str, Any] = {"frameon": False, "fontsize": 7, "ncols": 4}
    axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, **look)
    axes[-1].set_xlabel("s")
    return figure


def _many(names: Sequence[str], *, height: float) -> tuple[Figure, list[Axes]]:
    """Small figures in a grid, one for each name; height of each in inches."""
    from matplotlib.figure import Figure

    columns = min(len(names), COLUMNS)
    lines = math.ceil(len(names) / COLUMNS)
    figure = Figure(figsize=(2.4 * columns + 0.8, height * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for spare in axes[len(names) :]:
        spare.set_axis_off()
    return figure, list(axes[: len(names)])


def _rows(ax: Axes, names: Sequence[str], title: str) -> None:
    ax.set_title(title)
    ax.set_yticks(range(len(names)), [plain(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", color=SOFT, alpha=0.35, lw=0.6)
    ax.set_axisbelow(True)
