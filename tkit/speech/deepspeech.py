"""Mozilla's DeepSpeech 0.1 to 0.9 from its own files, without TensorFlow.

Takes a frozen graph (``.pb``, ``.pbmm``, ``.tflite``), a checkpoint, or what ``tkit zoo add
deepspeech`` made of one. Columns: the alphabet (English: space, a to z, apostrophe) and CTC's
blank; values before the softmax in every version, although the graphs call ``logits`` what is after
it from 0.4 on. The 8-bit weights of a ``.tflite`` act on numbers of full precision here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import UsageError, WeightsError
from tkit.files import sha256_of
from tkit.registry import ModelFile
from tkit.speech import Encoder
from tkit.speech.mfcc import CONTEXT, N_CEPSTRA, cepstra_psf, cepstra_tensorflow, stacked
from tkit.speech.pieces import gathered
from tkit.store import EncoderInfo

LONGEST_S = 600  # where the whole must be there: a second takes 2 MB in four layers
_BLOCK = 1500  # rows (30 s) at once where the state can be carried on: memory stays bounded


class DeepSpeech:
    """The encoder with its network loaded; on a GPU if there is one.

    Parameters
    ----------
    weights : path
        Mozilla's file, or the converted one (the file or its folder).
    """

    def __init__(self, weights: str | Path) -> None:
        import torch

        self._net, sha256 = load(weights)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._net.to(self._device)
        config = self.config = self._net.config
        self.symbols = config.symbols
        self.info = EncoderInfo(
            "deepspeech",
            config.version,
            sha256,
            dim=len(config.symbols),
            rate_hz=config.sample_rate / (config.hop * config.every),
            offset_s=config.window / 2 / config.sample_rate,
        )

    def __call__(self, wave: np.ndarray) -> np.ndarray:
        """Encode (S,) float32 sound at 16 kHz to logits (N, D)."""
        return np.concatenate(list(self.stream([wave])))

    def stream(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Encode sound that comes in pieces: the network remembers what was before them.

        Raises
        ------
        UsageError
            If the network reads backwards, too (0.1), and the sound is too long for its memory.
        """
        import torch

        state = None
        rows_of = self._whole if self.config.bidirectional or self.config.whiten else self._rows
        for block in rows_of(waves):
            rows = torch.from_numpy(block)[None].to(self._device)
            with torch.inference_mode():
                logits, state = self._net(rows, state=state)
            yield logits[0].cpu().numpy()

    def _whole(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        pieces, count = [], 0
        for piece in waves:
            pieces.append(piece)
            count += len(piece)
            if count > LONGEST_S * self.config.sample_rate:
                raise UsageError(
                    f"DeepSpeech {self.config.version} reads backwards, too, so it must have the "
                    f"whole sound, of at most {LONGEST_S // 60} minutes: cut it, or take a newer "
                    "version"
                )
        yield self.features(np.concatenate([np.zeros(0, np.float32), *pieces]))

    def _rows(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Stacked cepstra (n, 494) of the next rows, as :meth:`features` has them."""
        context = np.zeros((CONTEXT, N_CEPSTRA), np.float32)
        held = context
        for cepstra in chain(self._cepstra_of(waves), [context]):
            held = np.concatenate([held, cepstra])
            if len(held) > 2 * CONTEXT:
                yield np.array(stacked(held)[CONTEXT:-CONTEXT], np.float32)
                held = held[-2 * CONTEXT :]

    def _cepstra_of(self, waves: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Cepstra (n, 26) of the rows that are kept, of some at once."""
        config = self.config
        step = config.hop * config.every
        # A block begins a row early: the first sample's forerunner, which psf takes, is not known.
        size, held, early = _BLOCK * step, np.zeros(0, np.float32), 0
        for piece in gathered(waves, size):
            held = np.concatenate([held, piece])
            while len(held) > early * step + size + config.window:
                block = held[: early * step + size - config.hop + config.window]
                yield self._cepstra(block)[early:]
                held, early = held[early * step + size - step :], 1
        yield self._cepstra(held)[early:]

    def batch(self, waves: list[np.ndarray]) -> list[np.ndarray]:
        """Encode several clips at once: the same rows as one by one, faster on a GPU."""
        import torch

        features = [torch.from_numpy(self.features(wave)) for wave in waves]
        lengths = torch.tensor([len(rows) for rows in features])
        padded = torch.nn.utils.rnn.pad_sequence(features, batch_first=True).to(self._device)
        with torch.inference_mode():
            logits, _ = self._net(padded, lengths)
        return [rows[:n].cpu().numpy() for rows, n in zip(logits, lengths.tolist(), strict=True)]

    def features(self, wave: np.ndarray) -> np.ndarray:
        """Stacked cepstra (N, 494) float32 that the network takes."""
        rows = stacked(self._cepstra(wave))
        if self.config.whiten:  # over the whole clip, the zeros beyond its ends included
            rows = (rows - rows.mean()) / rows.std()
        return np.array(rows, np.float32)

    def _cepstra(self, wave: np.ndarray) -> np.ndarray:
        config = self.config
        samples = np.round(np.asarray(wave, np.float32) * 32768).clip(-32768, 32767)
        samples = np.pad(samples, (0, max(config.window - len(samples), 0))).astype(np.int16)
        if config.chain == "psf":
            cepstra = cepstra_psf(
                samples, window=config.window, hop=config.hop, hamming=config.hamming
            )
        else:
            cepstra = cepstra_tensorflow(
                samples,
                window=config.window,
                hop=config.hop,
                low_hz=config.low_hz,
                high_hz=config.high_hz,
            )
        return cepstra[:: config.every]


def load(weights: str | Path) -> tuple[Any, str]:
    """Load the network of a file of Mozilla's, or of a converted one.

    Returns
    -------
    DeepSpeech, str
        The module of :mod:`tkit.zoo.nets.deepspeech`, and the hash of Mozilla's file.
    """
    from tkit.zoo.nets import deepspeech
    from tkit.zoo.nets.deepspeech import lite as lite_files
    from tkit.zoo.nets.deepspeech import tensorflow, tflite
    from tkit.zoo.released import weights as released_weights

    path = Path(weights)
    if path.is_dir():
        path = path / "weights.safetensors"
    if path.suffix != ".safetensors":
        lite = path.suffix == ".tflite"
        saved = lite_files.as_graph(tflite.read(path)) if lite else tensorflow.read(path)
        return deepspeech.convert(saved, where=str(path)), file_hash(path)
    loaded = released_weights.load(path)
    if loaded.net != "deepspeech":
        raise WeightsError(f"{path}: weights of {loaded.net!r}, not of deepspeech")
    source = loaded.record.get("source_sha256")
    try:
        deepspeech.check(loaded.config)
        if not isinstance(source, str):
            raise ValueError("the file that it was made of is not named")
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from error
    return loaded.module, source


def file_hash(path: Path) -> str:
    """SHA-256 of a graph, or of the index and the data of a checkpoint one after the other."""
    stem = path.name.removesuffix(".index")
    parts = [path] if path.is_file() and path.suffix != ".index" else []
    parts = parts or [path.with_name(f"{stem}.index"), *sorted(path.parent.glob(f"{stem}.data-*"))]
    digest = hashlib.sha256()
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def add(source: str | Path, folder: str | Path) -> Path:
    """Convert a file of Mozilla's to ``folder``: ``weights.safetensors`` and ``card.toml``.

    Returns
    -------
    Path
        The weight file; its encoder has the same signature as the source's.
    """
    from tkit.zoo.released import cards
    from tkit.zoo.released import weights as released_weights

    net, sha256 = load(source)
    config, path, name = net.config, Path(folder) / "weights.safetensors", Path(source).name
    record = {"source": name, "source_sha256": sha256, "version": config.version}
    released_weights.save(path, net="deepspeech", config=config, module=net, record=record)
    card = cards.Card(
        name="deepspeech",
        net="deepspeech",
        sha256=sha256_of(path),
        data=f"as Mozilla's release {config.version}; converted from {name}, sha256 {sha256}",
        protocol="none",
        licence="that of the file it was converted from (Mozilla's releases: MPL-2.0)",
        attribution="Mozilla DeepSpeech",
        intended_use="speech features at 50 Hz: logits of characters before the softmax",
        limits="trained on read English speech; 16 kHz sound; not redistributed by tkit",
        command=f"tkit zoo add deepspeech {name}",
    )
    cards.write_card(path.with_name("card.toml"), card)
    return path


def _example(folder: Path) -> Path:
    """Write a converted file of a small random network."""
    import torch

    from tkit.zoo.nets import deepspeech
    from tkit.zoo.released import weights as released_weights

    torch.manual_seed(0)
    config = deepspeech.Config("0.9", (8, 8, 8, 8), 8, False, (*deepspeech.ENGLISH, ""))
    released_weights.save(
        folder / "weights.safetensors",
        net="deepspeech",
        config=config,
        module=deepspeech.DeepSpeech(config),
        record={"source": "random", "source_sha256": 64 * "0", "version": config.version},
    )
    return folder / "weights.safetensors"


ENCODER = Encoder(
    name="deepspeech",
    signature="deepspeech",
    licence="that of the file; Mozilla's releases are MPL-2.0",
    title="Mozilla DeepSpeech 0.1 to 0.9",
    dim=0,
    rate_hz=50.0,
    offset_s=0.0125,
    sample_rate=16000,
    open=DeepSpeech,
    model=ModelFile("a file of Mozilla's releases (.pb, .pbmm, .tflite or a checkpoint)"),
    example=_example,
)
