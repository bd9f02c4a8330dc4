"""A pytest plugin: Python runs the kernels, so that a tracer sees them; slow tests are broken off.

See ``benchmarks/reached.py``.
"""

import os
import signal

import pytest

from tkit.compiled import Kernel

PATIENCE_S = int(os.environ.get("TKIT_PATIENCE_S", "20"))


def _interpreted(kernel, *arguments):
    return kernel.python(*arguments)


Kernel.__call__ = _interpreted


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Break a test off after a while."""

    def stop(*_):
        pytest.fail(f"longer than {PATIENCE_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE_S)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
