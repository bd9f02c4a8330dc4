"""Lip sync by a SyncNet that was taught one clip: what it finds of this clip is known."""

import numpy as np
import pytest
import syncnets
import torch

from tkit.errors import ScoreError
from tkit.metrics import METRICS, av, lse

N_FRAMES = 24


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Pictures and sound of a second, and the network that knows them."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (N_FRAMES, 8, 8, 3), dtype=np.uint8)
    wave = rng.normal(0, 0.1, N_FRAMES * 640).astype(np.float32)
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    return frames, wave, syncnets.write_taught(path, frames, wave)


def scores(frames, wave, weights, **more):
    family = METRICS.families()["lse"]
    stats = METRICS.get("lse-d").measure(pred=frames, wave=wave, weights=weights, **more)
    return {name: score.finish(stats) for name, score in family.scores.items()}


def test_offset_is_by_how_much_the_lips_are_late(clip):
    frames, wave, weights = clip
    true = scores(frames, wave, weights)
    late = scores(frames[np.maximum(np.arange(N_FRAMES) - 3, 0)], wave, weights)
    early = scores(frames[2:], wave, weights)
    assert [found["lse-offset"] for found in (true, late, early)] == [0, 3, -2]
    assert true["lse-d"] < 1e-2 < 20 < true["lse-c"]


def test_the_distance_is_that_of_every_pair(clip, monkeypatch):
    """A second implementation: pair by pair, by torch's own distance."""
    frames, wave, weights = clip
    net, kept = lse.SYNCNET.load(weights), []
    for name in ("lips", "sound"):
        tower = getattr(net, name)
        monkeypatch.setattr(
            net,
            name,
            lambda x, tower=tower, name=name: kept.append((name, tower(x))) or kept[-1][1],
        )
    monkeypatch.setattr(lse, "_net", lambda weights: net)
    rng = np.random.default_rng(1)
    found = METRICS.get("lse-d").measure(pred=rng.permutation(frames), wave=wave, weights=weights)[
        "distance"
    ]
    seen, heard = (torch.cat([x for kind, x in kept if kind == name]) for name in ("lips", "sound"))
    padded = torch.nn.functional.pad(heard, (0, 0, 15, 15))
    for shift in range(31):
        each = [
            torch.nn.functional.pairwise_distance(seen[i], padded[i + shift], eps=1e-6)
            for i in range(len(seen))
        ]
        assert found[shift] == pytest.approx(float(sum(each)), rel=1e-6)


@pytest.mark.parametrize("fps", [30.0, 30000 / 1001, 24000 / 1001, 50.0])
def test_frames_of_another_rate_are_those_shown_at_the_times_of_25(fps):
    """No drift, however long: each is shown within half a frame of its time."""
    n_frames = round(600 * fps)
    times = np.arange(n_frames) / fps
    taken = lse.at_rate(times, fps)
    assert len(taken) == pytest.approx(600 * 25, abs=1)
    away = np.abs(taken - np.arange(len(taken)) / 25)
    assert away[:-1].max() <= 0.5 / fps + 1e-9


def test_a_clip_that_an_evaluator_would_drop_is_named(clip):
    frames, wave, weights = clip
    with pytest.raises(ScoreError, match="24 frames at 25 a second, where at least 51"):
        scores(frames, wave, weights, least_frames=51)
    assert "least:51" in METRICS.get("lse-d").tokens({"weights": "", "least_frames": 51.0})


def test_a_steady_sound_has_one_energy_at_rates_that_do_not_divide_16_khz():
    """Frames at 30 fps last 533 or 534 samples: energy is that of a sample, not of a frame."""
    energy = av.energy_db(np.full(16000, 0.5), n_frames=30, fps=30.0)
    np.testing.assert_allclose(energy, av.FLOOR_DB, atol=1e-9)
