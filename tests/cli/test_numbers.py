"""What is no number is no number: every option that takes one says so, before any work."""

import click
import pytest

from tkit.cli import cli


def numbers():
    """All options of all commands that take a number with a point, by their command line."""
    context = click.Context(cli)
    todo = [((name,), cli.get_command(context, name)) for name in cli.list_commands(context)]
    while todo:
        names, command = todo.pop()
        if isinstance(command, click.Group):
            todo += [
                ((*names, name), command.get_command(context, name))
                for name in command.list_commands(context)
            ]
            continue
        for option in command.params:
            if isinstance(option.type, click.types.FloatParamType | click.FloatRange):
                yield pytest.param(option, id=f"{' '.join(names)} {option.opts[0]}")


@pytest.mark.parametrize("option", list(numbers()))
@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "many"])
def test_it_takes_finite_numbers_alone(option, text):
    with pytest.raises(click.BadParameter):
        option.type.convert(text, option, None)
