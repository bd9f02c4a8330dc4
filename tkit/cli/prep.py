"""``tkit prep``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tkit.cli import _options

if TYPE_CHECKING:
    from tkit.remote import Place
    from tkit.tracking import FrontEnds


@click.command()
@click.argument("corpus")
@click.option(
    "--root",
    type=_options.place,
    metavar="DIR",
    help="The corpus on disk, or its URL.  [default: $TKIT_CORPORA/CORPUS; ./puppet is generated]",
)
@click.option("--out", type=_options.path, metavar="F.h5", help="The store.  [default: CORPUS.h5]")
@click.option(
    "--protocol",
    "--split",
    "protocol",
    metavar="NAME",
    help="Published split to record, or published list of the clips to use.",
)
@click.option(
    "--split-file",
    type=_options.path,
    metavar="FILE",
    help="Your own: lines of a clip or speaker and its split (alone: test); only those are used.",
)
@click.option(
    "--manifest",
    type=_options.place,
    metavar="F.jsonl|URL",
    help="Clips to use instead of what lies below --root, one JSON object a line.",
)
@click.option(
    "--speaker-from",
    default="",
    metavar="REGEX",
    help="Of folder: where in a path the speaker stands.  [default: the first sub-folder]",
)
@click.option(
    "--text-from",
    default="",
    metavar=".SUFFIX|FILE",
    help="Of folder: files beside the videos, or a table of ids and texts.  [default: .txt]",
)
@click.option(
    "--shard",
    default="",
    metavar="K/N",
    help="Only the K-th of N shares of the speakers, for a store in several files: tkit join.",
)
@_options.front_ends
@click.option("--speech", default="chars29", show_default=True, metavar="NAME")
@click.option("--speech-weights", default="", metavar="FILE", help="Weights of the speech encoder.")
@click.option(
    "--window-rate",
    type=click.Choice(["native", "video"]),
    default="native",
    show_default=True,
    help="Rows of a speech window: the encoder's own (50 Hz) or one a video frame (as VOCA).",
)
@click.option("--crops", is_flag=True, help="Store face crops, too (for the texture stage).")
@click.option(
    "--crop-size", default=128, show_default=True, metavar="PX", help="Their width and height."
)
@click.option(
    "--max-gap", default=5, show_default=True, metavar="N", help="Frames without a face to fill."
)
@click.option(
    "--max-drift",
    default=5.0,
    type=_options.Number(0),
    show_default=True,
    metavar="N",
    help="Frames that sound and picture may differ in length.",
)
@click.option(
    "--estimate",
    "only_estimate",
    is_flag=True,
    help="Prepare a few clips, say what time, memory and disk all of them will take, and stop.",
)
@click.option("--strict", is_flag=True, help="Stop at the first clip that cannot be used.")
@click.option(
    "--resume/--fresh", default=True, help="Use the parts of an interrupted run, or forget them."
)
@_options.jobs
@click.option(
    "--cluster",
    default="",
    metavar="URL|local",
    help="Work on a Dask scheduler, e.g. tcp://host:8786, whose workers see the same folders; "
    "local starts one with --jobs workers here.",
)
@click.option(
    "--parts",
    "parts_url",
    default="",
    metavar="URL",
    help="Folder, e.g. s3://bucket/parts, through which workers without these folders hand over "
    "what they made of clips at URLs.",
)
@_options.force
@_options.quiet
def command(
    corpus: str,
    root: Place | None,
    out: Path | None,
    protocol: str | None,
    split_file: Path | None,
    manifest: Path | str | None,
    speaker_from: str,
    text_from: str,
    shard: str,
    front_ends: FrontEnds,
    speech: str,
    speech_weights: str,
    window_rate: str,
    crops: bool,
    crop_size: int,
    max_gap: int,
    max_drift: float,
    only_estimate: bool,
    strict: bool,
    resume: bool,
    jobs: int,
    cluster: str,
    parts_url: str,
    force: bool,
) -> None:
    """Prepare a corpus: landmarks, speech features and crops in one store.

    CORPUS is cremad, grid, hdtf, lrs3, lrw, mead, ravdess, tcdtimit, voxceleb2, folder (any videos
    with sound) or puppet (generated when it is not there).

    \b
    Example:
      tkit prep grid --root /data/grid --out grid.h5 --crops --jobs 2 --estimate
      tkit prep grid --root /data/grid --out grid.h5 --crops --jobs 2
    """
    from tkit.files import refuse_overwrite
    from tkit.prep import Settings, Source, estimate, prepare

    settings = Settings(
        front_ends,
        speech,
        crops,
        max_gap=max_gap,
        max_drift=max_drift,
        speech_weights=speech_weights,
        window_rate=window_rate,
        crop_size=crop_size,
    )
    if only_estimate:
        source = Source(
            corpus, root, protocol, manifest, split_file, speaker_from, text_from, shard
        )
        click.echo(estimate(source, settings, jobs=jobs, progress=True).as_text())
        return
    out = refuse_overwrite(out or Path(f"{corpus}.h5"), force=force)
    summary = prepare(
        corpus,
        root,
        out,
        settings=settings,
        split_scheme=protocol,
        split_file=split_file,
        manifest=manifest,
        speaker_from=speaker_from,
        text_from=text_from,
        shard=shard,
        jobs=jobs,
        cluster=cluster,
        parts_url=parts_url,
        fresh=not resume,
        strict=strict,
        progress=True,
    )
    if summary.failed:
        click.echo(
            f"{len(summary.failed)} clips are missing for want of memory, by dead workers or by "
            "servers that did not answer; run again with --force to try them: the others are kept "
            f"in {out}.parts",
            err=True,
        )
    reasons = Counter(reject.reason for reject in summary.rejects)
    for reason, count in reasons.most_common(10):
        click.echo(f"rejected {count}: {reason}", err=True)
    for remark in summary.notes[:10]:
        click.echo(f"note: {remark.id}: {remark.text}", err=True)
    if len(summary.notes) > 10:
        click.echo(f"and {len(summary.notes) - 10} more notes: tkit check {out}", err=True)
    if summary.missing:
        first = ", ".join(summary.missing[:3]) + (", …" if len(summary.missing) > 3 else "")
        click.echo(f"{len(summary.missing)} listed but not on disk: {first}", err=True)
    splits = ", ".join(f"{count} {name or 'in no split'}" for name, count in summary.splits.items())
    click.echo(
        f"{out}: {summary.clips} clips of {summary.speakers} speakers, {summary.frames} frames "
        f"({splits}); {len(summary.rejects)} rejected"
    )
