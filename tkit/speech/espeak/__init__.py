"""Speech from espeak-ng (the library inside espeakng-loader), with phoneme and word times.

The library keeps hidden state from one sentence to the next, so the same sentence does not give the
same samples twice in one process, and it can be initialised only once. Every call of :func:`speak`
therefore runs ``process.py`` in a process of its own, with the library's random numbers
seeded: same request, same samples, on one machine and version of the library.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tkit.errors import MediaError, TkitError

_CHILD = Path(__file__).with_name("process.py")


@dataclass(frozen=True)
class Spoken:
    """One synthesised sentence.

    Parameters
    ----------
    wave : ndarray (S,), float32
        Mono sound in [-1, 1].
    sample_rate : int
    phonemes : tuple of (float, str)
        Start in seconds and espeak mnemonic, stress marks kept; pauses start with an underscore.
    word_starts_s : tuple of float
    """

    wave: np.ndarray
    sample_rate: int
    phonemes: tuple[tuple[float, str], ...]
    word_starts_s: tuple[float, ...]


def speak(
    text: str, *, voice: str, rate_wpm: int, pitch: int = 50, pitch_range: int = 50
) -> Spoken:
    """Synthesise ``text``; ``[[...]]`` in it is espeak's phoneme notation.

    Parameters
    ----------
    voice : str
        Voice name and variant, e.g. ``en-us+f2``.
    rate_wpm : int
        Words per minute, 80 to 450.
    pitch, pitch_range : int
        0 to 100.

    Raises
    ------
    TkitError
        If the library cannot be loaded or does not know the voice.
    """
    request = json.dumps([text, voice, rate_wpm, pitch, pitch_range])
    command = [sys.executable, str(_CHILD)]
    done = subprocess.run(command, input=request.encode(), capture_output=True, check=False)
    header, _, samples = done.stdout.partition(b"\n")
    if done.returncode or not header:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        why = lines[-1] if lines else f"exit code {done.returncode}"
        raise TkitError(
            f"espeak-ng cannot speak {text!r} ({why}); is the package espeakng-loader installed "
            "for this machine? Try: pip install --force-reinstall espeakng-loader"
        )
    answer = json.loads(header)
    wave = np.frombuffer(samples, "<i2").astype(np.float32) / 32768
    if not wave.size:
        raise MediaError(f"espeak-ng made no sound for {text!r} with voice {voice!r}")
    phonemes = tuple((start_s, symbol) for start_s, symbol in answer["phonemes"])
    return Spoken(wave, answer["sample_rate"], phonemes, tuple(answer["word_starts_s"]))
