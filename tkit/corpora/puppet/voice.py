"""What a puppet says and how it sounds: GRID's grammar, spoken by espeak-ng, on GRID's clock."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from tkit.clips import Word
from tkit.corpora import grid
from tkit.speech import espeak

# (voice, pitch, words per minute): speakers take them in turn. The variants with `breath` (f2, f3,
# f5) are left out: their noise differs from process to process.
VOICES: tuple[tuple[str, int, int], ...] = (
    ("en-us+f4", 50, 125),
    ("en-us+m3", 45, 135),
    ("en-gb-x-rp+f1", 55, 130),
    ("en-us+m7", 38, 140),
    ("en-gb-scotland+linda", 50, 120),
    ("en-029+m1", 50, 128),
    ("en-us-nyc+Annie", 58, 142),
    ("en-gb-x-rp+m2", 42, 118),
)

STRESS = "',%=|"  # marks in front of a phoneme's name
MAX_WPM = 450
# Silence before the first word, as in GRID, and what must remain behind the last. The sound can lag
# or lead by MAX_LAG_S within them, so that a lag changes nothing in how the sentence is spoken.
LEAD_S = 0.32, 0.52
TAIL_S = 0.32
MAX_LAG_S = 0.3


@dataclass(frozen=True)
class Utterance:
    """One spoken sentence on the clock of its clip.

    Parameters
    ----------
    wave : ndarray (S,), float32
    sample_rate : int
    words : tuple of Word
    phonemes : tuple of (float, float, str)
        Start and end in seconds, espeak mnemonic without stress marks; no pauses.
    """

    wave: np.ndarray
    sample_rate: int
    words: tuple[Word, ...]
    phonemes: tuple[tuple[float, float, str], ...]


def choose_sentences(count: int, rng: np.random.Generator) -> list[str]:
    """Draw ``count`` different GRID sentences and return their names, e.g. ``bbaf2n``.

    Each slot of the grammar is dealt like a shuffled pack, so that few sentences cover many words.
    """
    chosen: dict[str, None] = {}
    packs: list[list[str]] = [[] for _ in grid.GRAMMAR]
    while len(chosen) < count:
        for pack, slot in zip(packs, grid.GRAMMAR, strict=True):
            if not pack:
                pack.extend(rng.permutation(sorted(slot)).tolist())
        chosen.setdefault("".join(pack.pop() for pack in packs))
    return list(chosen)


def utter(
    sentence: str,
    voice: tuple[str, int, int],
    *,
    duration_s: float,
    lag_s: float,
    rng: np.random.Generator,
) -> Utterance:
    """Speak a sentence and place it in a clip of ``duration_s``, ``lag_s`` late in the sound.

    Speech that is too long for the clip is spoken again, faster.
    """
    name, pitch, rate_wpm = voice
    words = sentence.split()
    # The article would be read for the letter; espeak's own notation spells it out.
    text = " ".join("[[eI]]" if word == "a" else word for word in words)
    pitch += int(rng.integers(-3, 4))
    rate_wpm = round(rate_wpm * rng.uniform(0.94, 1.06))
    lead_s = rng.uniform(*LEAD_S)
    room_s = duration_s - lead_s - TAIL_S
    while True:
        spoken = espeak.speak(text, voice=name, rate_wpm=rate_wpm, pitch=pitch)
        spoken_s = _speech_end_s(spoken)
        if spoken_s <= room_s or rate_wpm >= MAX_WPM:
            break
        rate_wpm = min(ceil(rate_wpm * 1.05 * spoken_s / room_s), MAX_WPM)
    return _place(spoken, words, lead_s + lag_s, duration_s)


def _speech_end_s(spoken: espeak.Spoken) -> float:
    """Return where the last sound ends: the first pause behind the last phoneme."""
    pauses = [start_s for start_s, symbol in spoken.phonemes if symbol.startswith("_")]
    last_s = max(start_s for start_s, symbol in spoken.phonemes if not symbol.startswith("_"))
    behind = [start_s for start_s in pauses if start_s > last_s]
    return min(behind, default=len(spoken.wave) / spoken.sample_rate)


def _place(
    spoken: espeak.Spoken, words: list[str], offset_s: float, duration_s: float
) -> Utterance:
    wave = np.zeros(round(duration_s * spoken.sample_rate), np.float32)
    start = round(offset_s * spoken.sample_rate)
    offset_s = start / spoken.sample_rate
    skipped = max(-start, 0)
    piece = spoken.wave[skipped:]
    piece = piece[: len(wave) - max(start, 0)]
    wave[max(start, 0) : max(start, 0) + len(piece)] = piece
    wave *= 0.5 / max(float(np.abs(wave).max()), 1e-6)

    end_s = _speech_end_s(spoken)
    edges_s = [start_s for start_s, _ in spoken.phonemes] + [end_s]
    phonemes = tuple(
        (start_s + offset_s, until_s + offset_s, symbol.lstrip(STRESS))
        for (start_s, symbol), until_s in zip(spoken.phonemes, edges_s[1:], strict=True)
        if not symbol.startswith("_")
    )
    bounds_s = [phonemes[0][0], *(start_s + offset_s for start_s in spoken.word_starts_s[1:])]
    bounds_s.append(end_s + offset_s)
    spans = zip(pairwise(bounds_s), words, strict=True)
    aligned = tuple(Word(start_s, until_s, text) for (start_s, until_s), text in spans)
    return Utterance(wave, spoken.sample_rate, aligned, phonemes)
