import json
import subprocess
import sys
from pathlib import Path

import mediafiles
import numpy as np
import pytest

from tkit import media, prep
from tkit.corpora import CORPORA
from tkit.errors import CorpusError, UnknownNameError, UsageError
from tkit.prep import parts
from tkit.store import Store
from tkit.tracking import FrontEnds


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, write_clip):
    """A folder corpus: three good clips of two speakers, and one of every kind of trouble."""
    root = tmp_path_factory.mktemp("corpus")
    face = media.read_clip(write_clip(root / "anna" / "a.mp4")).frames
    write_clip(root / "anna" / "b.mp4", n_frames=30, sound_s=1.2)
    write_clip(root / "ben" / "c.mp4", frames=face[:, :, ::-1])
    bad = root / "bad"
    gone = face.copy()
    gone[8:20] = 120
    blink = face.copy()
    blink[8:10] = 120  # two frames without a face are filled
    write_clip(bad / "gap.mp4", frames=blink)
    write_clip(bad / "leaves.mp4", frames=gone)
    write_clip(bad / "noface.mp4", frames=np.full_like(face, 99))
    media.write_video(bad / "short-sound.mp4", face)
    mediafiles.write_sound(bad / "short-sound.wav", 0.1 * np.sin(np.arange(8000)))
    write_clip(bad / "silent.mp4", sound=np.zeros(16000))
    media.write_video(bad / "mute.mp4", face)
    (bad / "zero.mp4").touch()
    (bad / "text.mp4").write_text("no video")
    return root


@pytest.fixture(scope="module")
def prepared(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "x.h5"
    summary = prep.prepare("folder", corpus, out, settings=prep.Settings(crops=True))
    return out, summary


def test_good_clips_are_kept_and_bad_ones_are_rejected_with_a_reason(prepared):
    out, summary = prepared
    with Store(out) as store:
        assert [row.id for row in store.clips] == ["anna/a", "anna/b", "bad/gap", "ben/c"]
        reasons = {reject.id: reject.reason for reject in store.rejects}
        assert store.problems() == []
        assert store.rejects == summary.rejects
    assert "--max-gap 12" in reasons.pop("bad/leaves")
    assert reasons.pop("bad/noface") == "no face in any frame"
    assert "of sound; pass --max-drift" in reasons.pop("bad/short-sound")
    assert "silent" in reasons.pop("bad/silent")
    assert "no sound" in reasons.pop("bad/mute")
    assert "0 bytes" in reasons.pop("bad/zero")
    assert "cannot be read" in reasons.pop("bad/text")
    assert reasons == {}
    assert (summary.clips, summary.speakers) == (4, 3)


def test_arrays_agree_with_each_other(prepared):
    from tkit.face import crops, geometry

    out, _ = prepared
    with Store(out) as store:
        for row in store.clips:
            points = store["points"][row.frames]
            back = geometry.retarget(
                store["displacement"][row.frames],
                pose=store["pose"][row.frames],
                neutral=store.speakers[row.speaker],
                canonical=store.canonical,
            )
            np.testing.assert_allclose(back, points, atol=1e-4)  # stored in single precision
            assert row.n_speech == pytest.approx(row.n_frames * 2, abs=2)
            landed = geometry.apply(store["crop_pose"][row.frames], points)
            assert landed.min() > 0 and landed.max() < crops.CROP_SIZE
            assert store["crops"][row.frames].std() > 10
        valid = {row.id: store["valid"][row.frames] for row in store.clips}
    assert list(np.flatnonzero(~valid["bad/gap"])) == [8, 9]
    assert valid["anna/a"].all()


def test_larger_crops_show_the_same(corpus, prepared, tmp_path):
    import cv2

    out = tmp_path / "x.h5"
    settings = prep.Settings(crops=True, crop_size=192)
    prep.prepare("folder", corpus / "anna", out, settings=settings)
    with Store(out) as large, Store(prepared[0]) as small:
        row = next(row for row in small.clips if row.id == "anna/a")
        fine, coarse = large["crops"][3], small["crops"][row.frame_start + 3]
        assert fine.shape == (192, 192, 3)
        shrunk = cv2.resize(fine, (128, 128), interpolation=cv2.INTER_AREA).astype(float)
        away = [np.abs(np.roll(shrunk, by, axis=1) - coarse).mean() for by in (0, 1, -1)]
        assert away[0] < 3 and away[0] < 0.6 * min(away[1:])
    with pytest.raises(UsageError, match="multiple of 16"):
        prep.Settings(crop_size=100)


def test_two_processes_give_the_same_bytes(corpus, prepared, tmp_path):
    out = tmp_path / "x.h5"
    prep.prepare("folder", corpus, out, settings=prep.Settings(crops=True), jobs=2)
    assert out.read_bytes() == prepared[0].read_bytes()


def test_an_interrupted_run_goes_on_where_it_stopped(corpus, prepared, tmp_path, monkeypatch):
    out, real, seen = tmp_path / "x.h5", parts.prepare_clip, []

    def interrupted(clip, settings):
        seen.append(clip.id)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return real(clip, settings)

    monkeypatch.setattr(parts, "prepare_clip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prep.prepare("folder", corpus, out, settings=prep.Settings(crops=True))
    assert not out.exists() and len(list(tmp_path.glob("x.h5.parts/*.npz"))) == 3
    again = []
    monkeypatch.setattr(parts, "prepare_clip", lambda c, s: again.append(c.id) or real(c, s))
    prep.prepare("folder", corpus, out, settings=prep.Settings(crops=True))
    assert not set(again) & set(seen[:3])
    assert out.read_bytes() == prepared[0].read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


def test_damaged_parts_are_made_again(corpus, prepared, tmp_path, monkeypatch):
    """Half a part, one of other arrays, bits that no check of a zip file covers, and nothing."""
    out, real = tmp_path / "x.h5", parts.prepare_clip
    settings = prep.Settings(crops=True)
    with monkeypatch.context() as patch:
        patch.setattr(prep.assembly, "assemble", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prep.prepare("folder", corpus, out, settings=settings)
    made = sorted(tmp_path.glob("x.h5.parts/*.npz"))
    whole = [path.read_bytes() for path in made]
    with np.load(made[0]) as arrays:
        values = dict(arrays)
    made[0].write_bytes(whole[0][: len(whole[0]) // 2])
    np.savez(made[1], **values)
    at = whole[2].rindex(b"PK\1\2") + 12  # the time of a member in the list of all
    made[2].write_bytes(whole[2][:at] + b"?" + whole[2][at + 1 :])
    made[3].write_bytes(b"")
    with np.load(made[2]) as arrays:
        assert dict(arrays)  # NumPy reads it without a word
    again = []
    monkeypatch.setattr(parts, "prepare_clip", lambda c, s: again.append(c.id) or real(c, s))
    prep.prepare("folder", corpus, out, settings=settings)
    assert len(again) == 4
    assert out.read_bytes() == prepared[0].read_bytes()


def test_changed_settings_and_other_versions_do_not_reuse_parts(corpus, monkeypatch):
    from tkit.corpora.folder import scan

    clip = next(item for item in scan(corpus) if item.id == "anna/a")
    names = {
        parts.part_name(clip, settings, "logmel-1")
        for settings in (prep.Settings(), prep.Settings(crops=True), prep.Settings(max_gap=6))
    }
    assert len(names) == 3
    monkeypatch.setattr(parts, "__version__", "0.0.1")
    assert parts.part_name(clip, prep.Settings(), "logmel-1") not in names


def test_strict_stops_at_the_first_reject(corpus, tmp_path):
    with pytest.raises(CorpusError, match="--strict"):
        prep.prepare("folder", corpus / "bad", tmp_path / "x.h5", strict=True)


def test_nothing_usable_is_an_error(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "zero.mp4").touch()
    with pytest.raises(CorpusError, match="none of 1 clips could be prepared"):
        prep.prepare("folder", tmp_path / "c", tmp_path / "x.h5")
    assert not (tmp_path / "x.h5").exists()


def test_unknown_back_ends_fail_before_any_work(corpus, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean dlib68"):
        prep.prepare("folder", corpus, tmp_path / "x", settings=prep.Settings(FrontEnds("dlib6")))
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == "[]"


def test_the_weights_of_the_speech_encoder_are_recorded(corpus, tmp_path):
    """Features of another weight file are other features, also for an interrupted run's parts."""
    data = Path(__file__).parents[1] / "data"
    signatures, names = [], set()
    for version in ("0.1", "0.9"):
        graph = str(data / f"deepspeech-{version}.pb")
        settings = prep.Settings(speech="deepspeech", speech_weights=graph)
        out = tmp_path / f"{version}.h5"
        prep.prepare("folder", corpus / "ben", out, settings=settings)
        with Store(out) as store:
            encoder = store.info.encoder
            assert store.problems() == []
            assert store["speech"].shape[1] == encoder.dim == 29
            assert np.isfinite(store["speech"][:]).all()
        signatures.append(encoder.signature)
        clip = next(iter(CORPORA.get("folder").scan(corpus / "ben")))
        names |= {parts.part_name(clip, prep.Settings(), encoder.signature)}
    assert signatures[0].startswith("deepspeech-0.1-") and signatures[0] != signatures[1]
    assert len(names) == 2


def test_weights_that_cannot_be_used_fail_before_any_clip_is_read(corpus, tmp_path):
    out = tmp_path / "x.h5"
    with pytest.raises(UsageError, match="--speech-weights"):
        prep.prepare("folder", corpus, out, settings=prep.Settings(speech="deepspeech"))
    settings = prep.Settings(speech="logmel", speech_weights="some.pb")
    with pytest.raises(UsageError, match="takes no model file"):
        prep.prepare("folder", corpus, out, settings=settings)
    assert not list(tmp_path.iterdir())


def test_the_rate_of_windows_is_recorded_and_makes_other_features(corpus, tmp_path):
    out = tmp_path / "x.h5"
    settings = prep.Settings(speech="logmel", window_rate="video")
    prep.prepare("folder", corpus / "ben", out, settings=settings)
    with Store(out) as store:
        assert store.info.encoder.window_rate == "video"
        assert store.info.encoder.signature == "logmel-1-video-rate"


def test_who_shares_clips_among_others_loads_no_network():
    """The released encoder is known without: its SHA-256 is its file's, its columns do not vary."""
    code = (
        "import sys; from tkit.prep.settings import Settings, encoder_of; "
        "print(encoder_of(Settings()).name, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["chars29", "False"]
