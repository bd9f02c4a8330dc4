"""Kernels compute what their Python source computes, and are compiled once."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tkit.compiled import Kernel, compiled

FACTOR = 3


def _scaled(row: np.ndarray, out: np.ndarray) -> None:
    for i in range(len(row)):
        out[i] = FACTOR * row[i]


@compiled("int64(uint8[:,:], int64[:,:], float64)")
def _fill(values: np.ndarray, out: np.ndarray, offset: float) -> int:
    total = 0
    for i in range(values.shape[0]):
        _scaled(values[i], out[i])
        for j in range(values.shape[1]):
            total += int(out[i, j] + offset)
    return total


USE = """
import sys, numpy as np
from tkit.metrics import METRICS
gt = np.arange(2 * 64 * 64 * 3, dtype=np.uint8).reshape(2, 64, 64, 3)
for name in ("ssim", "cpbd"):
    print(METRICS.get(name)(pred=gt[::-1], gt=gt))
print("numba" in sys.modules)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def values(shape=(3, 5)):
    return np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)


def run(kernel, picture):
    out = np.zeros(picture.shape, np.int64)
    return kernel(picture, out, 2.0), out


def test_a_kernel_gives_what_its_source_gives():
    result, out = run(_fill, values())
    expected, by_python = run(_fill.python, values())
    assert result == expected == 3 * values().sum() + 2 * values().size
    np.testing.assert_array_equal(out, by_python)


def test_pictures_that_cannot_be_written_are_read():
    picture = values()
    picture.flags.writeable = False
    assert run(_fill, picture)[0] == run(_fill, values())[0]


@pytest.mark.parametrize(
    "picture",
    [values().astype(np.int8), values((15,)), values()[:, ::2], np.asfortranarray(values())],
)
def test_other_arrays_than_declared_are_refused(picture):
    with pytest.raises(TypeError, match="no contiguous array as in int64"):
        _fill(picture, np.zeros((3, 5), np.int64), 0.0)


def test_too_few_arguments_are_refused():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        _fill(values())


def code(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.o"))


def test_machine_code_is_kept_and_a_damaged_file_is_replaced(folder, monkeypatch):
    first = run(Kernel(_fill.python, _fill.signature), values())[0]
    (file,) = code(folder)
    file.write_bytes(file.read_bytes()[:-7] + b"garbage")
    assert run(Kernel(_fill.python, _fill.signature), values())[0] == first
    monkeypatch.setattr(Kernel, "build", lambda kernel: pytest.fail("compiled again"))
    assert run(Kernel(_fill.python, _fill.signature), values())[0] == first
    assert code(folder) == [file]


def test_a_changed_constant_is_another_kernel(folder, monkeypatch):
    first = run(Kernel(_fill.python, _fill.signature), values())[0]
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 4)
    assert run(Kernel(_fill.python, _fill.signature), values())[0] == first + values().sum()
    assert len(code(folder)) == 2


def test_without_a_folder_to_write_to_kernels_work_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert run(Kernel(_fill.python, _fill.signature), values())[0] == run(_fill, values())[0]


def test_a_kernel_that_allocates_is_refused(folder):
    def allocates(n):
        return np.zeros(n).sum()

    with pytest.raises(TypeError, match="allocates or raises"):
        Kernel(allocates, "float64(int64)")(3)


@pytest.mark.slow
def test_scores_of_a_second_process_need_no_compiler(folder):
    first, second = (
        subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, check=True)
        .stdout.splitlines()
        for _ in range(2)
    )  # fmt: skip
    assert first[:-1] == second[:-1]
    assert (first[-1], second[-1]) == ("True", "False")
