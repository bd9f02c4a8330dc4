"""Sound that comes in pieces is encoded as the whole, piece by piece."""

from pathlib import Path

import numpy as np
import pytest

from tkit.errors import UsageError
from tkit.speech import ENCODERS, acoustic, logmel
from tkit.speech.pieces import RowFile, written

DATA = Path(__file__).parents[1] / "data"


def loudness(waves):
    """A stand-in for the network: a row every 320 samples, of what is around it."""
    import torch

    rows = waves.shape[1] // acoustic.HOP + 1
    padded = torch.nn.functional.pad(waves, (acoustic.HOP, acoustic.HOP))
    return padded.unfold(1, 2 * acoustic.HOP, acoustic.HOP)[:, :rows].sum(dim=2, keepdim=True)


@pytest.mark.parametrize("length_s", [0.001, 3.0, 24.0, 24.1, 28.0, 28.1, 61.0])
def test_pieces_give_the_rows_of_the_whole(length_s):
    wave = np.random.default_rng(0).normal(0, 0.1, round(length_s * 16000)).astype(np.float32)
    whole = acoustic.encode(wave, loudness)
    assert len(whole) == len(wave) // acoustic.HOP + 1
    pieces = iter(np.array_split(wave, 37))
    taken = []
    for rows in acoustic.stream(pieces, loudness):
        taken.append(rows)
    np.testing.assert_array_equal(np.concatenate(taken), whole)


def noise(length_s: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    loudness = np.interp(np.arange(round(length_s * 16000)), [0, 4e5, 8e5], [0.01, 0.3, 0.05])
    return (rng.normal(0, 1, len(loudness)) * loudness).astype(np.float32)


def in_parts(encode, wave: np.ndarray) -> np.ndarray:
    """What comes of uneven pieces, which can be gone through again."""
    cuts = np.random.default_rng(0).integers(0, len(wave) + 1, 23)
    return np.concatenate(list(encode.stream(np.array_split(wave, np.sort(cuts)))))


@pytest.mark.parametrize("length_s", [0.0, 0.01, 0.5, 31.0, 62.3, 95.0])
@pytest.mark.parametrize("graph", ["0.1.pb", "0.2.pb", "0.4.pb", "0.9.pb"])
def test_deepspeech_remembers_what_was_before_a_piece(length_s, graph):
    encode = ENCODERS.get("deepspeech").load(DATA / f"deepspeech-{graph}")
    wave = noise(length_s)
    truth = encode.batch([wave])[0]
    np.testing.assert_allclose(in_parts(encode, wave), truth, atol=1e-5)
    np.testing.assert_allclose(encode(wave), truth, atol=1e-5)


def test_deepspeech_that_reads_backwards_says_why_it_takes_no_hour():
    encode = ENCODERS.get("deepspeech").load(DATA / "deepspeech-0.1.pb")
    hour = (np.zeros(16000, np.float32) for _ in range(3600))
    with pytest.raises(UsageError, match=r"reads backwards, too, .* at most 10 minutes"):
        next(encode.stream(hour))


@pytest.mark.parametrize("length_s", [0.0, 0.3, 90.0, 200.0])
def test_logmel_hears_how_loud_the_whole_is(length_s):
    encode, wave = ENCODERS.get("logmel").load(), noise(length_s)
    rows = in_parts(encode, wave)
    assert rows.shape == (len(wave) // 320 + 1, 64)
    np.testing.assert_allclose(rows, by_definition(wave), atol=1e-6)
    np.testing.assert_array_equal(encode(wave), rows)


def by_definition(wave: np.ndarray) -> np.ndarray:
    """Log-mel rows of the whole wave at once."""
    padded = np.pad(wave.astype(np.float64), 256)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 512)[::320]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 @ logmel.mel_filters().T
    loud = np.quantile(power.mean(axis=1), 0.95)
    return np.log10(np.maximum(power / max(loud, 1e-12), 1e-7)) / 7


@pytest.mark.parametrize("length_s", [0.01, 3.0, 24.1, 50.0])
def test_hidden_states_are_those_of_the_whole(tmp_path, length_s):
    entry = ENCODERS.get("transformers")
    pytest.importorskip("transformers")
    encode, wave = entry.load(entry.example(tmp_path)), noise(length_s) + np.float32(0.1)
    np.testing.assert_allclose(in_parts(encode, wave), encode(wave), atol=1e-5)
    if 0.1 < length_s <= 24:
        import torch

        normal = (wave - wave.mean()) / wave.std()
        alone = encode.model(torch.from_numpy(normal)[None]).last_hidden_state[0].numpy()
        np.testing.assert_allclose(encode(wave), alone, atol=1e-4)


def test_rows_grow_in_a_file(tmp_path):
    truth = np.random.default_rng(0).normal(size=(12345, 7)).astype(np.float32)
    with written(tmp_path / "x.npy") as file:
        for rows in np.array_split(truth, 50):
            file.add(rows)
        assert not (tmp_path / "x.npy").exists()
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), truth)


def test_rows_that_cannot_be_written_are_told_at_the_end(tmp_path):
    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

    file = RowFile(Full())
    file.add(np.zeros((3, 2), np.float32))
    file.add(np.zeros((3, 2), np.float32))
    with pytest.raises(OSError, match="No space"):
        file.finish()
