"""Series of frames: what scoring saw, of faces drawn so that it is known before."""

import numpy as np
import pytest

from tkit import landmarks, scoring
from tkit.face import geometry
from tkit.report import series
from tkit.report.series import GRID_PX

# A landmark back-end that reads the face from the gray level of a frame, and counts its calls: each
# level lowers the lower lip by 1/16 px; below 20 the eyes are shut; a bright picture has no face.
DRAWN = """
import numpy as np
from tkit.landmarks import Landmarker
EYE = np.array([[0, 0], [8, -5], [16, -5], [24, 0], [16, 5], [8, 5]], float)
FACE = np.random.default_rng(0).uniform(0, 60, (68, 2))
FACE[36:42], FACE[42:48] = EYE + [10, 15], EYE + [60, 15]
FACE[60:68, 1] = 40
CALLS = []
def track(frames):
    CALLS.append(len(frames))
    level = frames.reshape(len(frames), -1).mean(axis=1)
    points = np.repeat(FACE[None], len(frames), axis=0)
    points[:, 65:68, 1] += level[:, None] / 16
    points[level < 20, 36:48, 1] = 15
    points[level > 200] = np.nan
    return points
LANDMARKER = Landmarker(
    name="watched", title="drawn", open=lambda: track, signature="drawn-1", licence="none",
    lips="none",
)
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    entries = tmp_path_factory.mktemp("entries")
    (entries / "watched.py").write_text(DRAWN)
    landmarks.__path__.append(str(entries))
    yield
    landmarks.__path__.remove(str(entries))
    # The module stays: what scoring has opened once, a process keeps.


def levels(*values):
    frames = np.empty((len(values), 32, 48, 3), np.uint8)
    frames[:] = np.array(values)[:, None, None, None]
    return frames


BLINKING = [64] * 20 + [10] * 5 + [96] * 15


@pytest.fixture
def folders(tmp_path, drawn):
    for clip in ("s1/a", "s2/b"):
        for kind, values in (("gt", BLINKING), ("pred", [64] * 40)):
            path = tmp_path / kind / f"{clip}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, levels(*values))
    return tmp_path


def measured(folders, *metrics, **choices):
    protocol = scoring.Protocol("t", {name: {} for name in metrics}, landmarks="watched")
    return scoring.score(
        {"ours": folders / "pred"}, folders / "gt", protocol=protocol, rows=["static"], **choices
    )


def test_series_are_those_of_the_points_that_were_scored(folders):
    report = measured(folders, "psnr", "lmd", "mouth-opening", "blink-rate")
    assert list(report.series) == ["s1/a", "s2/b"]
    clip = report.series["s1/a"]
    assert (clip.fps, clip.error_unit, list(clip.rows)) == (25.0, "% IOD", ["gt", "ours"])
    truth, ours = clip.rows["gt"], clip.rows["ours"]
    scores = {c.metric: c.value for c in report.clips if (c.method, c.clip) == ("ours", "s1/a")}
    assert ours.error.mean() == pytest.approx(scores["lmd"], rel=1e-5)
    errors = 100 * abs(ours.opening - truth.opening)
    assert errors.mean() == pytest.approx(scores["mouth-opening"], rel=1e-5)
    assert np.isnan(truth.error).all() and (ours.error[25:] > 0).all()
    assert truth.ear[22] == 0 and truth.ear[0] == pytest.approx(10 / 24, rel=1e-6)
    assert truth.onsets_s == pytest.approx((0.8 - 0.02,), abs=0.02) and ours.onsets_s == ()
    assert truth.durations_s == pytest.approx((0.2,), abs=0.03)
    assert truth.size == (48, 32)
    eyes = truth.points[0, 36:48].astype(float) * GRID_PX
    assert geometry.eye_aspect_ratio(np.vstack([np.zeros((36, 2)), eyes, np.zeros((20, 2))])) == (
        pytest.approx([10 / 24] * 2, rel=1e-6)
    )


def test_nothing_is_looked_for_twice(folders):
    from tkit.landmarks import watched as back_end

    back_end.CALLS.clear()
    measured(folders, "lmd", "mouth-opening", "velocity")
    assert sum(back_end.CALLS) == 2 * 2 * 40  # two clips of two rows


def test_blinks_are_unknown_where_no_metric_looks_for_them(folders):
    clip = measured(folders, "lmd").series["s1/a"]
    assert clip.rows["gt"].onsets_s is None and clip.rows["ours"].durations_s is None


def test_without_a_metric_of_landmarks_there_are_no_series(folders):
    assert measured(folders, "psnr").series == {}


def test_frames_without_a_face_have_no_values(folders):
    np.save(folders / "pred" / "s1/a.npy", levels(*[64] * 10, *[250] * 3, *[64] * 27))
    protocol = scoring.Protocol("t", {"lmd": {"missing_face": "drop"}}, landmarks="watched")
    report = scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=protocol)
    clip = report.series["s1/a"]
    lost = np.isnan(clip.rows["ours"].opening)
    assert np.flatnonzero(lost).tolist() == [10, 11, 12]
    assert np.isnan(clip.rows["ours"].error[lost]).all()
    assert (clip.rows["ours"].points[lost] == series.NO_POINT).all()


def test_finished_clips_keep_their_series(folders):
    fresh = measured(folders, "lmd", "blink-rate")
    for _ in range(2):
        resumed = measured(folders, "lmd", "blink-rate", resume=folders / "kept")
        assert np.isnan(resumed.series["s1/a"].rows["gt"].error).all()
        for name, values in series.pack(fresh.series.values()).items():
            np.testing.assert_array_equal(series.pack(resumed.series.values())[name], values)


def test_number_of_jobs_changes_no_series(tmp_path, write_clip):
    for clip in ("s1/a", "s2/b"):
        (tmp_path / clip).parent.mkdir()
        write_clip(tmp_path / f"{clip}.mp4", n_frames=4)
    reports = [
        scoring.score({"ours": tmp_path}, tmp_path, metrics="lmd", rows=(), jobs=jobs)
        for jobs in (1, 2)
    ]
    packed = [series.pack(report.series.values()) for report in reports]
    assert len(packed[0]["values"]) == 2 * 2 * 4
    for name in packed[0]:
        np.testing.assert_array_equal(packed[0][name], packed[1][name])


def test_points_of_the_worst_clips_are_kept(folders, monkeypatch):
    np.save(folders / "pred" / "s2/b.npy", levels(*[160] * 40))
    whole = measured(folders, "lmd")
    one = next(iter(whole.series.values())).n_bytes
    monkeypatch.setattr("tkit.scoring.seen.MOST_POINTS", one)
    report = measured(folders, "lmd")
    assert report.series["s1/a"].n_bytes == 0 and report.series["s2/b"].n_bytes == one
    np.testing.assert_array_equal(
        report.series["s1/a"].rows["ours"].error, whole.series["s1/a"].rows["ours"].error
    )
