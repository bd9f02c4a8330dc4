import os
import time

import pytest

from tkit.errors import StoreError
from tkit.jobs.watched import StoppedError, watched


def counts(n):
    yield from range(n)


def hangs():
    yield 1
    time.sleep(60)


def dies():
    yield 1
    os._exit(7)


def refuses():
    yield 1
    raise StoreError("no store")


def test_everything_comes_in_order():
    assert list(watched(counts, 100, still_s=20)) == list(range(100))


def test_work_that_stands_still_is_ended():
    items = watched(hangs, still_s=1)
    assert next(items) == 1
    start = time.monotonic()
    with pytest.raises(StoppedError, match="no progress for 1 s"):
        next(items)
    assert time.monotonic() - start < 10


def test_a_dead_process_is_told():
    with pytest.raises(StoppedError, match="exit code 7"):
        list(watched(dies, still_s=20))


def test_errors_of_the_work_come_back():
    with pytest.raises(StoreError, match="no store"):
        list(watched(refuses, still_s=20))
