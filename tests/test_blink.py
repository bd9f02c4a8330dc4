from dataclasses import replace

import numpy as np
import pytest
import torch

from tkit.clips import generator
from tkit.pipelines import blink
from tkit.store import Store
from tkit.zoo import _losses
from tkit.zoo import blink as net

SMALL = blink.Config(batch_size=16, sequence=20, hidden=16, device="cpu", threads=1)
WIDTHS = (0.5, 1.0, 2.0)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # more cost time on networks this small
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store(tiny_store):
    with Store(tiny_store) as opened:
        yield opened


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- the loss --------------------------------------------------------------------------------


def test_mmd_is_zero_for_equal_samples_and_positive_for_different_ones():
    x, y = normal(2, 40, 3), normal(2, 50, 3, seed=1)
    assert _losses.mmd2(x, x, widths=WIDTHS).item() == pytest.approx(0, abs=1e-6)
    same = _losses.mmd2(x, y, widths=WIDTHS).item()  # the bias: of the order of 2 / 40
    far = _losses.mmd2(x, y + 3, widths=WIDTHS).item()
    assert 0 < same < 0.05 and far > 10 * same
    swapped = _losses.mmd2(y + 3, x, widths=WIDTHS, unit=_losses.rms_distance(x)).item()
    assert swapped == pytest.approx(far, rel=1e-4)


def test_rms_distance():
    x = normal(2, 30, 3)
    squared = _losses.squared_distances(x, x).numpy()
    wanted = np.sqrt(squared.sum(axis=(1, 2)) / (30 * 29))  # without the zeros of the diagonal
    assert _losses.rms_distance(x).numpy() == pytest.approx(wanted, rel=1e-4)


def test_mmd_grows_with_the_distance_and_its_gradient_pulls_together():
    x = normal(1, 30, 2)
    values = [_losses.mmd2(x, x + shift, widths=WIDTHS).item() for shift in (0, 0.5, 1, 2)]
    assert values == sorted(values)
    shift = torch.tensor(1.0, requires_grad=True)
    _losses.mmd2(x, x + shift, widths=WIDTHS).backward()
    assert shift.grad > 0


def test_the_last_term_has_a_plus():
    # With the minus of the printed formula, generated samples that all agree would be the best.
    x = normal(1, 200, 2)
    collapsed = torch.zeros(1, 200, 2)
    assert _losses.mmd2(x, collapsed, widths=WIDTHS) > _losses.mmd2(
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
    found = _losses.mmd2(x, y, widths=(0.7,), unit=1.0).item()
    assert found == pytest.approx(wanted, abs=1e-6)


def test_leading_axes_are_separate_distributions():
    x, y = normal(3, 10, 4), normal(3, 10, 4, seed=1)
    x[1] *= 100
    y[1] *= 100
    each = [_losses.mmd2(x[i], y[i], widths=WIDTHS).item() for i in range(3)]
    assert _losses.mmd2(x, y, widths=WIDTHS).item() == pytest.approx(np.mean(each), rel=1e-4)


def test_range_penalty_counts_only_what_is_outside():
    low, high = torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 2.0])
    inside = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    assert _losses.range_penalty(inside, low, high) == 0
    outside = torch.tensor([[-1.5, 0.0], [1.0, 3.0]])
    assert _losses.range_penalty(outside, low, high) == pytest.approx((0.5 + 1) / 4)


# --- the stage -------------------------------------------------------------------------------


def test_the_network_has_the_papers_shape():
    module = net.NET.build(net.Config(components=6))
    moved, state = module(torch.zeros(3, 75, 10))
    assert moved.shape == (3, 75, 22, 2) and state.shape == (1, 3, 64)


def test_pca_and_range_are_those_of_the_training_split(store):
    module = blink.nets(store, SMALL)["blink"]
    eyes = np.concatenate([blink.read_eyes(store, row, SMALL) for row in store.select("train")])
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
    raw = blink.read_eyes(store, row, replace(SMALL, centre=False))
    assert np.array_equal(raw, store["displacement"][row.frames][:, blink.EYES])
    assert np.median(blink.read_eyes(store, row, SMALL), axis=0) == pytest.approx(0, abs=1e-7)


def test_batches_depend_on_seed_and_step_alone(store):
    batch = blink.batches(store, SMALL, "train")
    one, again, other = batch(4), blink.batches(store, SMALL, "train")(4), batch(5)
    assert one["real"].shape == (16, 20, 22, 2) and one["noise"].shape == (16, 45, 10)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not any(torch.equal(one[key], other[key]) for key in one)


def test_one_batch_can_be_learnt_by_heart(store):
    torch.manual_seed(0)
    nets, batch = blink.nets(store, SMALL), blink.batches(store, SMALL, "train")(0)
    optimiser = torch.optim.Adam(nets["blink"].parameters(), 1e-2)
    losses = []
    for _ in range(150):
        found = blink.step(nets, batch, SMALL, "blink")
        optimiser.zero_grad()
        found["loss"].backward()
        optimiser.step()
        losses.append(found["mmd2"].item())
    assert losses[-1] < 0.25 * losses[0]
    assert found["loss"] == found["mmd2"] + SMALL.range_weight * found["range"]


def test_generation_goes_on_without_a_seam(store):
    module = blink.nets(store, SMALL)["blink"].eval()
    whole, _ = net.generate(module, 60, rng=generator(0, "a"))
    assert whole.shape == (60, 68, 2) and whole.dtype == np.float32
    rng, state, parts = generator(0, "a"), None, []
    for n_frames in (1, 7, 0, 32, 20):
        part, state = net.generate(module, n_frames, rng=rng, state=state)
        parts.append(part)
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-6)
    still = np.ones(68, bool)
    still[blink.EYES] = False
    assert not whole[:, still].any() and whole[:, blink.EYES].any()
    other, _ = net.generate(module, 60, rng=generator(1, "a"))
    assert not np.allclose(other, whole)


def test_evaluation_counts_the_blinks_that_were_drawn(store, stores, monkeypatch):
    rows, module = store.select("all"), blink.nets(store, SMALL)["blink"]
    drawn = sum(len(stores.blink_onsets(row.id, row.n_frames)) for row in rows)
    seconds = sum(row.n_frames / row.fps for row in rows)
    assert drawn >= 6
    truth = iter([store["displacement"][row.frames] for row in rows])
    monkeypatch.setattr(blink, "generate", lambda *_, **__: (next(truth), None))
    found = blink.evaluate({"blink": module}, store, rows, SMALL)
    assert found["rate_hz"] == found["rate_real_hz"] == pytest.approx(drawn / seconds)
    assert found["mmd2"] == pytest.approx(0, abs=1e-4)
    monkeypatch.setattr(
        blink, "generate", lambda _m, n, **_: (np.zeros((n, 68, 2), np.float32), None)
    )
    still = blink.evaluate({"blink": module}, store, rows, SMALL)
    assert still["rate_hz"] == 0 and still["outside"] == 0
    assert still["mmd2"] == still["mmd2_static"] == found["mmd2_static"] > 0.01
    monkeypatch.setattr(
        blink, "generate", lambda _m, n, **_: (np.full((n, 68, 2), 9, np.float32), None)
    )
    assert blink.evaluate({"blink": module}, store, rows, SMALL)["outside"] == 1


@pytest.mark.parametrize(
    ("shut", "wanted"),
    [([], 0), ([10, 11, 12], 1), ([10], 0), ([0, 1, 30, 31, 48, 49], 3), (range(10, 23), 0)],
)
def test_blinks_are_falls_of_two_frames_to_half_a_second(shut, wanted):
    opening = np.full(50, 0.3)
    opening[list(shut)] = 0.1
    assert blink.count_blinks(opening, fps=25.0) == wanted


def test_clips_shorter_than_a_sequence_can_be_measured(store):
    rows, module = store.select("val"), blink.nets(store, SMALL)["blink"]
    found = blink.evaluate({"blink": module}, store, rows, replace(SMALL, sequence=100))
    assert all(np.isfinite(value) for value in found.values())
