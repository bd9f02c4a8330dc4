from pathlib import Path

import pytest

from tkit.clips import Clip, Reject
from tkit.corpora import CORPORA, grid
from tkit.errors import CorpusError, UnknownNameError

SHARED = Path(__file__).parents[2].parent / "shared" / "grid"
ALIGN = "0 14750 sil\n14750 19750 bin\n19750 26000 blue\n26000 28000 at\n28000 33250 f\n" \
        "33250 41000 two\n41000 51000 now\n51000 74500 sil\n"  # fmt: skip


def touch(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_sentence_of_a_name():
    assert grid.sentence("bbaf2n") == "bin blue at f two now"
    assert grid.sentence("swwzza") == "set white with z zero again"
    assert grid.sentence("bbaw2n") is None  # no letter w in GRID
    assert grid.sentence("hello1") is None


@pytest.mark.parametrize(
    ("video", "alignment"),
    [
        ("s1/bbaf2n.mpg", "alignments/s1/bbaf2n.align"),  # Zenodo
        ("s1/bbaf2n.mpg", "alignments/s5/bbaf2n.align"),  # Zenodo, permuted speaker folder
        ("s1/video/bbaf2n.mpg", "s1/align/bbaf2n.align"),  # Sheffield
        ("s1/video/mpg_6000/bbaf2n.mpg", "s1/align/bbaf2n.align"),  # Sheffield, high quality
        ("data/s1/bbaf2n.mpg", "data/alignments/s1/bbaf2n.align"),
        ("s1/bbaf2n.mpg", "align/bbaf2n.align"),  # flat
        ("s1/BBAF2N.MPG", "align/bbaf2n.align"),  # from a case-insensitive disk
        ("s1/bbaf2n.mp4", "s1/bbaf2n.align"),  # re-encoded
    ],
)
def test_every_layout_is_read(tmp_path, video, alignment):
    touch(tmp_path / video)
    touch(tmp_path / alignment, ALIGN)
    (clip,) = grid.scan(tmp_path)
    assert (clip.id, clip.speaker, clip.text) == ("s1/bbaf2n", "s1", "bin blue at f two now")
    assert Path(clip.video) == tmp_path / video
    assert [word.text for word in clip.words] == clip.text.split()
    assert clip.words[0].start_s == pytest.approx(0.59)  # 14,750 of 25,000 a second


def test_the_high_quality_version_wins(tmp_path):
    touch(tmp_path / "s1/video/bbaf2n.mpg")
    touch(tmp_path / "s1/video/mpg_6000/bbaf2n.mpg")
    (clip,) = grid.scan(tmp_path)
    assert "mpg_6000" in clip.video


def test_separate_sound_is_found(tmp_path):
    touch(tmp_path / "s1/bbaf2n.avi")
    touch(tmp_path / "audio_25k/s1/bbaf2n.wav")
    (clip,) = grid.scan(tmp_path)
    assert Path(clip.audio) == tmp_path / "audio_25k/s1/bbaf2n.wav"


def test_contradictions_are_rejects(tmp_path):
    touch(tmp_path / "s1/bbaf2n.mpg")
    touch(tmp_path / "s1/bbaf3n.mpg")
    touch(tmp_path / "s1/lbad6n.mpg")
    touch(tmp_path / "s1/holiday.mpg")
    touch(tmp_path / "align/bbaf3n.align", ALIGN)  # says two, the name three
    touch(tmp_path / "align/lbad6n.align", "0 sil\n")
    kept = [item for item in grid.scan(tmp_path) if isinstance(item, Clip)]
    rejects = {item.id: item.reason for item in grid.scan(tmp_path) if isinstance(item, Reject)}
    assert [clip.id for clip in kept] == ["s1/bbaf2n"]
    assert kept[0].words == ()  # no alignment: text from the name alone
    assert "says 'bin blue at f two now'" in rejects["s1/bbaf3n"]
    assert "line 1" in rejects["s1/lbad6n"]
    assert "not the name of a GRID sentence" in rejects["s1/holiday"]


def test_a_speaker_folder_itself_can_be_the_root(tmp_path):
    touch(tmp_path / "s7/bbaf2n.mpg")
    (clip,) = grid.scan(tmp_path / "s7")
    assert clip.speaker == "s7"


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match="no GRID videos"):
        list(grid.scan(tmp_path))


def test_splits_hold_people_or_clips_out():
    corpus = CORPORA.get("grid")
    clip = Clip("s4/bbaf2a", "s4", "x.mpg")
    assert corpus.split_of(clip, "unseen") == "test"
    assert corpus.split_of(Clip("s21/bbaf2a", "s21", "x.mpg"), "unseen") == ""
    overlapped = corpus.split_schemes["lipnet-overlapped"]["test"]
    assert len(overlapped) == 255 * 33
    assert corpus.split_of(Clip("s1/bbaf2n", "s1", "x"), "lipnet-overlapped") == "test"
    assert corpus.split_of(Clip("s1/bbaf3s", "s1", "x"), "lipnet-overlapped") == "test"
    sizes = {split: len(names) for split, names in corpus.split_schemes["unseen"].items()}
    assert sizes == {"train": 16, "val": 7, "test": 10}
    with pytest.raises(UnknownNameError, match="there are: unseen"):
        corpus.require_split_scheme("nothing")


def test_folder_takes_any_video(tmp_path):
    touch(tmp_path / "anna/one.mp4")
    touch(tmp_path / "anna/one.txt", "hello there\n")
    touch(tmp_path / "anna/one.wav")
    touch(tmp_path / "ben/deep/two.MOV")
    touch(tmp_path / "alone.avi")
    touch(tmp_path / "anna/one.mkv")
    found = list(CORPORA.get("folder").scan(tmp_path))
    clips = {item.id: item for item in found if isinstance(item, Clip)}
    assert set(clips) == {"anna/one", "ben/deep/two", "alone"}
    assert clips["anna/one"].text == "hello there" and clips["anna/one"].audio.endswith("one.wav")
    assert (clips["ben/deep/two"].speaker, clips["alone"].speaker) == ("ben", "alone")
    (reject,) = [item for item in found if isinstance(item, Reject)]
    assert "same name" in reject.reason
    with pytest.raises(CorpusError, match="no videos"):
        list(CORPORA.get("folder").scan(tmp_path / "anna" / ".." / "empty"))


@pytest.mark.skipif(not SHARED.exists(), reason="needs the real GRID clips beside the checkout")
def test_the_real_clips_are_all_found():
    found = list(grid.scan(SHARED))
    assert len(found) == 189 and all(isinstance(item, Clip) for item in found)
    assert all(len(clip.words) == 6 for clip in found)
    assert {clip.speaker for clip in found} >= {"s1", "s4", "s34"}
