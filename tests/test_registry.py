import pytest

from tkit.corpora import CORPORA
from tkit.errors import UnknownNameError
from tkit.registry import Registry


def test_names_are_the_public_modules():
    assert {"grid", "folder"} <= set(CORPORA.names())
    assert not any(name.startswith("_") for name in CORPORA.names())


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean grid"):
        CORPORA.get("gird")


def test_excluded_modules_are_no_entries():
    assert "folder" not in Registry("tkit.corpora", "CORPUS", frozenset({"folder"})).names()
