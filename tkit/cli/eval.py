"""``tkit eval``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tkit.cli import _options


@click.command()
@click.argument("stage")
@_options.stores
@click.option("--split", default="val", show_default=True, help="Split to measure on, or all.")
@click.option(
    "--weights",
    metavar="W",
    help="Weight file, run folder or name in the zoo.  [default: runs/STAGE, else the zoo's]",
)
@_options.json_file
@_options.force
def command(
    stage: str,
    data: tuple[Path, ...],
    split: str,
    weights: str | None,
    json_file: Path | None,
    force: bool,
) -> None:
    """Measure a trained stage on a store, beside the static rows.

    STAGE is motion, blink or texture. The clips of the split need not be of the corpus that the
    stage was trained on; the speech features must be. Arrows say what is better; means over the
    clips of three speakers or more have intervals.

    \b
    Example:
      tkit eval motion --data grid.h5 --split val --json motion.json
    """
    from tkit.pipelines import STAGES
    from tkit.pipelines.training import evaluate
    from tkit.report import formats

    with formats.free([json_file] if json_file else [], force=force):
        found = evaluate(stage, data, split=split, weights=weights)
        from tkit.pipelines.training import results  # torch, when nothing is left to be wrong

        if json_file != formats.STDOUT:
            shown = results.as_text(found, STAGES.get(stage), width=_options.columns())
            click.echo(shown, nl=False)
        if json_file:
            formats.save(json.dumps(found, indent=2) + "\n", json_file)
