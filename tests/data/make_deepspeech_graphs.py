"""Make the small DeepSpeech graphs of the tests and what TensorFlow computes with them.

    pip install tensorflow-cpu==2.21.0 tf_keras python_speech_features==0.6   # Python 3.11
    TF_USE_LEGACY_KERAS=1 python tests/data/make_deepspeech_graphs.py tests/data

Writes ``deepspeech-0.1.pb`` (bidirectional LSTM); ``deepspeech-0.{2,4,5,6,9}.pb`` (one BlockLSTM;
from 0.5 on with features in the graph, to 0.5 with its state in variables); the variables of 0.9 as
a checkpoint ``deepspeech-0.9.{index,data-*}``; and ``deepspeech.npz`` with the sound, the features
and the logits. Names and operations are those of the released graphs, the layers are narrow and the
weights random. The one place that needs TensorFlow; nothing imports this file.
"""

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import python_speech_features
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()
WIDTH, CELL, CONTEXT, CEPSTRA, SYMBOLS = 12, 10, 9, 26, 29
ROWS = 2 * CONTEXT + 1


def sound() -> np.ndarray:
    """1.3 s of something with changing pitch and loudness, (S,) int16."""
    rng = np.random.default_rng(0)
    time_s = np.arange(20801) / 16000
    voice = np.sign(np.sin(2 * np.pi * (120 + 60 * time_s) * time_s)) * np.sin(9 * time_s) ** 2
    return np.round(6000 * voice + 300 * rng.normal(size=len(time_s))).astype(np.int16)


def stacked(cepstra: np.ndarray) -> np.ndarray:
    """Rows with nine neighbours on both sides, (T, 19 * 26)."""
    empty = np.zeros((CONTEXT, CEPSTRA), cepstra.dtype)
    padded = np.concatenate([empty, cepstra, empty])
    return np.stack([padded[at : at + ROWS].ravel() for at in range(len(cepstra))])


def variable(name: str, *shape: int, scale: float = 0.0) -> tf.Variable:
    """Random values of a size that keeps the layers alive; ``scale`` overrides it."""
    rng = np.random.default_rng(sum(name.encode()))
    values = rng.normal(size=shape) * (scale or 1.5 / np.sqrt(shape[0]))
    initial = v1.constant_initializer(values.astype(np.float32))
    return v1.get_variable(name, shape, tf.float32, initializer=initial)


def dense(rows, weights: str, bias: str, n_in: int, n_out: int, *, clip: bool = True):
    result = tf.matmul(rows, variable(weights, n_in, n_out)) + variable(bias, n_out, scale=0.3)
    return tf.minimum(tf.nn.relu(result), 20.0) if clip else result


def graph_01():
    """Network of v0.1: every layer sees the whole clip."""
    rows = v1.placeholder(tf.float32, [None, None, ROWS * CEPSTRA], name="input_node")
    lengths = v1.placeholder(tf.int32, [None], name="input_lengths")
    n_clips = tf.shape(rows)[0]
    flat = tf.reshape(tf.transpose(rows, [1, 0, 2]), [-1, ROWS * CEPSTRA])
    flat = dense(flat, "h1", "b1", ROWS * CEPSTRA, WIDTH)
    flat = dense(flat, "h2", "b2", WIDTH, WIDTH)
    flat = dense(flat, "h3", "b3", WIDTH, 2 * CELL)
    cells = [v1.nn.rnn_cell.BasicLSTMCell(CELL, forget_bias=1.0) for _ in range(2)]
    outputs, _ = v1.nn.bidirectional_dynamic_rnn(
        *cells,
        inputs=tf.reshape(flat, [-1, n_clips, 2 * CELL]),
        dtype=tf.float32,
        time_major=True,
        sequence_length=lengths,
    )
    flat = tf.reshape(tf.concat(outputs, 2), [-1, 2 * CELL])
    flat = dense(flat, "h5", "b5", 2 * CELL, WIDTH)
    flat = dense(flat, "h6", "b6", WIDTH, SYMBOLS, clip=False)
    return tf.reshape(flat, [-1, n_clips, SYMBOLS], name="logits")


def alphabet() -> bytes:
    symbols = [b" ", *(bytes([code]) for code in range(ord("a"), ord("z") + 1)), b"'"]
    packed = [struct.pack("<HH", label, 1) + symbol for label, symbol in enumerate(symbols)]
    return struct.pack("<H", len(symbols)) + b"".join(packed)


INPUTS_LITE = "input_node previous_state_c previous_state_h input_samples".split()


@dataclass(frozen=True)
class Release:
    """What tells the releases with one LSTM apart."""

    names: str = "layer_{}/weights layer_{}/bias"
    scope: str = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"
    forget_bias: float = 0.0
    upper_hz: float = 0.0  # of the mel bands in the graph; 0: it has no features
    softmax: bool = True
    variable_state: bool = False
    width: int = 6
    cell: int = 5


_OLD = {"scope": "lstm_fused_cell", "forget_bias": 1.0, "variable_state": True}
RELEASES = {
    "0.2": Release(names="h{} b{}", softmax=False, **_OLD),
    "0.4": Release(names="h{} b{}", **_OLD),
    "0.5": Release(upper_hz=4000.0, **_OLD),
    "0.6": Release(upper_hz=4000.0),
    "0.9": Release(upper_hz=8000.0, width=WIDTH, cell=CELL),
}


def features_in_graph(upper_hz: float) -> None:
    samples = v1.placeholder(tf.float32, [512], name="input_samples")
    power = tf.raw_ops.AudioSpectrogram(
        input=tf.expand_dims(samples, -1), window_size=512, stride=320, magnitude_squared=True
    )
    cepstra = tf.raw_ops.Mfcc(
        spectrogram=power,
        sample_rate=16000,
        upper_frequency_limit=upper_hz,
        lower_frequency_limit=20.0,
        dct_coefficient_count=CEPSTRA,
    )
    tf.reshape(cepstra, [-1, CEPSTRA], name="mfccs")


def state_of(release: Release) -> list:
    """Cell and hidden state before a step: variables of the graph, or fed from outside."""
    shape, names = [1, release.cell], ["previous_state_c", "previous_state_h"]
    if not release.variable_state:
        return [v1.placeholder(tf.float32, shape, name=name) for name in names]
    states = [
        v1.get_variable(name, shape, initializer=v1.zeros_initializer(), use_resource=False)
        for name in names
    ]
    tf.group(*(v1.assign(state, tf.zeros(shape)) for state in states), name="initialize_state")
    return states


def graph_with_lstm(release: Release):
    """Network of v0.2 to v0.9: 16 steps at a time."""
    if release.upper_hz:
        features_in_graph(release.upper_hz)
    rows = v1.placeholder(tf.float32, [1, 16, ROWS, CEPSTRA], name="input_node")
    v1.placeholder(tf.int32, [1], name="input_lengths")
    cell, hidden = state_of(release)
    size, width, names = release.cell, release.width, release.names
    flat = tf.reshape(rows, [-1, ROWS * CEPSTRA])
    for number, (n_in, n_out) in enumerate(
        [(ROWS * CEPSTRA, width), (width, width), (width, size)], start=1
    ):
        flat = dense(flat, *names.format(number, number).split(), n_in, n_out)
    peephole = tf.zeros([size])
    lstm = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.constant(16, tf.int64),
        x=tf.reshape(flat, [16, 1, size]),
        cs_prev=cell,
        h_prev=hidden,
        w=variable(f"{release.scope}/kernel", 2 * size, 4 * size),
        wci=peephole,
        wcf=peephole,
        wco=peephole,
        b=variable(f"{release.scope}/bias", 4 * size, scale=0.3),
        forget_bias=release.forget_bias,
        cell_clip=-1.0,
        use_peephole=False,
    )
    carried = []
    last_c, last_h = (tf.gather_nd(states, [[15, 0]]) for states in (lstm.cs, lstm.h))
    if release.variable_state:
        carried = [v1.assign(cell, last_c), v1.assign(hidden, last_h)]
    else:
        tf.identity(last_c, name="new_state_c")
        tf.identity(last_h, name="new_state_h")
    with tf.control_dependencies(carried):
        flat = tf.reshape(lstm.h, [-1, size])
    flat = dense(flat, *names.format(5, 5).split(), size, width)
    flat = dense(flat, *names.format(6, 6).split(), width, SYMBOLS, clip=False)
    raw = tf.reshape(flat, [16, 1, SYMBOLS], name="raw_logits")
    (tf.nn.softmax if release.softmax else tf.identity)(raw, name="logits")
    return raw


def graph_lite(release: Release):
    """Network as exported for TensorFlow Lite: the LSTM unrolled into elementary operations."""
    features_in_graph(release.upper_hz)
    size, width, names = release.cell, release.width, release.names
    rows = v1.placeholder(tf.float32, [1, 16, ROWS, CEPSTRA], name="input_node")
    cell, hidden = state_of(release)
    flat = tf.reshape(rows, [16, ROWS * CEPSTRA])
    for number, (n_in, n_out) in enumerate(
        [(ROWS * CEPSTRA, width), (width, width), (width, size)], start=1
    ):
        flat = dense(flat, *names.format(number, number).split(), n_in, n_out)
    kernel = variable(f"{release.scope}/kernel", 2 * size, 4 * size)
    bias = variable(f"{release.scope}/bias", 4 * size, scale=0.3)
    outputs = []
    for step in tf.unstack(tf.reshape(flat, [16, 1, size])):
        gates = tf.matmul(tf.concat([step, hidden], 1), kernel) + bias
        enter, new, keep, leave = tf.split(gates, 4, axis=1)
        keep = keep + release.forget_bias if release.forget_bias else keep
        cell = cell * tf.sigmoid(keep) + tf.sigmoid(enter) * tf.tanh(new)
        hidden = tf.tanh(cell) * tf.sigmoid(leave)
        outputs.append(hidden)
    flat = dense(tf.concat(outputs, 0), *names.format(5, 5).split(), size, width)
    raw = dense(flat, *names.format(6, 6).split(), width, SYMBOLS, clip=False)
    tf.nn.softmax(raw, name="logits")
    tf.identity(cell, name="new_state_c")
    tf.identity(hidden, name="new_state_h")
    return raw


def metadata() -> list[str]:
    """Constants that releases from 0.7 on carry; returns their names."""
    values = {
        "version": 6,
        "sample_rate": 16000,
        "feature_win_len": 32,
        "feature_win_step": 20,
        "beam_width": 500,
        "alphabet": [alphabet()],
        "language": ["en-US"],
    }
    for name, value in values.items():
        tf.constant(value, name=f"metadata_{name}")
    return [f"metadata_{name}" for name in values]


def freeze(session, path: Path, outputs: list[str]) -> None:
    graph = v1.graph_util.convert_variables_to_constants(
        session,
        session.graph.as_graph_def(),
        outputs,
        variable_names_blacklist=["previous_state_c", "previous_state_h"],
    )
    for node in graph.node:
        for newer in ("grad_a", "grad_b", "bad_indices_policy"):  # TensorFlow 2.3 refuses them
            node.attr.pop(newer, None)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def run_01(folder: Path, wave: np.ndarray) -> dict[str, np.ndarray]:
    cepstra = python_speech_features.mfcc(wave, samplerate=16000, numcep=CEPSTRA)[::2]
    rows = stacked(cepstra)
    rows = (rows - rows.mean()) / rows.std()
    short = rows[:40]
    with v1.Session(graph=tf.Graph()) as session:
        with session.graph.as_default():
            v1.set_random_seed(0)
            logits = graph_01()
            session.run(v1.global_variables_initializer())
        freeze(session, folder / "deepspeech-0.1.pb", ["logits", "input_lengths"])
        feeds = {"input_node:0": rows[None], "input_lengths:0": [len(rows)]}
        whole = session.run(logits, feeds)[:, 0]
        feeds = {"input_node:0": short[None], "input_lengths:0": [len(short)]}
        return {"rows_01": rows, "logits_01": whole, "short_01": session.run(logits, feeds)[:, 0]}


def cepstra_outside(version: str, wave: np.ndarray) -> np.ndarray:
    """Features of the releases that compute them in Python."""
    if version == "0.2":
        return python_speech_features.mfcc(wave, samplerate=16000, numcep=CEPSTRA)[::2]
    return python_speech_features.mfcc(
        wave, samplerate=16000, numcep=CEPSTRA, winlen=0.032, winstep=0.02, winfunc=np.hamming
    )


def cepstra_inside(session, wave: np.ndarray) -> np.ndarray:
    samples = (wave / np.float32(32768)).astype(np.float32)
    frames = [samples[at : at + 512] for at in range(0, len(samples) - 511, 320)]
    return np.stack([session.run("mfccs:0", {"input_samples:0": frame})[0] for frame in frames])


def logits_in_steps(session, logits, release: Release, cepstra: np.ndarray) -> np.ndarray:
    """Run 16 rows at a time, as the client does, with the state carried on."""
    rows = stacked(cepstra).reshape(-1, ROWS, CEPSTRA)
    states = [np.zeros((1, release.cell), np.float32)] * 2
    if release.variable_state:
        session.run("initialize_state")
    pieces = []
    for at in range(0, len(rows), 16):
        block = rows[at : at + 16]
        padded = np.zeros((1, 16, ROWS, CEPSTRA), np.float32)
        padded[0, : len(block)] = block
        feeds = {"input_node:0": padded}
        if release.variable_state:
            piece = session.run(logits, feeds)
        else:
            feeds |= {"previous_state_c:0": states[0], "previous_state_h:0": states[1]}
            piece, *states = session.run([logits, "new_state_c:0", "new_state_h:0"], feeds)
        pieces.append(piece[: len(block), 0])
    return np.concatenate(pieces)


def run(version: str, folder: Path, wave: np.ndarray) -> dict[str, np.ndarray]:
    release, short = RELEASES[version], version.replace(".", "")
    with v1.Session(graph=tf.Graph()) as session:
        with session.graph.as_default():
            logits = graph_with_lstm(release)
            names = ["logits", "input_lengths"]
            names += ["mfccs"] if release.upper_hz else []
            names += metadata() if version == "0.9" else []
            state = "initialize_state" if release.variable_state else "new_state_c new_state_h"
            saver = v1.train.Saver()
            session.run(v1.global_variables_initializer())
        freeze(session, folder / f"deepspeech-{version}.pb", names + state.split())
        if version == "0.9":
            saver.save(session, str(folder / "deepspeech-0.9"), write_meta_graph=False)
            (folder / "checkpoint").unlink()
        inside = bool(release.upper_hz)
        cepstra = cepstra_inside(session, wave) if inside else cepstra_outside(version, wave)
        found = {f"logits_{short}": logits_in_steps(session, logits, release, cepstra)}
        return found | ({f"cepstra_{short}": cepstra} if inside else {})


def run_lite(folder: Path, wave: np.ndarray, *, forget_bias: float) -> dict[str, np.ndarray]:
    """Convert with weights of 8 bits; the reference is TensorFlow's, with the weights rounded.

    One scale for each matrix as in DeepSpeech's releases, or for each column as is usual now.
    """
    axis = None if forget_bias == 0 else 0
    release = Release(upper_hz=8000.0, forget_bias=forget_bias, width=36, cell=32)
    name = "lite" if forget_bias == 0 else "lite_forget"
    with v1.Session(graph=tf.Graph()) as session:
        with session.graph.as_default():
            logits = graph_lite(release)
            outputs = ["logits", "new_state_c", "new_state_h", "mfccs", *metadata()]
            session.run(v1.global_variables_initializer())
            for weights in v1.global_variables():
                if weights.shape.rank == 2:
                    values = session.run(weights)
                    scale = np.abs(values).max(axis=axis, keepdims=True) / 127
                    weights.load(np.round(values / scale) * scale, session)
        graph = session.graph
        converter = v1.lite.TFLiteConverter.from_session(
            session,
            [graph.get_tensor_by_name(f"{node}:0") for node in INPUTS_LITE],
            [graph.get_tensor_by_name(f"{node}:0") for node in outputs],
        )
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.allow_custom_ops = True
        converter._experimental_disable_per_channel_quantization_for_dense_layers = axis is None
        (folder / f"deepspeech-{name}.tflite").write_bytes(converter.convert())
        cepstra = cepstra_inside(session, wave)
        logits = tf.expand_dims(logits, 1)
        return {f"logits_{name}": logits_in_steps(session, logits, release, cepstra)}


if __name__ == "__main__":
    target, wave = Path(sys.argv[1]), sound()
    found = {"wave": wave, **run_01(target, wave)}
    for version in RELEASES:
        found |= run(version, target, wave)
    for forget_bias in (0.0, 1.0):
        found |= run_lite(target, wave, forget_bias=forget_bias)
    found["rows_01"] = found["rows_01"][[0, 20, -1]]  # 500 kB of neighbours
    del found["cepstra_06"]  # those of 0.5
    np.savez_compressed(target / "deepspeech.npz", **found)
