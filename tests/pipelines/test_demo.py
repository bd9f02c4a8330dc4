"""The demo: what it may remove, and what it must not (the chain itself is tested step by step)."""

import pytest

from tkit.errors import OutputExistsError
from tkit.pipelines import STAGES, demo


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


def test_logged_numbers_are_charts_with_words(tmp_path):
    rows = ["step,name,value", "10,loss,2.5", "10,mmd2,nan", "10,of-tomorrow,1", "20,loss,1.25"]
    (tmp_path / "losses.csv").write_text("\n".join(rows) + "\n")
    loss, mmd2, other = demo.curves_of(tmp_path, "blink")
    assert (loss["title"], loss["arrow"], loss["steps"], loss["values"]) == (
        "Loss", "↓", [10, 20], [2.5, 1.25],
    )  # fmt: skip
    assert mmd2["values"] == [None] and "distributions" in mmd2["text"]
    assert (other["title"], other["text"], other["arrow"]) == ("of-tomorrow", "", "")


def test_numbers_of_stages_stand_beside_what_they_are_to_be_compared_with():
    table = list(demo.measured({"motion": {"lmd": 1.018, "lmd_static": 2.9}, "blink": {}}))
    assert table == [
        ("motion", "Mouth error", "% IOD", "↓", "1.02", "2.9", "of the person's neutral face",
         "distance of the mouth's points"),
    ]  # fmt: skip


def test_words_are_of_stages_that_there_are_and_compare_with_what_is_measured():
    for name in STAGES.names():
        stage = STAGES.get(name)
        assert stage.logged and all(m.title and m.text for m in stage.logged.values())
        assert {m.better for m in stage.logged.values()} <= {"higher", "lower", ""}
        assert any(what.heading for what in stage.quantities.values())
        for name, what in stage.quantities.items():
            assert what.better in ("higher", "lower", "closer", ""), name
            assert what.beside in stage.quantities if what.beside else what.better != "closer", name
            assert what.beside == "" or stage.quantities[what.beside].title.startswith("... ")
