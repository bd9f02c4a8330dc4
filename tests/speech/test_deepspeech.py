"""DeepSpeech without TensorFlow, against what TensorFlow computed with small graphs.

The graphs and the reference are from ``tests/data/make_deepspeech_graphs.py``.
"""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from graphs import memory_mapped, message

from tkit.cli import main
from tkit.errors import UsageError, WeightsError
from tkit.speech import ENCODERS
from tkit.speech.mfcc import cepstra_psf, cepstra_tensorflow, stacked
from tkit.zoo.nets import deepspeech
from tkit.zoo.nets.deepspeech import lite as lite_module
from tkit.zoo.nets.deepspeech import tensorflow, tflite

DATA = Path(__file__).parents[1] / "data"
VERSIONS = {"0.1": "0.1", "0.2": "0.2-0.3", "0.4": "0.4", "0.5": "0.5", "0.6": "0.6",
            "0.9": "0.7-0.9"}  # fmt: skip
LOGITS = {f"deepspeech-{made}.pb": f"logits_{made.replace('.', '')}" for made in VERSIONS}
LOGITS["deepspeech-0.9"] = "logits_09"  # the checkpoint
LOGITS |= {f"deepspeech-{name}.tflite": f"logits_{name}" for name in ("lite", "lite_forget")}


@pytest.fixture(scope="module")
def truth():
    with np.load(DATA / "deepspeech.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def wave(truth):
    return truth["wave"].astype(np.float32) / 32768


# -- features -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("made", "high_hz"), [("05", 4000), ("09", 8000)])
def test_cepstra_are_those_of_tensorflow_to_the_bit(truth, made, high_hz):
    ours = cepstra_tensorflow(truth["wave"], window=512, hop=320, low_hz=20, high_hz=high_hz)
    np.testing.assert_array_equal(ours, truth[f"cepstra_{made}"])


def test_cepstra_are_those_of_python_speech_features(truth):
    rows = stacked(cepstra_psf(truth["wave"], window=400, hop=160, hamming=False)[::2])
    rows = (rows - rows.mean()) / rows.std()
    theirs = truth["rows_01"]
    np.testing.assert_array_equal(rows[[0, 20, -1]].astype(np.float32), theirs.astype(np.float32))
    assert np.abs(rows[[0, 20, -1]] - theirs).max() < 1e-14


def test_stacking_puts_the_past_first():
    rows = stacked(np.arange(1, 41, dtype=float).reshape(20, 2))
    assert rows.shape == (20, 38)
    np.testing.assert_array_equal(rows[10], np.arange(3, 41))
    np.testing.assert_array_equal(rows[0], [*[0] * 18, *range(1, 21)])


# -- networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOGITS)
def test_logits_are_those_of_tensorflow(truth, wave, name):
    encode = ENCODERS.get("deepspeech").load(DATA / name)
    found = encode(wave)
    assert found.dtype == np.float32 and found.shape == truth[LOGITS[name]].shape
    np.testing.assert_allclose(found, truth[LOGITS[name]], atol=1e-5)
    assert encode.symbols == (*" abcdefghijklmnopqrstuvwxyz'", "")
    assert encode.info.dim == 29 and len(encode.info.sha256) == 64


def test_a_part_of_the_rows_as_well(truth, wave):
    """The backward LSTM starts at the last row that is given."""
    encode = ENCODERS.get("deepspeech").load(DATA / "deepspeech-0.1.pb")
    net = deepspeech.convert(tensorflow.read(DATA / "deepspeech-0.1.pb"), where="graph")
    rows = torch.from_numpy(encode.features(wave))[None, :40]
    np.testing.assert_allclose(net(rows)[0][0].numpy(), truth["short_01"], atol=1e-5)


@pytest.mark.parametrize("name", ["deepspeech-0.1.pb", "deepspeech-0.9.pb"])
def test_clips_together_are_clips_alone(wave, name):
    encode = ENCODERS.get("deepspeech").load(DATA / name)
    waves = [wave, wave[:7000], wave[5000:]]
    for alone, together in zip(waves, encode.batch(waves), strict=True):
        np.testing.assert_allclose(together, encode(alone), atol=1e-5)


def test_a_long_wave_in_blocks_is_the_whole(wave):
    encode = ENCODERS.get("deepspeech").load(DATA / "deepspeech-0.9.pb")
    long = np.tile(wave, 30)
    np.testing.assert_allclose(encode(long), encode.batch([long])[0], atol=1e-5)


@pytest.mark.parametrize("n_samples", [0, 1, 160, 513])
def test_very_short_sound_and_silence_are_defined(n_samples):
    for name in ("deepspeech-0.1.pb", "deepspeech-0.9.pb"):
        found = ENCODERS.get("deepspeech").load(DATA / name)(np.zeros(n_samples, np.float32))
        assert found.shape[0] >= 1 and np.isfinite(found).all()


@pytest.mark.parametrize("made", VERSIONS)
def test_the_version_follows_from_the_graph(made):
    assert (
        ENCODERS.get("deepspeech").load(DATA / f"deepspeech-{made}.pb").info.version
        == VERSIONS[made]
    )


def test_features_and_forget_bias_follow_from_the_graph():
    saved = tensorflow.read(DATA / "deepspeech-0.9.pb")
    newest = deepspeech.convert(saved, where="graph")
    assert newest.config.version == "0.7-0.9"
    assert (newest.config.low_hz, newest.config.high_hz) == (20, 8000)
    nodes = {k: node for k, node in saved.nodes.items() if not k.startswith("metadata")}
    for op, changed in {
        "BlockLSTM": {"forget_bias": 1.0},
        "Mfcc": {"upper_frequency_limit": 4000.0},
    }.items():
        name = next(key for key, node in nodes.items() if node.op == op)
        attributes = nodes[name].attributes | changed
        nodes[name] = dataclasses.replace(nodes[name], attributes=attributes)
    older = deepspeech.convert(tensorflow.Saved(saved.tensors, nodes), where="graph")
    assert (older.config.version, older.config.high_hz) == ("0.5", 4000)
    cell = older.config.cell
    change = older.lstm.bias_ih_l0 - newest.lstm.bias_ih_l0
    wanted = torch.zeros(4 * cell)
    wanted[cell : 2 * cell] = 1
    torch.testing.assert_close(change, wanted)


# -- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize("name", ["deepspeech-0.1.pb", "deepspeech-0.9.pb"])
def test_a_memory_mapped_graph_holds_the_same_tensors(tmp_path, wave, name, lengths):
    path = tmp_path / "graph.pbmm"
    path.write_bytes(memory_mapped((DATA / name).read_bytes(), lengths=lengths))
    assert any(node.op == "ImmutableConst" for node in tensorflow.read(path).nodes.values())
    ours = ENCODERS.get("deepspeech").load(path)(wave)
    np.testing.assert_array_equal(ours, ENCODERS.get("deepspeech").load(DATA / name)(wave))


def test_a_checkpoint_holds_the_graphs_tensors():
    graph, checkpoint = (tensorflow.read(DATA / f"deepspeech-0.9{end}") for end in (".pb", ""))
    assert len(checkpoint.tensors) == 12 and not checkpoint.nodes
    for name, value in checkpoint.tensors.items():
        np.testing.assert_array_equal(value, graph.tensors[name])
    by_index = tensorflow.read(DATA / "deepspeech-0.9.index")
    assert by_index.tensors.keys() == checkpoint.tensors.keys()


def test_a_lite_file_tells_its_features_alphabet_and_forget_bias():
    saved = tflite.read(DATA / "deepspeech-lite.tflite")
    assert saved.nodes.keys() and "metadata_alphabet" not in saved.tensors
    graph = lite_module.as_graph(saved)
    assert graph.nodes["lstm"].attributes == {"forget_bias": 0.0}
    newer = lite_module.as_graph(tflite.read(DATA / "deepspeech-lite_forget.tflite"))
    assert newer.nodes["lstm"].attributes == {"forget_bias": 1.0}
    (mfcc,) = (node for node in graph.nodes.values() if node.op == "Mfcc")
    assert mfcc.attributes["upper_frequency_limit"] == 8000
    assert mfcc.attributes["dct_coefficient_count"] == 26


def test_a_lite_file_is_what_the_interpreter_runs(wave):
    """The interpreter also rounds what goes into a layer: equal best symbols nearly everywhere."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT runs it")
    path = DATA / "deepspeech-lite.tflite"
    encode = ENCODERS.get("deepspeech").load(path)
    lite = interpreter.Interpreter(str(path), num_threads=1)
    lite.allocate_tensors()
    inputs = {each["name"]: each["index"] for each in lite.get_input_details()}
    outputs = {each["name"]: each["index"] for each in lite.get_output_details()}
    states = dict.fromkeys("ch", np.zeros((1, encode.config.cell), np.float32))
    rows, found = encode.features(wave).reshape(-1, 16, 19, 26), []
    lite.set_tensor(inputs["input_samples"], np.zeros(512, np.float32))
    for block in rows:
        lite.set_tensor(inputs["input_node"], block[None])
        for name, value in states.items():
            lite.set_tensor(inputs[f"previous_state_{name}"], value)
        lite.invoke()
        found.append(lite.get_tensor(outputs["logits"]))
        states = {name: lite.get_tensor(outputs[f"new_state_{name}"]) for name in states}
    ours, theirs = torch.from_numpy(encode(wave)).softmax(-1).numpy(), np.concatenate(found)
    assert (ours.argmax(1) == theirs.argmax(1)).mean() > 0.95
    assert np.abs(ours - theirs).mean() < 2e-3


def test_damaged_and_other_lite_files_are_refused(tmp_path):
    whole, path = (DATA / "deepspeech-lite.tflite").read_bytes(), tmp_path / "graph.tflite"
    for damaged in (whole[:3000], b"RIFF0000WAVE", b"", whole[:40] + b"\xff" * 400 + whole[440:]):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match="not a "):
            ENCODERS.get("deepspeech").load(path)
    with pytest.raises(UsageError, match="no such file"):
        ENCODERS.get("deepspeech").load(tmp_path / "absent.tflite")
    other = tflite.read(DATA / "deepspeech-lite.tflite")
    nodes = {name: node for name, node in other.nodes.items() if node.op != "MatMul"}
    changed = lite_module.as_graph(tensorflow.Saved(other.tensors, nodes))
    with pytest.raises(WeightsError, match="operations Add, AudioSpectrogram, "):
        deepspeech.convert(changed, where="graph")


def test_what_is_no_deepspeech_is_refused_by_its_operations(tmp_path):
    path = tmp_path / "other.pb"
    nodes = [
        message(1, n) + message(2, op) for n, op in ((b"x", b"Placeholder"), (b"y", b"Conv2D"))
    ]
    path.write_bytes(b"".join(message(1, node) for node in nodes))
    with pytest.raises(WeightsError, match=r"operations Conv2D, Placeholder"):
        ENCODERS.get("deepspeech").load(path)


def test_damaged_and_missing_files_are_refused(tmp_path):
    whole = (DATA / "deepspeech-0.9.pb").read_bytes()
    path = tmp_path / "graph.pb"
    for damaged in (whole[:-1000], b"\xff" * 300, b"RIFF0000WAVE"):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match="not a "):
            ENCODERS.get("deepspeech").load(path)
    with pytest.raises(UsageError, match="no such file"):
        ENCODERS.get("deepspeech").load(tmp_path / "absent.pb")
    with pytest.raises(UsageError, match="needs a file"):
        ENCODERS.get("deepspeech").load()
    shutil.copy(DATA / "deepspeech-0.9.index", tmp_path)
    with pytest.raises(UsageError, match="data-00000-of-00001: missing"):
        ENCODERS.get("deepspeech").load(tmp_path / "deepspeech-0.9")


@pytest.mark.parametrize("name", LOGITS)
def test_zoo_add_converts_once(tmp_path, capsys, wave, name):
    folder = tmp_path / "deepspeech"
    with pytest.raises(SystemExit) as caught:
        main(["zoo", "add", "deepspeech", str(DATA / name), "--out", str(folder)])
    assert not caught.value.code and "weights.safetensors" in capsys.readouterr().out
    ours, theirs = (
        ENCODERS.get("deepspeech").load(folder),
        ENCODERS.get("deepspeech").load(DATA / name),
    )
    assert ours.info == theirs.info
    np.testing.assert_array_equal(ours(wave), theirs(wave))
    assert "MPL-2.0" in (folder / "card.toml").read_text()
