"""Each view of a clip is made once, from one detection; families are measured once."""

import sys

import numpy as np
import pytest

from tkit import landmarks, media, metrics, scoring, tracking
from tkit.metrics import METRICS
from tkit.scoring import baselines

# Points by the gray level; steadied ones are one pixel lower than those that were found.
COUNTED = """
import numpy as np
from tkit.landmarks import Landmarker, ignore
CALLS = []
FACE = np.random.default_rng(0).uniform(0, 60, (68, 2))
FACE[48:, 1] += 60  # the mouth lies below the eyes, or there would be no face
def track(frames, *, video="", fps=25.0, note=ignore, raw=ignore):
    CALLS.append(len(frames))
    level = frames.reshape(len(frames), -1).mean(axis=1)
    points = FACE + level[:, None, None] / 16
    raw(points.copy())
    points[..., 1] += 1
    return points
LANDMARKER = Landmarker(
    name="counted", title="counted", open=lambda: track, signature="counted-1", licence="none"
)
"""

# A metric for each view: the mean of the prediction's numbers, and which shape they came in.
SEEN = """
from tkit.metrics import Metric, Need, Score, VIEWS
CALLS, SHAPES = [], {}
def measure_of(view):
    def measure(*, pred, gt):
        CALLS.append(view)
        SHAPES[view] = pred.shape[1:]
        return {"frames": len(gt), "sum": float(pred[..., -1].mean() * len(gt))}
    return measure
def mean(stats):
    return stats["sum"] / stats["frames"]
METRIC = Metric(VIEW, "none", Need(VIEW, WHOLE), measure_of(VIEW),
    {"seen-" + VIEW: Score("", "closer", mean), "twin-" + VIEW: Score("", "closer", mean)})
"""


@pytest.fixture
def toys(tmp_path):
    """Register the back-end ``counted``, and a family of two scores for each view."""
    folders = {landmarks: tmp_path / "landmarks", metrics: tmp_path / "metrics"}
    for package, folder in folders.items():
        folder.mkdir()
        package.__path__.append(str(folder))
    (folders[landmarks] / "counted.py").write_text(COUNTED)
    for view in metrics.VIEWS:
        text = f"VIEW, WHOLE = {view!r}, {'own' in view}\n{SEEN}"
        (folders[metrics] / f"see_{view.replace('-', '_')}.py").write_text(text)
    yield
    for package, folder in folders.items():
        package.__path__.remove(str(folder))
    for name in [*sys.modules]:
        if name.startswith("tkit.metrics.see_"):
            sys.modules.pop(name)


@pytest.fixture
def clips(tmp_path):
    for kind, start in (("gt", 32), ("pred", 64)):
        frames = np.empty((5, 32, 48, 3), np.uint8)
        frames[:] = np.arange(start, start + 80, 16)[:, None, None, None]
        media.write_video(tmp_path / kind / "a.mp4", frames, crf=1)
    return tmp_path


def module_of(view):
    return sys.modules[f"tkit.metrics.see_{view.replace('-', '_')}"]


def score(clips, names, **more):
    protocol = scoring.Protocol("p", {name: {} for name in names}, landmarks="counted", **more)
    return scoring.score({"ours": clips / "pred"}, clips / "gt", protocol=protocol)


def test_every_view_is_made_once(toys, clips, monkeypatch):
    """One detection of the prediction, two of the ground truth: its own and in shifted frames."""
    refined = []

    def refine(frames, points, segment):
        refined.append(len(frames))
        return points + 2, None

    monkeypatch.setattr(tracking, "refine_lips", refine)
    both = [f"{kind}-{view}" for view in metrics.VIEWS for kind in ("seen", "twin")]
    report = score(clips, both, resize=16)
    assert report.rejects == []
    assert sys.modules["tkit.landmarks.counted"].CALLS == refined == [5, 5, 5]
    ours = {name: cell.value for name, cell in report.methods["ours"].items()}
    assert all(ours[f"seen-{view}"] == ours[f"twin-{view}"] for view in metrics.VIEWS)
    # A resized picture is half as high: so are distances in it.
    assert ours["seen-points"] - ours["seen-raw-points"] == pytest.approx(0.5, abs=1e-4)
    assert ours["seen-refined-points"] - ours["seen-points"] == pytest.approx(1.0, abs=1e-4)
    shapes = {view: module_of(view).SHAPES[view] for view in metrics.VIEWS}
    assert shapes == {
        "frames": (16, 16, 3), "gray": (16, 16), "own-frames": (32, 48, 3), "own-gray": (32, 48),
        "points": (68, 2), "raw-points": (68, 2), "refined-points": (68, 2),
    }  # fmt: skip
    # Two scores, one measurement: of the prediction and of three or four control rows.
    assert {view: len(module_of(view).CALLS) for view in metrics.VIEWS} == {
        view: 5 if "points" in view else 4 for view in metrics.VIEWS
    }
    signatures = {name: cell.signature for name, cell in report.methods["ours"].items()}
    assert "|pts:counted-1|steady:no|" in signatures["seen-raw-points"]
    assert "|pts:counted-1|lips:none|" in signatures["seen-refined-points"]
    assert "|resize:16|" in signatures["seen-gray"] and "resize" not in signatures["seen-own-gray"]
    again = {view: report.methods["detector-noise"][f"seen-{view}"].value for view in metrics.VIEWS}
    assert again["raw-points"] + 0.5 == pytest.approx(again["points"], abs=1e-4)
    assert again["frames"] is None


def test_other_settings_are_measured_again():
    plans = [{"lse-c": {}, "lse-d": {}}, {"lse-c": {"weights": "a"}, "lse-d": {"weights": "b"}}]
    counts = [
        [found.scores for found in scoring.plan_of(scoring.Protocol("p", plan)).measurements]
        for plan in plans
    ]
    assert counts == [[("lse-c", "lse-d")], [("lse-c",), ("lse-d",)]]


def test_a_refusal_of_one_score_leaves_its_siblings():
    opening = np.zeros((75, 68, 2)) + np.random.default_rng(0).uniform(0, 60, (68, 2))
    wave = np.random.default_rng(1).normal(0, 0.1, 48000)
    stats = METRICS.get("av-lag").measure(pred=opening, gt=opening, wave=wave, fps=25.0)
    assert METRICS.get("av-corr").finish(stats) == 0
    with pytest.raises(Exception, match="there is no lag"):
        METRICS.get("av-lag").finish(stats)


def chunks(frames, size):
    for start in range(0, len(frames), size):
        yield {"frames": frames[start : start + size]}


@pytest.mark.parametrize("size", [1, 2, 7, 20])
def test_control_rows_are_the_ground_truth_late_or_still(size):
    truth = np.arange(11)[:, None, None, None] * np.ones((1, 2, 2, 3), int)
    index = {
        "static": np.zeros(11, int),
        "gt": np.arange(11),
        "other-sound": np.arange(11),
        "gt-lag3": np.maximum(np.arange(11) - 3, 0),
    }
    rows = baselines.fresh(index)
    for name, expected in index.items():
        shown = [rows[name].frames(chunk)["frames"] for chunk in chunks(truth, size)]
        np.testing.assert_array_equal(np.concatenate(shown), truth[expected])
        points = rows[name].points({"points": truth}, {})["points"]
        np.testing.assert_array_equal(points, truth[expected])
    assert set(baselines.BASELINES) == {*index, "detector-noise"}
    noise = baselines.BASELINES["detector-noise"]()
    assert noise.frames({"frames": truth}) == {} and noise.points({}, {"points": 1}) == {
        "points": 1
    }


def test_frames_shifted_by_half_a_pixel():
    ramp = np.tile(np.arange(0, 200, 10, dtype=np.uint8)[None, None, :, None], (2, 20, 1, 3))
    moved = baselines.shifted(ramp)
    np.testing.assert_array_equal(moved[:, :, 1:], ramp[:, :, 1:] - 5)
    assert baselines.shifted(ramp, 0.0) is ramp
