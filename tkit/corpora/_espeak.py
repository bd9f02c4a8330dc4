"""Speech from espeak-ng (the library inside espeakng-loader), with phoneme and word times.

The library keeps hidden state from one sentence to the next, so the same sentence does not give the
same samples twice in one process, and it can be initialised only once. Every call of :func:`speak`
therefore runs this module in a process of its own: same request, same samples.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from tkit.errors import MediaError, TkitError

# Names and values of espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS, _INITIALIZE_DONT_EXIT = 0x0001, 0x8000
_CHARS_UTF8, _PHONEMES = 1, 0x100
_RATE, _PITCH, _RANGE = 1, 3, 4
_EVENT_LIST_TERMINATED, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_POS_CHARACTER = 1


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
    command = [sys.executable, "-m", __name__]
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


# ---- the other process -----------------------------------------------------------------------


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def _load() -> tuple[ctypes.CDLL, int]:
    """Load and initialise the library; returns it and its sample rate."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    options = _INITIALIZE_PHONEME_EVENTS | _INITIALIZE_DONT_EXIT
    sample_rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, options)
    if sample_rate <= 0:
        raise TkitError(f"espeak_Initialize failed with {sample_rate}")
    return library, sample_rate


def _synthesise(
    text: str, voice: str, rate_wpm: int, pitch: int, pitch_range: int
) -> tuple[bytes, dict[str, object]]:
    library, sample_rate = _load()
    parts: list[bytes] = []
    phonemes: list[tuple[float, str]] = []
    word_starts_s: list[float] = []

    def receive(samples: Any, count: int, event: Any) -> int:
        if samples and count:
            parts.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while event[index].type != _EVENT_LIST_TERMINATED:
            start_s = event[index].sample / sample_rate
            if event[index].type == _EVENT_WORD:
                word_starts_s.append(start_s)
            elif event[index].type == _EVENT_PHONEME:
                phonemes.append((start_s, event[index].id.string.decode()))
            index += 1
        return 0

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()):
        raise TkitError(f"no voice {voice!r}")
    for parameter, value in ((_RATE, rate_wpm), (_PITCH, pitch), (_RANGE, pitch_range)):
        library.espeak_SetParameter(parameter, value, 0)
    encoded = text.encode()
    flags = _CHARS_UTF8 | _PHONEMES
    size = ctypes.c_size_t(len(encoded) + 1)
    code = library.espeak_Synth(encoded, size, 0, _POS_CHARACTER, 0, flags, None, None)
    if code:
        raise TkitError(f"espeak_Synth failed with {code}")
    answer = {"sample_rate": sample_rate, "phonemes": phonemes, "word_starts_s": word_starts_s}
    return b"".join(parts), answer


def _main() -> None:
    samples, answer = _synthesise(*json.loads(sys.stdin.buffer.read()))
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + samples)


if __name__ == "__main__":
    _main()
