"""Released networks without torch: ONNX files on onnxruntime, on one thread.

Processes, not threads, are what tkit works on clips with.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tkit.errors import WeightsError, one_line

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ERRORS_ONLY = 3  # of the severities that onnxruntime writes to the terminal


def session(path: Path) -> InferenceSession:
    """Open an ONNX file; :class:`WeightsError` if onnxruntime cannot."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    faults = state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (*faults, state.NotImplemented) as error:
        why = one_line(str(error))
        raise WeightsError(f"{path}: onnxruntime cannot read it ({why})") from error
