from functools import partial

import numpy as np
import pytest

from tkit import media, prep
from tkit.clips import Clip
from tkit.face import geometry, overlay
from tkit.prep import parts


@pytest.fixture
def run(run):
    """Run ``tkit landmarks``."""
    return partial(run, "landmarks")


@pytest.fixture(scope="module")
def video(tmp_path_factory, write_clip):
    return write_clip(tmp_path_factory.mktemp("video") / "x.mp4", n_frames=12, sound_s=0.5)


def test_points_are_those_of_prep_and_the_overlay_shows_them(run, video, tmp_path):
    out, seen = tmp_path / "x.npy", tmp_path / "x.mp4"
    code, stdout, _ = run(video, "--out", out, "--overlay", seen)
    assert code == 0 and "12 frames at 25 fps, 0 of them filled" in stdout
    points = np.load(out)
    arrays = parts.prepare_clip(Clip("a", "a", str(video)), prep.Settings())
    np.testing.assert_array_equal(points, arrays["points"])
    drawn, plain = media.read_clip(seen), media.read_clip(video)
    height, width = plain.frames.shape[1:3]
    assert drawn.frames.shape == (12, height + overlay.STRIP_PX, width, 3) and drawn.wave.size
    change = np.abs(drawn.frames[:, :height].astype(int) - plain.frames).max(axis=-1)
    x, y = points[5].round().astype(int).T
    assert change[5, y, x].mean() > 60 and np.median(change) < 10


def test_table_holds_the_same_points(run, video, tmp_path):
    assert run(video, "--out", tmp_path / "x.npy")[0] == 0
    assert run(video, "--out", tmp_path / "x.csv")[0] == 0
    table = np.genfromtxt(tmp_path / "x.csv", delimiter=",", names=True)
    points = np.load(tmp_path / "x.npy")
    np.testing.assert_allclose(table["x_48"], points[:, 48, 0], atol=1e-3)
    np.testing.assert_allclose(table["y_67"], points[:, 67, 1], atol=1e-3)
    np.testing.assert_allclose(table["time_s"], np.arange(12) / 25)
    assert table["valid"].all()


def test_wrong_use_is_one_line(run, video, tmp_path):
    code, _, err = run(video, "--out", tmp_path / "x.txt")
    assert code == 2 and ".npy or .csv" in err
    code, _, err = run(video, "--out", tmp_path / "y.npy", "--overlay", tmp_path / "y.foo")
    assert code == 2 and "y.foo: not the name of a video" in err
    (tmp_path / "x.npy").touch()
    code, _, err = run(video, "--out", tmp_path / "x.npy")
    assert code == 2 and "--force" in err
    code, _, err = run(video, "--out", tmp_path / "y.npy", "--landmarks", "dlib86")
    assert code == 2 and "did you mean dlib68" in err
    media.write_video(tmp_path / "grey.mp4", [np.full((240, 240, 3), 99, np.uint8)] * 5)
    code, _, err = run(tmp_path / "grey.mp4", "--out", tmp_path / "y.npy")
    assert code == 1 and "no face in any frame" in err and "grey.mp4" in err
    assert not (tmp_path / "y.npy").exists()


def test_openings_of_a_known_face():
    face = np.zeros((2, 68, 2))
    face[:, geometry.LEFT_EYE] = (100, 0)  # inter-ocular distance 100
    for eye in (geometry.RIGHT_EYE, geometry.LEFT_EYE):
        face[:, eye] += [(-10, 0), (-5, -3), (5, -3), (10, 0), (5, 3), (-5, 3)]
    face[1, [65, 66, 67], 1] = 30
    values = overlay.openings(face)
    np.testing.assert_allclose(values, [[0, 0.3], [0.3, 0.3]])
    strip = overlay.curves(values, 50)
    assert strip.shape == (overlay.STRIP_PX, 50, 3)
    rows = [int(np.argmax(strip[:, column, 0].astype(int))) for column in (0, 49)]
    assert rows[0] > rows[1] > 25  # a closed mouth is at the bottom, half open in the middle
