import random
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest

from tkit.clips import Clip, Reject, Word
from tkit.errors import StoreError, TkitError, UsageError
from tkit.store import EncoderInfo, Store, StoreInfo, create

INFO = StoreInfo(
    corpus="drawn",
    protocol="p",
    landmarks="none",
    lips="none",
    fps=25.0,
    window=16,
    encoder=EncoderInfo("e", "2", "ab" * 32, 3, 50.0, 0.01),
)


def arrays(n_frames: int, seed: int, crop: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    data = {
        "points": rng.normal(size=(n_frames, 68, 2)).astype("f4"),
        "displacement": rng.normal(size=(n_frames, 68, 2)).astype("f4"),
        "pose": rng.normal(size=(n_frames, 2, 3)),
        "valid": rng.random(n_frames) > 0.2,
        "speech": rng.normal(size=(2 * n_frames, 3)).astype("f4"),
    }
    if crop:
        data["crops"] = rng.integers(0, 256, (n_frames, crop, crop, 3)).astype("u1")
        data["crop_pose"] = rng.normal(size=(n_frames, 2, 3))
    return data


def write(path, crop: int = 0) -> dict[str, dict[str, np.ndarray]]:
    clips = {"s1/a": arrays(5, 1, crop), "s2/b": arrays(7, 2, crop)}
    with create(path, INFO, crop_size=crop) as writer:
        for id_, data in clips.items():
            clip = Clip(id_, id_[:2], "x.mp4", text="bin blue", words=(Word(0.1, 0.2, "bin"),))
            writer.add(clip, data, split="train", fps=25.0)
        writer.finish(
            speakers={"s1": np.ones((68, 2)), "s2": np.zeros((68, 2))},
            canonical=np.full((68, 2), 0.5),
            rejects=[Reject("s3/c", "prep", "no face")],
        )
    return clips


@pytest.mark.parametrize("crop", [0, 8])
def test_round_trip(tmp_path, crop):
    clips = write(tmp_path / "x.h5", crop)
    with Store(tmp_path / "x.h5") as store:
        assert store.info == INFO
        assert [row.id for row in store.clips] == list(clips)
        assert store.has_crops == bool(crop)
        for row in store.clips:
            for name, data in clips[row.id].items():
                part = row.rows if name == "speech" else row.frames
                np.testing.assert_array_equal(store[name][part], data)
        assert store.words() == {"s1/a": [Word(0.1, 0.2, "bin")], "s2/b": [Word(0.1, 0.2, "bin")]}
        assert store.rejects == [Reject("s3/c", "prep", "no face")]
        np.testing.assert_array_equal(store.speakers["s1"], np.ones((68, 2)))
        assert store.problems() == []


def test_same_content_same_bytes(tmp_path):
    write(tmp_path / "x.h5", 8)
    time.sleep(1.1)  # HDF5's time stamps are in seconds
    write(tmp_path / "y.h5", 8)
    assert (tmp_path / "x.h5").read_bytes() == (tmp_path / "y.h5").read_bytes()


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), create(tmp_path / "x.h5", INFO):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_splits(tmp_path):
    write(tmp_path / "x.h5")
    with Store(tmp_path / "x.h5") as store:
        assert len(store.select("train")) == len(store.select("all")) == 2
        with pytest.raises(UsageError, match="there are: train"):
            store.select("val")
        with pytest.raises(StoreError, match="--crops"):
            store["crops"]


def test_broken_stores_are_told_apart(tmp_path):
    path = tmp_path / "x.h5"
    path.write_text("not HDF5")
    with pytest.raises(StoreError, match="not an HDF5 file"):
        Store(path)
    with h5py.File(path, "w"):
        pass
    with pytest.raises(StoreError, match="schema"):
        Store(path)
    with pytest.raises(UsageError, match="no such store"):
        Store(tmp_path / "nowhere.h5")
    path.unlink()
    write(path)
    with h5py.File(path, "a") as file:
        file["points"][3, 5] = np.nan
        file["speech"].resize(20, axis=0)
    with Store(path) as store:
        problems = " ".join(store.problems())
        assert "/points has values that are not finite" in problems
        assert "24 speech rows of 12, 20" in problems
    with h5py.File(path, "a") as file:
        del file["clips"]
    with pytest.raises(StoreError, match="not a store"):
        Store(path)


def content(path):
    """Everything that a store says, and what it finds broken."""
    with Store(path) as store:
        problems = store.problems()
        there = [name for name in LONG if name in ("points", "speech") or store.has_crops]
        values = {name: store[name][:].tobytes() for name in there}
        speakers = {name: neutral.tobytes() for name, neutral in store.speakers.items()}
        said = store.info, store.clips, store.rejects, store.notes, store.words(), speakers
    return problems, (said, values)


LONG = ["points", "displacement", "pose", "valid", "speech", "crops", "crop_pose"]


def test_no_changed_byte_goes_unsaid(tmp_path):
    path = tmp_path / "x.h5"
    write(path, crop=8)
    good = path.read_bytes()
    _, truth = content(path)
    rng, outcomes = random.Random(0), []
    for number in range(200):
        data = bytearray(good)
        at, size = rng.randrange(len(data) - 8), rng.choice([1, 2, 8])
        if number % 2:
            data[at] ^= 1 << rng.randrange(8)
        else:  # also words of zeros to words of ones, which fletcher32 cannot tell apart
            data[at : at + size] = (b"\0" if rng.random() < 0.5 else b"\xff") * size
        path.write_bytes(data)
        try:
            problems, found = content(path)
            outcomes.append("told" if problems else "same" if found == truth else "silent")
        except TkitError:
            outcomes.append("told")
    assert "silent" not in outcomes
    assert outcomes.count("told") > 50


def test_what_fletcher32_cannot_see_is_seen(tmp_path):
    path = tmp_path / "x.h5"
    write(path)
    with h5py.File(path, "a") as file:  # HDF5 renews its own checksums
        file["speech"][3] += 1
        file.attrs["fps"] = 30.0
    with Store(path) as store:
        problems = store.problems()
    assert "/speech has changed since it was written" in problems
    assert "an attribute has changed since it was written" in problems


def test_values_that_cannot_be_meant_are_told(tmp_path):
    path = tmp_path / "x.h5"
    write(path)
    with h5py.File(path, "a") as file:
        file["points"][2, 5] = 1e30
        file["placed"].resize(3, axis=0)
        file["words"][0] = (7, 0.1, 0.2, b"bin")
    with Store(path) as store:
        problems = " ".join(store.problems())
    assert "/points has values beyond" in problems
    assert "/placed has 3 rows" in problems
    assert "/words names clip 7 of 2" in problems


def test_a_store_from_before_the_checksums_is_read_and_called_unchecked(tmp_path):
    write(tmp_path / "new.h5", crop=8)
    with h5py.File(tmp_path / "new.h5") as new, h5py.File(tmp_path / "old.h5", "w") as old:
        old.attrs.update(new.attrs)
        for name in (*LONG, "placed", "clips", "words", "rejects", "speakers/name"):
            old[name] = new[name][...]
        for name in ("speakers/neutral", "canonical/neutral"):
            old[name] = new[name][...]
    with Store(tmp_path / "old.h5") as store:
        assert not store.is_sealed
        assert store.problems() == []
    assert content(tmp_path / "old.h5") == content(tmp_path / "new.h5")


def elsewhere(file, name, path):
    """Put a link of every kind in place of a data set; the last is none."""
    shape, dtype = file[name].shape, file[name].dtype
    del file[name]
    yield "link", lambda: file.__setitem__(name, h5py.ExternalLink(path, name))
    yield "link", lambda: file.__setitem__(name, h5py.SoftLink("/pose"))
    external = [(path, 0, h5py.h5f.UNLIMITED)]
    yield "other files", lambda: file.create_dataset(name, shape, dtype, external=external)
    layout = h5py.VirtualLayout(shape, dtype)
    layout[...] = h5py.VirtualSource(path, name, shape, dtype)
    yield "other files", lambda: file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("name", ["points", "canonical/neutral", "clips"])
def test_nothing_outside_the_file_is_read(tmp_path, name, kind):
    write(tmp_path / "other.h5")
    write(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        message, put = list(elsewhere(file, name, str(tmp_path / "other.h5")))[kind]
        put()
    with pytest.raises(StoreError, match=message):
        Store(tmp_path / "x.h5")


def test_what_a_file_cannot_hold_is_not_read(tmp_path):
    for name, shape in (("points", (10**12, 68, 2)), ("crops", (10**12, 8, 8, 3))):
        write(tmp_path / "x.h5", crop=8)
        with h5py.File(tmp_path / "x.h5", "a") as file:
            file[name].resize(shape)
        with pytest.raises(StoreError, match="cannot hold"), Store(tmp_path / "x.h5") as store:
            store[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fps", 0.0),
        ("fps", "fast"),
        ("window", [1, 2]),
        ("encoder", "[" * 100000),
        ("encoder", "1"),
    ],
)
def test_attributes_of_the_wrong_kind_are_told(tmp_path, name, value):
    write(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file.attrs[name] = value
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path / "x.h5")


def test_rows_are_keys_whatever_is_known_of_them(tiny_store):
    """Of clips whose corpus tells more, trainings keep what they have read by row."""
    with Store(tiny_store) as opened:
        rows = [replace(row, columns={"sex": "female"}) for row in opened.select("train")]
    assert len({*rows, *rows}) == len(rows) == 4
