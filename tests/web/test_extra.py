"""Where the extra is not installed, one sentence says how to install it."""

import importlib.util

import pytest

from tkit import web
from tkit.errors import UsageError


@pytest.mark.parametrize("command", ["tkit app", "tkit study serve"])
def test_what_is_absent_is_named_with_the_line_that_installs_it(monkeypatch, command):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else there(name)
    )
    with pytest.raises(UsageError) as error:
        web.require_extra(command)
    assert str(error.value) == (f"{command} needs uvicorn: pip install 'talking-face-toolkit[app]'")
