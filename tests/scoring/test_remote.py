"""Videos that lie at URLs: scores of folders of this machine, to the byte."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
import remotes

from tkit import media, remote, scoring
from tkit.errors import RemoteError, ScoreError, UsageError
from tkit.report import page
from tkit.scoring import protocols
from tkit.scoring.cache import remembering
from tkit.scoring.pairing import name_methods, pair
from tkit.scoring.task import measure, measured, plan_of

WHAT = {"metrics": ["psnr", "ssim", "lmd", "av-corr"], "rows": ("static", "gt", "other-sound")}
ODD = "anna/50% #1, a [b]"  # what URLs quote and patterns take for signs


@pytest.fixture(scope="module")
def root(tmp_path_factory, write_clip):
    """Ground truth and two methods: videos, a folder of pictures, an array; some do not fit."""
    root = tmp_path_factory.mktemp("remote")
    for name in (ODD, "ben/1", "cleo/1"):
        write_clip(root / "gt" / f"{name}.mp4", n_frames=12, sound_s=0.48)
        frames = media.read_clip(root / "gt" / f"{name}.mp4").frames // 2 + 60
        write_clip(root / "ours" / f"{name}.mp4", frames=frames, sound_s=0.48)
    (root / "theirs" / "ben" / "1").mkdir(parents=True)
    for number, frame in enumerate(frames):
        media.write_image(root / "theirs" / "ben" / "1" / f"{number}.png", frame)
    np.save(root / "theirs" / "cleo.npy", frames)
    (root / "theirs" / "cleo").mkdir()
    (root / "theirs" / "cleo" / "1.mp4").write_bytes(b"none")
    (root / "columns.csv").write_text("speaker,sex\nanna,f\nben,m\ncleo,f\n")
    (root / "map.tsv").write_text("cleo\tcleo/1\n")
    (root / "sound").mkdir()
    for name in ("1", Path(ODD).name):
        (root / "sound" / f"{name}.mp4").write_bytes((root / "gt/ben/1.mp4").read_bytes())
    return root


@pytest.fixture
def memory(root):
    with remotes.in_memory(root) as url:
        yield url


@pytest.fixture
def server(root):
    with remotes.served(root) as url:
        yield url


def told(at, **more):
    """The report of the folders at a place."""
    preds = {name: f"{at}/{name}" for name in ("ours", "theirs")}
    return scoring.score(preds, f"{at}/gt", **WHAT, **more)


def same(at, root, **more):
    """Assert that the reports are those of the folder ``root``, down to paths; return it."""
    found, wanted = told(at, **more), told(root, **more)
    assert found.to_json().replace(str(at), str(root)) == wanted.to_json()
    assert found.series.keys() == wanted.series.keys()
    return found


def test_folders_at_urls_score_as_folders_here(root, memory):
    report = same(memory, root)
    assert {clip.clip for clip in report.clips if clip.method == "theirs"} == {"ben/1"}
    assert len({clip.clip for clip in report.clips if clip.method == "ours"}) == 3
    assert {one.clip for one in report.rejects} >= {"cleo", "cleo/1", ODD}


@pytest.mark.parametrize(
    "more",
    [
        {"missing": "static"},
        {"recode": 1},
        {"by": "sex", "columns": "columns.csv"},
        {"audio": "sound"},
        {"audio": "gt/ben/1.mp4", "source": "gt/ben/1.mp4"},
    ],
    ids=lambda more: " ".join(more),
)
def test_so_does_what_can_be_asked_for(root, memory, more):
    places = more.keys() & {"audio", "source", "columns"}
    reports = []
    for at in (memory, root):
        own = more | {name: f"{at}/{more[name]}" for name in places}
        reports.append(told(at, **own).to_json().replace(str(memory), str(root)))
    assert reports[0] == reports[1]


def test_without_ground_truth_and_of_both_kinds(root, memory):
    what = {"metrics": ["cpbd", "jitter", "av-corr"]}
    found = scoring.score({"ours": f"{memory}/ours", "gt_": root / "gt"}, **what)
    wanted = scoring.score({"ours": root / "ours", "gt_": root / "gt"}, **what)
    assert found.to_json() == wanted.to_json()


@pytest.mark.parametrize("is_far", [False, True])
def test_kept_clips_are_taken_again_until_a_file_changes(
    root, memory, tmp_path, monkeypatch, is_far
):
    from tkit.scoring import recoding

    made, real = [], recoding.measure
    monkeypatch.setattr(recoding, "measure", lambda f, p: made.append(f.clip) or real(f, p))
    kept = "memory://kept/here/" if is_far else tmp_path / "kept"
    first = told(memory, resume=kept)
    assert len(made) == 3
    assert told(memory, resume=kept).to_json() == first.to_json() and len(made) == 3
    system = fsspec.filesystem("memory")
    for name in ("ours/cleo/1.mp4", "theirs/ben/1/3.png"):
        system.pipe_file(f"/c/{name}", (root / name).read_bytes())
    assert told(memory, resume=kept).to_json() == first.to_json()
    assert made[3:] == ["ben/1", "cleo/1"]


def test_the_page_has_their_videos(root, memory, tmp_path):
    for at, name in ((memory, "far"), (root, "here")):
        (tmp_path / name).mkdir()
        page.write(told(at), tmp_path / name / "x.html", embed=True)
    far, here = ((tmp_path / name / "x.html").read_text() for name in ("far", "here"))
    assert "data:video/mp4" in far and far.replace(memory, str(root)) == here
    report = told(memory)
    fsspec.filesystem("memory").rm("/c/ours/ben/1.mp4")
    page.write(report, tmp_path / "x.html")
    said = (tmp_path / "x.html").read_text()
    assert "No video of ben/1: memory://c/ours/ben/1.mp4: no such file" in said


@pytest.fixture
def one(root):
    """A plan and the files of one clip, of this machine."""
    protocol = protocols.change(protocols.load("tkit"), metrics=["psnr", "av-corr"])
    preds = {name: root / name for name in ("ours", "theirs")}
    found, _ = pair(preds, root / "gt")
    return next(files for files in found if files.clip == "ben/1"), plan_of(protocol, rows=())


def test_what_is_gone_costs_its_clip_or_the_method_in_it(one, memory):
    files, plan = one
    gone = f"{memory}/none.mp4"
    without = replace(files, preds=files.preds | {"ours": gone})
    done = measured(without, plan, remembering(measure, f"{memory}/kept"))
    assert list(done.stats) == ["theirs"] and not done.machine
    assert ("ours", f"{gone}: no such file") in [(r.method, r.reason) for r in done.rejects]
    done = measured(replace(files, gt=gone), plan, measure)
    assert [reject.method for reject in done.rejects] == ["ours", "theirs"] and not done.stats
    assert done.rejects[0].reason == f"ground truth: {gone}: no such file"


def test_who_does_not_answer_is_asked_again(one):
    pytest.importorskip("aiohttp", reason="needs the extra remote")
    files, plan = one
    gone = "http://127.0.0.1:9/1.mp4"
    for far in ({"preds": {"ours": gone}}, {"gt": gone}, {"audio": gone}):
        done = measured(replace(files, **far), plan, measure)
        assert done.machine and any(gone in reject.reason for reject in done.rejects)


def test_what_is_not_at_a_url_is_one_sentence(root, memory, server):
    gt = root / "gt"
    for pred, said in (
        (f"{memory}/none", "memory://c/none: no such folder of predictions"),
        (f"{server}/none", r"http://\S*/none: no such folder of predictions"),
        ("http://127.0.0.1:9/x", "http://127.0.0.1:9/x: .*onnect"),
    ):
        with pytest.raises(RemoteError, match=said):
            scoring.score({"ours": pred}, gt)
    with pytest.raises(RemoteError, match=r"memory://c/x\.wav: no such sound"):
        scoring.score({"ours": root / "ours"}, gt, audio=f"{memory}/x.wav")
    with pytest.raises(UsageError, match=r"1\.mp4: is a file; give the folder of predictions"):
        scoring.score({"ours": f"{server}/ours/ben/1.mp4"}, gt)
    with pytest.raises(ScoreError, match="no video of the predictions below this folder"):
        scoring.score({"ours": f"{memory}/theirs/ben/1"}, gt)
    with pytest.raises(UsageError, match=r"nothing://x: .*[Pp]rotocol"):
        scoring.score({"ours": "nothing://x"}, gt)


def test_methods_are_called_like_the_folder_at_a_url():
    url = "https://host/a%20b=c/"
    assert name_methods([url, "x=s3://bucket/y/"]) == {
        "a b=c": "https://host/a%20b=c", "x": "s3://bucket/y",
    }  # fmt: skip


def test_a_page_leads_nowhere_but_to_its_folder(tmp_path):
    pytest.importorskip("aiohttp", reason="needs the extra remote")
    links = ("a.mp4", "?C=N;O=D", "../b.mp4", "/c.mp4", "http://other/d.mp4", "..%2F..%2Fe.mp4",
             "deep/", "#f.mp4", "./g.mp4", "%00.mp4")  # fmt: skip
    (tmp_path / "top" / "deep").mkdir(parents=True)
    (tmp_path / "top" / "deep" / "a%20b.mp4").touch()
    lines = "".join(f'<a href="{link}">x</a>' for link in links)
    (tmp_path / "top" / "index.html").write_text(f"<html>{lines}</html>")
    with remotes.served(tmp_path) as url:
        found = {str(inside): names for inside, names in remote.walk(f"{url}/top")}
    assert found == {".": ["a.mp4", "g.mp4"], "deep": ["a%20b.mp4"]}


def test_processes_fetch_from_a_server(root, server, tmp_path):
    report = same(server, root, jobs=2, resume=tmp_path / "kept")
    assert told(server, resume=tmp_path / "kept").to_json() == report.to_json()


def test_the_commands_take_urls(root, memory, tmp_path, run):
    pages = []
    for at in (memory, root):
        out = tmp_path / f"{len(pages)}.json"
        given = ("--pred", f"a={at}/theirs", "--gt", f"{at}/gt", "--map", f"{at}/map.tsv")
        asked = ("--metrics", "psnr", "--by", "sex", "--columns", f"{at}/columns.csv")
        code, _, said = run("score", *given, *asked, "--json", out)
        assert code == 0, said
        code, _, said = run("report", out, "--html", out.with_suffix(".html"), "--embed", *given)
        assert code == 0, said
        pages.append(out.with_suffix(".html").read_text())
    assert "data:video/mp4" in pages[0] and pages[0] == pages[1]
    code, _, said = run(
        "study", "new", *given[:2], "--pred", f"b={memory}/ours", "--out", tmp_path / "study"
    )
    assert code == 2 and "memory://c/ours: give a folder of this machine" in " ".join(said.split())


def command(*args):
    done = subprocess.run(
        [sys.executable, "-m", "tkit", "score", "--metrics", "psnr,lmd,av-corr", *map(str, args)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_workers_that_share_no_folder_score_the_same(root, server, tmp_path):
    pytest.importorskip("distributed", reason="needs the extra cluster")
    shown = []
    for at, more in ((server, ("--cluster", "local", "--jobs", "2")), (root, ())):
        out = tmp_path / f"{len(shown)}.json"
        given = ("--pred", f"a={at}/ours", "--pred", f"b={at}/theirs", "--gt", f"{at}/gt")
        shown.append(command(*given, "--json", out, *more).replace(str(at), str(root)))
    assert shown[0] == shown[1]
    far, here = ((tmp_path / f"{n}.json").read_text() for n in (0, 1))
    assert far.replace(server, str(root)) == here
    assert "about" in command(*given, "--estimate")


@pytest.mark.slow
def test_a_bucket_holds_videos(root, tmp_path, monkeypatch):
    """Skipped without its packages, as in ``tests/prep/test_remote.py``."""
    with remotes.in_bucket(root, monkeypatch) as url:
        report = same(url, root, jobs=2)
        told(url, resume="s3://scratch/kept")
        kept = remote.names("s3://scratch/kept")
        assert told(url, resume="s3://scratch/kept").to_json() == report.to_json()
        assert len(kept) == 3 and remote.names("s3://scratch/kept") == kept
        with pytest.raises(RemoteError, match=r"s3://misspelt/a: no such folder of predictions"):
            scoring.score({"ours": "s3://misspelt/a"}, root / "gt")
