"""Files that declare more than they hold: refused by what they hold, in little time and memory."""

import json
import resource
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from graphs import attribute, message
from safetensors.torch import save_file

from tkit.errors import WeightsError
from tkit.zoo import NETS
from tkit.zoo.nets.deepspeech import convert, tensorflow, tflite
from tkit.zoo.released import weights

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(autouse=True)
def little():
    """Two seconds and 300 MB are enough to refuse a file."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - start < 10  # on a busy machine
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def dims(*sizes: int) -> bytes:
    return b"".join(message(2, message(1, size % 2**64)) for size in sizes)


def constant(shape: bytes, values: bytes, *, op: bytes = b"Const") -> bytes:
    tensor = message(1, 1) + message(2, shape) + values
    node = message(1, b"h1") + message(2, op) + attribute("value", message(8, tensor))
    return message(1, node)


ONE = message(5, np.float32([1]).tobytes())
GRAPHS = {
    "a length in place of a name": message(1, message(1, 10**10)),
    "a length in place of a node": message(1, 10**10),
    "one number for 2^40": constant(dims(2**40), ONE),
    "one number for (2^20, 2^20)": constant(dims(2**20, 2**20), ONE),
    "a negative size": constant(dims(-5), ONE),
    "an unknown size": constant(dims(-1), message(4, bytes(40))),
    "more bytes than there are": constant(dims(100), message(4, bytes(40))),
    "a thousand axes": constant(dims(*[1] * 1000), ONE),
    "a shape that is a number": message(
        1, message(2, b"Const") + attribute("value", message(8, 7))
    ),
    "a memory region without a name": constant(b"", b"", op=b"ImmutableConst"),
    "no nodes": b"",
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_are_refused_by_what_they_hold(tmp_path, name):
    (tmp_path / "x.pb").write_bytes(GRAPHS[name] or b"\0" * 4)
    with pytest.raises(WeightsError, match="not a TensorFlow graph"):
        tensorflow.read(tmp_path / "x.pb")


def test_names_of_operations_steer_no_terminal(tmp_path):
    (tmp_path / "x.pb").write_bytes(message(1, message(1, b"a") + message(2, b"Co\n\x1b[2Jst")))
    with pytest.raises(WeightsError, match=r"the operations Co\?\?\[2Jst$"):
        convert(tensorflow.read(tmp_path / "x.pb"), where="x")


def test_one_number_may_stand_for_a_bias(tmp_path):
    (tmp_path / "x.pb").write_bytes(constant(dims(8192), ONE))
    np.testing.assert_array_equal(tensorflow.read(tmp_path / "x.pb").tensors["h1"], np.ones(8192))


def test_layers_of_any_size_are_compared_before_there_is_memory_for_them(tmp_path):
    saved = tensorflow.read(DATA / "deepspeech-0.9.pb")
    for name, shape in (("layer_1/weights", (494, 60_000)), ("layer_6/bias", (3,))):
        tensors = {**saved.tensors, name: np.broadcast_to(np.float32(1), shape)}
        with pytest.raises(WeightsError, match="not a DeepSpeech graph"):
            convert(tensorflow.Saved(tensors, saved.nodes), where="x")


def test_parts_of_a_flatbuffer_that_lie_in_each_other_are_refused(tmp_path):
    data = bytearray((DATA / "deepspeech-lite.tflite").read_bytes())
    file = tflite.File(bytes(data))
    model = tflite.Table(file, file.follow(0))
    with pytest.raises(ValueError, match="lie in each other"):
        for _ in range(10**6):
            model.tables(4)


CONFIGS = {
    "channels": {"channels": 20_000, "context": [1]},
    "dim": {"dim": 10**9},
    "as many layers as it likes": {"context": [1] * 60_000},
    "text": {"dim": "wide"},
    "negative": {"components": -1},
    "nothing": {"dim": None},
    "a list in a list": {"widths": [[1]]},
    "stride": {"stride": 0},
}


def written(path, config):
    net = NETS.get("motion")
    module = net.build(net.example)
    weights.save(path, net="motion", config=net.example, module=module, record={"stage": "motion"})
    about = weights.read_about(path)
    about["config"] |= config
    save_file(module.state_dict(), path, metadata={"tkit": json.dumps(about)})
    return path


@pytest.mark.parametrize("name", CONFIGS)
def test_weights_are_refused_by_what_they_hold(tmp_path, name):
    with pytest.raises(WeightsError, match="does not fit the network"):
        weights.load(written(tmp_path / "x.safetensors", CONFIGS[name]))


@pytest.mark.parametrize(
    "about", ["[" * 50_000, "1", '{"net": ["motion"], "config": {}, "record": {}}',
              '{"net": "motion", "config": [], "record": {}}',
              '{"net": "motion", "config": {}, "record": "none"}'],
)  # fmt: skip
def test_metadata_of_another_kind_is_told(tmp_path, about):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors", metadata={"tkit": about})
    with pytest.raises(WeightsError, match="not a weight file"):
        weights.describe(tmp_path / "x.safetensors")


def test_a_record_steers_no_terminal(tmp_path):
    path = written(tmp_path / "x.safetensors", {})
    about = weights.read_about(path)
    about["record"] |= {"note": "a\u202eb", "bad\nkey": 1, "deep": [{"a": 1}]}
    save_file({"a": torch.zeros(1)}, path, metadata={"tkit": json.dumps(about)})
    text = weights.describe(path)
    assert 'note = "a?b"' in text and "bad" not in text and "deep" not in text
