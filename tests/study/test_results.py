"""Means, intervals and agreement of known answers."""

import numpy as np
import pytest

from tkit.study import results
from tkit.study.results import Rating

NAN = float("nan")
# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: four observers, twelve
# units; alpha of interval data is .849.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


def test_alpha_is_that_of_the_published_example():
    units = [[v for v in unit if not np.isnan(v)] for unit in np.array(OBSERVERS).T]
    assert results.krippendorff(units) == pytest.approx(0.849, abs=5e-4)


def test_alpha_of_chance_is_near_zero_and_of_nothing_not_defined():
    rng = np.random.default_rng(0)
    assert abs(results.krippendorff(rng.integers(0, 11, (4000, 3)).tolist())) < 0.03
    assert np.isnan(results.krippendorff([[1, 1], [1, 1]]))
    assert np.isnan(results.krippendorff([[1], [2]]))


def test_the_average_is_that_of_the_columns():
    scores = [("grid/1", 8), ("tcd/1", 4), ("tcd/2", 6)]
    said = [Rating("a", clip, f"r{r}", "realism", score) for r in range(4)
            for clip, score in scores]  # fmt: skip
    row = results.means(said, by_folder=True)["a"]
    assert {name: mean.value for name, mean in row.items()} == {"grid": 8, "tcd": 5, "average": 6.5}
    assert (row["average"].low, row["average"].high) == (6.5, 6.5)  # all raters say the same


def test_the_published_averages_are_right():
    found = results.Results([], {"ours": {"realism": results.Mean(1, None, None)}}, {}, 1)
    rows = results.cells(found, published=True)[-3:]
    assert [row[-1] for row in rows] == ["7.05", "5.90", "3.09"]


def test_intervals_are_over_raters_not_over_ratings():
    rng = np.random.default_rng(1)
    taste = rng.normal(5, 2, 20)  # every rater has a level of their own
    said = [Rating("a", f"{c}", f"r{r:02d}", "realism", taste[r]) for r in range(20)
            for c in range(50)]  # fmt: skip
    mean = results.means(said)["a"]["realism"]
    error = taste.std(ddof=1) / np.sqrt(20)
    assert mean.high - mean.low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    hits = 0
    for draw in range(60):
        scores = rng.normal(6, 1.5, (26, 1)) + rng.normal(0, 1, (26, 10))
        said = [Rating("a", str(c), f"r{r:02d}", "q", scores[r, c]) for r in range(26)
                for c in range(10)]  # fmt: skip
        mean = results.means(said, seed=draw)["a"]["q"]
        hits += mean.low <= 6 <= mean.high
    assert hits >= 51  # 57 expected of 60


def test_fewer_than_three_raters_have_no_interval():
    mean = results.means([Rating("a", "1", "r1", "q", 3), Rating("a", "1", "r2", "q", 4)])["a"]["q"]
    assert (mean.value, mean.low, mean.high) == (3.5, None, None)


def test_a_preference_speaks_of_both_methods():
    from tkit.study.book import Answer, Video

    videos = (Video("x.mp4", "a", "1", 1.0), Video("y.mp4", "b", "1", 1.0))
    ours, theirs = results.ratings_of(Answer(7, "preference", 0.0, videos))
    assert (ours.method, ours.question, ours.score) == ("a", "preferred to b", 1)
    assert (theirs.method, theirs.question, theirs.score) == ("b", "preferred to a", 0)
    assert set(results.agreement([ours, theirs])) == {"preference"}


@pytest.fixture
def two_methods():
    scores = {("a|b", "s1/1"): 8, ("a|b", "s2/1"): 6, ("c_d", "s1/1"): 5}
    said = [Rating(method, clip, rater, "realism", score) for rater in ("r1", "r2")
            for (method, clip), score in scores.items()]  # fmt: skip
    table = results.means(said, by_folder=True)
    return results.Results(said, table, {"realism": NAN}, 2, ["r9"], ["r2"])


def test_markdown_has_the_table_and_no_name_breaks_it(two_methods):
    header, rule, first, second, _, *notes = results.as_markdown(two_methods).splitlines()
    assert header == "| method | ratings | s1 ↑ | s2 ↑ | average ↑ |"
    assert rule == "|---|---:|---:|---:|---:|"
    assert first == r"| a\|b | 4 | 8.00 | 6.00 | 7.00 |"
    assert second.startswith(r"| c\_d | 2 | 5.00 | - |")
    assert notes[0] == "- 2 raters: too few for intervals"
    assert any("not defined" in line for line in notes)
    assert notes[-2].endswith("failed: r9") and notes[-1].endswith("counted: r2")


def test_latex_has_the_best_in_bold_where_there_is_another(two_methods):
    text = results.as_latex(two_methods)
    assert r"\textbf{8.00}" in text and r"\textbf{5.00}" not in text
    assert r"\textbf{6.00}" not in text  # alone in its column
    assert r"c\_d" in text and r"\toprule" in text and "% 2 raters" in text
