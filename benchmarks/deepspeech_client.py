"""DeepSpeech in torch against Mozilla's own client 0.9.3: the CTC score of what it hears.

    python3.9 -m venv v39 && v39/bin/pip install deepspeech==0.9.3 'numpy<2'
    python benchmarks/deepspeech_client.py --python v39/bin/python [--graph FILE.pb] [--wav FILE]

The client gives no logits, only its best transcripts with the logarithm of their probability; the
same probability is CTC's, of our logits. With a beam that holds nearly all of the probability both
must agree. The default graph is the small one of the tests with its last layer made steeper, for
its random weights spread the probability over more transcripts than a beam holds. At the end of a
stream the client makes one more row, of what is left and zeros: so does this script.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from tkit import media
from tkit.speech import ENCODERS

DATA = Path(__file__).parents[1] / "tests" / "data"
STEEPER = 8
CLIENT = """
import json, sys
import deepspeech, numpy
model = deepspeech.Model(sys.argv[1])
model.setBeamWidth(4000)
wave = numpy.load(sys.argv[2])
found = model.sttWithMetadata(wave, 3).transcripts
print(json.dumps([["".join(t.text for t in f.tokens), f.confidence] for f in found]))
"""


def steeper_graph(folder: Path) -> Path:
    """Write the tests' graph of 0.9 with the weights of its last layer multiplied."""
    from tkit.zoo.nets.deepspeech import tensorflow

    path = DATA / "deepspeech-0.9.pb"
    last = tensorflow.read(path).tensors["layer_6/weights"]
    steep = (last * STEEPER).astype(last.dtype)
    graph = path.read_bytes()
    if graph.count(last.tobytes()) != 1:
        raise SystemExit(f"{path}: the weights of the last layer are not there once")
    target = folder / "graph.pb"
    target.write_bytes(graph.replace(last.tobytes(), steep.tobytes()))
    return target


def heard_by_client(python: str, graph: Path, wave: np.ndarray, folder: Path) -> list:
    np.save(folder / "wave.npy", wave)
    command = [python, "-c", CLIENT, str(graph), str(folder / "wave.npy")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def ctc_score(graph: Path, wave: np.ndarray, text: str) -> float:
    """Log-probability of ``text`` by our logits, with the client's extra row at the end."""
    encode = ENCODERS.get("deepspeech").load(graph)
    hop, window = encode.config.hop, encode.config.window
    n_rows = 1 + max(len(wave) - window, 0) // hop
    padded = np.pad(wave, (0, window + hop * n_rows - len(wave)))
    logits = torch.from_numpy(encode(padded.astype(np.float32) / 32768))
    scores = F.log_softmax(logits.double(), dim=-1)[:, None]
    targets = torch.tensor([[encode.symbols.index(letter) for letter in text]])
    sizes = torch.tensor([len(scores)]), torch.tensor([len(text)])
    blank = len(encode.symbols) - 1
    return -F.ctc_loss(scores, targets, *sizes, blank=blank, reduction="sum").item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True, help="A Python that has deepspeech 0.9.3.")
    parser.add_argument("--graph", type=Path, help="Default: made of the tests' small graph.")
    parser.add_argument("--wav", type=Path, help="Default: the sound of the tests.")
    arguments = parser.parse_args()
    if arguments.wav:
        wave = np.round(media.read_audio(arguments.wav) * 32768).clip(-32768, 32767)
        wave = wave.astype(np.int16)
    else:
        wave = np.load(DATA / "deepspeech.npz")["wave"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        graph = arguments.graph or steeper_graph(folder)
        for text, theirs in heard_by_client(arguments.python, graph, wave, folder):
            ours = ctc_score(graph, wave, text)
            print(f"client {theirs:.6f}, torch {ours:.6f}, apart {abs(theirs - ours):.1e}: {text}")


if __name__ == "__main__":
    main()
