"""``tkit zoo``."""

from __future__ import annotations

from pathlib import Path

import click

from tkit.cli import _options


@click.group()
def command() -> None:
    """List, describe, verify and export the released weights.

    \b
    Example:
      tkit zoo list
      tkit zoo info motion
      tkit zoo verify
      tkit zoo add deepspeech deepspeech-0.9.3-models.pbmm
      tkit zoo export motion --out motion.onnx
    """


@command.command("list")
def list_() -> None:
    """List the released weights, what they are for, and their licences.

    \b
    Example:
      tkit zoo list
    """
    from tkit.report import tables
    from tkit.zoo.released import cards

    found, rows = cards.released(), []
    for name, path in found.items():
        card = cards.read_card(cards.card_path(name))
        size = f"{path.stat().st_size / 1e6:5.2f} MB"
        rows.append([name, size, f"{card.intended_use.rstrip('.')}. Licence: {card.licence}"])
    for line in tables.listed(rows, width=_options.columns()) if rows else []:
        click.echo(line)
    if not found:
        click.echo("no weights are released yet; train some with tkit train", err=True)


@command.command()
@click.argument("name")
def info(name: str) -> None:
    """Show the card and the record of a weight file.

    NAME is a name in the zoo or a weight file, whose card lies beside it as card.toml.

    \b
    Example:
      tkit zoo info motion
      tkit zoo info runs/motion/weights.safetensors
    """
    from tkit.zoo.released import weights as released_weights

    click.echo(released_weights.describe(name), nl=False)


@command.command()
def verify() -> None:
    """Check every released weight file against its card and its network.

    \b
    Example:
      tkit zoo verify
    """
    from tkit.errors import WeightsError
    from tkit.zoo.released import cards
    from tkit.zoo.released import weights as released_weights

    broken = 0
    for name in cards.released():
        problems = released_weights.problems(name)
        broken += bool(problems)
        click.echo(f"{name}: {'; '.join(problems) or 'sound'}")
    if broken:
        raise WeightsError(f"{broken} of {len(cards.released())} released weight files are broken")


@command.command()
@click.argument("net", type=click.Choice(["deepspeech"]))
@click.argument("file", type=_options.path)
@click.option("--out", type=_options.path, metavar="DIR", help="Folder to make.  [default: NET]")
@_options.force
def add(net: str, file: Path, out: Path | None, force: bool) -> None:
    """Convert somebody's released weights once to safetensors with a card.

    FILE is a frozen graph (.pb, .pbmm) or a checkpoint of Mozilla's DeepSpeech.

    \b
    Example:
      tkit zoo add deepspeech deepspeech-0.9.3-models.pbmm --out deepspeech
      tkit speech hello.wav --encoder deepspeech --weights deepspeech
    """
    from tkit.files import refuse_overwrite
    from tkit.speech.deepspeech import add as convert

    out = refuse_overwrite(out or Path(net), force=force, folder=True)
    path = convert(file, out)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB; its card is {out / 'card.toml'}")


@command.command()
@click.argument("name")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["onnx", "hf"]),
    default="onnx",
    show_default=True,
    help="onnx: the network; hf: a folder for a model hub, with the card as README.",
)
@click.option(
    "--out",
    type=_options.path,
    metavar="PATH",
    help="File, or folder of hf.  [default: NAME.onnx, NAME]",
)
@_options.force
def export(name: str, kind: str, out: Path | None, force: bool) -> None:
    """Write a network as ONNX, for programs without torch, or for a model hub.

    NAME is a name in the zoo or a weight file; as ONNX, of the motion or blink stage. The state of
    a stream goes in and comes out beside the frames; it begins with zeros. ONNX needs the package
    onnx (pip install 'talking-face-toolkit[export]').

    \b
    Example:
      tkit zoo export motion --out motion.onnx
      tkit zoo export texture-lite --format hf --out texture-lite
    """
    from tkit.files import refuse_overwrite
    from tkit.zoo.released import hub

    if kind == "hf":
        out = refuse_overwrite(out or Path(Path(name).stem), force=force, folder=True)
        for path in hub.export(name, out):
            click.echo(str(path))
        return
    from tkit.zoo.released import onnx
    from tkit.zoo.released import weights as released_weights

    weights = released_weights.load(name)
    out = refuse_overwrite(out or Path(f"{Path(name).stem}.onnx"), force=force)
    interface = onnx.export(weights, out)
    inputs = ", ".join(f"{key} {tuple(value.shape)}" for key, value in interface.inputs.items())
    click.echo(f"{out}: {inputs} -> {', '.join(interface.outputs)}; frames are free")
