"""Filters of ffmpeg that compare two videos: run as a program, in the binary of imageio-ffmpeg.

The binary is under the GPLv3 and never linked. Pictures go to it by files of raw RGB, in a folder
that is gone afterwards; it turns them to 8-bit 4:2:0 BT.601 of limited range, which the models were
made for.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.metrics import Network
from tkit.metrics.pictures import matched

_YUV = "scale=out_color_matrix=bt601:out_range=tv,format=yuv420p"


def _open() -> str:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise UsageError(
            "this metric needs the ffmpeg of imageio-ffmpeg: "
            "pip install 'talking-face-toolkit[quality]'"
        ) from error
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise UsageError(f"imageio-ffmpeg has no ffmpeg for this machine ({error})") from error


FFMPEG = Network(
    name="ffmpeg",
    title="ffmpeg with libvmaf, from the package imageio-ffmpeg",
    open=_open,
    signature="ffmpeg",
    licence="GPLv3; run as a program, never linked",
)


def compare(
    filter_: str, *, pred: np.ndarray, gt: np.ndarray, fps: float = 25.0, first: str = "pred"
) -> str:
    """Run a filter that writes ``log`` in its folder; return what it wrote.

    Parameters
    ----------
    filter_ : str
        Of two inputs.
    pred, gt : ndarray (T, H, W, 3), uint8 RGB
    fps : float
        Frames a second.
    first : {"pred", "gt"}
        The filter's first input.

    Raises
    ------
    ScoreError
        If the two do not fit each other, or ffmpeg refuses them; its last line is the reason.
    UsageError
        If there is no ffmpeg, or one without the filter.
    """
    pred, gt = matched(pred, gt, "rgb")
    program = FFMPEG.load()
    with tempfile.TemporaryDirectory(prefix="tkit-") as place:
        folder = Path(place)
        command = [program, "-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1"]
        for name, frames in (("pred", pred), ("gt", gt)):
            np.ascontiguousarray(frames).tofile(folder / name)
            size = f"{frames.shape[2]}x{frames.shape[1]}"
            command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", f"{fps:.6f}"]
            command += ["-i", name]
        second = "gt" if first == "pred" else "pred"
        graph = f"[0:v]{_YUV}[pred];[1:v]{_YUV}[gt];[{first}][{second}]{filter_}"
        command += ["-filter_complex_threads", "1", "-lavfi", graph, "-f", "null", "-"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        if "No such filter" in done.stderr or "not found" in done.stderr:
            raise UsageError(f"{program} cannot do this: {said}")
        log = folder / "log"
        if done.returncode or not log.is_file():
            raise ScoreError(f"ffmpeg cannot measure this clip: {said}")
        return log.read_text(encoding="utf-8")


def vmaf_means(options: str, *names: str, pred: np.ndarray, gt: np.ndarray) -> list[float]:
    """Means over frames of values that libvmaf logs with ``options``."""
    import json

    filter_ = f"libvmaf={options}:n_threads=1:log_fmt=json:log_path=log"
    frames = json.loads(compare(filter_, pred=pred, gt=gt))["frames"]
    if len(frames) != len(gt):
        raise ScoreError(f"ffmpeg measured {len(frames)} of {len(gt)} frames")
    return [float(np.mean([frame["metrics"][name] for frame in frames])) for name in names]
