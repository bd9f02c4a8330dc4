"""More training speech for encoders that cannot be augmented by their features.

    python -m tkit.pipelines._voices grid29.h5 --grid /data/grid --out voices29.h5

Writes a store with all clips of another one and, of each training clip, some copies that sound
otherwise: played faster or slower (a higher or lower voice) with the features put back on the
clip's own time, half of them with noise. Faces are those of the clip; crops are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from tkit import media, store
from tkit.clips import Clip, Word, generator
from tkit.corpora import CORPORA
from tkit.errors import UsageError
from tkit.pipelines import _augment
from tkit.speech import ENCODERS, OpenEncoder, open_encoder

COPIES = 4
FACTORS = (0.85, 1.25)  # of the pitch, drawn evenly; men's voices are lower, and most are men's
SNR_DB = (5.0, 25.0)


def disguise(wave: np.ndarray, encode: OpenEncoder, rng: np.random.Generator) -> np.ndarray:
    """Features of sound in another voice, perhaps with noise, as many rows as of the sound."""
    from scipy.signal import resample_poly

    percent = round(100 * rng.uniform(*FACTORS))
    other = resample_poly(wave, 100, percent).astype(np.float32)
    if rng.random() < 0.5:
        spectrum = np.fft.rfft(rng.standard_normal(len(other)))
        tilt = np.arange(1, len(spectrum) + 1) ** -rng.uniform(0, 0.5)  # white to pink
        noise = np.fft.irfft(spectrum * tilt, len(other))
        level = other.std() * 10 ** (-rng.uniform(*SNR_DB) / 20) / noise.std()
        other = (other + level * noise).astype(np.float32)
    return _augment.at_speed(encode(other), len(encode(wave)))


def copy(
    source: store.Store, row: store.Row, words: list[Word], speech: np.ndarray, mark: str
) -> dict[str, Any]:
    """Fields of one clip for :meth:`tkit.store.Writer.add`, with other speech features."""
    frames = {
        name: source[name][row.frames] for name in ("points", "displacement", "pose", "valid")
    }
    return {
        "id": row.id + mark, "speaker": row.speaker, "text": row.text, "split": row.split,
        "fps": row.fps, "words": words,
        "arrays": frames | {"speech": speech},
    }  # fmt: skip


def write(source: store.Store, corpus: Path, out: Path, *, copies: int, seed: int) -> int:
    """Write the store; return the number of its clips."""
    info = source.info
    encode = open_encoder(info.encoder.name)
    if encode.info != info.encoder:
        raise UsageError(
            f"{source.path} has the features {info.encoder.signature}, this tkit makes "
            f"{encode.info.signature}; prepare the corpus again"
        )
    rate = ENCODERS.get(info.encoder.name).sample_rate
    clips = {c.id: c for c in CORPORA.get(info.corpus).scan(corpus) if isinstance(c, Clip)}
    with store.create(out, info) as writer:
        n, known = 0, source.words()
        for row in source.clips:
            words = known.get(row.id, [])
            writer.add(**copy(source, row, words, source["speech"][row.rows], ""))
            n += 1
            if row.split != "train":
                continue
            clip = clips[row.id]
            decoded = media.read_clip(clip.video, clip.audio, fps=row.fps, sample_rate=rate)
            wave = decoded.wave[: round(decoded.duration_s * rate)]
            for index in range(copies):
                rng = generator(seed, "voices", row.id, str(index))
                speech = disguise(wave, encode, rng)
                writer.add(**copy(source, row, words, speech, f"~{index}"))
                n += 1
        writer.finish(
            speakers=source.speakers, canonical=source.canonical, rejects=source.rejects,
            notes=source.notes,
        )  # fmt: skip
    return n


def main() -> None:
    """Read the arguments, write the store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--grid", type=Path, required=True, help="the corpus")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with store.Store(args.store) as source:
        n = write(source, args.grid, args.out, copies=args.copies, seed=args.seed)
    print(f"{args.out}: {n} clips")


if __name__ == "__main__":
    main()
