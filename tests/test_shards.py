"""A corpus in several files, read as one under the names that it has in one."""

import errno
import fcntl
import json
import shutil
import sys

import h5py
import numpy as np
import pytest

import tkit
from tkit.errors import MissingPathError, StoreError, UsageError
from tkit.prep.sources import Source, choose_clips
from tkit.store import Shards, Store, join, open_store

REAL_FLOCK = fcntl.flock
LENGTH = {"n_frames": 50, "clips_per_speaker": 1}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, stores):
    """A folder with a store of six speakers, whole and in two shards, and their manifest."""
    folder = tmp_path_factory.mktemp("shards")
    splits = dict.fromkeys("abcde", "train") | {"f": "val"}
    stores.write_store(folder / "whole.h5", splits=splits, **LENGTH)
    for number, names in ((1, "abc"), (2, "def")):
        part = {name: splits[name] for name in names}
        stores.write_store(folder / f"{number}.h5", splits=part, **LENGTH)
    join([folder / "1.h5", folder / "2.h5"], folder / "c.json").__exit__()
    return folder


@pytest.fixture
def copied(corpus, tmp_path):
    """The same, to be altered."""
    shutil.copytree(corpus, tmp_path / "c")
    return tmp_path / "c"


def test_shards_are_the_store_under_its_own_names(corpus):
    with open_store(corpus / "c.json") as shards, Store(corpus / "whole.h5") as whole:
        assert {row.id for row in shards.clips} == {row.id for row in whole.clips}
        assert shards.info == whole.info and shards.words() == whole.words()
        for row in shards.clips:
            (same,) = (one for one in whole.clips if one.id == row.id)
            assert (row.speaker, row.split, row.text) == (same.speaker, same.split, same.text)
            for name in ("points", "valid", "placed"):
                np.testing.assert_array_equal(shards[name][row.frames], whole[name][same.frames])
            np.testing.assert_array_equal(shards["speech"][row.rows], whole["speech"][same.rows])
        assert shards.path == corpus / "c.json" and shards.problems() == []


def test_the_files_can_be_moved_together(copied, tmp_path):
    named = json.loads((copied / "c.json").read_text())["shards"]
    assert [shard["file"] for shard in named] == ["1.h5", "2.h5"]
    copied.rename(tmp_path / "elsewhere")
    with open_store(tmp_path / "elsewhere" / "c.json") as shards:
        assert len(shards.clips) == 6


def test_training_and_measuring_read_them_without_a_copy(corpus, tmp_path, run):
    trained = tkit.train("blink", corpus / "c.json", tmp_path / "run", steps=1, device="cpu",
                         sequence=10, hidden=8, workers=1)  # fmt: skip
    assert trained.weights.record["speakers"] == [*"abcde"]
    assert "--data c.json" in trained.card.command
    assert tkit.evaluate(trained, corpus / "c.json", split="val")["n_clips"] == 1
    code, out, _ = run("check", corpus / "c.json")
    assert code == 0 and "clips: 6 of 6 speakers" in out and "sound: yes\n" in out


@pytest.mark.skipif(sys.platform != "linux", reason="refuses locks as a network drive does")
def test_a_drive_without_locks_is_read_and_written(corpus, stores, tmp_path, monkeypatch):
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    monkeypatch.setattr(fcntl, "lockf", refused)
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "TRUE")  # what HDF5 would do if it was let
    held = [(corpus / name).open("rb+") for name in ("1.h5", "2.h5")]
    for file in held:
        REAL_FLOCK(file, fcntl.LOCK_EX)  # as seen from HDF5, no lock can be had
    with pytest.raises(OSError, match="lock"):
        h5py.File(corpus / "1.h5", "r", locking=True)
    with open_store(corpus / "c.json") as shards:
        assert shards.problems() == []
    path = stores.write_store(tmp_path / "new.h5", **LENGTH)
    with Store(path) as store:
        assert store.is_sealed
    for file in held:
        file.close()


def test_shards_of_two_corpora_are_read_side_by_side(corpus, copied):
    with h5py.File(copied / "whole.h5", "r+") as file:
        file.attrs["corpus"] = "other"
    with open_store([corpus / "c.json", copied / "whole.h5"]) as both:
        assert {row.speaker for row in both.clips} == {
            f"{corpus}/{name}" for corpus in ("drawn", "other") for name in "abcdef"
        }
        for row in both.clips:
            assert np.isfinite(both["displacement"][row.frames]).all()


def test_a_shard_that_is_missing_altered_or_of_another_kind_is_one_sentence(copied, stores, run):
    manifest = copied / "c.json"
    shutil.copy(copied / "2.h5", copied / "kept.h5")

    def said(kind, words):
        with pytest.raises(kind, match=words):
            open_store(manifest)
        code, _, err = run("train", "blink", "--data", manifest, "--out", copied / "run")
        assert code == kind.exit_code and len(err.splitlines()) == 1, err

    (copied / "2.h5").unlink()
    said(MissingPathError, r"2\.h5: no such shard of .*c\.json")
    (copied / "2.h5").write_bytes(b"half")
    said(StoreError, r"2\.h5 is not the shard that .* was made of")
    splits = {"d": "train", "e": "train", "f": "val"}
    stores.write_store(copied / "2.h5", splits=splits, seed=1, **LENGTH)  # of the same size
    said(StoreError, r"2\.h5 is not the shard that .* was made of: it has changed")
    shutil.copy(copied / "kept.h5", copied / "2.h5")
    with h5py.File(copied / "2.h5", "r+") as file:  # behind the back of the checksums
        file["points"][3] += 1
    with open_store(manifest) as shards:
        (problem,) = shards.problems()
    assert problem.endswith("2.h5: /points has changed since it was written")
    code, _, err = run("check", manifest)
    assert code == 1 and "is broken" in err
    other = stores.store.EncoderInfo("other", "1", "", stores.DIM, 50.0, 0.01)
    stores.write_store(copied / "2.h5", splits=splits, encoder=other, **LENGTH)
    with pytest.raises(UsageError, match=r"must not be mixed: their speech encoder differ"):
        join([copied / "1.h5", copied / "2.h5"], manifest)


def test_what_cannot_be_shards_is_refused(copied, tmp_path, run):
    one, whole = copied / "1.h5", copied / "whole.h5"
    with pytest.raises(UsageError, match="two of the stores hold the clip 'a/000'"):
        join([one, whole], tmp_path / "x.json")
    with pytest.raises(UsageError, match=r"ends in \.json"):
        join([one], tmp_path / "x.h5")
    with h5py.File(copied / "2.h5", "r+") as file:
        del file["checksums"]
    with pytest.raises(StoreError, match="has no checksums"):
        join([one, copied / "2.h5"], tmp_path / "x.json")
    assert not (tmp_path / "x.json").exists()
    code, _, err = run("join", one, "--out", copied / "c.json")
    assert code == 2 and "--force" in err
    code, out, _ = run("join", one, "--out", copied / "c.json", "--force")
    assert code == 0 and out.endswith("c.json: 1 shards, 3 clips of 3 speakers\n")


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"shards": 3}', '{"shards": [{"file": 1, "bytes": 1, "sha256": ""}]}',
     '{"shards": [{"path": "x"}]}', '{"shards": []}', "[" * 100_000, "\0\xff"],
)  # fmt: skip
def test_what_is_no_manifest_says_so(tmp_path, text):
    (tmp_path / "x.json").write_text(text, encoding="latin-1")
    with pytest.raises(StoreError, match=r"x\.json: (not a|this) manifest"):
        Shards(tmp_path / "x.json")


def test_every_speaker_is_in_one_share_and_shares_are_of_about_one_size(tmp_path):
    counts = {"anna": 5, "ben": 3, "cleo": 2, "dan": 1, "eve": 1}
    for name, count in counts.items():
        for number in range(count):
            path = tmp_path / "c" / name / f"{number}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    whole = choose_clips(Source("folder", tmp_path / "c"))
    shares = [choose_clips(Source("folder", tmp_path / "c", shard=f"{k}/2")) for k in (1, 2)]
    assert [len(share.clips) for share in shares] == [6, 6]
    assert sorted(c.id for share in shares for c in share.clips) == [c.id for c in whole.clips]
    assert not set.intersection(*({clip.speaker for clip in share.clips} for share in shares))
    for wrong in ("3/2", "0/2", "1", "a/b", "-1/2", "1/0"):
        with pytest.raises(UsageError, match="not K/N"):
            choose_clips(Source("folder", tmp_path / "c", shard=wrong))
    with pytest.raises(UsageError, match="6 shards of 5 speakers"):
        choose_clips(Source("folder", tmp_path / "c", shard="1/6"))
