"""A short run of the fuzzer over every reader; ``tests/fuzz/run.py`` runs it for longer."""

import warnings

import pytest
from fuzzing import fuzz, mutated
from targets import TARGETS

COUNT = 100


@pytest.mark.parametrize("name", TARGETS)
def test_changed_files_are_read_or_refused_in_one_line(tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tally = fuzz(TARGETS[name], tmp_path, seed=0, count=COUNT)
    assert tally.fallen == []
    assert tally.counts.total() == COUNT


def test_the_fuzzer_tells_who_falls(tmp_path):
    import random

    from fuzzing import Target

    def seeds(folder):
        (folder / "x").write_bytes(bytes(100))
        return [folder / "x"]

    def read(path):
        data = path.read_bytes()
        if data != bytes(100):
            raise ValueError("raw")

    tally = fuzz(Target("x", seeds, read), tmp_path, count=20)
    assert tally.counts["fallen"] > 10 and "ValueError: raw" in tally.fallen[0]
    silent = fuzz(
        Target("x", seeds, lambda path: path.read_bytes(), checked=True), tmp_path, count=20
    )
    assert silent.counts["silent"] > 10
    assert mutated(b"abc" * 50, random.Random(1)) == mutated(b"abc" * 50, random.Random(1))
