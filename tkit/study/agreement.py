"""Do metrics agree with people? Rank correlations of a report's scores with a study's.

Every score is turned so that more is better by the metric's own direction: what is to be low
changes its sign, what is to be near the ground truth's own value is minus the distance from it. A
correlation of 1 then means that the metric orders videos as people do, whichever it is.
"""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError, UsageError, did_you_mean
from tkit.files import require_path
from tkit.parsing import plain, read_text
from tkit.report import CONTROL_ROWS, Report, tables
from tkit.report.series import TRUTH
from tkit.seeds import generator

N_RESAMPLES = 1_000
TAILS = (0.025, 0.975)
LEAST = 3  # videos or methods of a correlation
LEAST_DRAWN = 5  # clips or methods of an interval
PREFERRED = "preferred"  # questions "preferred to NAME" together: the share of wins
COLUMNS = "method", "clip", "score"
Video = tuple[str, str]  # method and clip


@dataclass(frozen=True)
class Coefficient:
    """A rank correlation and its 95 % interval by resampling; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None


NONE = Coefficient(None)


@dataclass(frozen=True)
class Agreement:
    """How far one metric agrees with one question.

    Parameters
    ----------
    question, metric, better : str
    n_videos, n_clips, n_methods : int
        Videos that have both scores, and of how many clips and methods they are.
    clip_spearman, clip_kendall : Coefficient
        Over videos; intervals by drawing clips, with the videos of all methods.
    method_spearman, method_kendall : Coefficient
        Over methods, their scores on the whole set; intervals by drawing methods.
    note : str
        Why something is missing.
    """

    question: str
    metric: str
    better: str
    n_videos: int
    n_clips: int
    n_methods: int
    clip_spearman: Coefficient = NONE
    clip_kendall: Coefficient = NONE
    method_spearman: Coefficient = NONE
    method_kendall: Coefficient = NONE
    note: str = ""


def read(path: str | Path) -> dict[str, dict[Video, float]]:
    """Read people's scores, as ``tkit study report --csv`` writes them.

    Columns are found by their names: ``method``, ``clip``, ``score``, maybe ``question``; others,
    as ``rater``, are not looked at.

    Returns
    -------
    dict
        Question to the mean score of every video.

    Raises
    ------
    UsageError
        If the file is not there or has not these columns.
    ScoreError
        If a score is no number.
    """
    path = require_path(path, "table of people's scores")
    rows = csv.DictReader(read_text(path).splitlines())
    there = [name.strip().lower() for name in rows.fieldnames or ()]
    if missing := [name for name in COLUMNS if name not in there]:
        raise UsageError(
            f"{path}: no column {' and '.join(missing)}; its first line names method, clip, "
            "question and score"
        )
    rows.fieldnames = there
    said: dict[str, dict[Video, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number, row in enumerate(rows, start=2):
        try:
            score = float(row["score"] or "")
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise ScoreError(f"{path}, line {number}: the score is {row['score']!r}, no number")
        question = _steering(row.get("question") or "score")
        if question.startswith("preferred to "):
            question = PREFERRED
        said[question][_steering(row["method"]), _steering(row["clip"])].append(score)
    if not said:
        raise ScoreError(f"{path}: nobody has scored anything")
    return {
        question: {video: math.fsum(scores) / len(scores) for video, scores in videos.items()}
        for question, videos in said.items()
    }


def _steering(text: str | None) -> str:
    """A cell of CSV as it was before spreadsheets were kept from computing it."""
    text = (text or "").strip()
    return text[1:] if text[:1] == "'" and tables.unsteering(text[1:]) == text else text


def agreement(
    report: Report, people: Mapping[str, Mapping[Video, float]], *, seed: int = 0
) -> list[Agreement]:
    """Compare every metric of a report with every question of a study.

    Parameters
    ----------
    report : Report
    people : mapping
        Question to the mean score of every video (method and clip): see :func:`read`.
    seed : int
        Of the resampling.

    Raises
    ------
    ScoreError
        If no video has both scores.
    """
    values: dict[str, dict[Video, float]] = defaultdict(dict)
    for clip in report.clips:
        values[clip.metric][clip.method, clip.clip] = clip.value
    rated = {video for videos in people.values() for video in videos}
    scored = {v for videos in values.values() for v in videos if v[0] not in CONTROL_ROWS}
    if not rated & scored:
        raise ScoreError(_no_match(rated, scored))
    return [
        _compared(report, metric, values[metric], question, videos, seed)
        for question, videos in people.items()
        for metric in report.metrics
    ]


def chosen(people: Mapping[str, Mapping[Video, float]], question: str) -> dict[str, Any]:
    """One question of a study, all if it is empty; :class:`UsageError` if there is none such."""
    if question and question not in people:
        there = ", ".join(map(plain, people))
        hint = did_you_mean(question, people)
        raise UsageError(f"nobody was asked {question!r}{hint} (there are: {there})")
    return {question: people[question]} if question else dict(people)


def _no_match(rated: Iterable[Video], scored: Iterable[Video]) -> str:
    names = ["; ".join(f"{m}, {c}" for m, c in sorted(videos)[:2]) for videos in (rated, scored)]
    return (
        "no video has both scores, of people and of the report: people scored "
        f"{plain(names[0])} …, the report has {plain(names[1])} … (method, clip)"
    )


def _compared(
    report: Report,
    metric: str,
    values: Mapping[Video, float],
    question: str,
    people: Mapping[Video, float],
    seed: int,
) -> Agreement:
    better = next(iter(report.methods.values()))[metric].better
    turned = {
        video: _turned(better, v, values.get((TRUTH, video[1]))) for video, v in values.items()
    }
    videos = [v for v in people if v[0] not in CONTROL_ROWS and turned.get(v) is not None]
    clips = sorted({clip for _, clip in videos})
    methods = sorted({method for method, _ in videos})
    drawn = _draws(len(clips), seed)[:, [clips.index(clip) for _, clip in videos]]
    notes = []
    by_clip = _both([turned[v] for v in videos], [people[v] for v in videos], drawn)
    if better == "closer" and not videos and TRUTH not in report.methods:
        notes.append("nearer to the ground truth's own is better, and the report has none")
    truth = report.methods.get(TRUTH, {})
    own = truth[metric].value if truth else None
    means = {m: _turned(better, report.methods[m][metric].value, own) for m in methods}
    known = [method for method in methods if means[method] is not None]
    said = [_mean(score for (m, _), score in people.items() if m == method) for method in known]
    by_method = _both([means[method] for method in known], said, _draws(len(known), seed))
    if videos and by_method[0].value is None:
        few = f"{len(known)} methods are too few for a correlation over methods"
        notes.append(few if len(known) < LEAST else "all methods are alike, or were rated so")
    elif videos and by_method[0].low is None:
        notes.append(f"{len(known)} methods are too few for an interval over methods")
    if len(clips) < LEAST_DRAWN and videos:
        notes.append(f"{len(clips)} clips are too few for an interval over clips")
    counts = len(videos), len(clips), len(methods)
    return Agreement(question, metric, better, *counts, *by_clip, *by_method, note="; ".join(notes))


def _turned(better: str, value: float | None, truth: float | None) -> float | None:
    """A score of which more is better; None if that cannot be told."""
    if value is None or math.isnan(value) or (better == "closer" and truth is None):
        return None
    short = tables.shortfall(value, better, truth or 0.0)
    return None if math.isnan(short) else -short


def _mean(scores: Iterable[float]) -> float:
    every = list(scores)
    return math.fsum(every) / len(every)


def _draws(n: int, seed: int) -> np.ndarray:
    """How often each of ``n`` things is drawn (N_RESAMPLES, n); none if they are too few."""
    if n < LEAST_DRAWN:
        return np.zeros((0, n))
    rng = generator(seed, "agreement")
    return rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES).astype(np.float64)


def _both(
    mine: Sequence[Any], people: Sequence[float], drawn: np.ndarray
) -> tuple[Coefficient, Coefficient]:
    """Spearman's and Kendall's (tau-b) correlation; ``drawn`` (R, N) are weights of resamples."""
    from scipy.stats import kendalltau, spearmanr

    x, y = (np.asarray(side, np.float64) for side in (mine, people))
    if len(x) < LEAST or len(set(x)) < 2 or len(set(y)) < 2:
        return NONE, NONE
    found = []
    resampled = zip((spearmanr, kendalltau), (of_ranks, of_pairs), strict=True)
    for statistic, of_weights in resampled:
        value = float(statistic(x, y).statistic)
        ends: tuple[float | None, float | None] = None, None
        if len(drawn):
            with np.errstate(invalid="ignore", divide="ignore"):
                again = of_weights(x, y, drawn)
            again = again[np.isfinite(again)]  # a resample of equal ones has no correlation
            low, high = np.quantile(again, TAILS) if len(again) else (math.nan, math.nan)
            ends = (float(low), float(high)) if math.isfinite(low) else ends
        found.append(Coefficient(value, *ends))
    return found[0], found[1]


def _signs(x: np.ndarray) -> np.ndarray:
    """Which of two is more (N, N): 1, 0 or -1; infinite ones are equal to each other."""
    more: np.ndarray = np.greater.outer(x, x).astype(np.float64)
    return more - more.T


def of_ranks(x: np.ndarray, y: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Correlation (R,) of the ranks among what is drawn, equal ones sharing theirs."""
    ranks = [drawn @ (_signs(side).T / 2) for side in (x, y)]  # but for a constant
    total = drawn.sum(axis=1, keepdims=True)
    a, b = (rank - (drawn * rank).sum(axis=1, keepdims=True) / total for rank in ranks)
    products = ((drawn * one * other).sum(axis=1) for one, other in ((a, b), (a, a), (b, b)))
    both, mine, people = products
    return np.asarray(both / np.sqrt(mine * people))


def of_pairs(x: np.ndarray, y: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Tau-b (R,) among what is drawn: the same thing twice is a tie."""
    a, b = _signs(x), _signs(y)
    both, mine, people = (((drawn @ m) * drawn).sum(axis=1) for m in (a * b, a * a, b * b))
    return np.asarray(both / np.sqrt(mine * people))


# -- how it is shown ------------------------------------------------------------------------------


def cells(found: Sequence[Agreement]) -> list[list[str]]:
    """Table of one question: a row a metric, the best agreement over videos first."""
    header = ["metric", "videos", "SPEARMAN, videos", "KENDALL, videos", "methods",
              "SPEARMAN, methods", "KENDALL, methods"]  # fmt: skip
    order = sorted(found, key=lambda one: -(-2 if one.clip_spearman.value is None
                                            else one.clip_spearman.value))  # fmt: skip
    rows = [
        [
            f"{plain(one.metric)} {tables.ARROWS[one.better]}",
            str(one.n_videos),
            _shown(one.clip_spearman),
            _shown(one.clip_kendall),
            str(one.n_methods),
            _shown(one.method_spearman),
            _shown(one.method_kendall),
        ]
        for one in order
    ]
    return [header, *rows]


def _shown(found: Coefficient) -> str:
    ends = tables.interval(found.low, found.high)
    return " ".join(filter(None, [tables.number(found.value), ends]))


def notes(found: Sequence[Agreement]) -> list[str]:
    """What is to be said of the table of one question."""
    said: dict[str, list[str]] = defaultdict(list)
    for one in found:
        for note in filter(None, one.note.split("; ")):
            said[note].append(plain(one.metric))
    every = [f"{note} ({', '.join(names)})" if len(names) < len(found) else note
             for note, names in said.items()]  # fmt: skip
    return [
        "1: orders as people do, by the metric's own direction; 95 % intervals, by drawing clips "
        "or methods",
        *every,
    ]


def _questions(found: Sequence[Agreement]) -> dict[str, list[Agreement]]:
    parts: dict[str, list[Agreement]] = defaultdict(list)
    for one in found:
        parts[one.question].append(one)
    return parts


def as_text(found: Sequence[Agreement], *, width: int = tables.WIDTH) -> str:
    """A table for each question, and what is to be said of it."""
    parts = []
    for question, rows in _questions(found).items():
        lines = [line for block in tables.blocks(cells(rows), names=1, width=width)
                 for line in [*block, ""]]  # fmt: skip
        said = [tables.wrapped(note, width=width) for note in notes(rows)]
        parts.append("\n".join([f"{plain(question)}:", "", *lines, *said]))
    return "\n\n".join(parts) + "\n"


def as_markdown(found: Sequence[Agreement]) -> str:
    """The same as Markdown."""
    lines: list[str] = []
    for question, rows in _questions(found).items():
        header, *body = ([tables.marked(cell) for cell in row] for row in cells(rows))
        lines += [f"**{tables.marked(question)}**", "", "| " + " | ".join(header) + " |"]
        lines += ["|---" + "|---:" * (len(header) - 1) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in body]
        lines += ["", *(f"- {tables.marked(note)}" for note in notes(rows)), ""]
    return "\n".join(lines)


def as_json(found: Sequence[Agreement]) -> str:
    """All of it, one object for each question and metric."""
    content = [vars(one) | {name: vars(value) for name, value in vars(one).items()
                            if isinstance(value, Coefficient)} for one in found]  # fmt: skip
    return json.dumps({"agreement": content}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


FORMATS: Mapping[str, Callable[[Sequence[Agreement]], str]] = {
    "json": as_json,
    "markdown": as_markdown,
}
