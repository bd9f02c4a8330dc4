"""A report shows itself: as text, JSON and back, a data frame, LaTeX, in a notebook."""

import csv
import doctest
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

import tkit.report
from tkit.errors import ScoreError, UsageError
from tkit.report import (
    CONTROL_ROWS,
    Cell,
    ClipScore,
    Comparison,
    Report,
    SpeakerScore,
    Unscored,
    formats,
    latex,
    leaderboard,
    page,
    pages,
    tables,
)

BETTER = {"psnr": "higher", "lmd": "lower", "cpbd": "closer"}


def cell(metric, value, *, low=None, high=None, signature="", note=""):
    unit = {"psnr": "dB", "lmd": "% IOD"}.get(metric, "")
    return Cell(value, low, high, 3, unit, BETTER[metric], signature or f"{metric}|n:3", note)


def report(**methods):
    """A report of methods to {metric: value or cell}; the names take ``_`` for ``-``."""
    rows = {
        name.replace("_", "-"): {
            metric: value if isinstance(value, Cell) else cell(metric, value)
            for metric, value in row.items()
        }
        for name, row in methods.items()
    }
    return Report("tkit", rows)


@pytest.fixture
def full():
    """Everything a report can hold, infinities and refusals too."""
    row = {"psnr": cell("psnr", 31.25, low=30.0, high=32.5), "lmd": cell("lmd", 2.0)}
    exact = {"psnr": cell("psnr", math.inf, note="inf: 3 of 3 clips without any error"),
             "lmd": cell("lmd", None, note="no clip has a score; the rejects say why")}  # fmt: skip
    return Report(
        "tkit",
        {"ours": row, "gt": exact},
        clips=[ClipScore("ours", "s1/a", "psnr", 31.25, 75),
               ClipScore("gt", "s1/a", "psnr", math.inf, 75)],
        rejects=[Unscored("gt", "s1/a", "lmd: no face in frame 3")],
        speakers=[SpeakerScore("ours", "s1", "psnr", 31.25, 3)],
        comparisons=[Comparison("psnr", "ours", "gt", -0.5, None, None, 0.25, 0.0, None, 3, "clip",
                                0.5)],
        published="grid",
    )  # fmt: skip


def test_json_is_read_back_as_it_was(full, tmp_path):
    assert Report.from_json(full.to_json()) == full
    formats.write(full, "json", tmp_path / "r.json")
    assert Report.read(tmp_path / "r.json") == full
    assert json.loads(full.to_json())["methods"]["gt"]["psnr"]["value"] is None


def test_json_of_another_version_may_have_more_or_fewer_keys(full):
    content = json.loads(full.to_json())
    content["methods"]["ours"]["psnr"]["shade"] = "blue"
    for key in ("clips", "rejects", "speakers", "comparisons", "published"):
        del content[key]
    assert Report.from_json(json.dumps(content)).methods == full.methods


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{}",
        '{"methods": 3}',
        '{"methods": {"a": 1}}',
        '{"methods": {"a": {"psnr": {}}}}',
    ],
)
def test_what_is_no_report_is_refused(text, tmp_path):
    with pytest.raises(ScoreError, match="not a JSON report of tkit score"):
        Report.from_json(text)
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ScoreError, match=r"x\.json: not a JSON report"):
        Report.read(tmp_path / "x.json")


def test_a_score_without_its_signature_is_refused(full):
    text = full.to_json().replace('"psnr|n:3"', '""')
    with pytest.raises(ScoreError, match="without its signature"):
        Report.from_json(text)


def test_a_report_that_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.json: no such report"):
        Report.read(tmp_path / "none.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScoreError, match=r"x\.json: not a JSON report"):
        Report.read(tmp_path / "x.json")


def test_the_frame_has_one_row_a_method_and_metric(full):
    frame = full.frame()
    assert list(frame.columns) == ["method", "metric", "value", "low", "high", "n", "unit",
                                   "better", "signature", "note"]  # fmt: skip
    assert list(zip(frame.method, frame.metric, strict=True)) == [
        ("ours", "psnr"), ("ours", "lmd"), ("gt", "psnr"), ("gt", "lmd"),
    ]  # fmt: skip
    assert [str(frame[name].dtype) for name in ("value", "low", "high", "n")] == [
        "float64", "float64", "float64", "int64",
    ]  # fmt: skip
    assert frame.value[:3].tolist() == [31.25, 2.0, math.inf] and math.isnan(frame.value[3])
    assert frame.low[0] == 30.0 and math.isnan(frame.low[1])
    assert frame.note[3].startswith("no clip has a score")


def test_the_frame_of_an_empty_column_is_of_floats_too():
    frame = report(ours={"psnr": None}, gt={"psnr": None}).frame()
    assert str(frame.value.dtype) == "float64" and frame.value.isna().all()
    assert Report("tkit", {}).frame().empty and Report("tkit", {}).metrics == []


def test_the_examples_are_true():
    failed, tried = doctest.testmod(tkit.report)
    assert failed == 0 and tried > 3


def test_the_table_is_the_text_of_the_command(full):
    assert full.table() == tables.as_text(full)
    lines = full.table().splitlines()
    assert lines[0].split() == ["method", "clips", "PSNR", "↑", "dB", "LMD", "↓", "%", "IOD"]
    assert lines[1].split() == ["ours", "3", "31.250", "[30.000,", "32.500]", "2.000"]


@pytest.mark.parametrize(
    ("metric", "values", "winners"),
    [
        ("psnr", {"a": 30.0, "b": 31.0}, {"b"}),
        ("lmd", {"a": 30.0, "b": 31.0}, {"a"}),
        ("cpbd", {"a": 0.30, "b": 0.55, "gt": 0.45}, {"b"}),  # .10 from gt, not .15
        ("cpbd", {"a": 0.30, "b": 0.55}, set()),  # nearest to what?
        ("cpbd", {"a": 0.30, "b": 0.55, "gt": None}, set()),
        ("psnr", {"a": 31.0, "b": 31.0, "c": 30.0}, {"a", "b"}),
        ("psnr", {"a": 30.0, "b": 29.0, "static": 32.0, "gt": math.inf, "gt-lag3": 40.0}, {"a"}),
        ("lmd", {"a": 3.0, "b": 4.0, "detector-noise": 0.5}, {"a"}),
        ("psnr", {"a": None, "b": 29.0, "c": 28.0}, {"b"}),
        ("psnr", {"a": math.nan, "b": 29.0, "c": 28.0}, {"b"}),
        ("psnr", {"a": 30.0, "static": 32.0}, set()),  # nothing to be better than
        ("psnr", {"a": 33.0, "b": None, "static": 32.0}, set()),
        ("lmd", {"a": math.nan, "b": None}, set()),
        ("psnr", {"a": math.inf, "b": 50.0}, {"a"}),
        ("psnr", {"static": 30.0, "gt": math.inf}, set()),
    ],
)
def test_the_best_of_a_metric(metric, values, winners):
    rows = {method: {metric: cell(metric, value)} for method, value in values.items()}
    assert tables.best(Report("tkit", rows), metric) == winners


@pytest.mark.parametrize("metric", ["psnr", "cpbd"])
def test_scores_of_different_signatures_have_no_best(metric):
    rows = {"a": {metric: cell(metric, 0.5)}, "gt": {metric: cell(metric, 0.5)},
            "b": {metric: cell(metric, 0.25, signature="on other clips")}}  # fmt: skip
    assert tables.best(Report("tkit", rows), metric) == set()
    rows["b"] = {metric: cell(metric, 0.25)}
    assert tables.best(Report("tkit", rows), metric) == {"a"}


def test_latex_has_the_best_in_bold_and_nothing_else():
    text = report(
        ours={"psnr": cell("psnr", 31.0, low=30.0, high=32.0), "lmd": 2.5, "cpbd": math.nan},
        theirs={"psnr": 29.0, "lmd": 2.0, "cpbd": None},
        static={"psnr": 35.0, "lmd": 1.0, "cpbd": 0.5},
        gt={"psnr": math.inf, "lmd": 0.0, "cpbd": 0.5},
    ).to_latex()
    rows = {line.split(" & ")[0]: line for line in text.splitlines() if " & " in line}
    assert rows["ours"] == r"ours & 3 & \textbf{31.000} [30.000, 32.000] & 2.500 & nan \\"
    assert rows["theirs"] == r"theirs & 3 & 29.000 & \textbf{2.000} & - \\"
    assert text.count(r"\textbf") == 2


def test_latex_of_one_prediction_has_nothing_in_bold():
    text = report(ours={"psnr": 29.0, "lmd": 3.0}, static={"psnr": 30.0, "lmd": 2.0}).to_latex()
    assert r"\textbf" not in text


def test_latex_needs_no_package_and_uses_booktabs_where_it_is_loaded(full):
    text = full.to_latex()
    rules = [line for line in text.splitlines() if line.endswith("rule")]
    assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]
    for rule in rules:  # defined, if booktabs has not, before it is used
        assert text.index(rf"\providecommand{{{rule}}}{{\hline}}") < text.index(rule + "\n")
    assert text.startswith("% protocol tkit\n% psnr|n:3\n% lmd|n:3\n")


def test_latex_escapes_names():
    awkward = r"a_b&c%d$e#f{g}h~i^j\k"
    text = report(**{awkward.replace("_", "-"): {"psnr": 30.0}}).to_latex()
    assert latex.escaped([[awkward]]) == [[
        r"a\_b\&c\%d\$e\#f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k"
    ]]  # fmt: skip
    row = next(line for line in text.splitlines() if line.startswith("a-b"))
    assert row.count("&") - row.count(r"\&") == 2


class Text(HTMLParser):
    """The tags of a page, all of which must be closed, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


EVIL = '<script>alert("&")</script>'


@pytest.fixture
def evil():
    """A report every text of which would be a tag, were it not escaped."""
    row = {"psnr": cell("psnr", 31.0, signature=EVIL)}
    return Report(
        EVIL,
        {EVIL: row, "b": row},
        clips=[ClipScore(EVIL, EVIL, EVIL, 1.0, 2)],
        rejects=[Unscored(EVIL, EVIL, EVIL)],
        comparisons=[Comparison("psnr", EVIL, "b", 1.0, 0.5, 1.5, 0.1, 1.0, 0.2, 3, EVIL, 0.2)],
    )


def test_pages_escape_what_they_show(evil, tmp_path):
    (tmp_path / "r.json").write_text(evil.to_json())
    rankings = leaderboard.merge([tmp_path / "r.json"])
    demo = pages.render("demo.html", **page.content(evil, page.Shots()) | {
        "title": EVIL, "strip": EVIL, "photo": EVIL, "measured": [(EVIL,) * 8],
        "rest": [(EVIL,) * 3],
    })  # fmt: skip
    own = 2  # the page's data and its script
    shown = {page.as_html(evil): own, evil._repr_html_(): 0, demo: own,
             leaderboard.as_html(rankings): 1}  # fmt: skip
    for text, scripts in shown.items():
        found = Text(text)
        assert found.tags.count("script") == text.count("<script") == scripts
        assert EVIL in found.text and text.count("</script") == scripts


def test_a_page_shows_all_of_a_report(full):
    text = page.as_html(full)
    found = Text(text)
    assert text.startswith("<!doctype html>") and found.tags.count("style") == 1
    for part in (
        "Scores under the protocol tkit",
        "31.250 [30.000, 32.500]",
        "psnr|n:3",
        "inf",
        "29.305",
        "ours - gt = -0.5000",
        "no face in frame 3",
        "2 scores of clips",
    ):
        assert part in found.text
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", text)  # it stands alone
    assert "src=" not in text


def test_pages_share_one_stylesheet(full, tmp_path):
    (tmp_path / "r.json").write_text(full.to_json())
    board = leaderboard.as_html(leaderboard.merge([tmp_path / "r.json"]))
    styles = {text.partition("<style>")[2].partition("</style>")[0]
              for text in (page.as_html(full), board)}  # fmt: skip
    assert len(styles) == 1 and "tabular-nums" in styles.pop()


def test_a_notebook_gets_the_table_and_no_page(full):
    found = Text(full._repr_html_())
    assert found.tags.count("table") == 1 and "html" not in found.tags and "style" not in found.tags
    assert (
        found.tags.count("tr") == 1 + 2 + 3 and "psnr|n:3" in found.text
    )  # header, ours, published


def test_a_template_that_lacks_a_value_is_an_error():
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        pages.render("leaderboard.html", title="no rankings")


def test_every_format_writes_a_file_and_stdout(full, tmp_path, capsys):
    for kind, make in formats.FORMATS.items():
        formats.write(full, kind, tmp_path / kind)
        assert (tmp_path / kind).read_text(encoding="utf-8") == make(full)
        formats.write(full, kind, formats.STDOUT)
        assert capsys.readouterr().out == make(full)


def test_a_score_of_an_unknown_direction_is_refused(full):
    text = full.to_json().replace('"better": "higher"', '"better": "sideways"')
    with pytest.raises(ScoreError, match="better is 'sideways', not one of higher, lower, closer"):
        Report.from_json(text)


def test_a_score_that_is_no_number_is_refused(full):
    with pytest.raises(ScoreError, match="no number"):
        Report.from_json(full.to_json().replace('"value": 31.25', '"value": "31.25"'))


def test_control_characters_and_line_ends_stay_out_of_what_is_written(tmp_path):
    sly = "a\x1b[31m\n\r\x85\u2028\\input{x}"
    row = {"psnr": cell("psnr", 31.0, signature=sly)}
    found = Report(
        sly,
        {sly: row, "b": row},
        clips=[ClipScore(sly, sly, sly, 1.0, 2)],
        rejects=[Unscored(sly, sly, sly)],
        comparisons=[Comparison("psnr", sly, "b", 1.0, 0.5, 1.5, 0.1, 1.0, 0.2, 3, sly, 0.2)],
    )
    (tmp_path / "r.json").write_text(found.to_json(), "utf-8")
    assert Report.read(tmp_path / "r.json") == found  # JSON keeps names as they are
    rankings = leaderboard.merge([tmp_path / "r.json"])
    written = [formats.FORMATS[kind](found) for kind in ("text", "csv", "markdown", "latex")]
    written += [leaderboard.FORMATS[kind](rankings) for kind in ("md", "csv", "latex")]
    for text in written:
        assert text.replace("\n", "").isprintable()
        assert not any(line.startswith("\\input") for line in text.splitlines())


def test_nan_is_never_ranked(tmp_path):
    found = report(nan={"psnr": 0.0}, ours={"psnr": 30.0}, gt={"psnr": 99.0})
    text = found.to_json().replace('"value": 0.0', '"value": NaN')
    (tmp_path / "r.json").write_text(text)
    [ranking] = leaderboard.merge([tmp_path / "r.json"])
    ranks = [row[:2] for row in leaderboard.rows(ranking)[1:]]
    assert ranks == [["", "gt"], ["1", "ours"], ["", "nan"]]


def test_control_rows_keep_their_place_but_no_rank(tmp_path):
    found = report(ours={"lmd": 2.0}, static={"lmd": 3.0}, gt={"lmd": 0.0}, theirs={"lmd": 4.0})
    (tmp_path / "r.json").write_text(found.to_json())
    [ranking] = leaderboard.merge([tmp_path / "r.json"])
    ranks = [row[:2] for row in leaderboard.rows(ranking)[1:]]
    assert ranks == [["", "gt"], ["1", "ours"], ["", "static"], ["2", "theirs"]]
    assert set(CONTROL_ROWS) >= {"gt", "static"}


def test_equal_scores_share_a_rank(tmp_path):
    found = report(a={"psnr": 30.0}, b={"psnr": 31.0}, c={"psnr": 31.0}, gt={"psnr": 99.0})
    (tmp_path / "r.json").write_text(found.to_json())
    [ranking] = leaderboard.merge([tmp_path / "r.json"])
    ranks = [row[:2] for row in leaderboard.rows(ranking)[1:]]
    assert ranks == [["", "gt"], ["1", "b"], ["1", "c"], ["3", "a"]]


@pytest.mark.parametrize("kind", leaderboard.FORMATS)
def test_reports_whose_control_rows_differ_are_not_ranked(kind, tmp_path):
    """Clips of the same names, other pictures: the signature cannot tell."""
    for name, static in (("one", 25.0), ("two", 27.0)):
        found = report(**{name: {"psnr": 30.0}, "static": {"psnr": static}})
        (tmp_path / f"{name}.json").write_text(found.to_json())
    [ranking] = leaderboard.merge([tmp_path / "one.json", tmp_path / "two.json"])
    assert ranking.unequal.startswith("not ranked: static differs")
    rows = leaderboard.rows(ranking)[1:]
    assert [row[0] for row in rows] == [""] * 4 and [row[1] for row in rows][::2] == ["one", "two"]
    text = leaderboard.FORMATS[kind]([ranking])
    assert kind == "csv" or "not ranked: static differs, so the reports are not of" in text


def test_entries_of_another_unit_or_number_are_not_ranked(tmp_path):
    found = report(a={"psnr": 30.0}, b={"psnr": 31.0})
    for wrong in (('"unit": "dB"', '"unit": "B"'), ('"n": 3', '"n": 4')):
        (tmp_path / "r.json").write_text(found.to_json().replace(*wrong, 1))
        [ranking] = leaderboard.merge([tmp_path / "r.json"])
        assert "not of one" in ranking.unequal
        assert [row[0] for row in leaderboard.rows(ranking)[1:]] == ["", ""]


def test_scores_on_common_clips_are_ranked_together(tmp_path):
    """``b`` was scored on more clips than ``a``: alone there, beside ``a`` on the common ones."""
    common = {"a": {"psnr": cell("psnr", 30.0)}, "b": {"psnr": cell("psnr", 29.0)}}
    methods = common | {"b": {"psnr": cell("psnr", 35.0, signature="psnr|n:9")}}
    (tmp_path / "r.json").write_text(Report("tkit", methods, common=common).to_json())
    rankings = {
        r.signature: leaderboard.rows(r)[1:] for r in leaderboard.merge([tmp_path / "r.json"])
    }
    assert [row[:2] for row in rankings["psnr|n:3"]] == [["1", "a"], ["2", "b"]]
    assert [row[:2] for row in rankings["psnr|n:9"]] == [["1", "b"]]


def test_a_comparison_of_an_older_report_says_what_it_was():
    old = Comparison("psnr", "a", "b", 1.0, 0.5, 1.5, 0.1, 1.0, 0.2, 9, "clip", 0.2)
    found = report(a={"psnr": 30.0}, b={"psnr": 29.0})
    text = replace(found, comparisons=[old]).table()
    assert text.splitlines()[-1].endswith("p = 0.2 (Holm, signs of clips flipped)")


NASTY = [
    "=1+1", "@x", "a;=1+1", "a|b", "<script>x</script>", "`x`", "![x](y)", "two\nlines", "\x1b[2J",
    "\u202eturned", "\\input{x}", "50 % & more", "x_y^z~", "# head",
]  # fmt: skip


def nasty(text):
    """A report in which every text is one and the same."""
    one = Cell(1.0, 0.5, 1.5, 3, text, "higher", text, text)
    comparison = Comparison(text, text, "gt", 1.0, 0.5, 1.5, 0.01, 0.9, 1.2, 3, text, 0.02, 0.001,
                            text, text, text)  # fmt: skip
    return Report(
        text, {text: {text: one}, "gt": {text: one}},
        clips=[ClipScore(text, text, text, 1.0, 3)], rejects=[Unscored(text, text, text)],
        comparisons=[comparison], common={text: {text: replace(one, n=2)}}, lacks=(text,),
    )  # fmt: skip


@pytest.mark.parametrize("text", NASTY)
def test_no_text_of_a_report_steers_what_shows_it(tmp_path, text):
    from tkit.report import leaderboard

    report = nasty(text)
    (tmp_path / "x.json").write_text(report.to_json(), encoding="utf-8")
    shown = {kind: render(report) for kind, render in formats.FORMATS.items() if kind != "json"}
    rankings = leaderboard.merge([tmp_path / "x.json"])
    shown |= {f"board {kind}": render(rankings) for kind, render in leaderboard.FORMATS.items()}
    for kind, text_of in shown.items():
        assert not set("\x1b\u202e\r\x9b") & set(text_of), kind
        if "html" in kind:
            assert "<script>x" not in text_of
        elif kind in ("markdown", "board md"):
            rows = [line for line in text_of.splitlines() if line.startswith("|")]
            unescaped = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
            assert len(set(unescaped)) == 1, kind
            outside = re.sub(r"(`+).*?\1", "", text_of)
            assert not re.search(r"(?<!\\)<script|(?<!\\)!?\[x\]\(", outside), kind
            assert "\n# head" not in text_of and "\nlines" not in text_of
        elif "latex" in kind:
            body = [line for line in text_of.splitlines() if not line.startswith("%")]
            assert not any("\\input" in line or "\nlines" in line for line in body)
            assert all(line.count("&") - line.count("\\&") == line.count(" & ") for line in body)
        elif "csv" in kind:
            cells = [cell for row in csv.reader(io.StringIO(text_of)) for cell in row]
            parts = [part.strip() for cell in cells for part in cell.split(";")]
            starts = [part for part in parts if part[:1] in ("=", "@", "+")]
            assert not starts, kind


@pytest.mark.parametrize(
    "change",
    [
        {"methods": {"a": {"psnr": 3}}},
        {"methods": {"a": []}},
        {"methods": []},
        {"clips": [{"method": "a", "clip": "b", "metric": "psnr", "value": "x", "frames": 3}]},
        {"clips": [{"method": "a"}]},
        {"clips": 3},
        {"rejects": [{"method": ["a"], "clip": "b", "reason": "c"}]},
        {"speakers": [None]},
        {"published": "grid"},
        {"common": {"who": {}}},
        {"lacks": 3},
        {"comparisons": [{"metric": "none"}]},
    ],
)
def test_malformed_reports_are_refused(full, change):
    content = json.loads(full.to_json()) | change
    with pytest.raises(ScoreError, match="not a JSON report"):
        Report.from_json(json.dumps(content))
    with pytest.raises(ScoreError, match="not a JSON report"):
        Report.from_json("[" * 100_000)


def test_a_comparison_names_methods_and_metrics_that_are_there(full):
    content = json.loads(full.to_json())
    for key in ("first", "second", "metric"):
        other = json.loads(json.dumps(content))
        other["comparisons"][0][key] = "nowhere"
        with pytest.raises(ScoreError, match="not there"):
            Report.from_json(json.dumps(other))
