"""The two feature chains that DeepSpeech was trained on, in numpy.

:func:`cepstra_psf` is what python_speech_features 0.6 gives (DeepSpeech up to 0.4),
:func:`cepstra_tensorflow` what TensorFlow's operations AudioSpectrogram and Mfcc give (from 0.5).
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

N_CEPSTRA = 26
CONTEXT = 9  # rows before and after each that the network sees with it


def cepstra_psf(
    samples: np.ndarray, *, window: int, hop: int, hamming: bool, sample_rate: int = 16000
) -> np.ndarray:
    """Cepstra (N, 26) of python_speech_features: ``mfcc(samples, sample_rate, numcep=26)``.

    Parameters
    ----------
    samples : ndarray (S,), int16
    window, hop : int
        Samples; the last frame is filled up with zeros.
    hamming : bool
        Weight the frames by a Hamming window; otherwise all samples count the same.
    """
    raised = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])  # pre-emphasis
    n_frames = 1 + max(-(-(len(raised) - window) // hop), 0)
    padded = np.concatenate([raised, np.zeros(max((n_frames - 1) * hop + window - len(raised), 0))])
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:n_frames]
    if hamming:
        frames = frames * np.hamming(window)
    n_fft = 1 << (window - 1).bit_length()
    power = 1.0 / n_fft * np.square(np.absolute(np.fft.rfft(frames, n_fft)))
    tiny = np.finfo(float).eps  # for log(0)
    energy = power.sum(axis=1)
    energy = np.where(energy == 0, tiny, energy)
    bands = power @ _filters_psf(n_fft, sample_rate).T
    bands = np.where(bands == 0, tiny, bands)
    cepstra = dct(np.log(bands), type=2, axis=1, norm="ortho")
    cepstra *= 1 + 11 * np.sin(np.pi * np.arange(N_CEPSTRA) / 22)  # lifter
    cepstra[:, 0] = np.log(energy)
    return cepstra


def _filters_psf(n_fft: int, sample_rate: int) -> np.ndarray:
    """26 triangles (26, n_fft // 2 + 1) between whole bins, 0 Hz to half the rate."""
    top = 2595 * np.log10(1 + sample_rate / 2 / 700.0)
    edges_hz = 700 * (10 ** (np.linspace(0, top, N_CEPSTRA + 2) / 2595.0) - 1)
    edges = np.floor((n_fft + 1) * edges_hz / sample_rate).astype(int)
    filters = np.zeros((N_CEPSTRA, n_fft // 2 + 1))
    for row, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        filters[row, left:centre] = (np.arange(left, centre) - left) / (centre - left)
        filters[row, centre:right] = (right - np.arange(centre, right)) / (right - centre)
    return filters


def cepstra_tensorflow(
    samples: np.ndarray,
    *,
    window: int,
    hop: int,
    low_hz: float,
    high_hz: float,
    bands: int = 40,
    sample_rate: int = 16000,
) -> np.ndarray:
    """Cepstra (N, 26) float32 of TensorFlow's AudioSpectrogram and Mfcc.

    Parameters
    ----------
    samples : ndarray (S,), int16
    window, hop : int
        Samples; what does not fill a window at the end is left out.
    low_hz, high_hz : float
        Limits of the mel bands.
    bands : int
        Number of mel bands.
    """
    scaled = (np.asarray(samples) / np.float32(32768)).astype(np.float32)
    if len(scaled) < window:
        return np.zeros((0, N_CEPSTRA), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(scaled, window)[::hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    n_fft = 1 << (window - 1).bit_length()
    spectrum = np.fft.rfft(frames * hann, n_fft)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    weights = _filters_tensorflow(power.shape[1], low_hz, high_hz, bands, sample_rate)
    energies = np.sqrt(power.astype(np.float64)) @ weights.T
    angles = np.pi / bands * np.outer(np.arange(N_CEPSTRA), np.arange(bands) + 0.5)
    basis = np.sqrt(2 / bands) * np.cos(angles)
    return (np.log(np.maximum(energies, 1e-12)) @ basis.T).astype(np.float32)


def _filters_tensorflow(
    n_bins: int, low_hz: float, high_hz: float, bands: int, sample_rate: int
) -> np.ndarray:
    """Weights (bands, n_bins): each bin is shared by the two mel bands around it."""

    def mel(hz: np.ndarray | float) -> np.ndarray:
        return 1127.0 * np.log1p(np.asarray(hz) / 700.0)

    width = (mel(high_hz) - mel(low_hz)) / (bands + 1)
    centres = mel(low_hz) + width * np.arange(1, bands + 2)
    bin_hz = 0.5 * sample_rate / (n_bins - 1)
    first, last = int(1.5 + low_hz / bin_hz), int(high_hz / bin_hz)
    bins = np.arange(first, last + 1)
    bin_mel = mel(bins * bin_hz)
    above = np.searchsorted(centres, bin_mel)  # the first band whose centre is not below
    lower = np.where(above == 0, mel(low_hz), centres[above - 1])
    share = (centres[above] - bin_mel) / (centres[above] - lower)  # of the band below
    weights = np.zeros((bands, n_bins))
    inside = above > 0
    weights[above[inside] - 1, bins[inside]] = share[inside]
    inside = above < bands
    weights[above[inside], bins[inside]] = 1 - share[inside]
    return weights


def stacked(cepstra: np.ndarray, *, context: int = CONTEXT) -> np.ndarray:
    """Each row with its neighbours, past to future, zeros beyond the ends: (N, 19 * 26)."""
    padded = np.pad(cepstra, ((context, context), (0, 0)))
    rows = np.lib.stride_tricks.sliding_window_view(padded, 2 * context + 1, axis=0)
    return rows.swapaxes(1, 2).reshape(len(cepstra), -1)
