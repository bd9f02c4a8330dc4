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

    from tkit.files import refuse_overwrite, require_path
    from tkit.media import SoundPieces, require_audible
    from tkit.report import plots
    from tkit.speech import ENCODERS
    from tkit.speech.pieces import written
    from tkit.speech.symbols import spelled

    for path in (out, plot):
        if path is not None:
            refuse_overwrite(path, force=force)
    entry = ENCODERS.get(encoder)
    require_path(wav, "sound file")
    encode = entry.load(weights)
    require_audible(wav)
    symbols = getattr(encode, "symbols", None)
    count, best, drawn = 0, [], []
    with written(out) as file:
        for rows in encode.stream(SoundPieces(wav, entry.sample_rate)):  # never kept together
            count += len(rows)
            best += [rows.argmax(axis=1)] if symbols is not None else []
            drawn += [rows] if plot is not None else []
            if file is not None:
                file.add(rows)
        if symbols is not None:
            click.echo(spelled(np.concatenate(best), symbols))
        info = encode.info
        click.echo(
            f"{wav}: {count} rows of {info.dim} at {info.rate_hz:g} Hz "
            f"({info.signature})" + ("" if symbols else "; this encoder has no transcript"),
            err=True,
        )
    if plot is not None:
        plots.speech(plot, np.concatenate(drawn), info, symbols)
