"""What is said of few speakers, unequal clips and infinite scores, from folders to the report."""

import numpy as np
import pytest

from tkit import scoring
from tkit.report import Report, tables
from tkit.scoring.statistics.parts import speakers_of

PSNR = scoring.Protocol("p", {"psnr": {}})
BOTH = scoring.Protocol("p", {"psnr": {}, "ssim": {}})


def write(folder, clip, *, error=0, seed=0):
    """Noise that its truth differs from by ``error`` levels in every pixel."""
    rng = np.random.default_rng([seed, *clip.encode()])
    frames = rng.integers(40, 200, (2, 16, 16, 3), dtype=np.uint8)
    path = folder / f"{clip}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, frames + np.uint8(error))


def score(root, *methods, protocol=PSNR, **options):
    preds = {method: root / method for method in methods}
    return scoring.score(preds, root / "gt", protocol=protocol, rows=("static",), **options)


@pytest.fixture
def six(tmp_path):
    """Six speakers of two clips each; ``near`` is better than ``far`` in all of them."""
    for speaker in "abcdef":
        for clip in "xy":
            name = f"{speaker}/{clip}"
            write(tmp_path / "gt", name)
            write(tmp_path / "near", name, error=2)
            write(tmp_path / "far", name, error=4 + ord(speaker) % 3)
    return tmp_path


def db(error):
    return 20 * np.log10(255 / error)


def test_holm_is_within_a_metric_and_apart_from_the_static_row(six):
    report = score(six, "near", "far", protocol=BOTH)
    assert len(report.comparisons) == 6
    for found in report.comparisons:
        assert found.win_rate == 1 and found.p == found.least_p == 2 / 2**6
        if found.second == "static":
            assert found.family == "2 methods against static" and found.p_holm == 2 * found.p
        else:
            assert found.family == "1 pair of methods" and found.p_holm == found.p
    lines = tables.comparison_lines(report)
    assert lines[0].startswith("psnr: near - far = +")
    assert lines[0].endswith(
        "better in 100 % of 12 clips, p = 0.031 (least possible 0.031), "
        "by Holm over 1 pair of methods 0.031"
    )
    assert lines[1].endswith("by Holm over 2 methods against static 0.062")
    assert len(lines) == 7 and "signs of whole speakers flipped" in lines[-1]


def test_too_few_speakers_are_said_once(six):
    for folder in six.iterdir():
        for speaker in "def":
            for path in (folder / speaker).iterdir():
                path.unlink()
    report = score(six, "near", "far", protocol=BOTH)
    assert [c.p for c in report.comparisons] == [None] * 6
    lines = tables.comparison_lines(report)
    assert len(lines) == 7 and not any("p =" in line for line in lines)
    assert lines[-1] == (
        "3 speakers are too few to test: flipping their signs reaches no p below 0.25"
    )
    assert report.methods["far"]["psnr"].low is not None  # three are enough for an interval


@pytest.mark.parametrize("folder", ["", "only/"])
def test_unknown_speakers_and_one_have_no_interval_and_no_p(tmp_path, folder):
    for clip in "abcdefgh":
        write(tmp_path / "gt", folder + clip)
        write(tmp_path / "near", folder + clip, error=2 + ord(clip) % 3)
        write(tmp_path / "far", folder + clip, error=9)
    report = score(tmp_path, "near", "far")
    cell = report.methods["near"]["psnr"]
    assert cell.value and cell.low is None and cell.high is None
    assert [c.p for c in report.comparisons] == [None] * 3
    text = " ".join(report.table().split())  # it is as wide as a terminal
    why = "the speakers are unknown (clips of a known one lie in its folder, s1/clip)"
    if folder:
        assert text.count("no interval: 1 speaker is too few") == 1
        assert text.count("1 speaker is too few to test") == 1
    else:
        assert text.count(f"no interval: {why}") == text.count(f"no test: {why}") == 1
    assert Report.from_json(report.to_json()) == report


def test_speakers_are_the_first_folders_or_unknown():
    assert speakers_of(["s1/a", "s1/b/c", "s2/a"]) == ["s1", "s1", "s2"]
    assert speakers_of(["s1/a", "b"]) == speakers_of(["a", "b"]) == []


def test_an_exact_clip_is_a_win_and_counts_as_100_db(six):
    for name in ("a/x", "b/x"):
        write(six / "far", name)  # without any error
    report = score(six, "near", "far")
    cell = report.methods["far"]["psnr"]
    errors = [4 + ord(speaker) % 3 for speaker in "aabbccddeeff"]
    expected = [100, *map(db, errors[1:2]), 100, *map(db, errors[3:])]
    assert cell.value == pytest.approx(np.mean(expected))
    assert cell.low < cell.value < cell.high and "|cap:none|inf:100|" in cell.signature
    assert cell.note == "2 of 12 clips infinite, counted as 100 dB"
    assert "2 of 12 clips infinite, counted as 100 dB (psnr: far)" in report.table()
    [pair] = [c for c in report.comparisons if c.second == "far"]
    assert pair.win_rate == 10 / 12 and pair.n == 12
    assert pair.difference == pytest.approx(db(2) - np.mean(expected))
    assert pair.note == "2 infinite, counted as 100 dB"
    speakers = {s.speaker: s.value for s in report.speakers if s.method == "far"}
    assert speakers["a"] == pytest.approx((100 + db(errors[0])) / 2)
    clips = [c.value for c in report.clips if c.method == "far"]
    assert clips.count(np.inf) == 2  # the clips' own scores stay


def test_a_method_that_is_exact_in_all_clips_wins_them(six):
    for name in [f"{speaker}/{clip}" for speaker in "abcdef" for clip in "xy"]:
        write(six / "far", name)
    report = score(six, "near", "far")
    cell = report.methods["far"]["psnr"]
    assert (cell.value, cell.low) == (np.inf, None)
    assert cell.note == "inf: 12 of 12 clips without any error"
    [pair] = [c for c in report.comparisons if c.second == "far"]
    assert pair.win_rate == 0 and pair.p == 2 / 2**6 and pair.difference < 0
    assert pair.difference == pytest.approx(db(2) - 100) and pair.low == pytest.approx(db(2) - 100)


def test_unequal_clips_are_marked_and_stand_on_common_ones_too(six):
    for name in ("a/x", "b/x"):
        (six / "near" / f"{name}.npy").unlink()
    report = score(six, "near", "far")
    assert [report.methods[m]["psnr"].n for m in report.methods] == [10, 12, 12]
    assert [report.common[m]["psnr"].n for m in report.common] == [10, 10, 10]
    kept = [4 + ord(speaker) % 3 for speaker in "abccddeeff"]
    far = report.common["far"]["psnr"]
    assert far.value == pytest.approx(np.mean([db(e) for e in kept])) and far.low < far.value
    signatures = {row["psnr"].signature for row in report.common.values()}
    assert signatures == {report.methods["near"]["psnr"].signature}
    rows = {row[0]: row[1] for row in tables.cells(report)}
    assert rows == {
        "method": "clips", "near": "10", "far": "12*", "static": "12*", "near, common clips": "10",
        "far, common clips": "10", "static, common clips": "10",
    }  # fmt: skip
    assert "* methods were scored on different clips" in report.table()
    [pair] = [c for c in report.comparisons if c.second == "far"]
    assert pair.n == 10 and pair.note == "2 left out that only one of them has"
    assert Report.from_json(report.to_json()) == report
    # The best is bold where all are on the same clips.
    bold = [line for line in report.to_latex().splitlines() if "textbf" in line]
    assert len(bold) == 1 and bold[0].startswith("near, common clips & 10 & ")


def test_equal_clips_have_no_common_rows(six):
    report = score(six, "near", "far")
    assert report.common == {} and "*" not in report.table() and '"common"' not in report.to_json()


def test_methods_without_a_common_clip_have_rows_without_scores(six):
    for speaker in "abcdef":
        (six / "near" / speaker / "x.npy").unlink()
        (six / "far" / speaker / "y.npy").unlink()
    report = score(six, "near", "far")
    assert report.common["near"]["psnr"].value is None
    assert report.common["near"]["psnr"].note == "no common clip has a score"
    assert [c.second for c in report.comparisons] == ["static", "static"]


def test_a_row_that_does_not_apply_prints_so(six):
    preds = {"near": six / "near"}
    report = scoring.score(preds, six / "gt", protocol=BOTH, rows=("gt", "detector-noise"))
    rows = {row[0]: row[1:] for row in tables.cells(report)}
    assert rows["detector-noise"] == ["n/a", "n/a", "n/a"]
    assert report.common == {}  # it is none of the rows that have other clips
    assert report.methods["detector-noise"]["psnr"].note.startswith(
        "n/a: pictures know no detector"
    )


def test_a_pooled_score_has_the_interval_of_its_speakers():
    """Blinks a second of four speakers: the arithmetic by hand, and what too few blinks allow."""
    from tkit.metrics import METRICS
    from tkit.scoring import statistics
    from tkit.scoring.measuring import Measured
    from tkit.scoring.summary import summarise

    protocol = scoring.Protocol("p", {"blink-rate": {}, "blink-duration": {}})
    plan = scoring.plan_of(protocol, rows=())
    blinks, seconds = np.array([4, 9, 3, 8]), np.array([10.0, 20, 10, 30])

    def found(blinks):
        return [
            Measured(f"s{i}/a", {"ours": {metric: {
                "frames": int(25 * s), "seconds": s, "blinks": int(b), "durations_s": (0.1,) * b,
            } for metric in protocol.metrics}})
            for i, (b, s) in enumerate(zip(blinks, seconds, strict=True))
        ]  # fmt: skip

    row = summarise(plan, ["ours"], found(blinks), [], seed=0).methods["ours"]
    assert METRICS.get("blink-rate").score.over == "frames"
    rest = (blinks.sum() - blinks) / (seconds.sum() - seconds)
    low, high = statistics.interval(np.float64(24 / 70), rest, seconds / 70)
    rate = row["blink-rate"]
    assert (rate.value, rate.low, rate.high) == pytest.approx((24 / 70, float(low), float(high)))
    assert (row["blink-duration"].low, row["blink-duration"].high) == pytest.approx((0.1, 0.1))
    few = summarise(plan, ["ours"], found(blinks // 3), [], seed=0).methods["ours"]["blink-rate"]
    assert few.value == pytest.approx(7 / 70) and few.low is None
    assert few.note == "no interval: 7 blinks are too few, 3 a speaker are needed"
    gone = summarise(plan, ["ours"], found([0, 0, 0, 24]), [], seed=0).methods["ours"]
    reason = "no interval: without one of the speakers, no whole blink was found"
    assert gone["blink-duration"].note == reason
