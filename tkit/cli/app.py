"""``tkit app``."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from tkit.cli import _options

PORT = 8100


@click.command()
@click.option(
    "--root", type=_options.path, metavar="DIR",
    help="Let folders below this one be scored on the page.  [default: none]",
)  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="[default: 8100, or free]")
@click.option("--motion", metavar="W", help="Weight file, run folder or name in the zoo.")
@click.option("--blink", metavar="W", help="The same for the blinks.")
@click.option("--texture", metavar="W", help="The same for the texture.")
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
def command(root: Path | None, port: int | None, no_browser: bool, **weights: str | None) -> None:
    """Open a local page on which a photo speaks while its video is made.

    Choose a photo and a sound, or speak: the face follows the sound. With --root, folders below it
    can be scored. Only this machine's browser is answered, and nothing is written but into a
    temporary folder, which is removed at the end.

    \b
    Example:
      tkit app
      tkit app --root /data/results --port 8100
    """
    from tkit import web
    from tkit.errors import UsageError

    web.require_extra("tkit app")
    if root is not None and not root.is_dir():
        raise UsageError(f"{root}: no such folder; give the folder below which to score")
    from tkit.web import serving

    with serving.ended_in_order(), serving.listen("127.0.0.1", port, usual=PORT) as opened:
        from tkit.pipelines.app import server
        from tkit.pipelines.app.booth import Booth

        booth = Booth(dict(weights))
        try:
            booth.warm_up()
            where = serving.address(opened)

            def ready() -> None:
                click.echo(f"app: {where} (Ctrl-C ends it)")
                if not no_browser:
                    webbrowser.open(where)

            serving.serve(server.app(booth, root), opened, ready=ready)
        finally:
            booth.close()
