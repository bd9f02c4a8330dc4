"""Fixtures of the tests of stages."""

import pytest
import torch


@pytest.fixture
def one_thread():
    """Compute on one thread: more cost time on networks this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
