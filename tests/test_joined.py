"""Several stores read as one, as if their corpora had been prepared together."""

import shutil

import h5py
import numpy as np
import pytest

from tkit import prep
from tkit.corpora import puppet
from tkit.errors import UsageError
from tkit.face import geometry
from tkit.store import Joined, Store, open_store


@pytest.fixture(scope="module")
def stores_of_halves(tmp_path_factory):
    """A corpus of four puppets: prepared whole, and as two halves of two each."""
    folder = tmp_path_factory.mktemp("joined")
    puppet.generate(folder / "corpus", speakers=4, clips=1)
    halves = {"a": "s1 train\ns2 train\n", "b": "s3 train\ns4 val\n"}
    made = []
    for name, text in (halves | {"whole": "".join(halves.values())}).items():
        (folder / f"{name}.tsv").write_text(text)
        made.append(folder / f"{name}.h5")
        prep.prepare("puppet", folder / "corpus", made[-1], speech="logmel", crops=True,
                     split_file=folder / f"{name}.tsv")  # fmt: skip
    return made


def test_halves_are_the_whole(stores_of_halves):
    first, second, whole = stores_of_halves
    with Joined([first, second]) as joined, Store(whole) as store:
        assert [row.id for row in joined.clips] == [f"puppet/{row.id}" for row in store.clips]
        assert [row.split for row in joined.clips] == [row.split for row in store.clips]
        np.testing.assert_allclose(joined.canonical, store.canonical, atol=1e-6)
        for name in ("points", "valid", "placed", "speech", "crops", "crop_pose"):
            np.testing.assert_array_equal(joined[name][:], store[name][:], err_msg=name)
        np.testing.assert_allclose(joined["displacement"][:], store["displacement"][:], atol=2e-6)
        np.testing.assert_allclose(joined["pose"][:], store["pose"][:], atol=1e-4, rtol=1e-6)
        for name, neutral in store.speakers.items():
            np.testing.assert_allclose(joined.speakers[f"puppet/{name}"], neutral, atol=1e-6)
        assert {*joined.words()} == {f"puppet/{name}" for name in store.words()}
        assert joined.problems() == [] and joined.has_crops and joined.is_sealed


def test_points_come_back_from_what_is_re_expressed(stores_of_halves):
    with Joined(stores_of_halves[:2]) as joined:
        for row in joined.clips:
            back = geometry.retarget(
                joined["displacement"][row.frames],
                pose=joined["pose"][row.frames],
                neutral=joined.speakers[row.speaker],
                canonical=joined.canonical,
            )
            np.testing.assert_allclose(back, joined["points"][row.frames], atol=1e-3)


def test_any_rows_can_be_read(stores_of_halves):
    with Joined(stores_of_halves[:2]) as joined:
        for name in ("points", "displacement"):
            array, everything = joined[name], joined[name][:]
            assert len(array) == len(everything) == 300
            for index in (0, 149, 150, 299, -1):
                np.testing.assert_array_equal(array[index], everything[index])
            for part in (slice(140, 160), slice(70, 230, 7), slice(5, 5), slice(290, 400)):
                np.testing.assert_array_equal(array[part], everything[part])


def test_one_store_stays_one(stores_of_halves):
    with open_store([stores_of_halves[0]]) as store:
        assert type(store) is Store
        assert store.clips[0].id.startswith("s1/")


def test_what_must_not_be_mixed_is_refused(stores_of_halves, tmp_path, tiny_store):
    first, _, whole = stores_of_halves
    with pytest.raises(UsageError, match=r"must not be mixed: their (landmarks|speech encoder)"):
        Joined([first, tiny_store])
    with pytest.raises(UsageError, match="hold the clip 'puppet/s1/"):
        Joined([first, whole])


def test_a_stage_trains_on_two_stores_and_is_measured_on_them(stores_of_halves, tmp_path):
    import tkit

    halves = stores_of_halves[:2]
    trained = tkit.train("motion", halves, tmp_path / "run", steps=2, device="cpu", workers=1)
    found = tkit.evaluate(trained, halves, split="val")
    assert found["n_clips"] == 1 and found["lmd"] > 0
    assert found["stores"] == {str(halves[0]): 0, str(halves[1]): 1}


def test_weights_inherit_licence_and_citation_of_all_that_they_come_from(
    stores_of_halves, tmp_path
):
    import tkit
    from tkit.corpora import CORPORA
    from tkit.zoo.released import hub

    first, second, _ = stores_of_halves
    other = tmp_path / "mead.h5"
    shutil.copy(second, other)
    with h5py.File(other, "r+") as file:
        file.attrs["corpus"] = "mead"
        del file.attrs["licence"], file.attrs["citation"]  # as of versions before
    mead, own = CORPORA.get("mead"), CORPORA.get("puppet")
    with Joined([first, second]) as joined:
        assert (joined.info.licence, joined.info.citation) == (own.licence, own.citation)
    settings = {"steps": 0, "device": "cpu", "val_split": "none"}
    trained = tkit.train("blink", [first, other], tmp_path / "one", **settings)
    said = f"puppet: {own.licence}; mead: {mead.licence}"
    assert trained.card.licence == trained.weights.record["licence"] == said
    assert trained.card.attribution == f"puppet: {own.citation}; mead: {mead.citation}"
    (page,) = (path for path in hub.export(str(trained.weights.path), tmp_path / "hub")
               if path.name == "README.md")  # fmt: skip
    assert f"{said}. puppet: {own.citation}" in page.read_text()
    assert 'license: "other"' in page.read_text()
    # What goes on from other weights inherits theirs, too.
    again = tkit.train("blink", first, tmp_path / "two", init="blink", **settings)
    assert again.card.licence == f"puppet: {own.licence}; weights blink: CC BY 4.0"
    assert "weights blink: Cooke, Barker" in again.card.attribution


def test_the_command_takes_several_stores(stores_of_halves, tmp_path):
    from click.testing import CliRunner

    from tkit.cli.eval import command

    data = [part for path in stores_of_halves[:2] for part in ("--data", str(path))]
    done = CliRunner().invoke(command, ["blink", *data, "--split", "all"])
    assert done.exit_code == 0, done.output
    first, second, *_ = done.output.splitlines()
    assert "4 clips" in first and second == "2 of a.h5, 2 of b.h5"


def test_a_store_that_gives_no_clip_is_named(stores_of_halves):
    from tkit.pipelines.training import results

    with Joined(stores_of_halves[:2]) as joined:
        assert results.counted(joined.counts("val")) == "none of a.h5, 1 of b.h5"
        assert results.counted(joined.counts("all")) == "2 of a.h5, 2 of b.h5"
