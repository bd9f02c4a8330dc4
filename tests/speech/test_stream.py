"""Sound that comes in pieces is encoded as the whole, piece by piece."""

import numpy as np
import pytest

from tkit.speech import acoustic


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
