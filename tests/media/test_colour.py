"""Colours are those that the stream states: matrix, range, depth; others are refused by name."""

import av
import numpy as np
import pytest
from skimage import data

from tkit import media
from tkit.errors import MediaError
from tkit.media.frames import Reader

COLOURS = np.array(
    [[224, 172, 140], [255, 255, 255], [0, 0, 0], [250, 20, 30], [10, 240, 40], [15, 25, 250],
     [128, 128, 128], [90, 60, 200]], np.float64
)  # fmt: skip
SHARES = {"709": (1, 0.2126, 0.0722), "601": (6, 0.299, 0.114), "2020": (9, 0.2627, 0.0593),
          "none": (2, 0.299, 0.114), "240m": (7, 0.212, 0.087)}  # fmt: skip


def planes(matrix: str, *, full: bool, depth: int) -> list[np.ndarray]:
    """Squares of 16 pixels in those colours, by the definition (ITU-R BT.709, 3 and 6.10)."""
    _, red, blue = SHARES[matrix]
    rgb = COLOURS / 255
    luma = rgb @ [red, 1 - red - blue, blue]
    cb, cr = (rgb[:, 2] - luma) / 2 / (1 - blue), (rgb[:, 0] - luma) / 2 / (1 - red)
    top, one = 2**depth - 1, 2 ** (depth - 8)
    if full:
        found = [luma * top, cb * top + 2 ** (depth - 1), cr * top + 2 ** (depth - 1)]
    else:
        found = [(219 * luma + 16) * one, (224 * cb + 128) * one, (224 * cr + 128) * one]
    kind = np.uint8 if depth == 8 else np.uint16
    row = [np.clip(np.rint(one), 0, top).astype(kind).repeat(16) for one in found]
    return [np.broadcast_to(one, (32, 128)) for one in row]


def write(path, form: str, matrix: str, *, full: bool = False, **tags: int) -> None:
    depth = 10 if "10" in form else 8
    across, down = (2 if "444" not in form else 1), (2 if "420" in form else 1)
    frame = av.VideoFrame(128, 32, form)
    for index, samples in enumerate(planes(matrix, full=full, depth=depth)):
        plane = frame.planes[index]
        part = samples[::down, ::across] if index else samples
        rows = np.zeros((part.shape[0], plane.line_size // part.itemsize), part.dtype)
        rows[:, : part.shape[1]] = part
        plane.update(rows.tobytes())
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "0", "qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 128, 32, form
        stream.codec_context.colorspace = SHARES[matrix][0]
        stream.codec_context.color_range = 2 if full else 1
        for name, code in tags.items():
            setattr(stream.codec_context, name, code)
        for _ in range(2):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


FORMS = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", SHARES)
@pytest.mark.parametrize("form", FORMS)
def test_colours_are_those_that_the_stream_states(tmp_path, form, matrix, full):
    write(tmp_path / "x.mp4", form, matrix, full=full)
    for frame in (
        media.read_clip(tmp_path / "x.mp4").frames[0],
        Reader(tmp_path / "x.mp4").read()[0],
    ):
        middle = frame[16, 8::16].astype(float)
        assert np.abs(middle - COLOURS).max() <= (1 if "10" in form else 2)


@pytest.mark.parametrize("form", ["yuv420p", "yuv422p", "yuv420p10le", "yuv422p10le", "yuv411p"])
def test_a_picture_of_odd_size_is_the_corner_of_the_even_one(form):
    """Chroma lies where it lies there, although its last samples reach over the edge."""
    from tkit.media.colour import ToRgb

    kind = np.uint16 if "10" in form else np.uint8
    shown = []
    for width, height in ((48, 32), (45, 31)):
        frame = av.VideoFrame(width, height, form)
        for index, plane in enumerate(frame.planes):
            steps = np.add.outer(np.arange(plane.height) * 3, np.arange(plane.width) * 4)
            samples = np.zeros((plane.height, plane.line_size // kind().itemsize), kind)
            samples[:, : plane.width] = (90 + 20 * index + steps // 4) * (4 if "10" in form else 1)
            plane.update(samples.tobytes())
        shown.append(ToRgb("x")(frame))
    even, odd = shown
    inside = np.s_[:24, :36]  # what lies behind the edge is not known there
    np.testing.assert_array_equal(odd[inside], even[inside])


@pytest.mark.parametrize(
    ("tags", "name"),
    [({"color_trc": 18}, "HLG"), ({"color_trc": 16}, "PQ"), ({"color_trc": 8}, "linear"),
     ({"color_primaries": 9}, "BT.2020")],
)  # fmt: skip
def test_other_screens_are_refused_by_name(tmp_path, tags, name):
    write(tmp_path / "x.mp4", "yuv420p10le", "2020", **tags)
    with pytest.raises(MediaError, match=f"{name}.*ffmpeg"):
        media.read_clip(tmp_path / "x.mp4")
    with pytest.raises(MediaError, match=name):
        Reader(tmp_path / "x.mp4")


def test_videos_of_pictures_are_read_as_they_were_whoever_wrote_them(tmp_path):
    """Ours, and those of everybody who hands RGB to FFmpeg."""
    face = data.astronaut()
    media.write_video(tmp_path / "ours.mp4", [face] * 2, crf=0)
    for codec, form in (("libx264", "yuv420p"), ("libx264", "yuv420p10le"), ("mpeg4", "yuv420p"),
                        ("mpeg1video", "yuv420p")):  # fmt: skip
        path = tmp_path / f"{codec}-{form}.mkv"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.options = {"crf": "2", "qmin": "1", "qmax": "1"}
            stream.width, stream.height, stream.pix_fmt = 512, 512, form
            for _ in range(2):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(face, format="rgb24")))
            container.mux(stream.encode(None))
    for path in tmp_path.iterdir():
        error = media.read_clip(path).frames[0].astype(float) - face
        assert np.abs(error.mean(axis=(0, 1))).max() < 0.2, path.name  # 1.1 darker by FFmpeg's way
        # What 4:2:0 leaves, and the coarsest of the codecs at its best.
        assert 20 * np.log10(255 / error.std()) > (37 if "mpeg1" in path.name else 39), path.name


@pytest.mark.parametrize("size", [(31, 47), (32, 48), (1, 1), (2, 3), (7, 2)])
def test_the_quick_way_is_the_exact_one_rounded(size):
    """The compiled loop against cubic interpolation and a matrix in floating point."""
    import cv2

    from tkit.media.colour import MATRICES, factors, numbers
    from tkit.media.kernels import yuv420_to_rgb

    height, width = size
    rng = np.random.default_rng(0)
    half = (height + 1) // 2, (width + 1) // 2
    luma = rng.integers(60, 190, (height, width), np.uint8)
    smooth = [cv2.GaussianBlur(rng.integers(90, 160, half, np.uint8), (9, 9), 3) for _ in "uv"]
    matrix = numbers(MATRICES[1], full=False)
    out, rows = np.empty((height, width * 3), np.uint8), np.zeros((4, width + 8), np.int16)
    yuv420_to_rgb(luma, *map(np.ascontiguousarray, smooth), factors(matrix, full=False), rows, out)
    twice, cubic = (2 * half[1], 2 * half[0]), cv2.INTER_CUBIC
    large = [cv2.resize(c.reshape(half).astype(np.float32), twice, interpolation=cubic)
             [:height, :width] for c in smooth]  # fmt: skip
    planes = np.stack([luma.astype(np.float32), *large, np.ones(size, np.float32)], axis=-1)
    exact = np.clip(planes @ matrix.T, 0, 255)
    assert np.abs(out.reshape(height, width, 3) - exact).max() < 2
