"""``tkit animate``: pictures and speech to videos."""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePath
from typing import Any

import click

from tkit.cli import _options
from tkit.errors import Fault, TkitError, UsageError
from tkit.remote import Place, name_of


@click.command(name="animate")
@click.option(
    "--image", "images", type=_options.place, multiple=True, metavar="FILE",
    help="Picture of a face, a folder of them, or a pattern (photos/*.png); may repeat.",
)  # fmt: skip
@click.option(
    "--audio", "audios", type=_options.place, multiple=True, metavar="FILE",
    help="Speech: sound or video file, a folder or a pattern; may repeat.",
)  # fmt: skip
@click.option(
    "--out", type=_options.place, required=True, metavar="F.mp4|DIR",
    help="The video; of several, their folder.",
)  # fmt: skip
@click.option(
    "--corpus", type=_options.path, metavar="F.h5",
    help="Animate a store's clips instead: first frame and sound of each, for tkit score.",
)  # fmt: skip
@click.option(
    "--root", type=_options.place, metavar="DIR", help="Where that corpus lies, as in prep."
)
@click.option(
    "--manifest", type=_options.place, metavar="F.jsonl",
    help="The list that it was prepared from, instead.",
)  # fmt: skip
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
    "--pose", metavar="auto|still|FILE",
    help="Movement of the head: as people's do who speak, none, or as in a video (or in points "
    "from tkit landmarks, .npy).  [default: auto; still with --corpus]",
)  # fmt: skip
@click.option(
    "--blink-rate", type=_options.Number(0, 3), metavar="HZ",
    help="Blinks a second.  [default: as learned]",
)  # fmt: skip
@click.option(
    "--expression", type=_options.Number(0, 3), default=1.0, show_default=True, metavar="X",
    help="How far speech moves the mouth: 0 not at all, 1 as learned.",
)  # fmt: skip
@click.option(
    "--style", type=_options.path, metavar="VIDEO",
    help="A few seconds of the person speaking: the mouth moves as far as there.",
)  # fmt: skip
@click.option(
    "--fps", type=_options.Number(1, 120), default=25.0, show_default=True,
    help="Frames a second.",
)  # fmt: skip
@click.option(
    "--max-side", type=click.IntRange(0), metavar="PX",
    help="Larger photos are made smaller first, to this longer side; 0: never.  [default: 1920; 0 "
    "with --corpus]",
)  # fmt: skip
@click.option(
    "--debug", type=_options.path, metavar="DIR",
    help="Also write landmarks, attention, colour and result of each frame side by side.",
)  # fmt: skip
@click.argument("more", nargs=-1, type=_options.place, metavar="")
@_options.front_ends
@_options.seed
@click.option(
    "--resume",
    is_flag=True,
    help="Keep the videos that an interrupted run finished, make the rest.",
)
@click.option("--strict", is_flag=True, help="Stop at the first of several that cannot be made.")
@_options.jobs
@click.option("--cluster", default="", metavar="URL", help="Dask scheduler to make several on.")
@_options.force
@_options.quiet
def command(
    images: tuple[Place, ...],
    more: tuple[Place, ...],
    audios: tuple[Place, ...],
    out: Place,
    corpus: Path | None,
    root: Place | None,
    manifest: Place | None,
    protocol: str | None,
    split: str,
    resume: bool,
    force: bool,
    strict: bool,
    jobs: int,
    cluster: str,
    debug: Path | None,
    **options: Any,
) -> None:
    """Make a still face speak: picture + sound to video.

    The video has the size of the picture (up to --max-side) and the driving sound. Of several
    pictures or sounds every picture speaks every sound, into OUT/PICTURE_SOUND.mp4. With --corpus,
    clip a/b of the corpus becomes OUT/a/b.mp4. Weights that are not given are those of runs/STAGE
    in the current folder, else the released ones. Pictures, sounds, corpus and OUT may lie at URLs
    (s3://, https://, what else fsspec knows): the process that makes a video fetches and sends its
    files.

    \b
    Example:
      tkit animate --image face.png --audio speech.wav --out talking.mp4
      tkit animate --corpus grid.h5 --split val --out preds
      tkit score --pred preds --gt $TKIT_CORPORA/grid --protocol sinha2020
    """
    if resume and force:
        raise UsageError("--resume keeps the videos that are there and --force replaces them")
    if more and not (images and audios):
        raise UsageError(f"{more[0]}: give pictures by --image and sounds by --audio")
    from tkit.media.frames import PICTURE_SUFFIXES

    # What the shell makes of a pattern stands behind the option: --image a.png b.png.
    pictures = tuple(p for p in more if PurePath(name_of(p)).suffix.lower() in PICTURE_SUFFIXES)
    images, audios = images + pictures, audios + tuple(p for p in more if p not in pictures)
    if corpus and (images or audios):
        raise UsageError("--corpus brings its own pictures and sounds; drop --image and --audio")
    if not corpus and not (images and audios):
        raise UsageError("give --image and --audio, or --corpus")
    from tkit.pipelines.animation import MAX_SIDE
    from tkit.pipelines.animation import jobs as animation

    options["pose"] = options["pose"] or ("still" if corpus else "auto")
    if options["max_side"] is None:
        options["max_side"] = 0 if corpus else MAX_SIDE
    if corpus:
        where: dict[str, Any] = {"root": root, "manifest": manifest}
        todo = animation.of_corpus(corpus, out, split_scheme=protocol, split=split, **where)
    else:
        todo = animation.of_files(images, audios, out)
    weights = {name: options.pop(name) for name in ("motion", "blink", "texture")}
    say = partial(click.echo, err=True)
    there = "keep" if resume else "replace" if force else "refuse"
    way = animation.Way(there, jobs, cluster, debug, progress=True)
    for job, made in animation.make_all(todo, weights, way, warn=say, tell=say, **options):
        if isinstance(made, Fault):
            if strict:
                raise TkitError(f"{job.name}: {made.reason} (--strict)")
            say(f"not made: {job.name}: {made.reason}")
        else:
            click.echo(f"{job.out}: {made} frames, {made / options['fps']:.2f} s")
