"""``tkit animate``: a picture and speech to a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tkit.cli import _options
from tkit.errors import NoFaceError

if TYPE_CHECKING:
    import numpy as np

FPS = 25.0
SOUND_HZ = 48000  # of the sound track: what the ear gets is not the encoder's 16 kHz


@click.command(name="animate")
@click.option(
    "--image", type=_options.path, required=True, metavar="FILE", help="Picture of a face."
)
@click.option(
    "--audio",
    type=_options.path,
    required=True,
    metavar="FILE",
    help="Speech: sound or video file.",
)
@click.option("--out", type=_options.path, required=True, metavar="F.mp4", help="The video.")
@click.option("--motion", metavar="W", help="Weight file, run folder or name in the zoo.")
@click.option("--blink", metavar="W", help="The same for the blinks.")
@click.option("--texture", metavar="W", help="The same for the texture.")
@click.option(
    "--speech-weights",
    default="",
    metavar="FILE",
    help="Weights of the speech encoder that the motion was trained on.",
)
@click.option("--crop", is_flag=True, help="Write the bare face crop instead of the picture.")
@_options.seed
@_options.force
def command(
    image: Path,
    audio: Path,
    out: Path,
    motion: str | None,
    blink: str | None,
    texture: str | None,
    speech_weights: str,
    crop: bool,
    seed: int,
    force: bool,
) -> None:
    """Make a still face speak: picture + sound to video.

    The video has 25 frames a second, the size of the picture and the driving sound. Weights that
    are not given are those of runs/STAGE in the current folder, else the released ones.

    \b
    Example:
      tkit animate --image face.png --audio speech.wav --out talking.mp4
    """
    from tkit import media
    from tkit.clips import refuse_overwrite

    refuse_overwrite(out, force=force)
    picture = media.read_image(image)
    sound = media.require_sound(media.read_audio(audio, sample_rate=SOUND_HZ), audio)
    _look_for_faces(picture, image)

    # torch takes seconds to load, which a wrong path should not cost.
    from tqdm import tqdm

    from tkit import tracking
    from tkit.pipelines import _runs
    from tkit.pipelines.animate import animate, count_frames, sample_rate

    given = {"motion": motion, "blink": blink, "texture": texture}
    stages = {name: _runs.load(name, weights) for name, weights in given.items()}
    for name, trained in stages.items():
        click.echo(f"{name}: {trained.weights.path}", err=True)
    wave = media.read_audio(audio, sample_rate=sample_rate(stages["motion"]))
    track = tracking.open_refined("dlib68")
    options = {"seed": seed, "crop": crop, "speech_weights": speech_weights}
    frames = animate(picture, wave, **stages, landmarker=track, **options)
    total = count_frames(wave, motion=stages["motion"], fps=FPS)
    bar = tqdm(frames, total=total, desc="animate", unit="frame")
    count = media.write_video(out, bar, fps=FPS, wave=sound, sample_rate=SOUND_HZ)
    click.echo(f"{out}: {count} frames, {count / FPS:.2f} s")


def _look_for_faces(picture: np.ndarray, name: Path) -> None:
    """Refuse a picture without a face; say which of several will speak."""
    from tkit.landmarks.dlib68 import find_faces

    faces = find_faces(picture)
    if not faces:
        raise NoFaceError(f"{name}: no face found; use a picture that shows one from the front")
    if len(faces) > 1:
        x, y, _ = faces[0].round().astype(int)
        click.echo(f"{name}: {len(faces)} faces; the largest speaks, at x {x}, y {y}", err=True)
