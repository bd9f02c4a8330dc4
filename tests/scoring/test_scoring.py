"""Scoring of videos drawn so that the scores are known before."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tkit import __version__, landmarks, media, scoring
from tkit.errors import ConfigError, ScoreError, UnknownNameError, UsageError
from tkit.media import frames as frames_reading
from tkit.metrics import METRICS
from tkit.report import CONTROL_ROWS, tables

PICTURES = scoring.Protocol("tkit", {"psnr": {}, "ssim": {}})
POINTS = scoring.Protocol("custom", {"psnr": {}, "lmd": {}}, landmarks="drawn")

# A landmark back-end that reads the face from the gray level: each level lowers the lip by 1/16 px,
# a bright picture has no face.
DRAWN = """
import numpy as np
from tkit.landmarks import Landmarker
FACE = np.random.default_rng(0).uniform(0, 60, (68, 2))
FACE[36:42], FACE[42:48] = (20, 20), (60, 20)
def track(frames):
    level = frames.reshape(len(frames), -1).mean(axis=1)
    points = np.repeat(FACE[None], len(frames), axis=0)
    points[:, 48:58, 1] += level[:, None] / 16
    points[level > 200] = np.nan
    return points
LANDMARKER = Landmarker(
    name="drawn", title="drawn", open=lambda: track, signature="drawn-1", licence="none"
)
"""


@pytest.fixture
def drawn(tmp_path):
    """Register the back-end ``drawn`` for one test."""
    (tmp_path / "entries").mkdir()
    (tmp_path / "entries" / "drawn.py").write_text(DRAWN)
    landmarks.__path__.append(str(tmp_path / "entries"))
    yield
    landmarks.__path__.remove(str(tmp_path / "entries"))
    sys.modules.pop("tkit.landmarks.drawn", None)


def levels(*values: int, size=(32, 48)) -> np.ndarray:
    """Flat gray frames: H.264 keeps them to within one level."""
    frames = np.empty((len(values), *size, 3), np.uint8)
    frames[:] = np.array(values)[:, None, None, None]
    return frames


def texture(n_frames: int, *, seed=0, size=(32, 48)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(40, 200, (n_frames, *size, 3), dtype=np.uint8)


def write(path, frames, **options):
    media.write_video(path, frames, **{"crf": 1, **options})
    return path


def of(report, method, metric):
    return report.methods[method][metric]


def clip_values(report, method, metric):
    return {c.clip: c.value for c in report.clips if (c.method, c.metric) == (method, metric)}


@pytest.fixture
def folders(tmp_path):
    """Ground truth of two speakers with two clips each, and a prediction of all."""
    for index, clip in enumerate(["s1/a", "s1/b", "s2/a", "s2/c"]):
        frames = texture(5, seed=index)
        write(tmp_path / "gt" / f"{clip}.mp4", frames)
        write(tmp_path / "pred" / f"{clip}.mp4", np.roll(frames, 1, axis=2))
    return tmp_path


def test_scores_are_those_of_the_decoded_frames(folders):
    report = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=PICTURES)
    assert report.rejects == [] and list(report.methods) == ["ours", *CONTROL_ROWS[:-1]]
    for name in ("psnr", "ssim"):
        metric, values = METRICS.get(name), clip_values(report, "ours", name)
        assert list(values) == ["s1/a", "s1/b", "s2/a", "s2/c"]
        for clip, value in values.items():
            gt, pred = (
                np.stack(list(media.iter_frames(folders / kind / f"{clip}.mp4")))
                for kind in ("gt", "pred")
            )
            expected = metric.finish(metric.measure(pred=pred, gt=gt))
            assert value == pytest.approx(expected, abs=1e-9)
        score = of(report, "ours", name)
        assert score.value == pytest.approx(np.mean(list(values.values())), abs=1e-9)
        assert score.n == 4 and score.better == "higher"


def test_control_rows(folders):
    report = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=PICTURES)
    assert of(report, "gt", "psnr").value == np.inf
    assert of(report, "gt", "psnr").note == "inf: 4 of 4 clips without any error"
    assert of(report, "gt", "ssim").value == 1.0
    gt = np.stack(list(media.iter_frames(folders / "gt" / "s2/c.mp4")))
    still = np.repeat(gt[:1], len(gt), axis=0)
    for name in ("psnr", "ssim"):
        metric = METRICS.get(name)
        expected = metric.finish(metric.measure(pred=still, gt=gt))
        assert clip_values(report, "static", name)["s2/c"] == pytest.approx(expected, abs=1e-9)


def test_chunks_change_nothing(folders, monkeypatch):
    whole = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=PICTURES)
    monkeypatch.setattr(frames_reading, "CHUNK_BYTES", 2 * 32 * 48 * 3)  # two frames of five
    parts = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=PICTURES)
    for one, other in zip(whole.clips, parts.clips, strict=True):
        assert (one.method, one.clip, one.metric, one.frames) == (
            other.method, other.clip, other.metric, other.frames,
        )  # fmt: skip
        assert one.value == pytest.approx(other.value, rel=1e-12)


def test_number_of_jobs_changes_nothing(folders):
    preds = {"ours": folders / "pred", "same": folders / "gt"}
    reports = [
        scoring.score(preds, folders / "gt", protocol=PICTURES, jobs=jobs) for jobs in (1, 2)
    ]
    assert tables.as_json(reports[0]) == tables.as_json(reports[1])


def test_landmark_distance_of_drawn_faces(tmp_path, drawn):
    write(tmp_path / "gt" / "a.mp4", levels(32, 64, 96, 128))
    write(tmp_path / "pred" / "a.mp4", levels(64, 64, 64, 64))
    report = scoring.score({"ours": tmp_path / "pred"}, tmp_path / "gt", protocol=POINTS)
    # Half the mouth points are off by d = 2, 0, 2, 4 px; centred, all are off by d / 2; 40 px IOD.
    rounding = 100 * (2 / 16 / 2) / 40  # one gray level of either video
    assert of(report, "ours", "lmd").value == pytest.approx(100 * 1.0 / 40, abs=rounding)
    assert of(report, "static", "lmd").value == pytest.approx(100 * 1.5 / 40, abs=rounding)
    assert of(report, "gt", "lmd").value == 0.0
    assert of(report, "ours", "lmd").unit == "% IOD"
    assert "|pts:drawn-1|" in of(report, "ours", "lmd").signature


def test_missing_faces(tmp_path, drawn):
    write(tmp_path / "gt" / "a.mp4", levels(32, 32, 32))
    write(tmp_path / "gt" / "b.mp4", levels(32, 32, 32))
    write(tmp_path / "pred" / "a.mp4", levels(64, 250, 64))  # no face in frame 1
    write(tmp_path / "pred" / "b.mp4", levels(64, 64, 64))
    preds, gt = {"ours": tmp_path / "pred"}, tmp_path / "gt"
    report = scoring.score(preds, gt, protocol=POINTS)
    (reject,) = report.rejects
    assert (reject.method, reject.clip) == ("ours", "a")
    assert reject.reason == "lmd: no face in 1 of 3 frames of the prediction, first in frame 1"
    assert of(report, "ours", "lmd").n == 1 and of(report, "ours", "psnr").n == 2
    assert "|face:error|" in of(report, "ours", "lmd").signature

    drop = scoring.Protocol("custom", {"lmd": {"missing_face": "drop"}}, landmarks="drawn")
    report = scoring.score(preds, gt, protocol=drop)
    assert report.rejects == [] and of(report, "ours", "lmd").n == 2
    assert {c.clip: c.frames for c in report.clips if c.method == "ours"} == {"a": 2, "b": 3}
    assert "|face:drop|" in of(report, "ours", "lmd").signature


def test_pairs_that_do_not_fit_are_rejects_with_a_reason(folders):
    pred, gt = folders / "pred", folders / "gt"
    write(pred / "s1/a.mp4", texture(4))
    write(pred / "s1/b.mp4", texture(5, size=(32, 64)))
    write(pred / "s2/a.mp4", texture(5), fps=30)
    write(pred / "s2/x.mp4", texture(5))
    write(gt / "s2/y.mp4", texture(5))
    report = scoring.score({"ours": pred}, gt, protocol=PICTURES)
    assert {reject.clip: reject.reason for reject in report.rejects} == {
        "s1/a": "4 frames, ground truth has 5; --length cut compares the first 4",
        "s1/b": "pictures of 64 x 32, ground truth has 48 x 32",
        "s2/a": "30 frames a second, ground truth has 25; --fps nearest takes what is shown at its "
        "times",
        "s2/x": "no ground truth of this name",
        "s2/y": "no prediction of this name",
    }
    assert [reject.method for reject in report.rejects] == ["ours"] * 5
    # The control rows stand on the clips that were scored, on no others.
    assert {clip.clip for clip in report.clips} == {"s2/c"}
    assert [of(report, method, "psnr").n for method in report.methods] == [1, 1, 1, 1, 0]


def test_longer_prediction_is_counted_to_its_end(folders):
    write(folders / "pred" / "s1/a.mp4", texture(9))
    report = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=PICTURES)
    assert [reject.reason for reject in report.rejects] == ["9 frames, ground truth has 5"]


def test_damaged_files_cost_their_own_clip_only(folders):
    (folders / "pred" / "s1/a.mp4").write_text("no video at all\n" * 50)
    (folders / "pred" / "s1/b.mp4").write_bytes(b"")
    (folders / "gt" / "s2/a.mp4").write_bytes(b"\0" * 4000)
    report = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=PICTURES)
    reasons = {reject.clip: reject.reason for reject in report.rejects}
    assert reasons.keys() == {"s1/a", "s1/b", "s2/a"}
    assert "cannot be read" in reasons["s1/a"] and "empty" in reasons["s1/b"]
    assert reasons["s2/a"].startswith("ground truth: ")
    assert of(report, "ours", "psnr").n == 1


def test_methods_are_rejected_one_by_one(folders):
    write(folders / "other" / "s1/a.mp4", texture(3))
    write(folders / "other" / "s1/b.mp4", texture(5))
    report = scoring.score(
        {"ours": folders / "pred", "other": folders / "other"}, folders / "gt", protocol=PICTURES
    )
    assert [of(report, method, "psnr").n for method in report.methods] == [4, 1, 4, 4, 4, 0]
    assert {reject.clip for reject in report.rejects} == {"s1/a", "s2/a", "s2/c"}
    assert {reject.method for reject in report.rejects} == {"other"}


def test_a_tiny_picture_keeps_the_metrics_it_allows(tmp_path):
    for kind, level in (("gt", 100), ("pred", 110)):
        write(tmp_path / kind / "a.mp4", levels(level, level, size=(2, 2)), crf=0)
    report = scoring.score({"ours": tmp_path / "pred"}, tmp_path / "gt", protocol=PICTURES)
    assert of(report, "ours", "psnr").n == 1
    assert of(report, "ours", "ssim").value is None and of(report, "ours", "ssim").note
    reasons = {reject.reason for reject in report.rejects}
    assert reasons == {"ssim: pictures of 2 x 2 are smaller than the window, 7 pixels"}


def test_names_are_paths_without_suffix(folders):
    (folders / "pred" / "s1/a.mp4").rename(folders / "pred" / "s1/a.MKV")
    (folders / "pred" / "s1/a.txt").write_text("not looked at")
    (folders / "pred" / ".hidden.mp4").write_text("not looked at")
    report = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=PICTURES)
    assert report.rejects == [] and of(report, "ours", "psnr").n == 4


def test_two_files_of_one_name_are_ambiguous(folders):
    write(folders / "pred" / "s1/a.avi.mp4", texture(5))  # another name: s1/a.avi
    (folders / "pred" / "s1/a.avi").write_text("")
    report = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=PICTURES)
    assert {reject.clip: reject.reason for reject in report.rejects} == {
        "s1/a": "2 predictions of this name: a.avi, a.mp4",
        "s1/a.avi": "no ground truth of this name",
    }


def test_linked_folders_are_followed_and_loops_end(folders):
    (folders / "linked").mkdir()
    for speaker in ("s1", "s2"):
        (folders / "linked" / speaker).symlink_to(folders / "gt" / speaker)
    (folders / "linked" / "up").symlink_to(folders / "linked")
    report = scoring.score({"ours": folders / "pred"}, folders / "linked", protocol=PICTURES)
    assert report.rejects == [] and of(report, "ours", "psnr").n == 4


def test_folders_that_cannot_be_scored(folders):
    gt = folders / "gt"
    (folders / "bare").mkdir()
    with pytest.raises(ScoreError, match="bare: no video of the predictions below this folder"):
        scoring.score({"ours": folders / "bare"}, gt, protocol=PICTURES)
    with pytest.raises(UsageError, match="nowhere: no such folder of predictions"):
        scoring.score({"ours": folders / "nowhere"}, gt, protocol=PICTURES)
    with pytest.raises(UsageError, match="is a file; give the folder of ground truth"):
        scoring.score({"ours": folders / "pred"}, gt / "s1/a.mp4", protocol=PICTURES)
    with pytest.raises(
        ScoreError, match=r"only the sub-folders differ: predictions are called a b, "
    ):
        scoring.score({"ours": folders / "pred/s1"}, gt, protocol=PICTURES)


def test_wrong_protocols_fail_before_any_work(tmp_path):
    for metrics, error, words in (
        ({"psmr": {}}, UnknownNameError, "did you mean psnr"),
        ({"ssim": {"windw": "gauss11"}}, ConfigError, "did you mean window"),
        ({"ssim": {"window": "gauss"}}, ConfigError, "is none of uniform7, gauss11"),
    ):
        with pytest.raises(error, match=words):
            scoring.score({"x": tmp_path}, tmp_path, protocol=scoring.Protocol("p", metrics))
    with pytest.raises(UnknownNameError, match="did you mean dlib68"):
        scoring.score({"x": tmp_path}, tmp_path, protocol=scoring.Protocol("p", {}, "dlib86"))


def test_signatures(folders):
    report = scoring.score(
        {"ours": folders / "pred"},
        folders / "gt",
        protocol=scoring.Protocol("custom", {"psnr": {"cap": "60"}, "ssim": {"color": "rgb"}}),
    )
    version = __version__
    signatures = [of(report, "ours", metric).signature for metric in ("psnr", "ssim")]
    names = of(report, "ours", "psnr").signature.split("|set:")[1][:8]
    end = f"ci:speaker-t|n:4|set:{names}|v:{version}"
    assert signatures == [
        f"psnr|crop:none|gray:pil|pool:clip|int:exact|cap:60|{end}",
        f"ssim|crop:none|color:rgb|win:uniform7|pool:clip|{end}",
    ]
    assert of(report, "gt", "psnr").value == pytest.approx(60)


def test_pictures_are_scored_without_torch(folders):
    code = (
        "import sys; from pathlib import Path; from tkit import scoring\n"
        f"root = Path({str(folders)!r})\n"
        "protocol = scoring.Protocol('p', {'psnr': {}, 'ssim': {}})\n"
        "scoring.score({'x': root / 'pred'}, root / 'gt', protocol=protocol)\n"
        "print([name for name in ('torch', 'dlib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_wrong_path_is_answered_before_anything_heavy_is_loaded(folders):
    code = (
        "import sys; from pathlib import Path; from tkit import scoring, errors\n"
        f"try: scoring.score({{'x': Path('nowhere')}}, Path({str(folders / 'gt')!r}))\n"
        "except errors.UsageError as error: print(error)\n"
        "heavy = 'torch', 'dlib', 'numba', 'av', 'cv2', 'scipy.stats', 'joblib'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["nowhere: no such folder of predictions", "[]"]


def test_json_is_strict_and_complete(folders):
    (folders / "pred" / "s1/a.mp4").unlink()
    report = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=PICTURES)

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads(tables.as_json(report), parse_constant=refuse)
    assert list(content) == ["protocol", "methods", "clips", "rejects", "speakers", "comparisons"]
    fields = ["value", "low", "high", "n", "unit", "better", "signature"]
    assert list(content["methods"]["ours"]["psnr"]) == [*fields, "note"]
    assert content["methods"]["ours"]["psnr"]["note"] == "no interval: 2 speakers are too few"
    infinite = content["methods"]["gt"]["psnr"]
    assert infinite["value"] is None and infinite["note"].startswith("inf")
    clips = [c for c in content["clips"] if (c["method"], c["metric"]) == ("gt", "psnr")]
    assert [(c["clip"], c["value"], c["frames"]) for c in clips] == [
        ("s1/b", None, 5),
        ("s2/a", None, 5),
        ("s2/c", None, 5),
    ]
    assert all(c["note"].startswith("inf") for c in clips)
    assert content["rejects"] == [
        {"method": "ours", "clip": "s1/a", "reason": "no prediction of this name"}
    ]


def test_one_folder_and_one_metric_need_no_mapping_and_no_list(folders):
    report = scoring.score(folders / "pred", folders / "gt", metrics="psnr", rows=())
    assert list(report.methods) == ["pred"] and list(report.methods["pred"]) == ["psnr"]
