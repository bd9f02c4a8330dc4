"""Options that several commands share, each defined once."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

path = click.Path(path_type=Path)


class Number(click.FloatRange):
    """A number within bounds; not a number and without end, which click takes, are none."""

    name = "float"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Parse the text of one option."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number that can be used.", param, ctx)
        return number


class Place(click.ParamType):
    """A path, or a URL, which a path would lose a slash of."""

    name = "place"

    def convert(self, value: Any, param: Any, ctx: Any) -> Path | str:
        """Tell one from the other."""
        from tkit.remote import place_of

        return place_of(value)


place = Place()
force = click.option("--force", is_flag=True, help="Replace an output that is already there.")
jobs = click.option(
    "--jobs", default=1, show_default=True, metavar="N", type=click.IntRange(1), help="Processes."
)
seed = click.option(
    "--seed", default=0, show_default=True, metavar="N", help="Seed of all randomness."
)


def _hush(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from tkit import progress

        context.with_resource(progress.quiet())


quiet = click.option(
    "--quiet", "-q", is_flag=True, expose_value=False, callback=_hush, help="Show no progress."
)
stores = click.option(
    "--data",
    type=path,
    default=["grid.h5"],
    show_default=True,
    multiple=True,
    metavar="F.h5",
    help="Store of tkit prep, or shards of tkit join; repeat for several.",
)
json_file = click.option(
    "--json",
    "json_file",
    type=path,
    metavar="F.json",
    help="Write the result as JSON ('-': stdout).",
)
_PAGE = [
    click.option(
        "--videos",
        default=12,
        show_default=True,
        metavar="N",
        type=click.IntRange(0),
        help="Clips, the worst first, that the page plays.",
    ),
    click.option(
        "--embed", is_flag=True, help="Put their videos into the page, not into a folder beside it."
    ),
]
landmarks_model = click.option(
    "--landmarks-model",
    "--mesh-model",
    "landmarks_model",
    default="",
    metavar="FILE",
    help="Model file of a landmark back-end that takes one (or set the variable that it names).",
)
_FRONT_ENDS = [
    click.option(
        "--landmarks",
        default="dlib68",
        show_default=True,
        metavar="NAME",
        help="Landmark back-end; an unknown name lists all.",
    ),
    landmarks_model,
    click.option(
        "--lips",
        default="",
        metavar="NAME",
        help="Lip segmenter that refines lips and lids, or none; an unknown name lists all.  "
        "[default: the landmark back-end's own choice]",
    ),
    click.option(
        "--lips-model",
        default="",
        metavar="FILE",
        help="Model file of a lip segmenter that takes one (or set the variable that it names).",
    ),
]


def columns() -> int:
    """Columns that tables may take: those of the terminal, 80 where stdout is none."""
    return max(shutil.get_terminal_size().columns, 40) if sys.stdout.isatty() else 80


def page(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a report's page, ``videos`` and ``embed``."""
    for option in reversed(_PAGE):
        command = option(command)
    return command


def front_ends(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of landmarks and lips, and their values as one ``front_ends``."""

    @wraps(command)
    def called(
        *, landmarks: str, landmarks_model: str, lips: str, lips_model: str, **others: Any
    ) -> None:
        from tkit.tracking import FrontEnds

        ends = FrontEnds(landmarks, landmarks_model, lips, lips_model)
        command(front_ends=ends, **others)

    decorated: Callable[..., None] = called
    for option in reversed(_FRONT_ENDS):
        decorated = option(decorated)
    return decorated
