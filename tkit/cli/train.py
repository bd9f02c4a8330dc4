"""``tkit train``: one subcommand a stage, with the fields of the stage's Config as options."""

from __future__ import annotations

import ast
import importlib.util
import typing
from dataclasses import Field
from pathlib import Path
from typing import Any

import click

from tkit.cli import _options


class StageGroup(click.Group):
    """The stages; listing them imports none, because that would load torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all stages."""
        from tkit.pipelines import STAGES

        return STAGES.names()

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        """Import one stage and make its command."""
        from tkit.pipelines import STAGES

        return _command(STAGES.get(name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the stages with the first sentence of their modules."""
        with formatter.section("Stages"):
            formatter.write_dl([(name, _summary(name)) for name in self.list_commands(ctx)])


@click.group(cls=StageGroup)
def command() -> None:
    """Train one stage on a store.

    The options of a stage are listed by tkit train STAGE --help.

    \b
    Example:
      tkit train motion --data grid.h5 --minutes 15
      tkit train motion --data grid.h5 --minutes 30 --resume
      tkit train motion --data grid.h5 --out runs/paper --config paper-motion
    """


def _summary(name: str) -> str:
    """First sentence of a stage module's docstring, read without importing it."""
    from tkit.pipelines import STAGES

    spec = importlib.util.find_spec(f"{STAGES.package}.{name.replace('-', '_')}")
    source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    return (ast.get_docstring(ast.parse(source)) or "").split("\n")[0]


def _command(stage: Any) -> click.Command:
    from tkit.pipelines.training import config as configs

    kinds = typing.get_type_hints(stage.config)
    options: list[click.Parameter] = [
        click.Option(
            ["--data"], type=_options.path, default=["grid.h5"], show_default=True, multiple=True,
            metavar="F.h5", help="Store of tkit prep, or shards of tkit join; repeat for several.",
        ),
        click.Option(
            ["--out"], type=_options.path, default=Path("runs", stage.name), show_default=True,
            metavar="DIR", help="Run folder.",
        ),
        click.Option(
            ["--config"], metavar="F.toml",
            help="Values from a file, or from a shipped experiment by name: "
            f"{', '.join(configs.experiments(stage)) or 'none'}.",
        ),
        click.Option(["--resume"], is_flag=True, help="Continue the run in the folder."),
        click.Option(["--force"], is_flag=True, help="Replace the run in the folder."),
        *(_option(field, kinds[name]) for name, field in configs.fields(stage.config).items()),
    ]  # fmt: skip

    def train(
        data: tuple[Path, ...],
        out: Path,
        config: str | None,
        resume: bool,
        force: bool,
        **flags: Any,
    ) -> None:
        from tkit.pipelines.training import train as run

        given = {name: value for name, value in flags.items() if value is not None}
        trained = run(
            stage.name, data, out,
            config=config, resume=resume, force=force, progress=True, **given,
        )  # fmt: skip
        from accelerate import PartialState  # made by the training

        if PartialState().is_main_process:
            click.echo(str(trained.weights.path))

    text = f"Train the {stage.name} stage: {stage.title}.\n\n\b\nExample:\n"
    text += f"  tkit train {stage.name} --data grid.h5 --out runs/{stage.name}\n"
    return _options.quiet(click.Command(stage.name, callback=train, params=options, help=text))


def _option(field: Field, kind: Any) -> click.Option:
    """Make the option of one field; None stands for not given."""
    flag = "--" + field.name.replace("_", "-")
    shown: Any = field.default
    settings: dict[str, Any] = {"default": None}
    if kind is bool:
        flag += f"/--no-{flag[2:]}"
        shown = "yes" if field.default else "no"
    elif typing.get_origin(kind) is tuple:
        settings |= {"type": _List(typing.get_args(kind)[0])}
        shown = ",".join(map(str, shown))
    elif choices := field.metadata.get("choices"):
        settings |= {"type": click.Choice(choices)}
    else:
        settings |= {"type": _options.Number() if kind is float else kind}
    help_ = f"{field.metadata.get('help', '')}  [default: {shown}]"
    return click.Option([flag], help=help_.strip(), **settings)


class _List(click.ParamType):
    """Numbers with commas between them."""

    def __init__(self, kind: type) -> None:
        self.kind, self.name = kind, f"{kind.__name__},…"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Any, ...]:
        """Parse the text of one option."""
        try:
            return tuple(self.kind(item) for item in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list like 1,2,3", param, ctx)
