"""Agreement with people: a synthetic study gives back the ranks that it was made with."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from tkit.errors import ScoreError, UsageError
from tkit.report import Cell, ClipScore, Report
from tkit.study import agreement

METHODS, N_CLIPS = [f"m{number}" for number in range(6)], 40


def cell(value, better):
    return Cell(value, None, None, n=N_CLIPS, unit="", better=better, signature="x")


def made(metrics, people, *, truth=None):
    """A report and a study: ``metrics`` name to (better, values (methods, clips)), ``people`` too.

    ``truth`` (clips,) are the ground truth's own values of metrics that are to be close to them.
    """
    clips, rows = [], {method: {} for method in METHODS}
    for name, (better, values) in metrics.items():
        for method, own in zip(METHODS, values, strict=True):
            rows[method][name] = cell(float(np.mean(own)), better)
            clips += [ClipScore(method, f"s1/{c}", name, float(v), 75) for c, v in enumerate(own)]
    if truth is not None:
        rows["gt"] = {name: cell(float(np.mean(truth)), metrics[name][0]) for name in metrics}
        clips += [
            ClipScore("gt", f"s1/{c}", name, float(v), 75)
            for name in metrics
            for c, v in enumerate(truth)
        ]
    said = {
        (method, f"s1/{c}"): float(score)
        for method, own in zip(METHODS, people, strict=True)
        for c, score in enumerate(own)
    }
    return Report("p", rows, clips), {"real": said}


@pytest.fixture
def study():
    """People's scores of six methods, the later the better, and clips that differ, too."""
    rng = np.random.default_rng(0)
    return np.arange(len(METHODS))[:, None] + rng.normal(0, 0.3, (len(METHODS), N_CLIPS))


def test_a_metric_that_orders_as_people_do_has_one_whatever_its_direction(study):
    truth = np.full(N_CLIPS, 10.0)
    report, people = made(
        {
            "up": ("higher", np.exp(study)),
            "down": ("lower", -study),
            "near": ("closer", 10.0 + (9 - study) * np.where(np.arange(N_CLIPS) % 2, 1, -1)),
            "wrong": ("higher", -study),
        },
        study,
        truth=truth,
    )
    found = {one.metric: one for one in agreement.agreement(report, people)}
    for name in ("up", "down", "near"):
        one = found[name]
        assert [one.clip_spearman.value, one.clip_kendall.value] == pytest.approx([1.0, 1.0])
        assert (one.clip_spearman.low, one.clip_spearman.high) == pytest.approx((1.0, 1.0))
        assert (one.n_videos, one.n_clips, one.n_methods) == (240, N_CLIPS, 6)
    of_methods = [found["up"].method_spearman, found["down"].method_kendall]
    assert [one.value for one in of_methods] == pytest.approx([1.0, 1.0])
    wrong = [found["wrong"].clip_kendall, found["wrong"].method_spearman]
    assert [one.value for one in wrong] == pytest.approx([-1.0, -1.0])


def test_correlations_are_those_of_scipy_and_of_the_distribution_that_was_drawn():
    rng, r = np.random.default_rng(1), 0.6
    x = rng.normal(size=(len(METHODS), 120))
    y = r * x + math.sqrt(1 - r**2) * rng.normal(size=x.shape)
    report, people = made({"m": ("higher", x)}, y)
    (one,) = agreement.agreement(report, people)
    expected = stats.spearmanr(x.ravel(), y.ravel()).statistic
    assert one.clip_spearman.value == pytest.approx(expected, abs=1e-12)
    assert one.clip_kendall.value == pytest.approx(
        stats.kendalltau(x.ravel(), y.ravel()).statistic, abs=1e-12
    )
    for found, true in (
        (one.clip_spearman, 6 / math.pi * math.asin(r / 2)),
        (one.clip_kendall, 2 / math.pi * math.asin(r)),
    ):
        assert found.value == pytest.approx(true, abs=0.05)
        assert found.low < true < found.high and 0.05 < found.high - found.low < 0.2


def test_a_metric_that_knows_nothing_has_an_interval_about_zero(study):
    report, people = made({"dice": ("lower", np.random.default_rng(2).normal(size=study.shape))},
                          study)  # fmt: skip
    (one,) = agreement.agreement(report, people)
    assert one.clip_spearman.low < 0 < one.clip_spearman.high
    assert abs(one.clip_kendall.value) < 0.15


def test_resamples_with_ties_are_what_scipy_makes_of_the_repeated_videos():
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 4, 12).astype(float), rng.integers(0, 4, 12).astype(float)
    x[3] = np.inf
    drawn = rng.multinomial(12, np.full(12, 1 / 12), size=5).astype(float)
    for weights in drawn:
        rows = np.repeat(np.arange(12), weights.astype(int))
        spearman = stats.spearmanr(x[rows], y[rows]).statistic
        kendall = stats.kendalltau(x[rows], y[rows]).statistic
        assert agreement.of_ranks(x, y, weights[None])[0] == pytest.approx(spearman, abs=1e-12)
        assert agreement.of_pairs(x, y, weights[None])[0] == pytest.approx(kendall, abs=1e-12)


def test_intervals_draw_clips_not_videos(study):
    """Clips that all methods share their luck with: resampled together they vary more."""
    luck = 20 * np.random.default_rng(4).normal(size=N_CLIPS)
    report, people = made({"m": ("higher", study + luck)}, study - luck)
    (one,) = agreement.agreement(report, people)
    wide = one.clip_spearman.high - one.clip_spearman.low
    report, people = made({"m": ("higher", study)}, study)
    rng = np.random.default_rng(5)
    apart = 20 * rng.normal(size=study.shape)
    report, people = made({"m": ("higher", study + apart)}, study - apart)
    (other,) = agreement.agreement(report, people)
    assert wide > 1.5 * (other.clip_spearman.high - other.clip_spearman.low)


def test_what_cannot_be_told_is_said(study):
    report, people = made({"near": ("closer", study), "up": ("higher", study)}, study)
    near, up = agreement.agreement(report, people)
    assert near.clip_spearman.value is None and "the report has none" in near.note
    assert up.clip_spearman.value == pytest.approx(1.0)
    few = {"real": {video: score for video, score in people["real"].items() if video[0] < "m2"}}
    one = agreement.agreement(report, few)[1]
    assert one.method_spearman.value is None and "2 methods are too few" in one.note
    with pytest.raises(ScoreError, match=r"no video has both scores.*other, x.*m0, s1/0"):
        agreement.agreement(report, {"real": {("other", "x"): 1.0}})


def test_the_table_of_a_study_is_read(tmp_path):
    path = tmp_path / "mos.csv"
    path.write_text(
        "method,clip,rater,question,score\n"
        "ours,s1/a,r1,real,4\nours,s1/a,r2,real,5\n'=ours,s1/a,r1,real,1\n"
        "ours,s1/a,r1,preferred to b,1\nours,s1/a,r1,preferred to c,0\n",
        encoding="utf-8",
    )
    assert agreement.read(path) == {
        "real": {("ours", "s1/a"): 4.5, ("=ours", "s1/a"): 1.0},
        "preferred": {("ours", "s1/a"): 0.5},
    }
    path.write_text("method,clip,score\nours,a,good\n", encoding="utf-8")
    with pytest.raises(ScoreError, match="line 2: the score is 'good', no number"):
        agreement.read(path)
    path.write_text("method,clip\nours,a\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no column score; its first line names"):
        agreement.read(path)


def test_the_command_shows_and_writes_it(study, run, tmp_path):
    report, people = made({"up": ("higher", study)}, study)
    (tmp_path / "r.json").write_text(report.to_json(), encoding="utf-8")
    rows = [f"{m},{c},r{i},real,{score + i}" for (m, c), score in people["real"].items()
            for i in range(2)]  # fmt: skip
    (tmp_path / "mos.csv").write_text("method,clip,rater,question,score\n" + "\n".join(rows))
    files = ("--json", tmp_path / "a.json", "--md", tmp_path / "a.md")
    code, shown, err = run("agree", tmp_path / "r.json", tmp_path / "mos.csv", *files)
    assert code == 0, err
    assert "real:" in shown and "1.000 [1.000, 1.000]" in shown
    (one,) = json.loads((tmp_path / "a.json").read_text())["agreement"]
    assert one["clip_spearman"] == pytest.approx({"value": 1.0, "low": 1.0, "high": 1.0})
    assert "| up ↑ | 240 | 1.000 [1.000, 1.000] |" in (tmp_path / "a.md").read_text()
    code, _, err = run("agree", tmp_path / "r.json", tmp_path / "mos.csv", "--question", "reel")
    assert code == 2 and "nobody was asked 'reel'; did you mean real" in err
