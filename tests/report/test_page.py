"""The page of a report: which clips are the worst, what is written beside it."""

import json
import re

import numpy as np
import pytest

from tkit.report import Cell, ClipScore, Report, grid, leaderboard, page
from tkit.report.series import ClipSeries, Curves


def report(scores, *, better=None, **more):
    """A report of (method, clip, metric, value) each; ``better`` by metric, higher if not given."""
    better = better or {}
    metrics = dict.fromkeys(metric for _, _, metric, _ in scores)
    methods = dict.fromkeys(method for method, *_ in scores)
    cells = {
        method: {m: Cell(1.0, None, None, 2, "", better.get(m, "higher"), m) for m in metrics}
        for method in methods
    }
    return Report("tkit", cells, clips=[ClipScore(*score, 3) for score in scores], **more)


def test_the_worst_clip_is_the_one_that_most_are_better_than():
    found = report(
        [("ours", "a", "psnr", 30.0), ("ours", "b", "psnr", 20.0), ("ours", "c", "psnr", 25.0),
         ("ours", "a", "lmd", 1.0), ("ours", "b", "lmd", 3.0), ("ours", "c", "lmd", 2.0)],
        better={"lmd": "lower"},
    )  # fmt: skip
    assert page.ranked(found) == [("b", 100.0), ("c", 50.0), ("a", 0.0)]


def test_control_rows_make_no_clip_bad_and_closer_is_measured_from_the_truth():
    found = report(
        [("ours", "a", "cpbd", 0.5), ("ours", "b", "cpbd", 0.3), ("static", "a", "cpbd", 9.0),
         ("static", "b", "cpbd", -9.0), ("gt", "a", "cpbd", 0.5), ("gt", "b", "cpbd", 0.4)],
        better={"cpbd": "closer"},
    )  # fmt: skip
    assert page.ranked(found) == [("b", 100.0), ("a", 0.0)]


def test_equal_clips_are_equally_bad_and_exact_ones_the_best():
    found = report([("ours", clip, "psnr", value) for clip, value in
                    (("a", np.inf), ("b", 9.0), ("c", 9.0))])  # fmt: skip
    assert page.ranked(found) == [("b", 75.0), ("c", 75.0), ("a", 0.0)]


def test_nothing_in_the_json_ends_a_script():
    text = page.as_json({"</script>": "<!-- & \u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"</script>": "<!-- & \u2028"}


def test_infinite_scores_are_texts_and_missing_ones_nothing():
    found = report([("ours", "a", "psnr", np.inf), ("ours", "b", "psnr", 1.23456789)])
    data = page.data_of(found, page.Shots())
    assert data["clips"] == ["b", "a"] and data["scores"] == [[[1.2346, "inf"]]]


def series_of(clip, count):
    values = (np.full(count, v, np.float32) for v in (0.25, 0.3, np.nan))
    return ClipSeries(clip, 25.0, "px", {"gt": Curves(*values)})


def test_a_page_holds_the_curves_of_the_worst_clips_that_fit(monkeypatch):
    monkeypatch.setattr(page, "MOST_FRAMES", 25)
    seen = {clip: series_of(clip, 10) for clip in "abc"}
    scores = [
        ("ours", clip, "psnr", value) for clip, value in zip("abc", (3.0, 1.0, 2.0), strict=True)
    ]
    data = page.data_of(report(scores, series=seen), page.Shots())
    assert data["clips"] == ["b", "c", "a"] and list(data["series"]) == [0, 1]


@pytest.fixture
def filmed(tmp_path):
    """Two clips that have videos; the ground truth of a third is broken."""
    frames = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), np.uint8)
    np.save(tmp_path / "x.npy", frames)
    (tmp_path / "broken.mp4").write_bytes(b"?")
    paths = {"gt": tmp_path / "x.npy", "ours": tmp_path / "x.npy"}
    clips = {"s1/a b": paths, "c": paths, "d": {"gt": tmp_path / "broken.mp4"}}
    scores = [("ours", clip, "psnr", value) for value, clip in enumerate(clips)]
    return report(scores, videos=clips)


def test_videos_lie_beside_and_those_of_an_older_page_are_removed(filmed, tmp_path):
    folder = tmp_path / "p_videos"
    folder.mkdir()
    for name in ("07-old.mp4", "mine.mp4"):
        (folder / name).touch()
    page.write(filmed, tmp_path / "p.html")
    assert sorted(path.name for path in folder.iterdir()) == [
        "01-s1-a-b.mp4", "02-c.mp4", "mine.mp4",
    ]  # fmt: skip
    text = (tmp_path / "p.html").read_text("utf-8")
    assert '"src":"p_videos/01-s1-a-b.mp4"' in text
    assert "The worst 2 of 3 clips can be played" in text and "No video of d: " in text
    page.write(filmed, tmp_path / "p.html", worst=1)
    assert not (folder / "02-c.mp4").exists()


def test_embedded_videos_lie_inside_and_their_size_is_said(filmed, tmp_path):
    page.write(filmed, tmp_path / "p.html", embed=True, worst=2)
    assert not list(tmp_path.glob("*_videos"))
    text = (tmp_path / "p.html").read_text("utf-8")
    assert text.count('"src":"data:video/mp4;base64,') == 2
    assert re.search(r"inside this page \(0\.0 MB\)", text)


def test_a_page_says_how_to_get_videos_and_why_there_are_no_curves(filmed, tmp_path):
    page.write(filmed, tmp_path / "p.html", worst=0)
    text = (tmp_path / "p.html").read_text("utf-8")
    assert "There are no videos: tkit report F.json --html" in text
    assert "no metric of this run looked at landmarks" in text
    assert not list(tmp_path.glob("*_videos"))


def cell(value, low=None, high=None, signature="psnr|n:3"):
    return Cell(value, low, high, 3, "dB", "higher", signature)


def test_scores_of_a_column_lie_on_one_scale():
    shown = grid.column([cell(10.0, 5.0, 20.0), cell(25.0), None, cell(np.inf), cell(np.nan)])
    assert [one.place for one in shown] == [27.0, 96.0, None, None, None]
    assert shown[0].reach == (4.0, 69.0) and shown[1].reach is None
    assert [one.sort for one in shown] == ["10.0", "25.0", "", "inf", ""]
    assert [one.text for one in shown] == ["10.000", "25.000", "-", "inf", "nan"]


def board(tmp_path, **reports):
    for name, methods in reports.items():
        found = Report("tkit", {m: {"psnr": one} for m, one in methods.items()})
        (tmp_path / f"{name}.json").write_text(found.to_json())
    rankings = leaderboard.merge([tmp_path / f"{name}.json" for name in reports])
    return leaderboard.as_grid(rankings)


def test_a_board_has_a_column_for_each_signature_and_the_best_in_bold(tmp_path):
    other = "psnr|n:9"
    shown = board(
        tmp_path,
        one={"ours": cell(30.0), "theirs": cell(31.0), "gt": cell(99.0), "nan": cell(0.0)},
        two={"ours": cell(35.0, signature=other), "late": cell(36.0, signature=other)},
    )
    assert [column.name for column in shown.columns] == [
        "method", "report", "PSNR ↑ dB (1)", "PSNR ↑ dB (2)",
    ]  # fmt: skip
    table = {(line.name, line.cells[0].text): line for line in shown.parts[0]}
    assert [one.text for one in table["ours", "one"].cells[1:]] == ["30.000", ""]
    assert [one.text for one in table["ours", "two"].cells[1:]] == ["", "35.000"]
    best = [key for key, line in table.items() if any(one.best for one in line.cells)]
    assert best == [("theirs", "one"), ("late", "two")]
    assert shown.parts[0][-1].name == "gt" and shown.parts[0][-1].kind == "control"


def test_reports_of_the_same_methods_share_rows_and_one_method_alone_does_not(tmp_path):
    other = "psnr|crop:x|n:3"
    both = {"ours": cell(30.0), "theirs": cell(31.0)}
    again = {"ours": cell(20.0, signature=other), "theirs": cell(19.0, signature=other)}
    shown = board(tmp_path, one=both, two=again)
    table = {line.name: [one.text for one in line.cells] for line in shown.parts[0]}
    assert table == {
        "theirs": ["one, two", "31.000", "19.000"], "ours": ["one, two", "30.000", "20.000"],
    }  # fmt: skip
    shown = board(tmp_path, one={"ours": cell(30.0)}, two={"ours": cell(20.0, signature=other)})
    assert [line.cells[0].text for line in shown.parts[0]] == ["one", "two"]


def test_nan_and_unequal_ground_truths_have_no_best_on_a_board(tmp_path):
    shown = board(
        tmp_path,
        one={"a": cell(30.0), "static": cell(20.0)},
        two={"b": cell(31.0), "static": cell(22.0)},
    )
    assert not any(one.best for line in shown.parts[0] for one in line.cells)
    assert [line.name for line in shown.parts[0]] == ["a", "b", "static", "static"]
    one = {"a": cell(30.0), "b": cell(29.0), "n": cell(28.0)}
    found = Report("tkit", {m: {"psnr": c} for m, c in one.items()})
    (tmp_path / "n.json").write_text(found.to_json().replace('"value": 28.0', '"value": NaN'))
    grid_of = leaderboard.as_grid(leaderboard.merge([tmp_path / "n.json"]))
    table = {line.name: line.cells[1] for line in grid_of.parts[0]}
    assert table["a"].best and not table["n"].best and table["n"].sort == ""
