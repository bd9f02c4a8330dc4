"""Prepare and score 200 clips of which 30 are odd and 30 are useless: what is right in the end?

Of 140 plain clips of a second, 30 are written once more as people have them: mirrored or turned by
the display matrix, with pixels that are not square, of variable rate, in 10 bits, by other codecs.
30 more cannot be used. Prints of each kind how many are in the store and how far their points are
from those of their plain twins, in percent of the distance of the eyes; their PSNR against the
twins, beside that of the twins written once more (again); and the reasons of the rejected.

    python benchmarks/odd_clips.py                  # puppets
    python benchmarks/odd_clips.py --root GRID      # or GRID's clips
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from scipy.io import wavfile

import tkit
from tkit import media
from tkit.clips import Clip
from tkit.corpora import CORPORA, puppet
from tkit.face import geometry
from tkit.report import Report
from tkit.store import Row, Store

SOURCES, LENGTH = 14, 25  # clips that all are cut from, frames of each clip
NEAR = 3.0  # percent of the distance of the eyes; what a new writing of the same pixels may move
ONE = 1 << 16
RATE_HZ = 16000
Frames = np.ndarray


def main() -> None:
    """Write the clips, prepare and score them, and print what is right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="clips of GRID; puppets if not given")
    parser.add_argument("--plain", type=int, default=140, help="plain clips")
    parser.add_argument("--odd", type=int, default=5, help="of each kind")
    parser.add_argument("--bad", type=int, default=3, help="of each kind")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder that stays")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        corpus = folder / "corpus"
        if not corpus.exists():
            write_all(given, corpus, folder / "again", list(sources(given.root, folder)))
        report = tkit.prepare(
            "folder", corpus, folder / "x.h5", speech="logmel", jobs=given.jobs, progress=True
        )
        scores = tkit.score(
            {"odd": corpus / "odd", "again": folder / "again"}, corpus / "plain",
            metrics=["psnr"], rows=[], jobs=given.jobs, progress=True,
        )  # fmt: skip
        with Store(folder / "x.h5") as store:
            right = show_odd(given, store, scores)
        print(f"\nclips that are right: {right} of {given.plain + given.odd * len(ODD)}")
        print(f"clips rejected: {len(report.rejects)} of {given.bad * len(BAD)}")
        for one in sorted(report.rejects, key=lambda one: one.id):
            print(f"  {one.id}: {one.reason[:100]}")


def sources(root: Path | None, folder: Path) -> Iterable[media.Media]:
    """Decode the clips that all are cut from."""
    if root is None:
        puppet.generate(folder / "puppet", speakers=4, clips=4, jobs=2)
        found = puppet.scan(folder / "puppet")
    else:
        found = CORPORA.get("grid").scan(root)
    clips = (one for one in found if isinstance(one, Clip))
    return (media.read_clip(one.video) for one in islice(clips, SOURCES))


def write_all(
    given: argparse.Namespace, corpus: Path, again: Path, seen: list[media.Media]
) -> None:
    """Write plain, odd and useless clips; their numbers are those of the plain twins."""
    kinds = [kind for kind in ODD for _ in range(given.odd)]
    useless = [kind for kind in BAD for _ in range(given.bad)]
    for number in range(given.plain):
        source = seen[number % SOURCES]
        start = number // SOURCES * 5
        frames = source.frames[start : start + LENGTH]
        ratio = RATE_HZ // 25
        wave = source.wave[start * ratio : (start + LENGTH) * ratio]
        plain = corpus / "plain" / f"{number:03}.mp4"
        media.write_video(plain, frames, wave=wave, crf=12)
        # Twins in all but the way they are written: of the pixels that the plain file shows.
        shown = media.read_clip(plain).frames
        if number < len(kinds):
            ODD[kinds[number]](corpus / "odd" / f"{number:03}", shown, wave)
            media.write_video(again / f"{number:03}.mp4", shown, wave=wave, crf=12)
        if (place := number - given.plain + len(useless)) >= 0:  # of the last
            path = corpus / "bad" / f"{number:03}.mp4"
            path.parent.mkdir(exist_ok=True)
            BAD[useless[place]](path, plain, shown, wave)


def write(
    path: Path,
    images: Iterable[np.ndarray],
    wave: np.ndarray | None,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    matrix: tuple[int, int, int, int] | None = None,
    ratio: Fraction | None = None,
    stamps: Iterable[int] = range(LENGTH),
) -> None:
    """Write a file as other programs do.

    Parameters
    ----------
    matrix : tuple, optional
        a, b, c, d of the display matrix (ISO 14496-12).
    ratio : Fraction, optional
        How much wider than high a pixel is.
    stamps : iterable of int
        Of the frames, in 1/25 s.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    best = {"mpeg4": {"qscale": "2"}, "mjpeg": {"qscale": "2"}, "libvpx-vp9": {"crf": "10"}}
    options = best.get(codec, {"crf": "10", "bf": "0", "x265-params": "log-level=error"})
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25, options=options)
        video.pix_fmt = pixels
        video.time_base = video.codec_context.time_base = Fraction(1, 25)
        if codec in ("mpeg4", "mjpeg"):
            video.codec_context.bit_rate = 8_000_000
        images = list(images)
        video.height, video.width = images[0].shape[:2]
        if ratio:
            video.codec_context.sample_aspect_ratio = ratio
        if matrix:
            a, b, c, d = (ONE * value for value in matrix)
            video.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        # AAC begins before zero, which AVI makes up for by a hole in the picture.
        sound_codec = {".webm": "libopus", ".avi": "pcm_s16le"}.get(path.suffix, "aac")
        sound_rate = 48000 if sound_codec == "libopus" else RATE_HZ
        sound = None
        if wave is not None:
            sound = container.add_stream(sound_codec, rate=sound_rate)
            sound.layout = "mono"
        for image, stamp in zip(images, stamps, strict=False):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame = frame.reformat(format=pixels, dst_colorspace="ITU601")
            frame.pts, frame.time_base = stamp, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _write_sound(container, sound, wave, sound_rate)


def _write_sound(container: av.container.OutputContainer, track, wave, rate) -> None:
    times = np.arange(len(wave) * rate // RATE_HZ) * RATE_HZ / rate
    samples = np.interp(times, np.arange(len(wave)), wave).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    resampler = av.AudioResampler(track.format, "mono", rate, track.frame_size or 1024)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(track.encode(piece))
    container.mux(track.encode(None))


# -- odd, but what a player shows is the plain clip ---------------------------------------------


def mirrored(path: Path, frames: Frames, wave: np.ndarray) -> None:
    write(path.with_suffix(".mp4"), frames[:, :, ::-1], wave, matrix=(-1, 0, 0, 1))


def turned(path: Path, frames: Frames, wave: np.ndarray) -> None:
    lying = np.rot90(frames, 1, axes=(1, 2))
    write(path.with_suffix(".mov"), lying, wave, matrix=(0, 1, -1, 0))


def anamorphic(path: Path, frames: Frames, wave: np.ndarray) -> None:
    height, width = frames.shape[1:3]
    narrow = width * 3 // 8 * 2
    squeezed = [cv2.resize(one, (narrow, height), interpolation=cv2.INTER_AREA) for one in frames]
    write(path.with_suffix(".mp4"), squeezed, wave, ratio=Fraction(width, narrow))


def variable(path: Path, frames: Frames, wave: np.ndarray) -> None:
    kept = [number for number in range(LENGTH) if number % 7 not in (1, 4)]
    write(path.with_suffix(".mkv"), frames[kept], wave, stamps=kept)


def ten_bits(path: Path, frames: Frames, wave: np.ndarray) -> None:
    write(path.with_suffix(".mkv"), frames, wave, codec="libx265", pixels="yuv420p10le")


def other_codecs(path: Path, frames: Frames, wave: np.ndarray) -> None:
    ways = [
        (".mkv", "mpeg4", "yuv420p"), (".webm", "libvpx-vp9", "yuv420p"),
        (".mov", "mjpeg", "yuvj420p"), (".mp4", "libx265", "yuv420p"), (".avi", "ffv1", "yuv444p"),
    ]  # fmt: skip
    suffix, codec, pixels = ways[int(path.name) % len(ways)]
    write(path.with_suffix(suffix), frames, wave, codec=codec, pixels=pixels)


# -- useless, each for a reason of its own ------------------------------------------------------


def cut_short(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    whole = plain.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def no_picture(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        _write_sound(container, container.add_stream("aac", rate=RATE_HZ), wave, RATE_HZ)


def no_face(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    media.write_video(path, np.full_like(frames, 90), wave=wave)


def no_bytes(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    path.touch()


def a_text(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    path.write_text("this is not a video\n" * 100)


def same_name(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    shutil.copy(plain, plain.with_suffix(".m4v"))


def no_sound(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    media.write_video(path, frames)


def nan_sound(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    media.write_video(path, frames)
    broken = wave.astype(np.float32)
    broken[4000] = np.nan
    wavfile.write(path.with_suffix(".wav"), RATE_HZ, broken)


def silence(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    media.write_video(path, frames, wave=np.zeros_like(wave))


def jump(path: Path, plain: Path, frames: Frames, wave: np.ndarray) -> None:
    stamps = [number + 25 * 3600 * (number > 12) for number in range(LENGTH)]
    write(path, frames, wave, stamps=stamps)


def of(*functions: Callable[..., None]) -> dict[str, Callable[..., None]]:
    return {function.__name__.replace("_", " "): function for function in functions}


ODD = of(mirrored, turned, anamorphic, variable, ten_bits, other_codecs)
BAD = of(cut_short, no_picture, no_face, no_bytes, a_text, same_name, no_sound, nan_sound,
         silence, jump)  # fmt: skip


# -- what became of them ------------------------------------------------------------------------


def show_odd(given: argparse.Namespace, store: Store, scores: Report) -> int:
    """Print the odd clips by kind; return how many clips of the store are right."""
    clips = {row.id: row for row in store.clips}
    found = {(one.method, one.clip): one.value for one in scores.clips}
    plain = sum(name.startswith("plain/") and row.n_frames == LENGTH for name, row in clips.items())
    print(f"plain: {plain} of {given.plain} in the store")
    print(f"\n{'':14}in the store  near  points off %: median, most  PSNR dB: odd, again (least)")
    right = plain
    for place, kind in enumerate(ODD):
        numbers = [f"{place * given.odd + one:03}" for one in range(given.odd)]
        there = [one for one in numbers if f"odd/{one}" in clips]
        off = [distance(store, clips, one) for one in there]
        near = sum(one < NEAR for one in off)
        right += near
        psnr = [[found.get((way, one), np.nan) for one in numbers] for way in ("odd", "again")]
        print(
            f"{kind:14}{len(there):12}{near:6}{np.median(off or np.nan):15.2f}, "
            f"{max(off, default=np.nan):4.2f}{min(psnr[0]):19.1f}, {min(psnr[1]):.1f}"
        )
    return right


def distance(store: Store, clips: dict[str, Row], number: str) -> float:
    """Mean distance of the points of a clip and its plain twin where both have some, in percent."""
    odd, plain = clips[f"odd/{number}"], clips[f"plain/{number}"]
    if odd.n_frames != plain.n_frames:
        return np.inf
    both = store["valid"][odd.frames] & store["valid"][plain.frames]
    points = [store["points"][one.frames][both] for one in (odd, plain)]
    away = np.linalg.norm(points[0] - points[1], axis=-1).mean()
    return float(100 * away / geometry.inter_ocular(points[1]).mean())


if __name__ == "__main__":
    main()
