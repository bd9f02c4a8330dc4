"""What goes out of a store is what is in it, and can be read back by others."""

import hashlib
import json

import numpy as np
import pytest
from click.testing import CliRunner

from tkit import media, prep
from tkit.cli.export import command
from tkit.clips import read_manifest
from tkit.errors import CorpusError, UsageError
from tkit.exporting import FORMATS, export
from tkit.exporting.webdataset import write as write_shards
from tkit.store import Store


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, write_clip):
    """Two clips with sound, texts and emotions, and the store that is made of them."""
    root = tmp_path_factory.mktemp("corpus")
    for name in ("01-01-03-01-02-01-12", "01-01-05-02-01-02-12"):
        write_clip(root / "Actor_12" / f"{name}.mp4", n_frames=15, sound_s=0.6)
    store = tmp_path_factory.mktemp("store") / "r.h5"
    prep.prepare("ravdess", root, store, speech="logmel", crops=True)
    return root, store


def same(store: Store, row, arrays) -> None:
    """Every array of a clip is the store's, to the bit."""
    for name in ("points", "displacement", "pose", "valid", "placed", "crops", "crop_pose"):
        want = store[name][row.frames]
        assert arrays[name].dtype == want.dtype, name
        np.testing.assert_array_equal(arrays[name], want, err_msg=name)
    np.testing.assert_array_equal(arrays["speech"], store["speech"][row.rows])


def test_archives_hold_the_arrays_and_the_list_the_rest(corpus, tmp_path):
    root, path = corpus
    assert export(path, tmp_path / "out", format="npz", root=root).clips == 2
    lines = [json.loads(line) for line in (tmp_path / "out/clips.jsonl").read_text().splitlines()]
    with Store(path) as store:
        assert [line["id"] for line in lines] == [row.id for row in store.clips]
        for row, line in zip(store.clips, lines, strict=True):
            with np.load(tmp_path / "out" / line["arrays"]) as arrays:
                same(store, row, arrays)
                assert arrays["frames"].shape[0] == row.n_frames
                assert len(arrays["wave"]) / 16000 == pytest.approx(0.6, abs=0.1)
            assert (line["emotion"], line["text"]) == (row.columns["emotion"], row.text)
        about = json.loads((tmp_path / "out/about.json").read_text())
        assert about["licence"] == "CC BY-NC-SA 4.0" and about["encoder"]["name"] == "logmel"
        with np.load(tmp_path / "out/faces.npz") as faces:
            np.testing.assert_array_equal(faces["canonical"], store.canonical)
            np.testing.assert_array_equal(faces["neutrals"][0], store.speakers["Actor_12"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_shards_are_read_back_by_their_own_package(corpus, tmp_path):
    webdataset = pytest.importorskip("webdataset", reason="needs the package webdataset")
    root, path = corpus
    export(path, tmp_path / "out", format="webdataset", root=root)
    (shard,) = sorted((tmp_path / "out").glob("*.tar"))
    found = list(webdataset.WebDataset(str(shard), shardshuffle=False).decode())
    with Store(path) as store:
        assert [sample["json"]["id"] for sample in found] == [row.id for row in store.clips]
        for row, sample in zip(store.clips, found, strict=True):
            same(
                store, row, {key[:-4]: value for key, value in sample.items() if key[-4:] == ".npy"}
            )
    assert isinstance(found[0]["mp4"], bytes)


def test_equal_stores_give_equal_shards_of_the_size_asked_for(corpus, tmp_path):
    _, path = corpus
    sums = []
    for name in ("a", "b"):
        export(path, tmp_path / name, format="webdataset")
        shards = sorted((tmp_path / name).glob("*.tar"))
        sums.append([hashlib.sha256(shard.read_bytes()).hexdigest() for shard in shards])
    assert sums[0] == sums[1] and len(sums[0]) == 1


def test_a_full_shard_is_followed_by_the_next(tmp_path, corpus):
    from tkit.exporting import Sample

    samples = (Sample(f"c/{n}", {"id": str(n)}, {"points": np.zeros(300)}, None) for n in range(5))
    write_shards(samples, tmp_path, shard_bytes=8000)
    assert len(sorted(tmp_path.glob("shard-*.tar"))) == 3


def test_videos_come_with_a_manifest_that_prep_reads(corpus, tmp_path):
    root, path = corpus
    export(path, tmp_path / "out", format="mp4", root=root)
    clips = read_manifest(tmp_path / "out/clips.jsonl")
    assert [clip.speaker for clip in clips] == ["Actor_12"] * 2
    assert dict(clips[0].columns)["emotion"] == "happy"
    clip = media.read_clip(clips[0].video)
    assert (len(clip.frames), clip.fps, len(clip.wave) > 8000) == (15, 25.0, True)
    prep.prepare("folder", None, tmp_path / "again.h5", manifest=tmp_path / "out/clips.jsonl",
                 speech="logmel")  # fmt: skip
    with Store(path) as first, Store(tmp_path / "again.h5") as again:
        assert [row.id for row in again.clips] == [row.id for row in first.clips]
        distance = np.abs(again["points"][:] - first["points"][:])
        assert np.median(distance) < 0.5  # px, after one more compression


def test_what_is_missing_is_left_out_with_a_reason(corpus, tmp_path, write_clip):
    _, path = corpus
    other = tmp_path / "other"
    write_clip(other / "Actor_12" / "01-01-03-01-02-01-12.mp4", n_frames=9)
    write_clip(other / "Actor_12" / "01-02-05-02-01-02-12.mp4", n_frames=9)
    with pytest.raises(CorpusError, match="9 frames, 15 in the store"):
        export(path, tmp_path / "out", format="mp4", root=other)


def test_wrong_wishes_are_refused(corpus, tmp_path):
    _, path = corpus
    with pytest.raises(UsageError, match="--root DIR"):
        export(path, tmp_path / "out", format="mp4")
    with pytest.raises(UsageError, match="did you mean npz"):
        export(path, tmp_path / "out", format="npy")
    with pytest.raises(UsageError, match="no clips in split 'val'"):
        export(path, tmp_path / "out", format="npz", split="val")


def test_an_id_that_leads_out_of_the_folder_is_left_out(stores, tmp_path):
    # A stranger's store; a manifest with such an id is refused.
    path = stores.write_store(
        tmp_path / "s.h5", splits={"..": "train", "good": "train"}, clips_per_speaker=1, n_frames=9
    )
    done = export(path, tmp_path / "out", format="npz")
    assert (done.clips, [reject.id for reject in done.rejects]) == (1, ["../000"])
    assert not (tmp_path / "000.npz").exists()


def test_the_command_writes_and_says_so(corpus, tmp_path):
    _, path = corpus
    done = CliRunner().invoke(command, [str(path), "--out", str(tmp_path / "x")])
    assert done.exit_code == 0 and "2 clips, 0 left out" in done.output


@pytest.mark.parametrize("name", FORMATS.names())
def test_every_format_says_what_it_is(name):
    assert FORMATS.get(name).title
