"""Quality by filters and information: against ffmpeg's own numbers, formulas and known pictures."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from tkit.errors import ScoreError, UsageError
from tkit.metrics import METRICS
from tkit.metrics.pictures import to_gray


@pytest.fixture(scope="module")
def program():
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="needs imageio-ffmpeg")
    return ffmpeg.get_ffmpeg_exe()


def pair(n_frames=6, side=(120, 160)):
    """A photo that moves, and the same blurred by two pixels and noisy."""
    from skimage import data

    gt = np.stack([data.astronaut()[60 + t : 60 + t + side[0], 140 : 140 + side[1]]
                   for t in range(n_frames)])  # fmt: skip
    blurred = (gt + np.roll(gt, 1, axis=2).astype(float)) / 2
    noisy = blurred + np.random.default_rng(0).normal(0, 5, gt.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), gt


def value(name, **given):
    return METRICS.get(name)(**given)


def run(program, folder, arguments):
    done = subprocess.run(
        [program, "-hide_banner", "-nostdin", *arguments, "-f", "null", "-"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr


def as_pictures(folder, **sides):
    """Write PNG files, a way to ffmpeg that the metric does not take; return its arguments."""
    import cv2

    inputs = []
    for name, frames in sides.items():
        for t, frame in enumerate(frames):
            cv2.imwrite(str(folder / f"{name}{t:03d}.png"), frame[..., ::-1])
        inputs += ["-framerate", "25", "-i", f"{name}%03d.png"]
    return inputs


TO_YUV = "scale=out_color_matrix=bt601:out_range=tv,format=yuv420p"


def test_vmaf_is_the_filters(program, tmp_path):
    pred, gt = pair()
    inputs = as_pictures(tmp_path, pred=pred, gt=gt)
    for name, model in (("vmaf", "vmaf_v0.6.1"), ("vmaf-neg", "vmaf_v0.6.1neg")):
        graph = f"[0]{TO_YUV}[a];[1]{TO_YUV}[b];[a][b]libvmaf=model=version={model}"
        run(program, tmp_path, [*inputs, "-lavfi", f"{graph}:log_fmt=json:log_path=log"])
        pooled = json.loads((tmp_path / "log").read_text())["pooled_metrics"]["vmaf"]
        assert value(name, pred=pred, gt=gt) == pytest.approx(pooled["mean"], abs=1e-5)


def test_xpsnr_is_the_filters(program, tmp_path):
    pred, gt = pair()
    inputs = as_pictures(tmp_path, gt=gt, pred=pred)
    graph = f"[0]{TO_YUV}[a];[1]{TO_YUV}[b];[a][b]xpsnr"
    said = run(program, tmp_path, [*inputs, "-lavfi", graph])
    expected = float(re.search(r"XPSNR +y: (\S+)", said)[1])
    assert value("xpsnr", pred=pred, gt=gt) == pytest.approx(expected, abs=1e-4)


def luma(program, folder, frames):
    """8-bit luma of limited range, as the filters see it."""
    inputs = as_pictures(folder, some=frames)
    run(program, folder, [*inputs, "-vf", f"{TO_YUV},extractplanes=y", "-f", "rawvideo", "-y", "y"])
    return np.fromfile(folder / "y", np.uint8).reshape(frames.shape[:3]).astype(float)


def vif_by_formula(pred, gt):
    """Sheikh and Bovik's, in the pixel domain, with libvmaf's borders and flat places."""
    from scipy.ndimage import correlate1d

    ratio, n0 = [0.0, 0.0], 2.0
    for size in (17, 9, 5, 3):
        taps = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * (size / 5) ** 2))
        taps /= taps.sum()

        def smooth(x, taps=taps):
            return correlate1d(correlate1d(x, taps, 0, mode="mirror"), taps, 1, mode="mirror")

        if size < 17:
            pred, gt = (smooth(x)[::2, ::2][: x.shape[0] // 2, : x.shape[1] // 2]
                        for x in (pred, gt))  # fmt: skip
        mean_g, mean_p = smooth(gt), smooth(pred)
        var_g = np.maximum(smooth(gt * gt) - mean_g**2, 0)
        var_p = np.maximum(smooth(pred * pred) - mean_p**2, 0)
        cov = smooth(gt * pred) - mean_g * mean_p
        gain = cov / (var_g + 1e-10)
        rest = var_p - gain * cov
        rest = np.where(gain < 0, var_p, rest)
        gain = np.maximum(gain, 0)
        told = np.log2(1 + gain**2 * var_g / (np.maximum(rest, 1e-10) + n0))
        there = np.log2(1 + var_g / n0)
        flat = var_g < n0
        told = np.where(flat, 1 - var_p * 4 / 255**2, np.where(cov < 0, 0, told))
        ratio[0] += told.sum()
        ratio[1] += np.where(flat, 1, there).sum()
    return ratio[0] / ratio[1]


def test_vif_is_the_formula(program, tmp_path):
    pred, gt = pair(n_frames=2, side=(128, 160))
    ys = [luma(program, tmp_path, frames) for frames in (pred, gt)]
    expected = np.mean([vif_by_formula(p, g) for p, g in zip(*ys, strict=True)])
    assert value("vif", pred=pred, gt=gt) == pytest.approx(expected, abs=1e-4)
    assert value("vif", pred=gt, gt=gt) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", ["vmaf", "vif", "xpsnr"])
def test_a_clip_that_ffmpeg_refuses_is_said(program, name):
    gt = np.zeros((2, 4, 6, 3), np.uint8)
    try:
        assert np.isfinite(value(name, pred=gt + 9, gt=gt))
    except ScoreError as error:
        assert "ffmpeg" in str(error) and "\n" not in str(error)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    gt = np.zeros((2, 32, 32, 3), np.uint8)
    for name in ("vmaf", "vif", "xpsnr"):
        with pytest.raises(UsageError, match=r"pip install 'talking-face-toolkit\[quality\]'$"):
            value(name, pred=gt, gt=gt)


def test_spatial_and_temporal_information_are_ffmpegs(program, tmp_path):
    gray = to_gray(pair()[0])
    gray.tofile(tmp_path / "gray")
    source = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{gray.shape[2]}x{gray.shape[1]}"]
    show = "siti=print_summary=1"
    said = run(program, tmp_path, [*source, "-i", "gray", "-vf", show])
    for name, title in (("si", "Spatial"), ("ti", "Temporal")):
        # The last summary: of a filter that ffmpeg made before, which saw nothing, comes another.
        summary = rf"{title} Information:\s*\n.*?Average: (\S+)\s*\n.*?Max: (\S+)"
        average, most = re.findall(summary, said)[-1]
        assert value(name, pred=gray, gt=gray) == pytest.approx(float(most), abs=1e-4)
        mean = value(name, pred=gray, gt=gray, pool="mean")
        # Its average of changes counts the first picture, which has none.
        steps = len(gray) - 1 if name == "ti" else len(gray)
        assert mean * steps / len(gray) == pytest.approx(float(average), abs=1e-4)


def test_information_of_drawn_pictures():
    ramp = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[None], 12, axis=0)[None]
    assert value("si", pred=ramp, gt=ramp) == 0  # the same slope everywhere
    flash = np.zeros((2, 8, 8), np.uint8)
    flash[1, :, ::2] = 200
    assert value("ti", pred=flash, gt=flash) == 100
    with pytest.raises(ScoreError, match="a single frame has no temporal information"):
        value("ti", pred=ramp, gt=ramp)
    with pytest.raises(ScoreError, match="of 20 x 2 pixels have no gradient"):
        value("si", pred=ramp[:, :2], gt=ramp[:, :2])
