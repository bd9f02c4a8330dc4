"""Manifests: clips in, clips out, and lines that are none."""

import json

import pytest

from tkit.clips import Clip, Word, columns, read_manifest, write_manifest
from tkit.errors import CorpusError, MissingPathError


def test_clips_come_back_as_they_were(tmp_path):
    clips = [
        Clip("a/1", "a", str(tmp_path / "v" / "1.mp4"), str(tmp_path / "1.wav"), "hé\u2028llo",
             (Word(0.1, 0.2, "hé"),), (Word(0.1, 0.15, "h"),), "train", columns(sex="f")),
        Clip("b/2", "b", "/elsewhere/2.mp4"),
    ]  # fmt: skip
    write_manifest(tmp_path / "clips.jsonl", clips)
    assert read_manifest(tmp_path / "clips.jsonl") == clips
    first = json.loads((tmp_path / "clips.jsonl").read_text().split("\n")[0])
    assert first["video"] == "v/1.mp4"  # the folder can be moved
    assert first["sex"] == "f"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "not a JSON object"),
        ("{", "line 1"),
        ('{"id": "a", "speaker": "b"}', "has no video"),
        ('{"id": "a", "speaker": "b", "video": 3}', "video is 3, not a text"),
        ('{"id": "a", "speaker": "b", "video": "c", "words": [1]}', "words is no list"),
        ('{"id": "a", "speaker": "b", "video": "c", "words": [{"start_s": 1, "end_s": 0, '
         '"text": ""}]}', "ends before"),
        ('{"id": "../../evil", "speaker": "b", "video": "c"}', "id '../../evil' is no path below"),
        ('{"id": "/etc/x", "speaker": "b", "video": "c"}', "id '/etc/x' is no path below a folder"),
        ("[" * 100_000, "nested too deeply"),
        ("", "no clips"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_clip_is_named(tmp_path, line, said):
    path = tmp_path / "clips.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(CorpusError, match=said):
        read_manifest(path)


def test_no_manifest_is_said(tmp_path):
    with pytest.raises(MissingPathError, match="manifest of clips"):
        read_manifest(tmp_path / "none.jsonl")
