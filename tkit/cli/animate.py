"""``tkit animate``: pictures and speech to videos."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tkit.cli import _options
from tkit.errors import NoFaceError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from tkit.pipelines.animation.jobs import Job

CRF = 8  # H.264's constant quality: such videos are measured, and compression shall not count
SOUND_HZ = 48000  # of the sound track: what the ear gets is not the encoder's 16 kHz


@click.command(name="animate")
@click.option(
    "--image", "images", type=_options.path, multiple=True, metavar="FILE",
    help="Picture of a face; may repeat.",
)  # fmt: skip
@click.option(
    "--audio", "audios", type=_options.path, multiple=True, metavar="FILE",
    help="Speech: sound or video file; may repeat.",
)  # fmt: skip
@click.option(
    "--out", type=_options.path, required=True, metavar="F.mp4|DIR",
    help="The video; of several, their folder.",
)  # fmt: skip
@click.option(
    "--corpus", type=_options.path, metavar="F.h5",
    help="Animate a store's clips instead: first frame and sound of each, for tkit score.",
)  # fmt: skip
@click.option(
    "--root", type=_options.path, metavar="DIR", help="Where that corpus lies, as in prep."
)
@click.option("--protocol", metavar="NAME", help="How it is split.  [default: as in the store]")
@click.option("--split", default="test", show_default=True, help="Which of its clips.")
@click.option("--motion", metavar="W", help="Weight file, run folder or name in the zoo.")
@click.option("--blink", metavar="W", help="The same for the blinks.")
@click.option("--texture", metavar="W", help="The same for the texture.")
@click.option(
    "--speech-weights", default="", metavar="FILE",
    help="Weights of the speech encoder that the motion was trained on.",
)  # fmt: skip
@click.option("--crop", is_flag=True, help="Write the bare face crop instead of the picture.")
@click.option(
    "--pose", default="still", show_default=True, metavar="still|FILE",
    help="Movement of the head: none, or as in a video (or in points from tkit landmarks, .npy).",
)  # fmt: skip
@click.option(
    "--blink-rate", type=click.FloatRange(0, 3), metavar="HZ",
    help="Blinks a second.  [default: as learned]",
)  # fmt: skip
@click.option(
    "--fps", type=click.FloatRange(1, 120), default=25.0, show_default=True,
    help="Frames a second.",
)  # fmt: skip
@click.option(
    "--debug", type=_options.path, metavar="DIR",
    help="Also write landmarks, attention, colour and result of each frame side by side.",
)  # fmt: skip
@_options.seed
@_options.force
def command(
    images: tuple[Path, ...],
    audios: tuple[Path, ...],
    out: Path,
    corpus: Path | None,
    root: Path | None,
    protocol: str | None,
    split: str,
    force: bool,
    debug: Path | None,
    pose: str,
    **options: Any,
) -> None:
    """Make a still face speak: picture + sound to video.

    The video has the size of the picture and the driving sound. Of several pictures or sounds every
    picture speaks every sound, into OUT/PICTURE_SOUND.mp4. With --corpus, clip a/b of the corpus
    becomes OUT/a/b.mp4. Weights that are not given are those of runs/STAGE in the current folder,
    else the released ones.

    \b
    Example:
      tkit animate --image face.png --audio speech.wav --out talking.mp4
      tkit animate --corpus grid.h5 --split val --out preds
      tkit score --pred preds --gt $TKIT_CORPORA/grid --protocol sinha2020
    """
    jobs = _list(images, audios, out, corpus, root, protocol, split)
    from tkit.files import refuse_overwrite
    from tkit.seeds import stable_seed

    for job in jobs:
        refuse_overwrite(job.out, force=force)
    if not corpus:
        _look_at_inputs(images, audios)
    studio = _open(pose, options)
    if len(jobs) == 1 and not corpus:
        _make(jobs[0], studio, debug)
        return
    for job in jobs:  # each blinks in its own way, in any selection
        name = job.out.relative_to(out).with_suffix("").as_posix()
        own = {"seed": stable_seed(studio["seed"], name)}
        _make(job, studio | own, debug / name if debug else None)


def _list(
    images: tuple[Path, ...],
    audios: tuple[Path, ...],
    out: Path,
    corpus: Path | None,
    root: Path | None,
    protocol: str | None,
    split: str,
) -> list[Job]:
    """List what is to be made, before anything that takes time."""
    from tkit.pipelines.animation.jobs import Job, of_corpus

    if corpus:
        if images or audios:
            raise UsageError(
                "--corpus brings its own pictures and sounds; drop --image and --audio"
            )
        return of_corpus(corpus, out, root=root, protocol=protocol, split=split)
    if not images or not audios:
        raise UsageError("give --image and --audio, or --corpus")
    if len(images) == len(audios) == 1:
        return [Job(images[0], audios[0], out)]
    jobs = [Job(i, a, out / f"{i.stem}_{a.stem}.mp4") for i, a in product(images, audios)]
    if len({job.out for job in jobs}) < len(jobs):
        raise UsageError("two pictures or two sounds have the same name: their videos would, too")
    return jobs


def _look_at_inputs(images: tuple[Path, ...], audios: tuple[Path, ...]) -> None:
    """Refuse what cannot be animated before torch is loaded, which takes seconds."""
    from tkit import media

    for image in images:
        _look_for_faces(media.read_image(image), image)
    for audio in audios:
        media.require_sound(media.read_audio(audio, sample_rate=SOUND_HZ), audio)


def _open(pose: str, options: dict[str, Any]) -> dict[str, Any]:
    """Load the stages and the landmark back-end: the keyword arguments of ``animate``."""
    from tkit import tracking
    from tkit.pipelines.training import runs

    for name in ("motion", "blink", "texture"):
        options[name] = runs.load(name, options[name])
        click.echo(f"{name}: {options[name].weights.path}", err=True)
    options["landmarker"] = tracking.FrontEnds().refined()
    options["head"] = None if pose == "still" else _head(Path(pose), options["landmarker"])
    return options


def _head(path: Path, landmarker: Any) -> np.ndarray:
    """Read the movement of a head from a video, or from points that were found in one."""
    import numpy as np

    from tkit import media, tracking
    from tkit.files import require_path
    from tkit.pipelines.animation.moves import head_moves

    if path.suffix == ".npy":
        points = np.load(require_path(path, "file of points"))
        if points.ndim != 3 or points.shape[1:] != (68, 2) or not np.isfinite(points).all():
            raise UsageError(f"{path}: not points (T, 68, 2) as tkit landmarks writes them")
        return head_moves(points)
    clip = media.read_clip(require_path(path, "video"))
    return head_moves(tracking.track_clip(clip, landmarker, video=str(path), max_gap=10).points)


def _make(job: Job, options: dict[str, Any], debug: Path | None) -> None:
    """Make one video."""
    import numpy as np
    from tqdm import tqdm

    from tkit import media
    from tkit.pipelines.animation import animate
    from tkit.pipelines.animation.maps import Writer
    from tkit.pipelines.animation.moves import count_frames, sample_rate

    picture = job.picture()
    sound = media.require_sound(media.read_audio(job.audio, sample_rate=SOUND_HZ), job.audio)
    wave = media.read_audio(job.audio, sample_rate=sample_rate(options["motion"]))
    watch = Writer(debug) if debug else None
    fps = options["fps"]
    if job.n_frames:  # the sound of a video often ends a little before its picture
        missing = round(job.n_frames / fps * sample_rate(options["motion"])) - len(wave)
        wave = np.pad(wave, (0, max(missing, 0)))
    frames = animate(picture, wave, **options, watch=watch)
    total = job.n_frames or count_frames(wave, motion=options["motion"], fps=fps)
    taken = (frame for frame, _ in zip(frames, range(total), strict=False))
    job.out.parent.mkdir(parents=True, exist_ok=True)
    bar = tqdm(taken, total=total, desc=job.out.stem, unit="frame")
    count = media.write_video(job.out, bar, fps=fps, wave=sound, sample_rate=SOUND_HZ, crf=CRF)
    click.echo(f"{job.out}: {count} frames, {count / fps:.2f} s")


def _look_for_faces(picture: np.ndarray, name: Path) -> None:
    """Refuse a picture without a face; say which of several will speak."""
    from tkit.landmarks.dlib68 import find_faces

    faces = find_faces(picture)
    if not faces:
        raise NoFaceError(f"{name}: no face found; use a picture that shows one from the front")
    if len(faces) > 1:
        x, y, _ = faces[0].round().astype(int)
        click.echo(f"{name}: {len(faces)} faces; the largest speaks, at x {x}, y {y}", err=True)
