"""The control row that is heard with the sound of another clip."""

import sys

import numpy as np
import pytest

from tkit import media, metrics, scoring

LOUDNESS = {"a": 0.1, "b": 0.2, "c": 0.4}
LISTENS = """
import numpy
from tkit.metrics import Metric, Need, Score
def measure(*, pred, wave):
    return {'frames': len(pred), 'sum': len(pred) * float(numpy.abs(wave[2000:6000]).max())}
def mean(stats):
    return stats['sum'] / stats['frames']
METRIC = Metric('Loudness', 'none', Need('frames', whole=True), measure,
    {'loudness': Score('', 'closer', mean)}, inputs=('pred', 'wave'))
"""


@pytest.fixture(autouse=True)
def listens(tmp_path):
    """A metric of how loud the sound is."""
    folder = tmp_path / "entries"
    folder.mkdir()
    (folder / "loudness.py").write_text(LISTENS)
    metrics.__path__.append(str(folder))
    yield
    metrics.__path__.remove(str(folder))
    sys.modules.pop("tkit.metrics.loudness", None)


@pytest.fixture
def clips(tmp_path):
    rng = np.random.default_rng(0)
    for name, level in LOUDNESS.items():
        frames = rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
        wave = level * np.sin(np.arange(12 * 640) / 16000 * 2 * np.pi * 200)
        media.write_video(tmp_path / "gt" / f"{name}.mp4", frames, wave=wave.astype(np.float32))
    return tmp_path / "gt"


def test_each_clip_is_heard_with_the_sound_of_the_next(clips, tmp_path):
    given = {"metrics": ["psnr", "loudness"], "rows": ("gt", "other-sound")}
    report = scoring.score({"ours": clips}, clips, **given)
    found = {(c.method, c.clip): c.value for c in report.clips if c.metric == "loudness"}
    for clip, other in zip("abc", "bca", strict=True):
        assert found["gt", clip] == pytest.approx(LOUDNESS[clip], rel=0.1)
        assert found["other-sound", clip] == pytest.approx(LOUDNESS[other], rel=0.1)
    cell = report.methods["other-sound"]["psnr"]
    assert cell.value is None and cell.note == "n/a: only metrics that listen have this row"
    resumed = scoring.score({"ours": clips}, clips, resume=tmp_path / "kept", **given)
    assert resumed.methods == report.methods


def test_one_clip_alone_has_no_other_and_who_does_not_listen_no_such_row(clips):
    for name in "bc":
        (clips / f"{name}.mp4").unlink()
    report = scoring.score({"ours": clips}, clips, metrics="loudness")
    assert report.methods["other-sound"]["loudness"].value is None
    assert {r.reason for r in report.rejects if r.method == "other-sound"} == {
        "loudness: there is no other clip whose sound could be heard"
    }
    assert "other-sound" not in scoring.score({"ours": clips}, clips, metrics="psnr").methods
