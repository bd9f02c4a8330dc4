"""What raters said: means with intervals over raters, how well they agree, Table III."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tkit.errors import ScoreError
from tkit.report import latex, tables
from tkit.seeds import generator
from tkit.study.book import PREFERENCE, Answer, Book

MIN_RATERS = 3  # for an interval
N_RESAMPLES = 10_000
TAILS = (0.025, 0.975)  # of the resampled means: 95 % lie between
ALL, AVERAGE = "all clips", "average"
# Sinha, Biswas and Bhowmick 2020, Table III: realism, 0 to 10, 26 raters, 30 videos. The averages
# are those of the columns; for the two rivals the paper prints 6.4 and 4.59.
PUBLISHED = {
    "Sinha 2020": {"TCD-TIMIT": 6.40, "GRID": 7.69},
    "Vougioukas, in Sinha 2020": {"TCD-TIMIT": 5.29, "GRID": 6.51},
    "Chen 2019, in Sinha 2020": {"TCD-TIMIT": 1.67, "GRID": 4.50},
}
MISPRINTED = (
    "published averages are means of their columns; the paper prints 6.4 and 4.59 for 5.90 and 3.09"
)


@dataclass(frozen=True)
class Rating:
    """One score; of a comparison 1 for the preferred video, 0 for the other, .5 for both."""

    method: str
    clip: str
    rater: str
    question: str
    score: float


@dataclass(frozen=True)
class Mean:
    """A mean over ratings, and its interval over raters; None of fewer than ``MIN_RATERS``."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Results:
    """What a study has shown.

    Parameters
    ----------
    ratings : list of Rating
        Of the raters who count.
    table : dict
        Method to column to mean; the last column is ``average``.
    alpha : dict
        Question to Krippendorff's alpha of interval data; NaN where it is not defined.
    n_raters : int
        Who count.
    inattentive, unfinished : list of str
        Raters who failed too many checks, and do not count; those who do, and are not done.
    """

    ratings: list[Rating]
    table: dict[str, dict[str, Mean]]
    alpha: dict[str, float]
    n_raters: int
    inattentive: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)


def results(book: Book, *, max_failed: int = 1, by_folder: bool = False, seed: int = 0) -> Results:
    """Count the answers of a study.

    Parameters
    ----------
    max_failed : int
        Raters who failed more checks of attention than that do not count.
    by_folder : bool
        One column for each first folder of the clips' names, e.g. one corpus each, as in Table III.
    seed : int
        Of the bootstrap.

    Raises
    ------
    ScoreError
        If nobody who counts has answered anything.
    """
    answers = book.answers()
    failed: dict[int, int] = defaultdict(int)
    for answer in answers:
        due = answer.videos[0].due
        failed[answer.rater] += due is not None and answer.score != due
    # A rater who was asked several questions of one check fails it once for each.
    n_questions = len(book.settings.questions)
    out = {rater for rater, count in failed.items() if count > max_failed * n_questions}
    ratings = [
        rating
        for answer in answers
        if answer.rater not in out and answer.videos[0].due is None
        for rating in ratings_of(answer)
    ]
    if not ratings:
        raise ScoreError(f"{book.folder}: nobody who counts has answered anything yet")
    progress = book.progress()
    return Results(
        ratings,
        means(ratings, by_folder=by_folder, seed=seed),
        agreement(ratings),
        len({rating.rater for rating in ratings}),
        inattentive=[_rater(number) for number in sorted(out)],
        unfinished=[_rater(number) for number, (done, count) in progress.items()
                    if number not in out and done < count],
    )  # fmt: skip


def ratings_of(answer: Answer) -> list[Rating]:
    """What an answer says of each method that was shown."""
    rater, names = _rater(answer.rater), [video.method or "" for video in answer.videos]
    clip = answer.videos[0].clip
    if len(names) == 1:
        return [Rating(names[0], clip, rater, answer.question, answer.score)]
    # The score is the place of the preferred one: 0 the first, 1 the second.
    return [
        Rating(names[0], clip, rater, f"preferred to {names[1]}", 1 - answer.score),
        Rating(names[1], clip, rater, f"preferred to {names[0]}", answer.score),
    ]


def _rater(number: int) -> str:
    return f"r{number:03d}"


def means(
    ratings: Sequence[Rating], *, by_folder: bool = False, seed: int = 0
) -> dict[str, dict[str, Mean]]:
    """Method to column to mean, and the mean of the columns, with intervals over raters.

    Raters are drawn anew, with all they said: their scores are not independent (bootstrap of
    clusters, percentiles; Davison and Hinkley 1997, §3.8).

    Parameters
    ----------
    by_folder : bool
        Columns are the first folders of the clips' names instead of the questions.

    Examples
    --------
    >>> said = [Rating("ours", "a/1", "r1", "real", 7), Rating("ours", "b/1", "r1", "real", 4)]
    >>> {name: mean.value for name, mean in means(said, by_folder=True)["ours"].items()}
    {'a': 7.0, 'b': 4.0, 'average': 5.5}
    """
    methods = list(dict.fromkeys(sorted(rating.method for rating in ratings)))
    columns = sorted({_column(rating, by_folder) for rating in ratings})
    raters = sorted({rating.rater for rating in ratings})
    places = [{name: i for i, name in enumerate(names)} for names in (raters, methods, columns)]
    sums = np.zeros((2, len(raters), len(methods), len(columns)))  # scores, and their number
    for rating in ratings:
        named = (rating.rater, rating.method, _column(rating, by_folder))
        r, m, c = (place[name] for place, name in zip(places, named, strict=True))
        sums[:, r, m, c] += rating.score, 1
    drawn = generator(seed, "study").multinomial(
        len(raters), np.full(len(raters), 1 / len(raters)), size=N_RESAMPLES
    )
    resampled = _means_of(np.tensordot(sums, drawn, axes=(1, 1)).transpose(0, 3, 1, 2))
    values = _means_of(sums.sum(axis=1))

    def ends(m: int, c: int) -> list[float] | tuple[None, None]:
        if len(raters) < MIN_RATERS:
            return None, None
        found: list[float] = np.nanquantile(resampled[:, m, c], TAILS).tolist()
        return found

    return {
        method: {
            column: Mean(float(values[m, c]), *ends(m, c))
            for c, column in enumerate([*columns, AVERAGE])
            if not np.isnan(values[m, c])
        }
        for m, method in enumerate(methods)
    }


def _means_of(sums: np.ndarray) -> np.ndarray:
    """Means (..., M, K + 1) of sums and counts (2, ..., M, K), the last of the K that are there."""
    there = sums[1] > 0
    means = np.divide(sums[0], sums[1], out=np.full(sums[0].shape, np.nan), where=there)
    count = there.sum(-1, keepdims=True)
    total = np.where(there, means, 0).sum(-1, keepdims=True)
    average = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return np.concatenate([means, average], axis=-1)


def _column(rating: Rating, by_folder: bool) -> str:
    if not by_folder:
        return rating.question
    folder, slash, _ = rating.clip.partition("/")
    return folder if slash else ALL


def agreement(ratings: Sequence[Rating]) -> dict[str, float]:
    """Krippendorff's alpha of each question; of comparisons one, over pairs of videos."""
    said: dict[str, dict[tuple[str, ...], list[float]]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        other = rating.question.removeprefix("preferred to ")
        if other == rating.question:
            said[rating.question][rating.method, rating.clip].append(rating.score)
        elif rating.method < other:  # the other side says the same
            said[PREFERENCE][rating.method, other, rating.clip].append(rating.score)
    return {question: krippendorff(list(units.values())) for question, units in said.items()}


def krippendorff(units: Sequence[Sequence[float]]) -> float:
    """Krippendorff's alpha of interval data: 1 if raters agree, 0 if as chance would have it.

    Parameters
    ----------
    units : sequence of sequences of float
        The values that each unit was given, by any raters in any order; units with fewer than two
        do not count.

    Returns
    -------
    float
        NaN where no two values differ, or nothing was rated twice: then it is not defined.

    Notes
    -----
    K. Krippendorff 2011, "Computing Krippendorff's alpha-reliability": 1 - D_o / D_e with squared
    differences, between values of a unit and between all of them.

    Examples
    --------
    >>> krippendorff([[1, 1], [2, 2], [5, 5]])
    1.0
    """
    pairable = [np.asarray(values, np.float64) for values in units if len(values) > 1]
    if not pairable:
        return float("nan")
    every = np.concatenate(pairable)
    expected = _differences(every) / (len(every) - 1)
    if not expected:
        return float("nan")
    return float(1 - sum(_differences(v) / (len(v) - 1) for v in pairable) / expected)


def _differences(values: np.ndarray) -> float:
    """Sum of (a - b)^2 over all pairs of values, each pair twice."""
    return float(2 * len(values) * np.square(values - values.mean()).sum())


# ---------------------------------------------------------------------------------------------


def cells(found: Results, *, published: bool = False) -> list[list[str]]:
    """The table as text: a header, and a row for each method."""
    columns = _columns(found)
    counts: dict[str, int] = defaultdict(int)
    for rating in found.ratings:
        counts[rating.method] += 1
    rows = [["method", "ratings", *(f"{column} ↑" for column in columns)]]
    for method, row in found.table.items():
        rows.append([method, str(counts[method]), *(_shown(row.get(c)) for c in columns)])
    if published:  # halves are rounded up, as there
        for name, scores in PUBLISHED.items():
            known = scores | {AVERAGE: sum(scores.values()) / len(scores)}
            folded = {column.casefold().replace("-", ""): value for column, value in known.items()}
            shown = [folded.get(column.casefold().replace("-", "")) for column in columns]
            if len(columns) == 1:
                shown = [known[AVERAGE]]
            rows.append([
                f"{name} (published, foreign protocol)", tables.EMPTY,
                *(tables.EMPTY if value is None else f"{value + 1e-9:.2f}" for value in shown),
            ])  # fmt: skip
    return rows


def _columns(found: Results) -> list[str]:
    every = list(dict.fromkeys(c for row in found.table.values() for c in row if c != AVERAGE))
    return [*every, AVERAGE] if len(every) > 1 else every


def _shown(mean: Mean | None) -> str:
    if mean is None:
        return tables.EMPTY
    if mean.low is None:
        return f"{mean.value:.2f}"
    return f"{mean.value:.2f} [{mean.low:.2f}, {mean.high:.2f}]"


def notes(found: Results, *, published: bool = False) -> list[str]:
    """What is to be said of the table."""
    said = [f"{found.n_raters} raters; intervals are over raters, 95 %, by bootstrap"]
    if found.n_raters < MIN_RATERS:
        said = [f"{found.n_raters} raters: too few for intervals"]
    for question, alpha in found.alpha.items():
        value = "not defined" if np.isnan(alpha) else f"{alpha:.3f}"
        said.append(f"Krippendorff's alpha (interval), {question}: {value}")
    if found.inattentive:
        said.append(f"left out, checks of attention failed: {', '.join(found.inattentive)}")
    if found.unfinished:
        said.append(f"not finished, but counted: {', '.join(found.unfinished)}")
    return said + [MISPRINTED] * published


def as_text(found: Results, *, published: bool = False) -> str:
    """The table with aligned columns, and its notes."""
    table = cells(found, published=published)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join([first.ljust(widths[0]),
                   *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))])
        for first, *others in table
    ]  # fmt: skip
    return "\n".join([*lines, "", *notes(found, published=published)]) + "\n"


def as_csv(found: Results, *, published: bool = False) -> str:
    """Every rating: ``method,clip,rater,question,score``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "clip", "rater", "question", "score"])
    for one in found.ratings:
        names = [
            tables.unsteering(name) for name in (one.method, one.clip, one.rater, one.question)
        ]
        writer.writerow([*names, f"{one.score:g}"])
    return text.getvalue()


def as_markdown(found: Results, *, published: bool = False) -> str:
    """The table and its notes."""
    header, *rows = ([tables.marked(cell) for cell in row]
                     for row in cells(found, published=published))  # fmt: skip
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    said = notes(found, published=published)
    return "\n".join([*lines, "", *(f"- {tables.marked(line)}" for line in said)]) + "\n"


def as_latex(found: Results, *, published: bool = False) -> str:
    """The table, the best of the methods in bold; the notes as comments."""
    header, *rows = latex.escaped(cells(found, published=published))
    for place, column in enumerate(_columns(found), start=2):
        values = {number: row[column].value for number, row in enumerate(found.table.values())
                  if column in row}  # fmt: skip
        for number, value in values.items():
            if len(values) > 1 and value == max(values.values()):
                score, *ends = rows[number][place].split(" ", 1)
                rows[number][place] = " ".join([rf"\textbf{{{score}}}", *ends])
    said = notes(found, published=published)
    return latex.tabular("l" + "r" * (len(header) - 1), [header, *rows], comments=said)


FORMATS = {"csv": as_csv, "markdown": as_markdown, "latex": as_latex}
