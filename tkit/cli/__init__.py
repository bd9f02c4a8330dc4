"""The ``tkit`` command: one module per command, imported only when it is called.

A command module exposes ``command`` (a click command) and keeps its heavy imports inside the
body. It forwards to a library function; every :class:`~tkit.errors.TkitError` becomes one line on
stderr and the error's exit code here, and nowhere else; so does what the system says of a file.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import click

from tkit import __version__
from tkit.errors import TkitError, did_you_mean, one_line

# First line of each command's help, so that `tkit --help` imports no command.
SUMMARIES = {
    "animate": "Make a still face speak: picture + sound to video.",
    "app": "Open a local page on which a photo speaks while its video is made.",
    "check": "Show what is in a store and what was rejected; or how a video was made.",
    "cite": "Print what to cite, as BibTeX, and signatures to paste.",
    "demo": "Run the whole chain on the embedded corpus.",
    "doctor": "Look whether everything is there and sound, and say what to install.",
    "download": "Download a corpus that may be passed on, and unpack it.",
    "eval": "Measure a trained stage on a store, beside the static rows.",
    "export": "Write the clips of a store as files that other people's training reads.",
    "landmarks": "Track the 68 points of the face in one video, as prep does.",
    "leaderboard": "Merge reports into rankings, one for each signature.",
    "metrics": "List the metrics, or show the choices and the signature of one.",
    "prep": "Prepare a corpus: landmarks, speech features and crops in one store.",
    "protocols": "List the scoring protocols, or show every choice of one.",
    "report": "Make the page or the figures of a report again.",
    "score": "Score predicted videos against ground truth.",
    "speech": "Encode speech and print what was heard: does this front end work?",
    "study": "Let people rate videos, blinded and in balanced order (Table III).",
    "train": "Train one stage on a store.",
    "zoo": "List, describe, verify and export the released weights.",
}


# How to go on with what Ctrl-C ended, where running it again is not all.
HOW_TO_GO_ON = {
    "animate": "finished videos are kept; run it again with --resume",
    "demo": "run it again with --force",
    "download": "run it again to go on where it stopped",
    "prep": "run it again to go on where it stopped",
    "score": "run it again; with --resume DIR it goes on from the clips that a run before finished",
    "train": "add --resume to go on from the last checkpoint",
}


class LazyGroup(click.Group):
    """A group whose commands are the modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        modules = pkgutil.iter_modules(__path__)
        return sorted(module.name for module in modules if not module.name.startswith("_"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the module of one command."""
        if name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"tkit.cli.{name}").command
        command.name = name  # not that of its function
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; the message about an unknown one names the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = did_you_mean(args[0], self.list_commands(ctx))
            if not hint:
                raise
            raise click.UsageError(error.message.removesuffix(".") + hint, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list from the summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tkit")
def cli() -> None:
    """Prepare corpora, train models and score results of talking-face research.

    \b
    Example:
      tkit prep grid --root /data/grid --out grid.h5
      tkit train motion --data grid.h5
      tkit animate --image face.png --audio speech.wav --out talking.mp4
      tkit score --pred predictions/ --gt grid/
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit with its code: 0 done, 1 the work failed, 2 wrong usage."""
    try:
        code = cli.main(args, prog_name="tkit", standalone_mode=False)
    except TkitError as error:
        click.echo(f"tkit: {one_line(str(error))}", err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        given = sys.argv[1:] if args is None else args
        name = next((name for name in given if name in SUMMARIES), "")
        hint = HOW_TO_GO_ON.get(name, "run it again")
        click.echo(f"tkit: interrupted; nothing half-written is left; {hint}", err=True)
        code = 130
    except BrokenPipeError:  # `tkit ... | head`
        sys.stderr.close()
        code = 1
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        click.echo(f"tkit: {one_line(f'{name}{error.strerror or error}')}", err=True)
        code = 1
    sys.exit(code)
