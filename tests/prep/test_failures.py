"""A clip of every kind of trouble through prep: used, or rejected with a reason; no crash."""

from fractions import Fraction

import av
import cv2
import mediafiles
import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data

from tkit import media, prep
from tkit.cli.check import command as check
from tkit.clips import Clip
from tkit.errors import TkitError
from tkit.face import geometry
from tkit.prep import parts
from tkit.tracking import AS_TRACKED

FACE = data.astronaut()[0:240, 100:340]
SETTINGS = prep.Settings()
LONGEST = "2 faces: the points follow the one that is there longest"


def clip(path, audio="") -> Clip:
    return Clip("a/x", "a", str(path), audio=str(audio))


def used(path, audio="") -> dict[str, np.ndarray]:
    arrays = parts.prepare_clip(clip(path, audio), SETTINGS)
    assert np.isfinite(arrays["points"]).all() and np.isfinite(arrays["speech"]).all()
    return arrays


def reason(path, audio="") -> str:
    with pytest.raises(TkitError) as error:
        parts.prepare_clip(clip(path, audio), SETTINGS)
    assert "\n" not in str(error.value)
    return str(error.value)


def hum(seconds: float = 1.0, rate: int = 16000) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 150 * np.arange(round(seconds * rate)) / rate)


def beside(path, n_frames: int = 20):
    """Two faces side by side: a large one that leaves half-way, a smaller one that stays."""
    frames = np.full((n_frames, 288, 560, 3), 90, np.uint8)
    frames[: n_frames // 2, :, :288] = cv2.resize(FACE, (288, 288))
    frames[:, 40:240, 320:520] = cv2.resize(FACE, (200, 200))[:, ::-1]
    media.write_video(path, frames, wave=hum(n_frames / 25))
    return path


def test_no_face(tmp_path, write_clip):
    path = write_clip(tmp_path / "x.mp4", frames=np.full((25, 240, 240, 3), 99, np.uint8))
    assert reason(path) == "no face in any frame"


def test_the_face_leaves(tmp_path, write_clip):
    frames = np.repeat(FACE[None], 25, axis=0)
    frames[10:] = 120
    assert "no face for 15 frames in a row; pass --max-gap 15" in reason(
        write_clip(tmp_path / "x.mp4", frames=frames)
    )


def test_of_two_faces_the_one_that_stays_is_followed_with_a_note(tmp_path):
    arrays = used(beside(tmp_path / "x.mp4", n_frames=50))
    assert arrays["valid"].all()
    centre = arrays["points"].mean(axis=1)
    assert (centre[:, 0] > 330).all() and (centre[:, 0] < 520).all()
    assert np.ptp(centre[:, 0]) < 3
    assert list(arrays["notes"][1:]) == [LONGEST, AS_TRACKED]  # the other's leaving is a cut


def test_a_face_that_walks_out_of_the_picture_is_not_mistaken_for_the_other(tmp_path):
    """No cut: the large face slides behind the edge in steps, the small one stays."""
    frames = np.full((30, 288, 560, 3), 90, np.uint8)
    for index, frame in enumerate(frames):
        seen = 288 - 12 * max(index - 6, 0)
        if seen > 0:
            frame[:, :seen] = cv2.resize(FACE, (288, 288))[:, -seen:]
        frame[40:240, 320:520] = cv2.resize(FACE, (200, 200))[:, ::-1]
    media.write_video(tmp_path / "x.mp4", frames, wave=hum(1.2))
    arrays = used(tmp_path / "x.mp4")
    assert (arrays["points"].mean(axis=1)[:, 0] > 330).all() and arrays["valid"].all()
    assert list(arrays["notes"]) == [LONGEST, AS_TRACKED]


def test_of_two_faces_that_stay_the_larger_is_followed(tmp_path):
    frames = np.full((12, 288, 560, 3), 90, np.uint8)
    frames[:, :, :288] = cv2.resize(FACE, (288, 288))
    frames[:, 60:220, 340:500] = cv2.resize(FACE, (160, 160))
    media.write_video(tmp_path / "x.mp4", frames, wave=hum(0.5))
    arrays = used(tmp_path / "x.mp4")
    assert (arrays["points"].mean(axis=1)[:, 0] < 288).all()
    assert list(arrays["notes"]) == [LONGEST, AS_TRACKED]


def test_notes_are_recorded_in_the_store(tmp_path):
    from tkit.store import Store

    beside(tmp_path / "c" / "a" / "x.mp4", n_frames=50)
    summary = prep.prepare("folder", tmp_path / "c", tmp_path / "x.h5")
    with Store(tmp_path / "x.h5") as store:
        assert store.notes == summary.notes
        assert {note.id for note in store.notes} == {"a/x"}
        assert [note.text for note in store.notes][1:] == [LONGEST, AS_TRACKED]
        assert store.problems() == []
    shown = CliRunner().invoke(check, [str(tmp_path / "x.h5")])
    assert shown.exit_code == 0 and "note: a/x: 2 faces" in shown.output


def test_a_cut_does_not_smear_the_box(tmp_path):
    """Two shots of the same still face at different places and sizes; the cut is between keys."""
    wide = np.full((280, 500, 3), 90, np.uint8)
    near = wide.copy()
    near[20:260, 20:260] = FACE
    wide[60:228, 300:468] = cv2.resize(FACE, (168, 168), interpolation=cv2.INTER_AREA)
    media.write_video(tmp_path / "x.mp4", np.stack([near] * 14 + [wide] * 13), wave=hum(1.1), crf=8)
    arrays = used(tmp_path / "x.mp4")
    points = arrays["points"]
    for shot in (points[:14], points[14:]):
        iod = geometry.inter_ocular(shot).mean()
        assert np.abs(shot - np.median(shot, axis=0)).mean() < 0.02 * iod
    assert points[:14].mean(axis=(0, 1))[0] < 260 < 300 < points[14:].mean(axis=(0, 1))[0]
    assert list(arrays["notes"]) == ["cut at frame 14: each shot is tracked by itself", AS_TRACKED]


def test_zero_bytes(tmp_path):
    (tmp_path / "x.mp4").touch()
    assert "0 bytes" in reason(tmp_path / "x.mp4")


def test_truncated_before_the_index(tmp_path, write_clip):
    """MP4 keeps its index at the end: half a file is nothing."""
    whole = write_clip(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "x.mp4").write_bytes(whole[: len(whole) // 2])
    assert "cannot be read as video or sound" in reason(tmp_path / "x.mp4")


def test_truncated_stream_gives_what_it_has_or_says_why(tmp_path):
    path, cut = tmp_path / "whole.mpg", tmp_path / "x.mpg"
    mux(path, "mpeg", "mpeg1video", "mp2", [FACE] * 50, hum(2.0), 25)
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        arrays = used(cut)
        assert 10 < len(arrays["points"]) < 45
    except TkitError as error:
        assert "of sound; pass --max-drift" in str(error)


def test_video_only(tmp_path):
    media.write_video(tmp_path / "x.mp4", [FACE] * 5)
    assert reason(tmp_path / "x.mp4") == "x.mp4: no sound in this file"


def test_sound_only(tmp_path):
    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            hum().astype(np.float32)[None], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "no picture in this file" in reason(tmp_path / "x.mp4")


def test_sound_shorter_than_the_video(tmp_path):
    media.write_video(tmp_path / "x.mp4", [FACE] * 50)
    mediafiles.write_sound(tmp_path / "x.wav", hum(1.0))
    text = reason(tmp_path / "x.mp4", tmp_path / "x.wav")
    assert text.startswith("50 video frames (2.00 s) but 1.00 s of sound; pass --max-drift 25")


def test_variable_frame_rate_is_put_on_the_grid(tmp_path):
    stamps = [0, 1, 2, 5, 6, 9, 10, 11, 13, 14]  # in 1/25 s
    mux(tmp_path / "x.mkv", None, "ffv1", "pcm_s16le", [FACE] * 10, hum(0.6), 25, stamps)
    arrays = used(tmp_path / "x.mkv")
    assert len(arrays["points"]) == 15
    assert list(np.flatnonzero(~arrays["valid"])) == [3, 4, 7, 8, 12]


def test_720_by_576(tmp_path):
    frame = np.full((576, 720, 3), 90, np.uint8)
    frame[40:520, 120:600] = cv2.resize(FACE, (480, 480), interpolation=cv2.INTER_CUBIC)
    media.write_video(tmp_path / "x.mp4", [frame] * 12, wave=hum(0.5))
    points = used(tmp_path / "x.mp4")["points"]
    single = used(small(tmp_path / "y.mp4"))["points"]
    expected = single * 2 + (120, 40)
    iod = geometry.inter_ocular(points).mean()
    assert np.abs(points - expected).mean() < 0.03 * iod


def small(path):
    media.write_video(path, [FACE] * 12, wave=hum(0.5))
    return path


def test_portrait_rotation_flag(tmp_path):
    """A telephone stores the picture lying and says how to turn it."""
    lying, flagged = tmp_path / "lying.mp4", tmp_path / "x.mp4"
    upright = np.full((320, 240, 3), 90, np.uint8)
    upright[40:280] = FACE
    media.write_video(lying, [np.rot90(upright).copy()] * 12, wave=hum(0.5))
    with av.open(str(lying)) as source, av.open(str(flagged), "w") as target:
        streams = {
            stream.index: target.add_stream_from_template(stream) for stream in source.streams
        }
        video = streams[source.streams.video[0].index]
        if not hasattr(video, "set_display_rotation"):
            pytest.skip("this PyAV cannot write a display matrix")
        video.set_display_rotation(-90)  # counterclockwise is positive
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    assert media.read_clip(flagged).frames.shape[1:3] == (320, 240)
    turned = used(flagged)["points"]
    expected = used(small(tmp_path / "y.mp4"))["points"] + (0, 40)
    assert np.abs(turned - expected).mean() < 2


def test_greyscale(tmp_path):
    grey = cv2.cvtColor(FACE, cv2.COLOR_RGB2GRAY)
    mux(tmp_path / "x.mkv", None, "ffv1", "pcm_s16le", [grey] * 12, hum(0.5), 25)
    colour = used(small(tmp_path / "y.mp4"))["points"]
    assert np.abs(used(tmp_path / "x.mkv")["points"] - colour).mean() < 1.0


def test_8_khz_sound(tmp_path):
    mux(tmp_path / "x.mkv", None, "ffv1", "pcm_s16le", [FACE] * 25, hum(1.0, 8000), 25, rate=8000)
    arrays = used(tmp_path / "x.mkv")
    assert len(arrays["points"]) == 25 and len(arrays["speech"]) == pytest.approx(50, abs=2)


def mux(path, format_, codec, sound_codec, images, wave, fps, stamps=None, rate=16000):
    """Write a file with exactly these codecs, time stamps and sound rate."""
    rate = 44100 if sound_codec == "mp2" else rate
    grey = images[0].ndim == 2
    with av.open(str(path), "w", format=format_) as container:
        video = container.add_stream(codec, rate=fps)
        video.width, video.height = images[0].shape[1], images[0].shape[0]
        video.pix_fmt = "yuv420p" if codec == "mpeg1video" else "gray" if grey else "bgr0"
        sound = container.add_stream(sound_codec, rate=rate, layout="mono")
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="gray" if grey else "rgb24")
            frame.pts = stamps[index] if stamps else index
            frame.time_base = Fraction(1, fps)
            container.mux(video.encode(frame))
            if sound_codec == "mp2":  # a program stream holds both side by side
                part = np.interp(
                    np.arange(index * 1764, (index + 1) * 1764) / 44100,
                    np.arange(len(wave)) / 16000,
                    wave,
                )
                container.mux(encode_sound(sound, part, rate, index * 1764))
        container.mux(video.encode(None))
        if sound_codec != "mp2":
            container.mux(encode_sound(sound, wave, rate, 0))
        container.mux(sound.encode(None))


def encode_sound(stream, wave, rate, pts):
    frame = av.AudioFrame.from_ndarray(mediafiles.to_int16(wave)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = rate, pts
    frame.time_base = Fraction(1, rate)
    return stream.encode(frame)
