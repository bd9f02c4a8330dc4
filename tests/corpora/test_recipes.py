"""Recipes of corpora that nobody may pass on: every layout that people have, on tiny trees."""

from pathlib import Path

import pytest

from tkit.clips import Clip, Reject
from tkit.corpora import CORPORA, Corpus, looks_like, read_splits, split_of
from tkit.errors import CorpusError, UsageError

# corpus, files, id of the only clip, its speaker, its sound, its split, and what is known of it.
LAYOUTS = [
    ("hdtf", ["RD_Radio34_002.mp4"], "RD_Radio34_002", "Radio34", "", "", {"part": "RD"}),
    ("hdtf", ["clips/Radio11_0.mp4"], "RD_Radio11_000", "Radio11", "", "", {"part": "RD"}),
    ("hdtf", ["WDA_NancyPelosi1_000.mp4", "WDA_NancyPelosi1_000.wav"], "WDA_NancyPelosi1_000",
     "NancyPelosi", "WDA_NancyPelosi1_000.wav", "", {"part": "WDA"}),
    ("hdtf", ["WRA_LucilleRoybal-Allard_001.mp4"], "WRA_LucilleRoybal-Allard_001",
     "LucilleRoybal-Allard", "", "", {"part": "WRA"}),
    ("cremad", ["VideoFlash/1001_DFA_ANG_XX.flv"], "1001/1001_DFA_ANG_XX", "1001", "", "",
     {"emotion": "anger"}),
    ("cremad", ["video/1091_IEO_SAD_HI.mp4", "AudioWAV/1091_IEO_SAD_HI.wav"],
     "1091/1091_IEO_SAD_HI", "1091", "AudioWAV/1091_IEO_SAD_HI.wav", "",
     {"emotion": "sad", "level": "high"}),
    ("mead", ["M003/video/front/angry/level_1/001.mp4", "M003/audio/angry/level_1/001.m4a",
              "M003/video/top/angry/level_1/001.mp4"], "M003/angry/level_1/001", "M003",
     "M003/audio/angry/level_1/001.m4a", "", {"emotion": "angry", "level": "1", "sex": "male"}),
    ("mead", ["W009/front/happy_level_3/012.mp4", "W009/front/happy_level_3/012.m4a"],
     "W009/happy/level_3/012", "W009", "W009/front/happy_level_3/012.m4a", "",
     {"emotion": "happy", "level": "3", "sex": "female"}),
    ("mead", ["W009/video/front/happy_level_3/012.mp4"], "W009/happy/level_3/012", "W009", "", "",
     {"emotion": "happy", "level": "3", "sex": "female"}),
    ("ravdess", ["Actor_12/01-01-03-01-02-01-12.mp4"], "Actor_12/01-01-03-01-02-01-12", "Actor_12",
     "", "", {"channel": "speech", "emotion": "happy", "level": "normal", "sex": "female"}),
    ("ravdess", ["Video_Song_Actor_07/Actor_07/02-02-05-02-01-02-07.mp4",
                 "Audio_Song/03-02-05-02-01-02-07.wav"], "Actor_07/02-02-05-02-01-02-07",
     "Actor_07", "Audio_Song/03-02-05-02-01-02-07.wav", "",
     {"channel": "song", "emotion": "angry", "level": "strong", "sex": "male"}),
    ("lrw", ["lipread_mp4/ABOUT/val/ABOUT_00001.mp4", "lipread_mp4/ABOUT/val/ABOUT_00001.txt"],
     "ABOUT/val/ABOUT_00001", "ABOUT/val/ABOUT_00001", "", "val", {}),
    ("lrs3", ["pretrain/00j9bKdiOjk/00001.mp4"], "pretrain/00j9bKdiOjk/00001", "00j9bKdiOjk", "",
     "train", {"part": "pretrain"}),
    ("lrs3", ["lrs3/test/00j9bKdiOjk/00001.mp4", "lrs3/test/00j9bKdiOjk/00001.wav"],
     "test/00j9bKdiOjk/00001", "00j9bKdiOjk", "lrs3/test/00j9bKdiOjk/00001.wav", "test",
     {"part": "test"}),
    ("voxceleb2", ["dev/mp4/id00012/21Uxsk56VDQ/00001.mp4",
      "dev/aac/id00012/21Uxsk56VDQ/00001.m4a"],
     "id00012/21Uxsk56VDQ/00001", "id00012", "dev/aac/id00012/21Uxsk56VDQ/00001.m4a", "train", {}),
    ("voxceleb2", ["id00017/01dfn2spqyE/00001.mp4"], "id00017/01dfn2spqyE/00001", "id00017", "", "",
     {}),
]  # fmt: skip


def lay(root: Path, names: list[str]) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def scan(corpus: str, root: Path) -> dict[str, Clip | Reject]:
    return {item.id: item for item in CORPORA.get(corpus).scan(root)}


@pytest.mark.parametrize(("corpus", "files", "id_", "speaker", "sound", "split", "about"), LAYOUTS)
def test_every_layout_is_read(tmp_path, corpus, files, id_, speaker, sound, split, about):
    lay(tmp_path, [name for name in files if not name.endswith(".txt")])
    (clip,) = scan(corpus, tmp_path).values()
    assert (clip.id, clip.speaker, clip.split) == (id_, speaker, split)
    assert Path(clip.video) == tmp_path / files[0]
    assert clip.audio == (str(tmp_path / sound) if sound else "")
    assert dict(clip.columns) == about


@pytest.mark.parametrize(("corpus", "file"), [(row[0], row[1][0]) for row in LAYOUTS])
def test_a_folder_further_in_may_be_the_root(tmp_path, corpus, file):
    """People pass the folder of a speaker, or of a part; ids stay what they are."""
    lay(tmp_path, [file])
    whole = scan(corpus, tmp_path)
    root = tmp_path / Path(file).parts[0] if len(Path(file).parts) > 1 else tmp_path
    assert scan(corpus, root).keys() == whole.keys()


@pytest.mark.parametrize("corpus", sorted({row[0] for row in LAYOUTS}))
def test_links_that_lead_back_end(tmp_path, corpus):
    lay(tmp_path, next(row[1] for row in LAYOUTS if row[0] == corpus))
    once = scan(corpus, tmp_path)
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    assert scan(corpus, tmp_path).keys() == once.keys()


def test_hdtf_finds_the_part_of_a_bare_name_in_its_lists(tmp_path):
    lay(tmp_path, ["AdamSchiff_0.mp4", "Radio1.mp4"])
    list_ = tmp_path / "HDTF_dataset" / "WDA_video_url.txt"
    list_.parent.mkdir()
    list_.write_text(
        "AdamSchiff https://example.org/1\n", encoding="utf-8-sig"
    )  # as it is given out
    found = scan("hdtf", tmp_path)
    assert [*found] == ["RD_Radio1", "WDA_AdamSchiff_000"]
    assert found["WDA_AdamSchiff_000"].speaker == "AdamSchiff"


def test_hdtf_videos_of_a_person_are_of_one_speaker(tmp_path):
    lay(tmp_path, ["WDA_NancyPelosi1_000.mp4", "WDA_NancyPelosi3_000.mp4", "RD_Radio3_000.mp4"])
    assert [clip.speaker for clip in scan("hdtf", tmp_path).values()] == [
        "Radio3", "NancyPelosi", "NancyPelosi",
    ]  # fmt: skip


def test_hdtf_lists_have_the_published_sizes():
    lists = CORPORA.get("hdtf").clip_lists
    assert len(lists["gagavatar19"]["test"]) == 19
    assert len(lists["difftalk"]["train"]) == 98  # its author says 100


def test_cremad_tells_who_speaks_and_what(tmp_path):
    CORPORA.get("cremad").example(tmp_path)
    found = scan("cremad", tmp_path)
    clip = found["1001/1001_DFA_ANG_XX"]
    assert clip.text == "don't forget a jacket"
    assert dict(clip.columns) == {
        "age": "51", "emotion": "anger", "ethnicity": "not hispanic", "race": "caucasian",
        "sex": "male",
    }  # fmt: skip
    assert "not the name of a CREMA-D clip" in found["1001/1001_XYZ_ANG_XX"].reason


def test_ravdess_pictures_without_sound_are_refused(tmp_path):
    CORPORA.get("ravdess").example(tmp_path)
    found = scan("ravdess", tmp_path)
    assert isinstance(found["Actor_12/02-02-04-01-01-01-12"], Reject)
    assert "modality 02 has no sound" in found["Actor_12/02-02-04-01-01-01-12"].reason
    assert "Actor_12/02-01-03-01-02-01-12" not in found  # 01 is the same recording


def test_lrs3_reads_words_and_refuses_what_is_none(tmp_path):
    CORPORA.get("lrs3").example(tmp_path)
    clip, reject = scan("lrs3", tmp_path).values()
    assert clip.text == "we do" and [word.text for word in clip.words] == ["we", "do"]
    assert clip.words[1].start_s == 0.22
    assert "Text:" in reject.reason


def test_voxceleb2_tells_the_sex(tmp_path):
    CORPORA.get("voxceleb2").example(tmp_path)
    (clip,) = scan("voxceleb2", tmp_path).values()
    assert dict(clip.columns) == {"sex": "male"}


def test_a_table_without_its_columns_is_said(tmp_path):
    CORPORA.get("voxceleb2").example(tmp_path)
    (tmp_path / "vox2_meta.csv").write_text("who,what\na,b\n")
    with pytest.raises(CorpusError, match="no column 'VoxCeleb2 ID'"):
        scan("voxceleb2", tmp_path)


@pytest.mark.parametrize("corpus", sorted({row[0] for row in LAYOUTS} | {"grid", "tcdtimit"}))
def test_another_corpus_is_recognised(tmp_path, corpus):
    CORPORA.get(corpus).example(tmp_path)
    other = "mead" if corpus != "mead" else "lrw"
    assert looks_like(tmp_path, other_than=other) == corpus


def test_a_folder_takes_the_speaker_from_the_path(tmp_path):
    lay(tmp_path, ["take1_anna_x.mp4", "deep/take2_ben_y.mp4", "take3.mp4"])
    found = {
        item.id: item for item in CORPORA.get("folder").scan(tmp_path, speaker_from=r"_([a-z]+)_")
    }
    assert found["take1_anna_x"].speaker == "anna" and found["deep/take2_ben_y"].speaker == "ben"
    assert "no speaker in its path" in found["take3"].reason
    with pytest.raises(UsageError, match="no regular expression"):
        list(CORPORA.get("folder").scan(tmp_path, speaker_from="("))


@pytest.mark.parametrize("table", ["a/one\tHello, you.\na/two\tBye.\n", 'one,"x"\ntwo.mp4,Bye.\n'])
def test_a_folder_takes_texts_from_a_table(tmp_path, table):
    lay(tmp_path, ["a/one.mp4", "a/two.mp4"])
    (tmp_path / "texts.tsv").write_text(table)
    found = list(CORPORA.get("folder").scan(tmp_path, text_from=str(tmp_path / "texts.tsv")))
    assert [clip.text for clip in found] == ["Hello, you." if "\t" in table else '"x"', "Bye."]


def test_a_folder_takes_texts_of_another_suffix(tmp_path):
    lay(tmp_path, ["a/one.mp4"])
    (tmp_path / "a" / "one.lab").write_text("said\n")
    (clip,) = CORPORA.get("folder").scan(tmp_path, text_from=".lab")
    assert clip.text == "said"


def test_a_file_of_splits_names_clips_and_speakers(tmp_path):
    path = tmp_path / "splits.tsv"
    path.write_text("# mine\ns1\ttrain\ns1/odd, val\ns2 test\ns3\n")
    splits = read_splits(path)
    assert split_of(Clip("s1/odd", "s1", "x"), splits) == "val"
    assert split_of(Clip("s1/even", "s1", "x"), splits) == "train"
    assert split_of(Clip("s3/even", "s3", "x"), splits) == "test"
    path.write_text("s1 train extra\n")
    with pytest.raises(CorpusError, match="line 1"):
        read_splits(path)
    path.write_text("s1 train\ns1 test\n")
    with pytest.raises(CorpusError, match="two splits"):
        read_splits(path)


def test_folders_decide_where_a_scheme_says_nothing():
    corpus: Corpus = CORPORA.get("lrw")
    assert corpus.split_of(Clip("A/val/A_00001", "x", "x", split="val"), "folders") == "val"
