"""Videos that are made from clips at URLs, and sent to some: those of folders here, to the byte."""

import shutil
from pathlib import Path

import fsspec
import h5py
import pytest
import remotes

from tkit import remote
from tkit.clips import Clip, write_manifest
from tkit.errors import Fault, RemoteError, UsageError
from tkit.pipelines.animation import jobs

STAGES = dict.fromkeys(("motion", "blink", "texture"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, tiny_store_crops, write_clip):
    """A store of the corpus ``folder``, two of its clips, their list, and their videos."""
    root = tmp_path_factory.mktemp("corpus")
    shutil.copy(tiny_store_crops, root / "own.h5")
    with h5py.File(root / "own.h5", "r+") as file:
        file.attrs["corpus"] = "folder"
    clips = []
    for name in ("c/000", "c/001"):
        video = write_clip(root / "clips" / f"{name}.mp4", n_frames=20, sound_s=0.8)
        clips.append(Clip(name, "c", str(video)))
    write_manifest(root / "clips" / "clips.jsonl", clips)
    done(jobs.of_corpus(root / "own.h5", root / "made", root=root / "clips", split="val"))
    return root


def done(todo, **way):
    """Make videos; those that could not be made, and why."""
    made = list(jobs.make_all(todo, STAGES, jobs.Way(**way), warn=print))
    return {job.name: found.reason for job, found in made if isinstance(found, Fault)}


def content(place):
    """What lies in a folder, by the paths below it."""
    names = [inside / name for inside, found in remote.walk(place) for name in found]
    with remote.in_place([remote.below(place, name) for name in names]) as found:
        return dict(zip(map(str, names), [path.read_bytes() for path in found.values()],
                        strict=True))  # fmt: skip


@pytest.mark.parametrize("way", ["root", "manifest"])
def test_clips_at_a_url_are_animated_as_those_here(corpus, way):
    with remotes.in_memory(corpus / "clips") as url:
        where = {"root": url} if way == "root" else {"manifest": f"{url}/clips.jsonl"}
        todo = jobs.of_corpus(corpus / "own.h5", "memory://made", split="val", **where)
        assert not done(todo)
        assert content("memory://made") == content(corpus / "made")
        with pytest.raises(UsageError, match=r"memory://made/c/000\.mp4 is already there"):
            done(todo)
        fsspec.filesystem("memory").rm("/made/c/001.mp4")
        fsspec.filesystem("memory").rm("/c/c/000.mp4")  # of what is kept
        assert not done(todo, there="keep")
        assert content("memory://made") == content(corpus / "made")
        with pytest.raises(UsageError, match=r"memory://made/c/000\.mp4: was made with"):
            list(jobs.make_all(todo, STAGES, jobs.Way("keep"), warn=print, fps=5.0))


def test_what_is_gone_costs_its_video(corpus, tmp_path):
    with remotes.in_memory(corpus / "clips") as url:
        todo = jobs.of_corpus(corpus / "own.h5", tmp_path / "out", root=url, split="val")
        gone = f"{url}/c/000.mp4"
        fsspec.filesystem("memory").rm("/c/c/000.mp4")
        fsspec.filesystem("memory").pipe_file("/c/c/001.mp4", b"none")
        with pytest.raises(Exception, match=f"none of 2 videos .* {gone}: no such file"):
            done(todo)
        assert not (tmp_path / "out").exists()
        for root in (f"{url}/nowhere", "http://127.0.0.1:9/x"):
            with pytest.raises(RemoteError, match=root):
                jobs.of_corpus(corpus / "own.h5", tmp_path / "out", root=root)
        with pytest.raises(UsageError, match=f"no clip of the split 'test' is below {url}"):
            jobs.of_corpus(corpus / "own.h5", tmp_path / "out", root=url)


def test_one_picture_and_one_sound_may_lie_at_urls(corpus, tmp_path):
    from skimage import data

    from tkit import media

    media.write_image(tmp_path / "face.png", data.astronaut()[:256, 96:352])
    shutil.copy(corpus / "clips" / "c" / "000.mp4", tmp_path / "speech.mp4")
    for at in (tmp_path, None):
        with remotes.in_memory(tmp_path) as url:
            files = [remote.below(at or url, Path(name)) for name in ("face.png", "speech.mp4")]
            todo = jobs.of_files(files[:1], files[1:], tmp_path / f"{at is None}.mp4")
            assert not done(todo)
    assert (tmp_path / "True.mp4").read_bytes() == (tmp_path / "False.mp4").read_bytes()


@pytest.mark.slow
def test_workers_that_share_no_folder_make_the_same_videos(corpus, tmp_path):
    pytest.importorskip("distributed", reason="needs the extra cluster")
    out = (tmp_path / "out").as_uri()
    with remotes.served(corpus / "clips") as url:
        todo = jobs.of_corpus(corpus / "own.h5", out, root=url, split="val")
        assert not done(todo, cluster="local", jobs=2)
    assert content(tmp_path / "out") == content(corpus / "made")


@pytest.mark.slow
def test_a_bucket_holds_clips_and_takes_videos(corpus, monkeypatch):
    """Skipped without its packages, as in ``tests/prep/test_remote.py``."""
    with remotes.in_bucket(corpus / "clips", monkeypatch) as url:
        todo = jobs.of_corpus(corpus / "own.h5", "s3://scratch/a/b", root=url, split="val")
        assert not done(todo, jobs=2)
        assert content("s3://scratch/a/b") == content(corpus / "made")
        assert not done(todo, there="keep")
        todo = jobs.of_corpus(corpus / "own.h5", "s3://misspelt/a", root=url, split="val")
        with pytest.raises(RemoteError, match="s3://misspelt/a/c: no such folder or bucket"):
            done(todo)
