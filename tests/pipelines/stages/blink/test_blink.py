from dataclasses import replace

import numpy as np
import pytest
import torch

from tkit.face import geometry
from tkit.pipelines.stages import blink
from tkit.pipelines.stages.blink import survey, terms, work
from tkit.pipelines.training import config as configs
from tkit.seeds import generator
from tkit.store import Store
from tkit.zoo.nets import blink as net

PAPER = configs.make(blink.Config, configs.read_values("paper-blink"))
SMALL = blink.Config(batch_size=16, sequence=20, hidden=16, device="cpu", threads=1)
FREE = replace(SMALL, gaps=0)
WIDTHS = (0.5, 1.0, 2.0)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def store(tiny_store):
    with Store(tiny_store) as opened:
        yield opened


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- the loss --------------------------------------------------------------------------------


def test_mmd_is_zero_for_equal_samples_and_positive_for_different_ones():
    x, y = normal(2, 40, 3), normal(2, 50, 3, seed=1)
    assert terms.mmd2(x, x, widths=WIDTHS).item() == pytest.approx(0, abs=1e-6)
    same = terms.mmd2(x, y, widths=WIDTHS).item()  # the bias: of the order of 2 / 40
    far = terms.mmd2(x, y + 3, widths=WIDTHS).item()
    assert 0 < same < 0.05 and far > 10 * same
    swapped = terms.mmd2(y + 3, x, widths=WIDTHS, unit=terms.rms_distance(x)).item()
    assert swapped == pytest.approx(far, rel=1e-4)


def test_rms_distance():
    x = normal(2, 30, 3)
    squared = terms.squared_distances(x, x).numpy()
    wanted = np.sqrt(squared.sum(axis=(1, 2)) / (30 * 29))  # without the zeros of the diagonal
    assert terms.rms_distance(x).numpy() == pytest.approx(wanted, rel=1e-4)


def test_mmd_grows_with_the_distance_and_its_gradient_pulls_together():
    x = normal(1, 30, 2)
    values = [terms.mmd2(x, x + shift, widths=WIDTHS).item() for shift in (0, 0.5, 1, 2)]
    assert values == sorted(values)
    shift = torch.tensor(1.0, requires_grad=True)
    terms.mmd2(x, x + shift, widths=WIDTHS).backward()
    assert shift.grad > 0


def test_the_last_term_has_a_plus():
    # With the minus of the printed formula, generated samples that all agree would be the best.
    x = normal(1, 200, 2)
    collapsed = torch.zeros(1, 200, 2)
    assert terms.mmd2(x, collapsed, widths=WIDTHS) > terms.mmd2(
        x, normal(1, 200, 2, seed=2), widths=WIDTHS
    )


def test_mmd_is_that_of_the_formula():
    x, y = normal(1, 5, 2), normal(1, 4, 2, seed=1) + 1

    def k(a, b):
        return np.exp(-((a - b) ** 2).sum() / (2 * 0.7**2))

    a, b = x[0].double().numpy(), y[0].double().numpy()
    wanted = (
        np.mean([[k(i, j) for i in a] for j in a])
        - 2 * np.mean([[k(i, j) for i in a] for j in b])
        + np.mean([[k(i, j) for i in b] for j in b])
    )
    found = terms.mmd2(x, y, widths=(0.7,), unit=1.0).item()
    assert found == pytest.approx(wanted, abs=1e-6)


def test_leading_axes_are_separate_distributions():
    x, y = normal(3, 10, 4), normal(3, 10, 4, seed=1)
    x[1] *= 100
    y[1] *= 100
    each = [terms.mmd2(x[i], y[i], widths=WIDTHS).item() for i in range(3)]
    assert terms.mmd2(x, y, widths=WIDTHS).item() == pytest.approx(np.mean(each), rel=1e-4)


def test_range_penalty_counts_only_what_is_outside():
    low, high = torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 2.0])
    inside = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    assert terms.range_penalty(inside, low, high) == 0
    outside = torch.tensor([[-1.5, 0.0], [1.0, 3.0]])
    assert terms.range_penalty(outside, low, high) == pytest.approx((0.5 + 1) / 4)


# --- the stage -------------------------------------------------------------------------------


def test_the_network_has_the_papers_shape():
    module = net.NET.build(net.Config(components=6))
    moved, state = module(torch.zeros(3, 75, 10))
    assert moved.shape == (3, 75, 22, 2) and state.shape == (1, 3, 64)


def test_pca_and_range_are_those_of_the_training_split(store):
    module = work.nets(store, SMALL)["blink"]
    eyes = np.concatenate([work.read_eyes(store, row, SMALL) for row in store.select("train")])
    eyes = np.concatenate([eyes, work.mirror(eyes)])
    assert module.low.numpy() == pytest.approx(eyes.min(axis=0), abs=1e-6)
    assert module.high.numpy() == pytest.approx(eyes.max(axis=0), abs=1e-6)
    flat = eyes.reshape(len(eyes), -1)
    weight, bias = (p.detach().double().numpy() for p in module.basis.parameters())
    coefficients, *_ = np.linalg.lstsq(weight, (flat - bias).T, rcond=None)
    rest = flat.T - bias[:, None] - weight @ coefficients
    assert (rest**2).sum() <= 0.01 * ((flat - bias) ** 2).sum()
    assert module.config.components == 1  # drawn lids have one degree of freedom


def test_centring_takes_the_persons_way_of_holding_the_eyes_away(store):
    row = store.select("val")[0]
    raw = work.read_eyes(store, row, replace(SMALL, centre=False, fit_lids=False))
    assert np.array_equal(raw, store["displacement"][row.frames][:, work.EYES])
    assert np.median(work.read_eyes(store, row, SMALL), axis=0) == pytest.approx(0, abs=1e-7)


def test_batches_depend_on_seed_and_step_alone(store):
    batch = work.batches(store, SMALL, "train")
    one, again, other = batch(4), work.batches(store, SMALL, "train")(4), batch(5)
    assert one["real"].shape == (16, 45, 22, 2) and one["noise"].shape == (16, 45, 10)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one)
    assert one["begins"].shape == (16, 45) and one["begins"].max() == 1


def test_one_batch_can_be_learnt_by_heart(store):
    torch.manual_seed(0)
    nets, batch = work.nets(store, FREE), work.batches(store, FREE, "train")(0)
    optimiser = torch.optim.Adam(nets["blink"].parameters(), 1e-2)
    losses = []
    for _ in range(300):
        found = work.losses(nets, batch, FREE)["blink"]
        optimiser.zero_grad()
        found["loss"].backward()
        optimiser.step()
        losses.append(found["mmd2"].item())
    assert losses[-1] < 0.25 * losses[0]
    assert found["loss"] == found["mmd2"] + SMALL.range_weight * found["range"]


def test_generation_goes_on_without_a_seam(store):
    module = work.nets(store, SMALL)["blink"].eval()
    whole, _ = net.generate(module, 60, rng=generator(0, "a"))
    assert whole.shape == (60, 68, 2) and whole.dtype == np.float32
    rng, state, parts = generator(0, "a"), None, []
    for n_frames in (1, 7, 0, 32, 20):
        part, state = net.generate(module, n_frames, rng=rng, state=state)
        parts.append(part)
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-6)
    still = np.ones(68, bool)
    still[work.EYES] = False
    assert not whole[:, still].any() and whole[:, work.EYES].any()
    other, _ = net.generate(module, 60, rng=generator(1, "a"))
    assert not np.allclose(other, whole)


def eyes_of(store, config=SMALL):
    return np.concatenate([work.read_eyes(store, row, config) for row in store.select("all")])


def as_generated(eyes):
    """A stand-in for ``generate`` that gives these eyes, over and over."""

    def generate(_module, n_frames, **_):
        full = np.zeros((n_frames, 68, 2), np.float32)
        full[:, work.EYES] = np.resize(eyes, (n_frames, 22, 2))
        return full, None

    return generate


def test_evaluation_counts_the_blinks_that_were_drawn(store, stores, monkeypatch):
    rows, module = store.select("all"), work.nets(store, SMALL)["blink"]
    drawn = sum(len(stores.blink_onsets(row.id, row.n_frames)) for row in rows)
    seconds = sum(row.n_frames / row.fps for row in rows)
    assert drawn >= 6
    monkeypatch.setattr(work, "SURVEYED_S", seconds)
    monkeypatch.setattr(work, "generate", as_generated(eyes_of(store)))
    found = work.evaluate({"blink": module}, store, rows, SMALL)
    assert found["rate_hz"] == found["rate_real_hz"] == pytest.approx(drawn / seconds)
    assert found["rate_speakers_low"] <= found["rate_speakers_hz"] <= found["rate_speakers_high"]
    assert found["rate_speakers_hz"] == pytest.approx(drawn / seconds)  # as many clips each
    assert found["n_blinks"] == drawn and found["complete"] == 1
    assert found["duration_ks"] == found["depth_ks"] == 0
    assert found["uneven"] == pytest.approx(0, abs=0.05) and found["half_open"] == 0
    assert found["mmd2"] == pytest.approx(0, abs=1e-4)
    monkeypatch.setattr(work, "generate", as_generated(np.zeros((1, 22, 2), np.float32)))
    still = work.evaluate({"blink": module}, store, rows, SMALL)
    assert still["rate_hz"] == 0 and still["outside"] == 0 and "duration_s" not in still
    assert still["mmd2"] == still["mmd2_static"] == found["mmd2_static"] > 0.01
    monkeypatch.setattr(work, "generate", as_generated(np.full((1, 22, 2), 9, np.float32)))
    assert work.evaluate({"blink": module}, store, rows, SMALL)["outside"] == 1


def test_clips_shorter_than_a_sequence_can_be_measured(store, monkeypatch):
    monkeypatch.setattr(work, "SURVEYED_S", 20.0)
    rows, module = store.select("val"), work.nets(store, FREE)["blink"]
    found = work.evaluate({"blink": module}, store, rows, replace(FREE, sequence=100))
    assert all(np.isfinite(value) for value in found.values())


def test_the_papers_experiment():
    assert (PAPER.gaps, PAPER.noise, PAPER.sequence, PAPER.pca_variance) == (0, 10, 75, 0.99)
    assert not (PAPER.fit_lids or PAPER.mirror or PAPER.centre or PAPER.balance_speakers)


# --- when blinks begin -----------------------------------------------------------------------


def test_begins_are_those_that_were_drawn(store, stores):
    for row in store.select("all"):
        found = survey.begins(work.eyes_opening(store, row, SMALL), row.fps)
        wanted = stores.blink_onsets(row.id, row.n_frames)
        assert np.flatnonzero(found) == pytest.approx(wanted, abs=3)


def test_an_opening_too_noisy_to_tell_has_no_blinks():
    noise = np.random.default_rng(0).uniform(0.1, 0.5, 75)
    assert not survey.begins(noise, 25.0).any()


def test_the_hazard_is_that_of_the_process_also_in_short_clips():
    truth = np.r_[np.zeros(12), np.full(28, 0.05)].astype(np.float32)
    rng, since, series = np.random.default_rng(0), 40, []
    for _ in range(600):
        begins, _ = net.draw_begins(truth, rng.random(75), since=since)
        series.append(begins)
    clips = dict(enumerate(series))
    found = survey.hazard(clips, 40, weights=dict.fromkeys(clips, 1.0))
    assert found.shape == (40,) and found.dtype == np.float32
    assert found[:6] == pytest.approx(0, abs=2e-3)
    assert found[20:] == pytest.approx(0.05, abs=0.02)
    assert found[-1] == pytest.approx(0.05, abs=0.004)
    doubled = survey.hazard(clips, 40, weights=dict.fromkeys(clips, 2.0))
    assert doubled == pytest.approx(found)


def test_clips_count_by_their_weight():
    clips = {"blinks": np.ones(10), "sleeps": np.zeros(10)}
    one = survey.hazard(clips, 2, weights={"blinks": 1.0, "sleeps": 0.0})
    assert one[0] == pytest.approx(1)
    both = survey.hazard(clips, 1, weights={"blinks": 1.0, "sleeps": 3.0})
    assert both[-1] == pytest.approx(0.25)


def test_blinks_begin_as_often_as_the_hazard_says():
    chance = np.random.default_rng(0).random(40000)
    begins, _ = net.draw_begins(np.full(76, 0.01), chance, since=75)
    assert begins.mean() == pytest.approx(0.01, rel=0.15)


def test_drawn_begins_follow_the_hazard_and_carry_on():
    hazard = np.array([0.0, 0.0, 1.0])
    begins, since = net.draw_begins(hazard, np.full(7, 0.5), since=0)
    assert np.flatnonzero(begins).tolist() == [2, 5] and since == 1
    more, _ = net.draw_begins(hazard, np.full(7, 0.5), since=since)
    assert np.flatnonzero(more).tolist() == [1, 4]


def test_mirrored_eyes_are_those_of_the_mirrored_face(stores):
    moved = np.random.default_rng(0).standard_normal((3, 68, 2))
    wanted = geometry.mirror(moved)[:, work.EYES]
    assert np.array_equal(work.mirror(moved[:, work.EYES]), wanted)


def test_blinks_are_cut_out_from_their_beginnings_on():
    eyes = normal(3, 40, 22, 2)
    begins = torch.zeros(3, 40)
    begins[0, 10] = begins[2, 26] = begins[2, 27] = begins[1, 2] = 1  # too late, too early: two
    found = work.align(eyes, work.begun(begins))
    assert found.shape == (1, 2, 14 * 8)
    lids = [list(work.EYES).index(point) for point in (37, 38, 40, 41, 43, 44, 46, 47)]
    assert torch.equal(found[0, 0], eyes[0, 10:24, lids, 1].flatten())
    assert torch.equal(found[0, 1], eyes[2, 26:40, lids, 1].flatten())


def test_eyes_rest_between_blinks():
    real = normal(40, 30, 22, 2)
    quiet = torch.ones(40, 30, dtype=torch.bool)
    quiet[:, :10] = False
    still = work.unrest(real, torch.zeros_like(real), quiet)
    assert still == 0 and work.unrest(real, real, quiet) < 0.02
    restless = torch.zeros_like(real)
    restless[:, 12] = 5.0
    assert work.unrest(real, restless, quiet) == pytest.approx((5 - 2.05) / 20, rel=0.1)
    restless[:, 12], restless[:, 3] = 0.0, 5.0
    assert work.unrest(real, restless, quiet) == 0
    assert work.unrest(real, restless, torch.zeros_like(quiet)) == 0


def test_the_hazard_counts_speakers_alike(store, stores, tmp_path):
    rows = store.select("all")
    balanced = work.estimate_hazard(store, rows, SMALL)
    pooled = work.estimate_hazard(store, rows, replace(SMALL, balance_speakers=False))
    assert balanced.shape == pooled.shape == (75,)
    assert balanced == pytest.approx(pooled)  # all of them have as many clips
    module = work.nets(store, SMALL)["blink"]
    train = work.estimate_hazard(store, store.select("train"), SMALL)
    assert module.hazard.numpy() == pytest.approx(train)


def test_a_clock_makes_sequences_of_other_blinks_differ():
    real = normal(64, 20, 22, 2)
    clock = (torch.arange(64)[:, None] % 20 == torch.arange(20)).float()
    same = work.sequence_mmd2(real, real, SMALL, clock=work.fade(clock))
    other = work.sequence_mmd2(real, real.roll(7, dims=0), SMALL, clock=work.fade(clock))
    assert same == pytest.approx(0, abs=1e-6) and other > 1e-3
    assert work.sequence_mmd2(real, real.roll(7, dims=0), SMALL) == pytest.approx(0, abs=1e-6)
    assert work.fade(torch.tensor([[0.0, 1, 0, 0, 1]]))[0].numpy() == pytest.approx(
        [0, 1, 2 / 3, 4 / 9, 1]
    )
