"""The demo: what it may remove, and what it must not (the chain itself is tested step by step)."""

import pytest

from tkit.errors import OutputExistsError
from tkit.pipelines import demo


def test_an_earlier_demo_is_not_replaced_unasked(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(OutputExistsError, match="--force"):
        demo.run(demo.Demo(tmp_path))
    assert (tmp_path / "index.html").read_text() == "mine"


def test_only_what_a_demo_writes_is_removed(tmp_path):
    (tmp_path / "runs" / "motion").mkdir(parents=True)
    for name in ("index.html", "talking.png", "notes.txt"):
        (tmp_path / name).touch()
    demo.make_room(tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
