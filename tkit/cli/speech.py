"""``tkit speech``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.command()
@click.argument("wav", type=_options.path)
@click.option("--encoder", default="chars29", show_default=True, metavar="NAME")
@click.option(
    "--weights",
    "--speech-weights",
    "weights",
    metavar="FILE",
    help="Weights of the encoder, for those that take some.",
)
@click.option("--out", type=_options.path, metavar="F.npy", help="Write the features, (N, D).")
@click.option("--plot", type=_options.path, metavar="F.png", help="Draw the features over time.")
@_options.force
def command(
    wav: Path,
    encoder: str,
    weights: str | None,
    out: Path | None,
    plot: Path | None,
    force: bool,
) -> None:
    """Encode speech and print what was heard: does this front end work?

    WAV is any file with sound. Encoders of characters or phones print the best symbol of every row,
    without a language model.

    \b
    Example:
      tkit speech hello.wav
      tkit speech hello.wav --encoder phones --plot phones.png --out phones.npy
    """
    import numpy as np

    from tkit.files import atomic_path, refuse_overwrite, require_path
    from tkit.media import read_audio, require_audible, stream_audio
    from tkit.report import plots
    from tkit.speech import ENCODERS
    from tkit.speech.symbols import greedy

    for path in (out, plot):
        if path is not None:
            refuse_overwrite(path, force=force)
    entry = ENCODERS.get(encoder)
    require_path(wav, "sound file")
    encode = entry.load(weights)
    require_audible(wav)
    if stream := getattr(encode, "stream", None):  # long sound is not kept
        pieces = (piece for (piece,) in stream_audio(wav, entry.sample_rate))
        features = np.concatenate(list(stream(pieces)))
    else:
        features = encode(read_audio(wav, sample_rate=entry.sample_rate))
    symbols = getattr(encode, "symbols", None)
    if symbols is not None:
        click.echo(greedy(features, symbols))
    info = encode.info
    click.echo(
        f"{wav}: {features.shape[0]} rows of {features.shape[1]} at {info.rate_hz:g} Hz "
        f"({info.signature})" + ("" if symbols else "; this encoder has no transcript"),
        err=True,
    )
    if out is not None:
        with atomic_path(out) as temporary:
            np.save(temporary, features)
    if plot is not None:
        plots.speech(plot, features, info, symbols)
