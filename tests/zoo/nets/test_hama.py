import struct

import numpy as np
import pytest
import torch

from tkit.errors import WeightsError
from tkit.speech import espeak
from tkit.zoo.nets import hama


@pytest.fixture(scope="module")
def wave():
    """A synthetic sentence at 16 kHz."""
    from scipy.signal import resample_poly

    spoken = espeak.speak("the sun is warm and the sea is blue", voice="en-us+f2", rate_wpm=150)
    return resample_poly(spoken.wave, 16000, spoken.sample_rate).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return hama.load()


def greedy(log_probs: np.ndarray) -> str:
    best = log_probs.argmax(axis=1)
    kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
    symbols = hama.tokens()
    return "".join(symbols[index] for index in kept if symbols[index] != "<blank>")


def test_our_network_equals_the_native_library(model, wave):
    """Same best symbol in every frame but for ties; values within what half precision explains."""
    engine = pytest.importorskip("hama._engine", reason="no native library for this machine")
    session = engine.AsrSession((hama.assets(None) / "asr_waveform.hama").read_bytes())
    for piece in (wave, wave[:16000], 0.05 * wave):
        feeds = {"waveform": piece[None], "waveform_lengths": np.array([len(piece)])}
        theirs = np.asarray(session.run(["log_probs", "out_lengths"], feeds)[0])[0]
        ours = model(torch.from_numpy(piece)[None])[0].numpy()
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 0.14
        chosen = theirs[np.arange(len(theirs)), ours.argmax(axis=1)]
        assert (theirs.max(axis=1) - chosen).max() < 0.02
        assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.98


def test_it_hears_the_sentence(model, wave):
    phones = greedy(model(torch.from_numpy(wave)[None])[0].numpy())
    assert "wɔɹm<wb>ænd" in phones and phones.count("<wb>") >= 6


def test_clips_of_a_batch_do_not_mix(model, wave):
    waves = torch.from_numpy(np.stack([wave, wave[::-1], 0.5 * wave]))
    together = model(waves)
    # Rounding in another order changes logarithms of small probabilities in the fourth decimal.
    alone, beside = model(waves[1:2]).exp(), together[1:2].exp()
    torch.testing.assert_close(beside, alone, atol=1e-4, rtol=0)
    torch.testing.assert_close(together.exp().sum(dim=-1), torch.ones(together.shape[:2]))


def test_every_tensor_of_the_archive_has_a_place():
    data = (hama.assets(None) / "asr_waveform.hama").read_bytes()
    tensors = hama.read_archive(data)
    ours = hama.Hama(hama.Config()).state_dict()
    assert sum(value.size for value in tensors.values()) == sum(v.numel() for v in ours.values())


def archive(name: str, values: np.ndarray) -> bytes:
    """Write a .hama archive with one tensor."""
    head = b"HAMAPK" + struct.pack("<BBI", 1, 2, 1) + struct.pack("<H", len(name)) + name.encode()
    head += struct.pack("<BB", 1, values.ndim) + struct.pack(f"<{values.ndim}I", *values.shape)
    body = values.astype("<f2").tobytes()
    head += struct.pack("<QQ", 0, len(body))
    return head + bytes(-len(head) % 16) + body


def test_archive_reader():
    values = np.arange(6).reshape(2, 3)
    found = hama.read_archive(archive("weight", values))
    np.testing.assert_array_equal(found["weight"], values)
    assert found["weight"].dtype == np.float32
    with pytest.raises(WeightsError, match="does not start with HAMAPK"):
        hama.read_archive(b"PK\x03\x04" + bytes(100))
    with pytest.raises(WeightsError, match="damaged"):
        hama.read_archive(archive("weight", values)[:-4])


def test_another_file_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"pip install hama==1\.7\.0"):
        hama.load(tmp_path)
    (tmp_path / "asr_waveform.hama").write_bytes(archive("weight", np.zeros(3)))
    with pytest.raises(WeightsError, match="sha256"):
        hama.load(tmp_path)
