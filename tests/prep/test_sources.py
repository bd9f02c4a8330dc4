"""Which clips are prepared: recipes, published lists, files of splits, manifests."""

import pytest
from click.testing import CliRunner

from tkit import prepare
from tkit.cli.prep import command
from tkit.clips import Clip, columns, write_manifest
from tkit.corpora import CORPORA
from tkit.errors import CorpusError, UsageError
from tkit.prep.sources import Source, choose_clips
from tkit.store import Store


@pytest.fixture(scope="module")
def hdtf(tmp_path_factory, write_clip):
    """Two clips, one of which is on a published list."""
    root = tmp_path_factory.mktemp("hdtf")
    for name in ("WRA_TimScott_000", "RD_Radio34_002"):
        write_clip(root / f"{name}.mp4", n_frames=12, sound_s=0.48)
    return root


def test_flash_videos_become_a_store_that_tells_who_speaks(tmp_path, write_clip):
    root = tmp_path / "CREMA-D"
    write_clip(root / "VideoFlash" / "1001_DFA_ANG_XX.flv", n_frames=25)
    (root / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n"
    )
    prepare("cremad", root, tmp_path / "c.h5", speech="logmel")
    with Store(tmp_path / "c.h5") as store:
        (row,) = store.clips
        assert row.text == "don't forget a jacket"
        assert row.columns["sex"] == "male" and row.columns["age"] == "51"
        assert store.info.licence.startswith("ODbL")
        assert store.problems() == []


def test_of_a_published_list_only_its_clips_are_used(hdtf, tmp_path):
    done = CliRunner().invoke(
        command,
        ["hdtf", "--root", str(hdtf), "--split", "gagavatar19", "--speech", "logmel",
         "--out", str(tmp_path / "h.h5")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "18 listed but not on disk: WDA_CatherineCortezMasto_000, " in done.output
    with Store(tmp_path / "h.h5") as store:
        assert [(row.id, row.split) for row in store.clips] == [("WRA_TimScott_000", "test")]
        assert store.info.protocol == "gagavatar19"


def test_a_file_of_splits_names_clips_and_people(hdtf, tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text("Radio34 train\nWRA_TimScott_000 val\nWRA_TomCotton_000 val\n")
    chosen = choose_clips(Source("hdtf", hdtf, split_file=path))
    assert chosen.splits == {"RD_Radio34_002": "train", "WRA_TimScott_000": "val"}
    assert (chosen.missing, chosen.scheme) == (["WRA_TomCotton_000"], "mine")
    path.write_text("Nobody train\n")
    with pytest.raises(CorpusError, match="none of the 1 names of mine is there"):
        choose_clips(Source("hdtf", hdtf, split_file=path))
    with pytest.raises(UsageError, match="which is it"):
        choose_clips(Source("hdtf", hdtf, split_scheme="gagavatar19", split_file=path))


def test_a_manifest_replaces_the_scan(hdtf, tmp_path):
    video = str(hdtf / "WRA_TimScott_000.mp4")
    clip = Clip("tim/one", "tim", video, split="val", columns=columns(sex="male"))
    write_manifest(tmp_path / "clips.jsonl", [clip])
    chosen = choose_clips(Source("folder", manifest=tmp_path / "clips.jsonl"))
    assert chosen.clips == [clip] and chosen.splits == {"tim/one": "val"}
    write_manifest(tmp_path / "clips.jsonl", [clip, clip])
    with pytest.raises(CorpusError, match="occur twice, the first is 'tim/one'"):
        choose_clips(Source("folder", manifest=tmp_path / "clips.jsonl"))


def test_the_wrong_corpus_is_told_from_the_right_one(tmp_path):
    CORPORA.get("mead").example(tmp_path)
    with pytest.raises(CorpusError, match="this looks like mead, not lrw; use tkit prep mead"):
        choose_clips(Source("lrw", tmp_path))


def test_corpora_that_know_their_speakers_take_no_pattern(tmp_path):
    CORPORA.get("mead").example(tmp_path)
    with pytest.raises(UsageError, match="--speaker-from is for the corpus folder"):
        choose_clips(Source("mead", tmp_path, speaker_from="x"))


def test_a_folder_whose_names_tell_the_speaker(hdtf, tmp_path):
    chosen = choose_clips(Source("folder", hdtf, speaker_from=r"_(?P<speaker>[A-Za-z]+)"))
    assert {clip.speaker for clip in chosen.clips} == {"TimScott", "Radio"}
