import csv
from pathlib import Path

import numpy as np
import pytest

from tkit import media, prep
from tkit.clips import Clip, Reject
from tkit.corpora import CORPORA, tcdtimit
from tkit.errors import CorpusError
from tkit.prep import parts

LISTS = Path(__file__).parents[2].parent / "shared" / "data" / "speaker_splits.tsv"
MLF = """#!MLF!#
"Q:/Videos/TCD-TIMIT/volunteers/01M/Clips/straightcam/sa1.rec"
0 2900000 sil
2900000 4600000 SH -312.5
4600000 5100000 iy
.
"Q:/Videos/TCD-TIMIT/volunteers/01M/Clips/30degcam/sa1.rec"
0 9900000 sil
.
"Q:\\Videos\\TCD-TIMIT\\lipspeakers\\Lipspkr2\\Clips\\straightcam\\sx12.rec"
0 1000000 ah
.
"""


def touch(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("video", "id_"),
    [
        ("volunteers/01M/Clips/straightcam/sa1.mp4", "01M/sa1"),
        ("lipspeakers/Lipspkr1/Clips/straightcam/sx12.mp4", "Lipspkr1/sx12"),
        ("01M/straightcam/sa1.mp4", "01M/sa1"),
        ("Lipspkr1/sa1/sa1.mp4", "Lipspkr1/sa1"),
        ("59f/straightcam/SI1203.MP4", "59F/si1203"),  # from a case-insensitive disk
    ],
)
def test_every_layout_is_read(tmp_path, video, id_):
    touch(tmp_path / video)
    touch((tmp_path / video).with_suffix(".wav"))
    (clip,) = tcdtimit.scan(tmp_path)
    assert (clip.id, clip.speaker) == (id_, id_.split("/")[0])
    assert Path(clip.video) == tmp_path / video and clip.audio.endswith(".wav")


def test_the_side_view_and_strangers_are_left_out(tmp_path):
    touch(tmp_path / "volunteers/01M/Clips/straightcam/sa1.mp4")
    touch(tmp_path / "volunteers/01M/Clips/30degcam/sa1.mp4")
    touch(tmp_path / "volunteers/01M/Clips/30degcam/sa2.mp4")
    touch(tmp_path / "extra/demo.mp4")
    assert [clip.id for clip in tcdtimit.scan(tmp_path)] == ["01M/sa1"]


def test_labels_are_in_seconds_and_found_by_speaker_and_name(tmp_path):
    touch(tmp_path / "volunteers/01M/Clips/straightcam/sa1.mp4")
    touch(tmp_path / "lipspeakers/Lipspkr2/Clips/straightcam/sx12.mp4")
    touch(tmp_path / "lipspeakers/Lipspkr2/Clips/straightcam/sx13.mp4")
    touch(tmp_path / "labels/volunteer_labelfiles.mlf", MLF)
    clips = {clip.id: clip for clip in tcdtimit.scan(tmp_path)}
    phones = clips["01M/sa1"].phones
    assert [(phone.start_s, phone.end_s, phone.text) for phone in phones] == [
        (0.0, pytest.approx(0.29), "sil"),
        (pytest.approx(0.29), pytest.approx(0.46), "sh"),
        (pytest.approx(0.46), pytest.approx(0.51), "iy"),
    ]
    assert [phone.text for phone in clips["Lipspkr2/sx12"].phones] == ["ah"]
    assert clips["Lipspkr2/sx13"].phones == () and clips["01M/sa1"].words == ()


def test_broken_labels_are_named(tmp_path):
    touch(tmp_path / "01M/straightcam/sa1.mp4")
    touch(tmp_path / "x.mlf", MLF.replace("2900000 4600000 SH", "2900000 later SH"))
    with pytest.raises(CorpusError, match="line 4: not 'start end label'"):
        list(tcdtimit.scan(tmp_path))
    touch(tmp_path / "x.mlf", "no labels")
    with pytest.raises(CorpusError, match="not an HTK master label file"):
        list(tcdtimit.scan(tmp_path))
    touch(tmp_path / "x.mlf", MLF.replace("2900000 4600000", "4600000 2900000"))
    (reject,) = tcdtimit.scan(tmp_path)
    assert isinstance(reject, Reject) and "ends before it starts" in reject.reason


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match="no TCD-TIMIT videos"):
        list(tcdtimit.scan(tmp_path))


def test_splits_are_the_published_ones():
    protocols = CORPORA.get("tcdtimit").split_schemes
    sizes = {
        name: {split: len(people) for split, people in splits.items()}
        for name, splits in protocols.items()
    }
    assert sizes == {
        "unseen": {"train": 39, "test": 17},
        "lipspeakers": {"train": 2, "test": 1},
        "balanced": {"train": 53, "test": 9},
    }
    for splits in protocols.values():
        assert not splits["train"] & splits["test"]
    corpus = CORPORA.get("tcdtimit")
    assert corpus.split_of(Clip("08F/sa1", "08F", "x"), "unseen") == "test"
    assert corpus.split_of(Clip("27M/sa1", "27M", "x"), "unseen") == ""


@pytest.mark.skipif(not LISTS.exists(), reason="needs the published lists beside the checkout")
def test_splits_equal_the_lists():
    with LISTS.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["corpus"] == "TCD-TIMIT"]
    names = {"recommended": "unseen", "speaker-independent,": "lipspeakers", "balanced": "balanced"}
    checked = 0
    for row in rows:
        name = names.get(row["protocol"].split()[0])
        if name:
            people = tcdtimit.SPLIT_SCHEMES[name][row["subset"]]
            assert people == frozenset(row["speakers"].split())
            checked += 1
    assert checked == 6


def test_2997_frames_a_second_become_25_with_true_times(tmp_path):
    """The sound of each frame stays where it was: prep's grid follows the time stamps."""
    from skimage import data

    face = data.astronaut()[0:240, 100:340]
    shifts = np.round(10 * np.sin(np.arange(60) / 9)).astype(int)
    frames = np.stack([np.roll(face, shift, axis=1) for shift in shifts])
    path = tmp_path / "volunteers/01M/Clips/straightcam/sa1.mp4"
    path.parent.mkdir(parents=True)
    sound = 0.3 * np.sin(2 * np.pi * 150 * np.arange(32032) / 16000)
    media.write_video(path, frames, fps=30000 / 1001, wave=sound)
    (clip,) = tcdtimit.scan(tmp_path)
    arrays = parts.prepare_clip(clip, prep.Settings())
    points = arrays["points"]
    assert len(points) == pytest.approx(60 * 1.001 / 30 * 25, abs=1)
    moved = points.mean(axis=1)[:, 0]
    expected = 10 * np.sin(np.arange(len(points)) / 25 * 30 / 1.001 / 9)
    residual = moved - expected
    assert np.abs(residual - residual.mean()).max() < 1.6  # half a frame's motion, whole pixels
