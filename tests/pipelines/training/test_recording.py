"""Recording on a machine without a GPU: the graph is a stand-in that computes at replay."""

from contextlib import contextmanager, nullcontext

import pytest
import torch

from tkit.pipelines.training import recording


@pytest.fixture
def gpu(monkeypatch):
    """Stand-ins for torch.cuda; ``broken`` makes a recording fail."""
    state = {"recordings": 0, "broken": False}

    class Stream:
        def wait_stream(self, other):
            pass

    class Graph:
        def replay(self):
            for name, tensor in self.function(self.batch).items():
                self.found[name].copy_(tensor)

    @contextmanager
    def graph(recorded, capture_error_mode):
        assert capture_error_mode == "thread_local"
        yield
        state["recordings"] += 1
        if state["broken"]:
            raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    state["graph"] = Graph
    return state


def double(batch):
    return {"twice": 2 * batch["x"]}


def test_a_step_is_recorded_once_and_replayed_on_every_batch(gpu, monkeypatch):
    recorded = recording.Recorded(double)
    monkeypatch.setattr(gpu["graph"], "function", staticmethod(double), raising=False)
    monkeypatch.setattr(
        gpu["graph"], "batch", property(lambda graph: recorded._batch), raising=False
    )
    monkeypatch.setattr(
        gpu["graph"], "found", property(lambda graph: recorded._found), raising=False
    )
    for step in range(recording.WARM_UP + 4):
        found = recorded({"x": torch.full((3,), float(step))})
        assert found["twice"].tolist() == [2.0 * step] * 3
    assert gpu["recordings"] == 1


def test_what_cannot_be_recorded_runs_as_it_did(gpu):
    gpu["broken"] = True
    recorded, found = recording.Recorded(double), []
    for step in range(recording.WARM_UP):
        found.append(recorded({"x": torch.ones(1) * step}))
    with pytest.warns(UserWarning, match="cannot be recorded as a CUDA graph: operation not perm"):
        found.append(recorded({"x": torch.ones(1) * recording.WARM_UP}))
    found.append(recorded({"x": torch.ones(1) * (recording.WARM_UP + 1)}))
    assert [float(one["twice"]) for one in found] == [2.0 * step for step in range(len(found))]
    assert gpu["recordings"] == 1
