"""Synthetic speech with its text, to train the head of ``chars29`` on: voices, rooms, noise.

Everything about utterance ``i`` follows from the seed and ``i``. Voices are those of espeak-ng (a
dependency) and, where its program is installed, flite; a voice read faster or slower by resampling
is another speaker.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve, resample_poly

from tkit import media
from tkit.pipelines.makers.chars29.text import sentence
from tkit.seeds import generator
from tkit.speech import espeak

SAMPLE_RATE = 16000
_LANGUAGES = "en-us en-us en-us en en-gb-x-rp en-us-nyc en-gb-scotland en-gb-x-gbcwmd".split()
_VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 Alex Alicia Annie Andy Michael ed grandma linda".split()
)
_FLITE = "slt rms awb kal16".split()
_FLITE_SHARE = 0.75
_SPELLED = {"a": ("[[eI]]", "ay")}  # the article would be read for the letter: espeak, flite


@dataclass(frozen=True)
class Utterance:
    """One spoken sentence: (S,) float32 sound at 16 kHz and its text (a-z, apostrophe, space)."""

    wave: np.ndarray
    text: str
    voice: str


def utter(index: int, *, seed: int) -> Utterance:
    """Speak sentence ``index`` in a voice of its own, in a room with noise."""
    rng = generator(seed, "chars29", str(index))
    text, spelled = sentence(rng)
    use_flite = shutil.which("flite") is not None and rng.random() < _FLITE_SHARE
    words = text.split()
    if spelled:
        words = [_SPELLED[word][use_flite] if word in _SPELLED else word for word in words]
    if use_flite:
        voice = str(rng.choice(_FLITE))
        stretch, pitch_hz = rng.uniform(0.8, 1.4), rng.uniform(80, 220)
        wave, rate_hz = _flite(" ".join(words), voice, stretch=stretch, pitch_hz=pitch_hz)
    else:
        voice = f"{rng.choice(_LANGUAGES)}+{rng.choice(_VARIANTS)}"
        rate_wpm, pitch = int(rng.integers(120, 200)), int(rng.integers(25, 75))
        spoken = espeak.speak(" ".join(words), voice=voice, rate_wpm=rate_wpm, pitch=pitch)
        wave, rate_hz = spoken.wave, spoken.sample_rate
    hundredths = int(rng.integers(85, 119))  # of the speed: pitch and formants move along
    wave = resample_poly(wave, SAMPLE_RATE * 100, rate_hz * hundredths)
    edges = rng.integers(800, 8000, 2)
    wave = np.pad(wave, (int(edges[0]), int(edges[1])))
    return Utterance(record(wave, rng), text, voice)


def _flite(text: str, voice: str, *, stretch: float, pitch_hz: float) -> tuple[np.ndarray, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spoken.wav")
        settings = f"duration_stretch={stretch:.2f}", f"int_f0_target_mean={pitch_hz:.0f}"
        command = ["flite", "-voice", voice, "-t", text, "-o", str(path)]
        for setting in settings:
            command += ["--setf", setting]
        subprocess.run(command, check=True, capture_output=True)
        return media.read_audio(path, sample_rate=SAMPLE_RATE), SAMPLE_RATE


def record(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put dry speech into a room, add coloured noise, tilt the spectrum, set a level."""
    if rng.random() < 0.4:
        wave = fftconvolve(wave, _room(rng))[: len(wave)]
    if rng.random() < 0.7:
        snr_db = rng.uniform(10, 40)
        noise = _coloured(len(wave), rng)
        wave = wave + noise * np.sqrt(np.mean(wave**2)) * 10 ** (-snr_db / 20)
    if rng.random() < 0.5:  # a microphone: one pole or one zero
        tilt = rng.uniform(-0.6, 0.6)
        wave = wave - tilt * np.concatenate([[0], wave[:-1]])
    peak = 10 ** (rng.uniform(-25, -1) / 20)
    return (wave * peak / np.abs(wave).max()).astype(np.float32)


def _room(rng: np.random.Generator) -> np.ndarray:
    """Impulse response: the direct sound, then noise that decays by 60 dB in ``reverb_s``."""
    reverb_s, direct_db = rng.uniform(0.1, 0.6), rng.uniform(0, 15)
    time_s = np.arange(round(reverb_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.normal(size=len(time_s)) * 10 ** (-3 * time_s / reverb_s)
    tail[0] = 0
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return tail


def _coloured(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit power whose spectrum falls like a random power of the frequency."""
    spectrum = np.fft.rfft(rng.normal(size=n_samples))
    falling = np.maximum(np.arange(len(spectrum)), 20.0) ** -rng.uniform(0, 1.2)
    noise = np.fft.irfft(spectrum * falling, n_samples)
    return noise / np.sqrt(np.mean(noise**2))
