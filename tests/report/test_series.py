"""Series beside a report: what was seen in each frame, kept in a file that may be anybody's."""

import io
import zipfile

import numpy as np
import pytest

from tkit.errors import ScoreError, UsageError
from tkit.report import series
from tkit.report.series import ClipSeries, Curves


def curves(count, *, points=True, blinks=((0.5,), (0.125,)), seed=0):
    rng = np.random.default_rng(seed)
    opening, ear, error = rng.random((3, count)).astype(np.float32)
    where = series.rounded(rng.uniform(-50, 700, (count, 68, 2))) if points else None
    return Curves(opening, ear, error, *(blinks or (None, None)), where, (360, 288))


@pytest.fixture
def clips():
    """Two clips; one row has no points, another was not looked at for blinks."""
    return [
        ClipSeries("s1/a", 25.0, "% IOD", {"gt": curves(7), "ours": curves(7, seed=1)}),
        ClipSeries("s2/\udc80é", 29.97, "px", {"gt": curves(3, points=False, blinks=None)}),
    ]


def same(one, other):
    assert (one.clip, one.fps, one.error_unit) == (other.clip, other.fps, other.error_unit)
    assert list(one.rows) == list(other.rows)
    for mine, theirs in zip(one.rows.values(), other.rows.values(), strict=True):
        for name, value in vars(mine).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(theirs, name))
            else:
                assert value == getattr(theirs, name)
    return True


def test_what_is_written_is_read_back_and_equal_series_give_equal_bytes(clips, tmp_path):
    for name in ("a.npz", "b.npz"):
        series.write(tmp_path / name, clips)
    found = series.read(tmp_path / "a.npz")
    assert all(same(found[clip.clip], clip) for clip in clips) and len(found) == 2
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    series.write(tmp_path / "none.npz", [])
    assert series.read(tmp_path / "none.npz") == {}


def test_points_are_kept_to_an_eighth_of_a_pixel_and_lost_ones_as_such():
    points = np.array([[[10.06, -3.94]], [[np.nan, 1.0]], [[1e9, -1e9]]])
    kept = series.rounded(points)
    assert kept[0].tolist() == [[80, -32]]
    assert kept[1, 0, 0] == series.NO_POINT and (kept[2] == series.NO_POINT).all()


def test_a_file_stands_beside_its_report(tmp_path):
    assert series.beside(tmp_path / "a.b.json") == tmp_path / "a.b.series.npz"


def archive(path, **arrays):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in arrays.items():
            data = io.BytesIO()
            if isinstance(content, bytes):
                data.write(content)
            else:
                np.lib.format.write_array(data, content)
            file.writestr(f"{name}.npy", data.getvalue())
    return path


def head(shape, descr="<f4"):
    """An array that says that it has more than it has."""
    data = io.BytesIO()
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(data, fields)
    return data.getvalue()


def test_files_of_others_are_refused_in_one_line(clips, tmp_path):
    good = series.pack(clips)
    bad = {
        "no archive": b"PK\3\4 but not",
        "no array": {"index": good["index"]},
        "declares more": good | {"values": head((10**12, 3))},
        "declares less than nothing": good | {"values": head((-1, 3))},
        "another type": good | {"points": good["points"].astype(np.float64)},
        "another shape": good | {"points": good["points"].reshape(-1, 2, 68)},
        "no JSON": good | {"index": np.frombuffer(b"{", np.uint8)},
        "no index": good | {"index": np.frombuffer(b"[3]", np.uint8)},
        "another version": good | {"index": np.frombuffer(b'{"version": 9}', np.uint8)},
        "frames it has not": good | {"values": good["values"][:5]},
        "no head": good | {"values": b"\x93NUMPY\1\0"},
    }
    for name, content in bad.items():
        path = tmp_path / "x.npz"
        path.write_bytes(content) if isinstance(content, bytes) else archive(path, **content)
        with pytest.raises(ScoreError, match="not the series of a report") as error:
            series.read(path)
        assert "\n" not in str(error.value), name
    with pytest.raises(UsageError, match="no such file of series"):
        series.read(tmp_path / "none.npz")


def test_pickles_are_not_opened(clips, tmp_path):
    evil = np.array([{"a": 1}], object)
    data = io.BytesIO()
    np.lib.format.write_array(data, evil, allow_pickle=True)
    archive(tmp_path / "x.npz", **(series.pack(clips) | {"values": data.getvalue()}))
    with pytest.raises(ScoreError, match="is of object"):
        series.read(tmp_path / "x.npz")


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_does(clips, tmp_path):
    huge = np.zeros((series.MOST_BYTES // 12 + 100, 3), np.float32)
    archive(tmp_path / "x.npz", **(series.pack(clips) | {"values": huge}))
    assert (tmp_path / "x.npz").stat().st_size < 2**20
    with pytest.raises(ScoreError, match="says that it is of"):
        series.read(tmp_path / "x.npz")
