"""Make the small DeepSpeech graphs of the tests and what TensorFlow computes with them.

    pip install tensorflow-cpu==2.21.0 tf_keras python_speech_features==0.6   # Python 3.11
    TF_USE_LEGACY_KERAS=1 python tests/data/make_deepspeech_graphs.py tests/data

Writes ``deepspeech-0.1.pb`` (bidirectional LSTM), ``deepspeech-0.9.pb`` (one BlockLSTM, features
and metadata in the graph), its variables as a checkpoint ``deepspeech-0.9.{index,data-*}``, and
``deepspeech.npz`` with the sound, the features and the logits. Names and operations are those of
the released graphs, the layers are narrow and the weights random. The one place that needs
TensorFlow; nothing imports this file.
"""

import struct
import sys
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


def graph_09():
    """Network of v0.9.3: 16 steps at a time with the state outside, features in the graph."""
    samples = v1.placeholder(tf.float32, [512], name="input_samples")
    power = tf.raw_ops.AudioSpectrogram(
        input=tf.expand_dims(samples, -1), window_size=512, stride=320, magnitude_squared=True
    )
    cepstra = tf.raw_ops.Mfcc(
        spectrogram=power,
        sample_rate=16000,
        upper_frequency_limit=8000.0,
        lower_frequency_limit=20.0,
        dct_coefficient_count=CEPSTRA,
    )
    tf.reshape(cepstra, [-1, CEPSTRA], name="mfccs")
    rows = v1.placeholder(tf.float32, [1, 16, ROWS, CEPSTRA], name="input_node")
    v1.placeholder(tf.int32, [1], name="input_lengths")
    cell = v1.placeholder(tf.float32, [1, CELL], name="previous_state_c")
    hidden = v1.placeholder(tf.float32, [1, CELL], name="previous_state_h")
    flat = tf.reshape(rows, [-1, ROWS * CEPSTRA])
    sizes = [(ROWS * CEPSTRA, WIDTH), (WIDTH, WIDTH), (WIDTH, CELL)]
    for number, (n_in, n_out) in enumerate(sizes, start=1):
        flat = dense(flat, f"layer_{number}/weights", f"layer_{number}/bias", n_in, n_out)
    scope = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"
    peephole = tf.zeros([CELL])
    lstm = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.constant(16, tf.int64),
        x=tf.reshape(flat, [16, 1, CELL]),
        cs_prev=cell,
        h_prev=hidden,
        w=variable(f"{scope}/kernel", 2 * CELL, 4 * CELL),
        wci=peephole,
        wcf=peephole,
        wco=peephole,
        b=variable(f"{scope}/bias", 4 * CELL, scale=0.3),
        forget_bias=0.0,
        cell_clip=-1.0,
        use_peephole=False,
    )
    tf.identity(lstm.cs[-1], name="new_state_c")
    tf.identity(lstm.h[-1], name="new_state_h")
    flat = dense(tf.reshape(lstm.h, [-1, CELL]), "layer_5/weights", "layer_5/bias", CELL, WIDTH)
    flat = dense(flat, "layer_6/weights", "layer_6/bias", WIDTH, SYMBOLS, clip=False)
    raw = tf.reshape(flat, [16, 1, SYMBOLS], name="raw_logits")
    tf.nn.softmax(raw, name="logits")
    tf.constant(6, name="metadata_version")
    tf.constant(16000, name="metadata_sample_rate")
    tf.constant(32, name="metadata_feature_win_len")
    tf.constant(20, name="metadata_feature_win_step")
    tf.constant([alphabet()], name="metadata_alphabet")
    return raw


def freeze(session, path: Path, outputs: list[str]) -> None:
    graph = v1.graph_util.convert_variables_to_constants(
        session, session.graph.as_graph_def(), outputs
    )
    path.write_bytes(graph.SerializeToString())


def run_01(folder: Path, wave: np.ndarray) -> dict[str, np.ndarray]:
    cepstra = python_speech_features.mfcc(wave, samplerate=16000, numcep=CEPSTRA)[::2]
    rows = stacked(cepstra)
    rows = (rows - rows.mean()) / rows.std()
    short = rows[:40]
    with v1.Session(graph=tf.Graph()) as session:
        with session.graph.as_default():
            logits = graph_01()
            session.run(v1.global_variables_initializer())
        freeze(session, folder / "deepspeech-0.1.pb", ["logits", "input_lengths"])
        feeds = {"input_node:0": rows[None], "input_lengths:0": [len(rows)]}
        whole = session.run(logits, feeds)[:, 0]
        feeds = {"input_node:0": short[None], "input_lengths:0": [len(short)]}
        return {"rows_01": rows, "logits_01": whole, "short_01": session.run(logits, feeds)[:, 0]}


def run_09(folder: Path, wave: np.ndarray) -> dict[str, np.ndarray]:
    with v1.Session(graph=tf.Graph()) as session:
        with session.graph.as_default():
            logits = graph_09()
            saver = v1.train.Saver()
            session.run(v1.global_variables_initializer())
        names = ["logits", "new_state_c", "new_state_h", "mfccs", "input_lengths"]
        names += [f"metadata_{part}" for part in "version sample_rate alphabet".split()]
        names += [f"metadata_feature_win_{part}" for part in ("len", "step")]
        freeze(session, folder / "deepspeech-0.9.pb", names)
        saver.save(session, str(folder / "deepspeech-0.9"), write_meta_graph=False)
        (folder / "checkpoint").unlink()
        samples = (wave / np.float32(32768)).astype(np.float32)
        frames = [samples[at : at + 512] for at in range(0, len(samples) - 511, 320)]
        found = [session.run("mfccs:0", {"input_samples:0": frame})[0] for frame in frames]
        cepstra = np.stack(found)
        rows = stacked(cepstra).reshape(-1, ROWS, CEPSTRA)
        cell = hidden = np.zeros((1, CELL), np.float32)
        pieces = []
        for at in range(0, len(rows), 16):
            block = rows[at : at + 16]
            padded = np.zeros((1, 16, ROWS, CEPSTRA), np.float32)
            padded[0, : len(block)] = block
            feeds = {"input_node:0": padded, "previous_state_c:0": cell}
            feeds["previous_state_h:0"] = hidden
            outputs = [logits, "new_state_c:0", "new_state_h:0"]
            piece, cell, hidden = session.run(outputs, feeds)
            pieces.append(piece[: len(block), 0])
        return {"cepstra_09": cepstra, "logits_09": np.concatenate(pieces)}


if __name__ == "__main__":
    target, wave = Path(sys.argv[1]), sound()
    found = {"wave": wave, **run_01(target, wave), **run_09(target, wave)}
    for key in ("rows_01",):  # 500 kB of neighbours: keep the middle ones and the ends
        found[key] = found[key][[0, 20, -1]]
    np.savez_compressed(target / "deepspeech.npz", **found)
