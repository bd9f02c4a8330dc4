"""``tkit study``."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from tkit.cli import _options

PORT = 8200
_out = click.option(
    "--csv", "csv_file", type=_options.path, metavar="F.csv",
    help="Write every rating: method, clip, rater, question, score.",
)  # fmt: skip


@click.group()
def command() -> None:
    """Let people rate videos, blinded and in balanced order (Table III).

    \b
    Example:
      tkit study new --pred ours=out/a --pred theirs=out/b --gt grid/ --out study
      tkit study serve study
      tkit study report study --csv ratings.csv
    """


@command.command()
@click.option(
    "--pred", "preds", multiple=True, required=True, metavar="[NAME=]DIR",
    help="Folder of a method's videos; repeat as NAME=DIR for several.",
)  # fmt: skip
@click.option(
    "--gt", type=_options.path, metavar="DIR",
    help="Ground truth: rated like a method, and its sound is heard in all videos.",
)  # fmt: skip
@click.option(
    "--out", type=_options.path, required=True, metavar="DIR", help="The study, a new folder."
)
@click.option("--title", default="Talking faces", show_default=True, help="What raters read first.")
@click.option(
    "--question", "questions", multiple=True, metavar="NAME=TEXT",
    help="What is asked, 0 to 10; may repeat.  [default: realism, as in the paper]",
)  # fmt: skip
@click.option("--pairwise", is_flag=True, help="Show two videos and ask which looks more real.")
@click.option(
    "--clips", "n_clips", default=10, show_default=True, metavar="N", type=click.IntRange(0),
    help="Clips that one rater sees of every method; 0: all.",
)  # fmt: skip
@click.option(
    "--checks", "n_checks", default=2, show_default=True, metavar="N", type=click.IntRange(0, 8),
    help="Checks of attention of each rater: videos that say what to answer.",
)  # fmt: skip
@click.option(
    "--height", default=0, metavar="PX", type=click.IntRange(0, 2160),
    help="Of all videos.  [default: the least one's]",
)  # fmt: skip
@click.option(
    "--fps", default=25.0, show_default=True, type=_options.Number(1, 120), help="Of all videos."
)
def new(
    preds: tuple[str, ...], gt: Path | None, out: Path, height: int, fps: float, **asked: object
) -> None:
    """Make a study of the clips of which all methods have a video.

    The videos are encoded anew, all alike, and get random names. Edit DIR/consent.txt, which raters
    read and agree to.

    \b
    Example:
      tkit study new --pred ours=out/a --pred theirs=out/b --out study
      tkit study new --pred ours=out/a --gt grid/ --pairwise --out study
    """
    from tkit.scoring.pairing import name_methods
    from tkit.study import material

    settings = material.settings_of(**asked)  # type: ignore[arg-type]
    made = material.new(
        name_methods(list(preds)), out, gt=gt, settings=settings, height=height, fps=fps,
        progress=True,
    )  # fmt: skip
    what = "pairs of videos" if settings.pairwise else "videos"
    click.echo(
        f"{out}: {made.count_of_one()} {what} for each rater; go on with tkit study serve {out}"
    )


@command.command()
@click.argument("study", type=_options.path)
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="[default: 8200, or free]")
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
    help="Address to listen at; any other than this machine's own lets others in.",
)  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
def serve(study: Path, port: int | None, host: str, no_browser: bool) -> None:
    """Show the pages of a study until Ctrl-C; every answer is kept at once.

    \b
    Example:
      tkit study serve study
      tkit study serve study --host 0.0.0.0 --port 8200
    """
    from tkit import web

    web.require_extra("tkit study serve")
    from tkit.study import server
    from tkit.web import serving

    inside = serving.is_loopback(host)
    app = server.app(study, anywhere=not inside)
    with serving.listen(host, port, usual=PORT) as opened:
        where = serving.address(opened)

        def ready() -> None:
            click.echo(f"study: {where} (Ctrl-C ends it; answers are kept)")
            if not inside:
                click.echo(
                    f"whoever reaches {host} can take part and see the videos, and what is sent is "
                    "not encrypted: put a proxy with TLS before it outside your own network",
                    err=True,
                )
            elif not no_browser:
                webbrowser.open(where)

        serving.serve(app, opened, ready=ready)


@command.command()
@click.argument("study", type=_options.path)
@click.option(
    "--by-folder", is_flag=True,
    help="A column for each first folder of the clips' names (corpora, as in Table III).",
)  # fmt: skip
@click.option(
    "--max-failed", default=1, show_default=True, metavar="N", type=click.IntRange(0),
    help="Leave out raters who failed more checks of attention than that.",
)  # fmt: skip
@click.option("--published", is_flag=True, help="Print the paper's rows beside, marked.")
@_out
@click.option(
    "--markdown", "markdown_file", type=_options.path, metavar="F.md", help="Write the table."
)
@click.option("--latex", "latex_file", type=_options.path, metavar="F.tex", help="Write the table.")
@_options.seed
@_options.force
def report(
    study: Path,
    by_folder: bool,
    max_failed: int,
    published: bool,
    csv_file: Path | None,
    markdown_file: Path | None,
    latex_file: Path | None,
    seed: int,
    force: bool,
) -> None:
    """Print mean scores with intervals over raters, and how well raters agree.

    \b
    Example:
      tkit study report study
      tkit study report study --by-folder --published --csv ratings.csv --latex table.tex
    """
    from tkit.report import formats
    from tkit.study import results
    from tkit.study.book import Book

    files = {"csv": csv_file, "markdown": markdown_file, "latex": latex_file}
    outputs = {kind: path for kind, path in files.items() if path is not None}
    with formats.free(outputs.values(), force=force):
        found = results.results(Book(study), max_failed=max_failed, by_folder=by_folder, seed=seed)
        if formats.STDOUT not in outputs.values():
            click.echo(results.as_text(found, published=published), nl=False)
        for kind, path in outputs.items():
            formats.save(results.FORMATS[kind](found, published=published), path)
