"""Clips that lie at URLs, and parts that go over one: no folder is shared by the workers."""

import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
import remotes

from tkit import prep, remote
from tkit.clips import Clip, read_manifest, write_manifest
from tkit.errors import CorpusError, RemoteError, UsageError

FAST = {"speech": "logmel"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, write_clip):
    """A folder of three short clips, their manifest and their store, and a file that is none."""
    root = tmp_path_factory.mktemp("remote")
    clips = []
    for name in ("anna", "ben", "cleo"):
        video = write_clip(root / name / "a clip.mp4", n_frames=12, sound_s=0.48)
        clips.append(Clip(f"{name}/1", name, str(video)))
    (root / "bad.mp4").write_bytes(b"none")
    write_manifest(root / "clips.jsonl", clips)
    prep.prepare("folder", None, root / "x.h5", manifest=root / "clips.jsonl", **FAST)
    return root


@pytest.fixture
def memory(corpus):
    """The same below ``memory://c``."""
    with remotes.in_memory(corpus) as url:
        yield url


@pytest.fixture
def server(corpus):
    """The same below an address of this machine."""
    with remotes.served(corpus) as url:
        yield url


def test_a_manifest_at_a_url_gives_the_store_of_the_folder(corpus, memory, tmp_path):
    url, out = f"{memory}/clips.jsonl", tmp_path / "x.h5"
    assert read_manifest(url)[0].video == f"{memory}/anna/a clip.mp4"
    prep.prepare("folder", None, out, manifest=url, parts_url="memory://parts/x", **FAST)
    assert out.read_bytes() == (corpus / "x.h5").read_bytes()
    assert remote.names("memory://parts/x") == set() and not out.with_name("x.h5.parts").exists()


def test_a_corpus_at_a_url_gives_the_store_of_the_folder(corpus, memory, server, tmp_path):
    stores = []
    for place in (corpus / "anna", f"{memory}/anna", f"{server}/anna"):
        stores.append(tmp_path / f"{len(stores)}.h5")
        prep.prepare("folder", place, stores[-1], **FAST)
    assert len({store.read_bytes() for store in stores}) == 1
    with pytest.raises(RemoteError, match=r"memory://c/none: no such folder for the corpus folder"):
        prep.prepare("folder", f"{memory}/none", tmp_path / "x.h5", **FAST)
    with pytest.raises(UsageError, match=r"bad\.mp4: is a file; give the folder"):
        prep.prepare("folder", f"{server}/bad.mp4", tmp_path / "x.h5", **FAST)
    with pytest.raises(CorpusError, match=r"memory://c/anna: this looks like folder, not lrw"):
        prep.prepare("lrw", f"{memory}/anna", tmp_path / "x.h5", **FAST)


def test_parts_of_an_interrupted_run_are_fetched_not_made_again(
    corpus, memory, tmp_path, monkeypatch
):
    from tkit.prep import assembly, parts

    def broken(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    about = {"manifest": f"{memory}/clips.jsonl", "parts_url": "memory://parts", **FAST}
    with monkeypatch.context() as patch:
        patch.setattr(assembly, "assemble", broken)
        with pytest.raises(KeyboardInterrupt):
            prep.prepare("folder", None, tmp_path / "x.h5", **about)
    assert len(remote.names("memory://parts")) == 3
    system = fsspec.filesystem("memory")
    system.pipe_file(next(iter(system.ls("/parts", detail=False))), b"damaged")
    for path in (tmp_path / "x.h5.parts").iterdir():
        path.unlink()
    made, real = [], parts.prepare_clip
    monkeypatch.setattr(parts, "prepare_clip", lambda c, s: made.append(c.id) or real(c, s))
    prep.prepare("folder", None, tmp_path / "x.h5", **about)
    assert len(made) == 1
    assert (tmp_path / "x.h5").read_bytes() == (corpus / "x.h5").read_bytes()


def test_what_is_not_at_a_url_costs_its_clip_and_is_told(memory, tmp_path):
    clips = read_manifest(f"{memory}/clips.jsonl")
    clips += [Clip(f"dan/{name}", "dan", f"{memory}/{name}.mp4") for name in ("bad", "none")]
    write_manifest(tmp_path / "clips.jsonl", clips)
    done = prep.prepare(
        "folder", None, tmp_path / "x.h5", manifest=tmp_path / "clips.jsonl", **FAST
    )
    bad, none = done.rejects
    assert done.clips == 3 and bad.reason.startswith("memory://c/bad.mp4: ")
    assert none.reason == "memory://c/none.mp4: no such file" and none.step == "prep"
    with pytest.raises(RemoteError, match=r"none\.jsonl: no such file"):
        prep.prepare("folder", None, tmp_path / "y.h5", manifest=f"{memory}/none.jsonl", **FAST)
    with pytest.raises(UsageError, match=r"nothing://x/y: .*[Pp]rotocol"):
        prep.prepare("folder", None, tmp_path / "y.h5", manifest="nothing://x/y", **FAST)


def test_a_server_that_does_not_answer_is_no_fault_of_the_clip(memory, tmp_path):
    pytest.importorskip("aiohttp", reason="needs the extra remote")
    clips = [
        *read_manifest(f"{memory}/clips.jsonl"),
        Clip("dan/1", "dan", "http://127.0.0.1:9/x.mp4"),
    ]
    write_manifest(tmp_path / "clips.jsonl", clips)
    done = prep.prepare(
        "folder", None, tmp_path / "x.h5", manifest=tmp_path / "clips.jsonl", **FAST
    )
    (failed,) = done.failed
    assert failed.id == "dan/1" and failed.reason.startswith("http://127.0.0.1:9/x.mp4: ")
    assert (tmp_path / "x.h5.parts").exists()  # of the others: the next run has one to make


@pytest.mark.slow
def test_workers_that_share_no_folder_give_the_same_bytes(corpus, server, tmp_path):
    pytest.importorskip("distributed", reason="needs the extra cluster")
    out, parts_url = tmp_path / "x.h5", (tmp_path / "parts").as_uri()
    command = [
        *(sys.executable, "-m", "tkit", "prep", "folder", "--manifest", f"{server}/clips.jsonl"),
        *("--speech", "logmel", "--out", out, "--cluster", "local", "--jobs", "2"),
        *("--parts", parts_url),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 clips of 3 speakers" in done.stdout
    assert out.read_bytes() == (corpus / "x.h5").read_bytes()


@pytest.fixture
def bucket(corpus, monkeypatch):
    """The same below ``s3://corpus/c``; ``s3://scratch`` is empty."""
    with remotes.in_bucket(corpus, monkeypatch) as url:
        yield url


@pytest.mark.slow
def test_a_bucket_holds_clips_and_parts(bucket, corpus, tmp_path):
    """Skipped without its packages.

    ``pip install --target s3 s3fs 'moto[server]'``, then
    ``PYTHONPATH=s3 python -m pytest tests/prep/test_remote.py -k bucket``.
    """
    out = tmp_path / "x.h5"
    about = {"manifest": f"{bucket}/clips.jsonl", "jobs": 2, **FAST}
    prep.prepare("folder", None, out, parts_url="s3://scratch/deep/parts", **about)
    assert out.read_bytes() == Path(corpus, "x.h5").read_bytes()
    assert remote.names("s3://scratch/deep/parts") == set()
    with pytest.raises(RemoteError, match=r"s3://misspelt/parts: no such folder or bucket"):
        prep.prepare("folder", None, out, parts_url="s3://misspelt/parts", **about)
    assert not fsspec.filesystem("s3").exists("misspelt")


@pytest.mark.slow
def test_a_bucket_without_keys_is_one_sentence(bucket, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))  # where others may lie
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(RemoteError, match=r"s3://corpus/c/clips\.jsonl: .*credentials") as told:
        read_manifest(f"{bucket}/clips.jsonl")
    assert told.value.again  # no fault of what lies there
