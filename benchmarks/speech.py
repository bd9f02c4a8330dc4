"""The speech encoders: errors on real speech, cost, and how much they keep of the voice.

    apt-get install asterisk-core-sounds-en asterisk-core-sounds-en-g722
    python benchmarks/speech.py errors --grid /data/grid
    python benchmarks/speech.py cost
    python benchmarks/speech.py voices

**errors**: character error rate of the greedy transcripts (edits over characters, no language
model), on the 60 prompts of Debian's Asterisk package in ``speech_prompts.txt`` (read by one woman,
never trained on; of the prompts of 2 to 12 s with a plain transcript without digits, 60 evenly
over the alphabet) and on GRID clips of the validation speakers s20, s23, s30, s34. Texts are
reduced to a-z, apostrophe and space.
**cost**: rows a second of CPU time on one thread, over 3-second clips; the seconds that 1,000 of
them take; peak resident memory, and for a wave of 10 minutes (2 for slow ones). Cost does not
depend on what weights are, so ``deepspeech`` is measured with random ones of the size of release
0.9.3 where no file is given, and ``transformers`` (if installed) with a wav2vec2 of its base size.
**voices**: one sentence in 10 synthetic voices and with noise at 10 dB, against other sentences:
mean distance of aligned features between voices over that between sentences. Lower is better.
"""

from __future__ import annotations

import argparse
import gzip
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from time import process_time

import av
import numpy as np
import torch
from scipy.signal import resample_poly

from tkit import media
from tkit.corpora import grid
from tkit.speech import ENCODERS, OpenEncoder, espeak
from tkit.speech.symbols import edits, greedy
from tkit.zoo.nets import deepspeech as deepspeech_net
from tkit.zoo.released import weights as released_weights

SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
VAL_SPEAKERS = ("s20", "s23", "s30", "s34")
SENTENCES = (
    "she put the blue box under the old table",
    "nine people came by train in the morning",
    "my brother would like to buy a small boat",
    "please wait until the green light is on",
)
VOICES = "en-us en-us+m2 en-us+m3 en-us+m7 en-us+f1 en-us+f2 en-us+f4 en-us+f5 en+m5 en+f3".split()


def prompts() -> Iterator[tuple[np.ndarray, str]]:
    """Yield sound and text of the 60 prompts."""
    texts = {}
    for line in gzip.decompress(TEXTS.read_bytes()).decode().splitlines():
        name, _, text = line.partition(": ")
        texts[name] = " ".join(re.sub("[^a-z' ]", " ", text.lower()).split())
    for name in Path(__file__).with_name("speech_prompts.txt").read_text().split():
        with av.open(str(SOUNDS / f"{name}.g722"), format="g722") as container:
            parts = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
        yield np.concatenate(parts).astype(np.float32) / 32768, texts[name]


def grid_clips(root: Path) -> Iterator[tuple[np.ndarray, str]]:
    """Yield sound and sentence of the clips of the validation speakers."""
    for speaker in VAL_SPEAKERS:
        for path in sorted((root / speaker).rglob("*.mpg")):
            yield media.read_audio(path), str(grid.sentence(path.stem))


def errors(encode: OpenEncoder, clips: list[tuple[np.ndarray, str]], *, show: int) -> float:
    wrong = total = 0
    for index, (wave, said) in enumerate(clips):
        heard = greedy(encode(wave), encode.symbols)
        wrong, total = wrong + edits(heard, said), total + len(said)
        if index < show:
            print(f"    {said}\n    {heard}")
    return wrong / total


def run_errors(encoders: dict[str, OpenEncoder], root: Path | None) -> None:
    sets = {"Asterisk prompts": list(prompts())}
    if root is not None:
        sets["GRID, validation speakers"] = list(grid_clips(root))
    for name, encode in encoders.items():
        if len(getattr(encode, "symbols", ())) != 29:
            continue
        for title, clips in sets.items():
            rate = errors(encode, clips, show=3)
            seconds = sum(len(wave) for wave, _ in clips) / 16000
            print(f"{name}: error rate {rate:.3f} on {len(clips)} {title} ({seconds:.0f} s)")


def run_cost(names: list[str], deepspeech: Path | None) -> None:
    """Measure each encoder in a process of its own: peak memory only ever grows."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            command = [sys.executable, __file__, "cost-of-one", "--encoders", name]
            if name == "deepspeech":
                command += ["--weights", str(deepspeech or random_deepspeech(Path(folder)))]
            if name == "transformers":
                command += ["--weights", str(random_wav2vec2(Path(folder)))]
            subprocess.run(command, check=True)


def random_deepspeech(folder: Path) -> Path:
    """Save random weights of the size of release 0.9.3."""
    symbols = (*deepspeech_net.ENGLISH, "")
    config = deepspeech_net.Config(
        "0.7-0.9", (2048,) * 4, 2048, bidirectional=False, symbols=symbols
    )
    path = folder / "deepspeech.safetensors"
    record = {"source_sha256": "0" * 64}
    module = deepspeech_net.NET.build(config)
    released_weights.save(path, net="deepspeech", config=config, module=module, record=record)
    return path


def random_wav2vec2(folder: Path) -> Path:
    import transformers

    model = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config())
    model.save_pretrained(folder / "wav2vec2")
    return folder / "wav2vec2"


def cost_of_one(name: str, weights: Path | None) -> None:
    rng = np.random.default_rng(0)
    wave = (0.1 * rng.normal(size=48000)).astype(np.float32)
    encode = ENCODERS.get(name).load(weights)
    encode(wave)
    start, clips = process_time(), 0
    while clips < 20 and process_time() - start < 30:
        rows, clips = len(encode(wave)), clips + 1
    cost_s = (process_time() - start) / clips
    minutes = 10 if cost_s < 1 else 2
    long = (0.1 * rng.normal(size=minutes * 60 * 16000)).astype(np.float32)
    before = _peak_mb()
    start = process_time()
    encode(long)
    print(
        f"{name}: {rows / cost_s:.0f} rows/s, {3 / cost_s:.1f} x real time, "
        f"{1000 * cost_s:.0f} s for 1,000 clips of 3 s; {minutes} minutes in "
        f"{process_time() - start:.0f} s, peak memory {before:.0f} then {_peak_mb():.0f} MB"
    )


def _peak_mb() -> float:
    """Peak resident memory of this process; getrusage would give its parent's if that had more."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def run_voices(encoders: dict[str, OpenEncoder]) -> None:
    rng = np.random.default_rng(0)
    waves = [[_spoken(text, voice) for voice in VOICES] for text in SENTENCES]
    noisy = [[_with_noise(wave, 10, rng) for wave in row] for row in waves]
    for name, encode in encoders.items():
        clean = [[_scaled(encode(wave), encode) for wave in row] for row in waves]
        rough = [[_scaled(encode(wave), encode) for wave in row] for row in noisy]
        n_voices, n_texts = len(VOICES), len(SENTENCES)
        own, other, noise = [], [], []
        for text in range(n_texts):
            for voice in range(n_voices):
                here = clean[text][voice]
                own.append(_distance(here, clean[text][(voice + 1) % n_voices]))
                other.append(_distance(here, clean[(text + 1) % n_texts][voice]))
                noise.append(_distance(here, rough[text][voice]))
        print(
            f"{name}: between voices {np.mean(own) / np.mean(other):.2f} of the distance between "
            f"sentences, from noise at 10 dB {np.mean(noise) / np.mean(other):.2f}"
        )


def _spoken(text: str, voice: str) -> np.ndarray:
    spoken = espeak.speak(text, voice=voice, rate_wpm=150)
    return resample_poly(spoken.wave, 16000, spoken.sample_rate).astype(np.float32)


def _with_noise(wave: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(size=len(wave)) * np.sqrt(np.mean(wave**2)) * 10 ** (-snr_db / 20)
    return (wave + noise).astype(np.float32)


def _scaled(rows: np.ndarray, encode: OpenEncoder) -> np.ndarray:
    """Rows as probabilities where the columns are symbols: large negative logits mean nothing."""
    if not hasattr(encode, "symbols"):
        return rows
    odds = np.exp(rows - rows.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of the rows along the best alignment (dynamic time warping)."""
    cost = np.linalg.norm(first[:, None] - second[None], axis=-1)
    total = np.full((len(first) + 1, len(second) + 1), np.inf)
    total[0, 0] = 0
    for row in range(len(first)):
        for column in range(len(second)):
            best = min(total[row, column], total[row, column + 1], total[row + 1, column])
            total[row + 1, column + 1] = cost[row, column] + best
    return total[-1, -1] / (len(first) + len(second))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("errors", "cost", "voices", "cost-of-one"))
    parser.add_argument("--encoders", nargs="+", metavar="NAME")
    parser.add_argument("--deepspeech", type=Path, metavar="FILE", help="Its weights, if you have.")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="For cost-of-one.")
    parser.add_argument("--grid", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    names = arguments.encoders or ["logmel", "phones", "chars29"]
    if arguments.what == "cost-of-one":
        cost_of_one(names[0], arguments.weights)
        return
    if arguments.what == "cost":
        with_library = ["transformers"] if find_spec("transformers") else []
        run_cost(arguments.encoders or [*names, "deepspeech", *with_library], arguments.deepspeech)
        return
    encoders = {name: ENCODERS.get(name).load() for name in names}
    if arguments.deepspeech:
        encoders["deepspeech"] = ENCODERS.get("deepspeech").load(arguments.deepspeech)
    if arguments.what == "errors":
        run_errors(encoders, arguments.grid)
    else:
        run_voices(encoders)


if __name__ == "__main__":
    main()
