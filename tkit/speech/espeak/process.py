"""The process that speaks for ``tkit.speech.espeak``: a request on stdin, times and samples out.

Run as a script, and light on imports: it starts for every sentence.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

# Names and values of espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS, _INITIALIZE_DONT_EXIT = 0x0001, 0x8000
_CHARS_UTF8, _PHONEMES = 1, 0x100
_RATE, _PITCH, _RANGE = 1, 3, 4
_EVENT_LIST_TERMINATED, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_POS_CHARACTER = 1


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
        raise SystemExit(f"espeak_Initialize failed with {sample_rate}")
    library.espeak_ng_SetRandSeed(ctypes.c_long(0))  # the breath of some voices: else, the clock's
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
        raise SystemExit(f"no voice {voice!r}")
    for parameter, value in ((_RATE, rate_wpm), (_PITCH, pitch), (_RANGE, pitch_range)):
        library.espeak_SetParameter(parameter, value, 0)
    encoded = text.encode()
    flags = _CHARS_UTF8 | _PHONEMES
    size = ctypes.c_size_t(len(encoded) + 1)
    code = library.espeak_Synth(encoded, size, 0, _POS_CHARACTER, 0, flags, None, None)
    if code:
        raise SystemExit(f"espeak_Synth failed with {code}")
    answer = {"sample_rate": sample_rate, "phonemes": phonemes, "word_starts_s": word_starts_s}
    return b"".join(parts), answer


def _main() -> None:
    samples, answer = _synthesise(*json.loads(sys.stdin.buffer.read()))
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + samples)


if __name__ == "__main__":
    _main()
