"""Videos of pages: all rows of a clip side by side in one file."""

import itertools

import av
import numpy as np
import pytest

from tkit import media
from tkit.errors import MediaError
from tkit.report.series import videos


def flat(levels, *, size=(32, 48)):
    """Flat gray frames of these levels."""
    frames = np.empty((len(levels), *size, 3), np.uint8)
    frames[:] = np.array(levels)[:, None, None, None]
    return frames


def shown(path, place):
    """Mean level of each frame of a row's place in the file."""
    x, y, width, height = place
    frames = np.stack(list(media.iter_frames(path)))
    return frames[:, y : y + height, x : x + width].mean(axis=(1, 2, 3))


RAMP = list(range(40, 100, 2))


@pytest.fixture
def rows(tmp_path):
    """The same ramp as a video with sound, an array, and a folder of pictures."""
    wave = 0.3 * np.sin(np.arange(16000 * 30 // 25) / 5)
    media.write_video(tmp_path / "gt.mp4", flat(RAMP), fps=25, wave=wave, crf=1)
    np.save(tmp_path / "array.npy", flat([v + 60 for v in RAMP]))
    for index, frame in enumerate(flat([v + 120 for v in RAMP])):
        media.write_image(tmp_path / "pictures" / f"{index}.png", frame)
    return {"gt": tmp_path / "gt.mp4", "array": tmp_path / "array.npy",
            "pictures": tmp_path / "pictures"}  # fmt: skip


def test_every_row_is_there_frame_by_frame_with_the_sound(rows, tmp_path):
    tiled = videos.tile(rows, tmp_path / "t.mp4")
    assert (tiled.fps, tiled.n_frames) == (25.0, len(RAMP))
    for offset, (name, place) in zip((0, 60, 120), tiled.rows.items(), strict=True):
        assert place[2:] == (48, 32), name
        levels = shown(tmp_path / "t.mp4", place)
        assert np.abs(levels - np.array(RAMP) - offset).max() < 2, name
    assert len(media.read_audio(tmp_path / "t.mp4")) / 16000 == pytest.approx(1.2, abs=0.05)


def test_browsers_can_play_it_and_find_any_frame_soon(rows, tmp_path):
    videos.tile(rows, tmp_path / "t.mp4")
    with av.open(str(tmp_path / "t.mp4")) as container:
        (stream,) = container.streams.video
        assert stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"
        packets = [packet for packet in container.demux(stream) if packet.size]
    alone = [index for index, packet in enumerate(packets) if packet.is_keyframe]
    assert alone[0] == 0
    assert max(b - a for a, b in itertools.pairwise([*alone, len(packets)])) <= videos.GOP
    assert all(packet.pts == packet.dts for packet in packets)  # none waits for one behind it


def test_rows_keep_the_truths_rate_and_length(tmp_path):
    media.write_video(tmp_path / "gt.mp4", flat(RAMP), fps=25, crf=1)
    media.write_video(tmp_path / "fast.mp4", flat([v for v in RAMP for _ in (0, 1)]), fps=50, crf=1)
    np.save(tmp_path / "short.npy", flat(RAMP[:10]))
    paths = {
        name.partition(".")[0]: tmp_path / name for name in ("gt.mp4", "fast.mp4", "short.npy")
    }
    tiled = videos.tile(paths, tmp_path / "t.mp4")
    assert tiled.n_frames == len(RAMP)
    assert np.abs(shown(tmp_path / "t.mp4", tiled.rows["fast"]) - RAMP).max() < 2
    short = shown(tmp_path / "t.mp4", tiled.rows["short"])
    assert np.abs(short[:10] - RAMP[:10]).max() < 2 and np.abs(short[10:] - videos.ENDED).max() < 2


def test_what_cannot_be_read_is_left_out_and_a_damaged_truth_is_named(rows, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    tiled = videos.tile(rows | {"broken": tmp_path / "broken.mp4"}, tmp_path / "t.mp4")
    assert list(tiled.rows) == list(rows)
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        videos.tile({"gt": tmp_path / "broken.mp4"}, tmp_path / "u.mp4")
    assert not (tmp_path / "u.mp4").exists()


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("size", [(360, 288), (1, 1), (97, 131), (3840, 2160)])
def test_rows_lie_apart_in_a_picture_that_decoders_take(count, size):
    places, (width, height) = videos.arrange({str(index): size for index in range(count)})
    assert width % 2 == height % 2 == 0 and max(width, height) <= videos.MOST_SIDE
    taken = np.zeros((height, width), int)
    for x, y, wide, high in places.values():
        assert x + wide <= width and y + high <= height
        taken[y : y + high, x : x + wide] += 1
        assert wide / high == pytest.approx(size[0] / size[1], rel=0.1)
    assert taken.max() == 1
