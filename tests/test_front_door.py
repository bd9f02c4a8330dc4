"""The front door: what it exports, that it is lazy, and that its examples are true."""

import doctest
import importlib
import subprocess
import sys

import pytest

import tkit

EXPORTS = ["METRICS", "animate", "evaluate", "load", "prepare", "score", "train"]


def test_it_exports_exactly_this():
    assert sorted(tkit.__all__) == EXPORTS
    assert set(EXPORTS) <= set(dir(tkit))


@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_is_documented(name):
    thing = getattr(tkit, name)
    if name != "METRICS":
        assert callable(thing) and "Parameters" in thing.__doc__ and ">>> " in thing.__doc__


def test_an_unknown_name_is_an_attribute_error_that_names_the_nearest():
    with pytest.raises(AttributeError, match="did you mean score"):
        _ = tkit.scor


def test_nothing_heavy_is_loaded_before_it_is_used():
    code = (
        "import sys, tkit; dir(tkit); before = set(sys.modules); tkit.METRICS;"
        "print([m for m in ('numpy', 'torch', 'cv2', 'av', 'pandas') if m in before])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [*(set(EXPORTS) - {"METRICS"}), "METRICS"])
def test_examples_are_true(name, tmp_path, monkeypatch):
    """The examples of the docstrings, each in an empty folder."""
    monkeypatch.chdir(tmp_path)
    thing = getattr(tkit, name)
    where = importlib.import_module("tkit.metrics" if name == "METRICS" else thing.__module__)
    text = where.__doc__ if name == "METRICS" else thing.__doc__
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(text, {"tkit": tkit}, name, None, 0)
    assert test.examples
    report = []
    runner = doctest.DocTestRunner(optionflags=options)
    runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
