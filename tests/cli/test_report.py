"""``tkit report``, and what ``tkit score`` leaves beside a report for it."""

import subprocess
import sys

import numpy as np
import pytest

from tkit import media
from tkit.report import series


@pytest.fixture
def clips(tmp_path, monkeypatch, write_clip):
    """Six frames of a face, and a prediction a little darker; the work is done there."""
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "gt" / "s1" / "a.mp4", n_frames=6)
    frames = np.stack(list(media.iter_frames(tmp_path / "gt" / "s1" / "a.mp4")))
    media.write_video(tmp_path / "out" / "s1" / "a.mp4", frames // 2 + 40)
    return tmp_path


SCORE = "score", "--pred", "ours=out", "--gt", "gt", "--rows", "static,gt"


def test_series_and_videos_stand_beside_and_make_the_page_again(clips, run):
    code, _, err = run(*SCORE, "--metrics", "psnr,lmd", "--json", "r.json", "--html", "r.html")
    assert code == 0, err
    seen = series.read(clips / "r.series.npz")["s1/a"]
    assert list(seen.rows) == ["gt", "ours"] and len(seen.rows["ours"].error) == 6
    assert [path.name for path in (clips / "r_videos").iterdir()] == ["01-s1-a.mp4"]
    again = "report", "r.json", "--html", "again.html", "--gt", "gt", "--pred", "ours=out"
    code, _, err = run(*again, "--embed", "--figures", "figures")
    assert code == 0, err
    assert "data:video/mp4" in (clips / "again.html").read_text("utf-8")
    assert not (clips / "again_videos").exists()
    assert (clips / "figures" / "worst.svg").exists()
    code, _, err = run("report", "r.json", "--html", "again.html")
    assert code == 2 and "--force" in err
    code, _, err = run("report", "r.json", "--figures", "figures")
    assert code == 2 and "--force" in err


def test_without_landmarks_there_are_no_series_nor_those_of_an_older_run(clips, run):
    (clips / "r.series.npz").write_bytes(b"old")
    code, _, err = run(*SCORE, "--metrics", "psnr", "--json", "r.json")
    assert code == 2 and "r.series.npz" in err
    code, _, err = run(*SCORE, "--metrics", "psnr", "--json", "r.json", "--force")
    assert code == 0 and not (clips / "r.series.npz").exists()
    code, _, err = run("report", "r.json", "--html", "r.html")
    assert code == 0 and "no metric of this run looked at landmarks" in (
        (clips / "r.html").read_text("utf-8")
    )


def test_videos_of_an_older_page_are_not_replaced_unasked(clips, run):
    (clips / "r_videos").mkdir()
    code, _, err = run(*SCORE, "--metrics", "psnr", "--html", "r.html")
    assert code == 2 and "r_videos is already there; pass --force" in err
    code, _, err = run(*SCORE, "--metrics", "psnr", "--html", "r.html", "--videos", "0")
    assert code == 0 and not list((clips / "r_videos").iterdir())


def test_wrong_usage_is_one_line(clips, run):
    (clips / "r.json").write_text('{"protocol": "t", "methods": {}}')
    for args, said in (
        (["r.json"], "give --html PAGE or --figures DIR"),
        (["r.json", "--html", "x.html", "--gt", "gt"], "need both --gt and --pred"),
        (["none.json", "--html", "x.html"], "no such report"),
    ):
        code, out, err = run("report", *args)
        assert code == 2 and said in err and out == "" and "Traceback" not in err
    (clips / "r.series.npz").write_bytes(b"not")
    code, _, err = run("report", "r.json", "--html", "x.html")
    assert code == 1 and "not the series of a report" in err and err.count("\n") == 1


def test_help_loads_nothing_of_it():
    code = (
        "import sys\nfrom tkit.cli import main\n"
        "try: main(['report', '--help'])\nexcept SystemExit: pass\n"
        "bad = {'numpy', 'jinja2', 'matplotlib', 'av', 'scipy'} & set(sys.modules)\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
