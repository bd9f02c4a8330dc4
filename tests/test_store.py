import time

import h5py
import numpy as np
import pytest

from tkit.clips import Clip, Reject, Word
from tkit.errors import StoreError, UsageError
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
