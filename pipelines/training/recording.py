"""A step of training recorded as one CUDA graph: its kernels start together, not one by one.

Networks as small as ours finish a kernel before Python has started the next.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Batch = Mapping[str, Tensor]
WARM_UP = 3  # steps before the recording, in which libraries and optimisers make what they need


class Recorded:
    """A function of a batch on the GPU, recorded after some calls and replayed from then on.

    Parameters
    ----------
    function : callable
        Takes a batch, whose tensors have the same shapes in every call, and returns tensors by
        name; it never looks at a value.
    """

    def __init__(self, function: Callable[[Batch], dict[str, Tensor]]) -> None:
        self._function, self._calls, self._fails = function, 0, False
        self._graph: torch.cuda.CUDAGraph | None = None
        self._batch: dict[str, Tensor] = {}
        self._found: dict[str, Tensor] = {}

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Call the function; what it returns is overwritten by the next call."""
        self._calls += 1
        if self._calls <= WARM_UP:
            return self._warm_up(batch)
        if self._graph is None and not self._fails:
            self._record(batch)
        if self._graph is None:
            return self._function(batch)
        for name, tensor in batch.items():
            self._batch[name].copy_(tensor)
        self._graph.replay()
        return self._found

    def _warm_up(self, batch: Batch) -> dict[str, Tensor]:
        """Call the function on a stream of its own, as recording wants it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            found = self._function(batch)
        torch.cuda.current_stream().wait_stream(stream)
        return found

    def _record(self, batch: Batch) -> None:
        self._batch = {name: torch.empty_like(tensor) for name, tensor in batch.items()}
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads, such as the one that pins batches, may go on meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._found = self._function(self._batch)
        except RuntimeError as error:  # nothing was computed; it is slower without, not other
            self._fails = True
            warnings.warn(f"a step cannot be recorded as a CUDA graph: {error}", stacklevel=2)
        else:
            self._graph = graph
