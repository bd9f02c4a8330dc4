from dataclasses import replace
from itertools import cycle
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tkit.errors import ConfigError, UsageError, WeightsError
from tkit.face import geometry
from tkit.pipelines.animation.stream import MouthStream, SpeechStream
from tkit.pipelines.stages import motion
from tkit.pipelines.stages.motion import evaluation, terms, work
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import loop, results, runs
from tkit.speech.windows import windows
from tkit.store import Store
from tkit.zoo.nets import motion as net

PAPER = configs.make(motion.Config, configs.read_values("paper-motion"))
SMALL = replace(PAPER, batch_size=8, widths=(16, 16, 32, 32), device="cpu", threads=1, seed=3)
# What the defaults add to the paper's, as small.
FULL = motion.Config(
    batch_size=8, sequence=20, widths=(16, 16), context=(1, 2), channels=16,
    device="cpu", threads=1, seed=3,
)  # fmt: skip
SPEECH = np.r_[0:17, 48:68]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def store(tiny_store):
    with Store(tiny_store) as opened:
        yield opened


def trained(module, store, config=SMALL):
    """What runs.load returns, for a module in memory."""
    record = results.record(motion.STAGE, config, store, steps=0)
    weights = SimpleNamespace(module=module, record=record, path="w.safetensors", sha256="0")
    return runs.Trained(motion.STAGE, config, weights)


def test_the_points_that_can_be_chosen_are_those_of_the_network():
    choices = configs.fields(motion.Config)["points"].metadata["choices"]
    assert choices == tuple(net.POINTS)


def test_the_network_has_the_papers_shape():
    config = net.Config(dim=29, components=10, widths=(32, 32, 64, 64))
    module = net.NET.build(config)
    convolutions = [layer for layer in module.encoder if isinstance(layer, torch.nn.Conv1d)]
    assert len(convolutions) == 4
    x = torch.zeros(1, 29, 16)
    lengths = []
    for layer in module.encoder:
        x = layer(x)
        if isinstance(layer, torch.nn.Conv1d):
            lengths.append(x.shape[-1])
    assert lengths == [8, 4, 2, 1]
    assert module(torch.zeros(3, 7, 16, 29)).shape == (3, 7, 68, 2)
    assert module(torch.zeros(7, 16, 29)).shape == (7, 68, 2)


@pytest.mark.parametrize("window", [16, 20, 33])
def test_any_window_fits(window):
    module = net.NET.build(net.Config(dim=3, components=2, window=window))
    assert module(torch.zeros(2, window, 3)).shape == (2, 68, 2)
    with pytest.raises(ConfigError, match="points is 'lips'"):
        net.Config(dim=3, components=2, points="lips")


@pytest.mark.parametrize("points", ["speech", "all"])
def test_only_the_chosen_points_move(store, points):
    module = work.nets(store, replace(SMALL, points=points))["motion"]
    moved = module(torch.randn(5, 16, module.config.dim)).detach().abs().amax(dim=(0, 2)) > 0
    chosen = np.isin(np.arange(68), SPEECH) if points == "speech" else np.ones(68, bool)
    assert np.array_equal(moved.numpy(), chosen & moved.numpy())
    assert moved[SPEECH].float().mean() > 0.9


def test_the_last_layer_starts_as_the_pca_basis_of_the_training_displacements(store):
    module = work.nets(store, SMALL)["motion"]
    rows = store.select("train")
    moved = np.concatenate([store["displacement"][row.frames] for row in rows])[:, SPEECH]
    flat = moved.reshape(len(moved), -1).astype(np.float64)
    weight, bias = (p.detach().double().numpy() for p in module.basis.parameters())
    assert bias == pytest.approx(flat.mean(axis=0), abs=1e-6)
    coefficients, *_ = np.linalg.lstsq(weight, (flat - bias).T, rcond=None)
    rest = flat.T - bias[:, None] - weight @ coefficients
    assert (rest**2).sum() <= 0.01 * ((flat - bias) ** 2).sum()
    assert coefficients.std(axis=1) == pytest.approx(1, abs=1e-3)  # whitened
    # The drawn mouth has two degrees of freedom, and 99 % of it needs no more.
    assert module.config.components <= 2
    assert module.mean_displacement[SPEECH].numpy().ravel() == pytest.approx(bias, abs=1e-6)


def test_features_are_standardised_by_the_training_split(store):
    module = work.nets(store, SMALL)["motion"]
    heard = np.concatenate([store["speech"][row.rows] for row in store.select("train")])
    flat = module.standardise(torch.from_numpy(heard)).numpy()
    assert flat.mean(axis=0) == pytest.approx(0, abs=1e-4)
    assert flat.std(axis=0) == pytest.approx(1, abs=1e-4)


def test_batches_hold_consecutive_frames_with_their_own_windows(store):
    config = replace(SMALL, sequence=10)
    batch = work.batches(store, config, "train")
    one, again, other = batch(4), batch(4), batch(5)
    assert one["windows"].shape == (8, 10, 16, 8) and one["displacement"].shape == (8, 10, 68, 2)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["windows"], other["windows"])
    rows = store.select("train")
    for heard, moved, picture in zip(
        one["windows"].numpy(), one["displacement"].numpy(), one["picture"].numpy(), strict=True
    ):
        places = [
            (row, start)
            for row in rows
            for start in range(row.n_frames - 9)
            if np.array_equal(store["displacement"][row.frames][start : start + 10], moved)
        ]
        ((row, start),) = places
        cut = windows(
            store["speech"][row.rows], row.n_frames, fps=25.0, rate_hz=50.0, offset_s=0.01
        )
        assert np.array_equal(cut[start : start + 10], heard)
        assert np.array_equal(store["displacement"][row.frames][0], picture)


def test_one_batch_can_be_learnt_by_heart(store):
    torch.manual_seed(0)
    config = replace(SMALL, sequence=10, batch_size=4, feature_noise=0.0, pca_init=False)
    nets, batch = work.nets(store, config), work.batches(store, config, "train")(0)
    optimiser = torch.optim.Adam(nets["motion"].parameters(), 3e-3)
    losses = []
    for _ in range(150):
        found = work.losses(nets, batch, config)["motion"]
        optimiser.zero_grad()
        found["loss"].backward()
        optimiser.step()
        losses.append(found["loss"].item())
    assert losses[-1] < 0.05 * losses[0]


def test_the_loss_is_that_of_the_paper(store):
    config = replace(SMALL, feature_noise=0.0, points="all")
    nets, batch = work.nets(store, config), work.batches(store, config, "train")(0)
    pred = nets["motion"](batch["windows"]).detach().numpy().astype(np.float64)
    gt = batch["displacement"].numpy().astype(np.float64)
    landmark = ((pred - gt) ** 2).sum(axis=(2, 3)).mean()
    temporal = ((np.diff(pred, axis=1) - np.diff(gt, axis=1)) ** 2).sum(axis=(2, 3)).mean()
    found = {key: value.item() for key, value in work.losses(nets, batch, config)["motion"].items()}
    assert found["landmark"] == pytest.approx(landmark, rel=1e-4)
    assert found["temporal"] == pytest.approx(temporal, rel=1e-4)
    assert found["loss"] == pytest.approx(landmark + 0.5 * temporal, rel=1e-4)
    jaw = ((pred - gt)[:, :, :48] ** 2).sum(axis=(2, 3)).mean()
    heavy = work.losses(nets, batch, replace(config, mouth_weight=3.0))["motion"]["landmark"].item()
    assert heavy == pytest.approx(3 * landmark - 2 * jaw, rel=1e-4)


def test_it_learns_the_mouth_of_a_speaker_it_never_saw(stores, tmp_path):
    path = stores.write_store(tmp_path / "s.h5", clips_per_speaker=6)
    with Store(path) as store:
        weights = loop.fit(motion.STAGE, replace(SMALL, steps=150), store, tmp_path / "run")
        found = results.measure(runs.load("motion", weights), store, "val")
    assert found["split"] == "val" and found["n_clips"] == 6
    assert found["lmd_ratio"] < 0.5 and found["opening_corr"] > 0.9
    assert found["lmd"] < 0.5 * found["lmd_mean_pose"]


def test_evaluation_knows_truth_stillness_and_mean_pose(store, monkeypatch):
    module = work.nets(store, SMALL)["motion"]
    rows = store.select("all")
    truth = cycle([store["displacement"][row.frames] for row in rows])  # all, then each alone
    monkeypatch.setattr(work, "predict", lambda *_, **__: next(truth))
    found = results.measure(trained(module, store), store, "all")
    assert found["n_clips"] == 6
    assert found["lmd"] == pytest.approx(0, abs=1e-3)
    for signal in ("opening", "width"):
        assert found[f"{signal}_corr"] == pytest.approx(1, abs=1e-6)
        assert found[f"{signal}_spread"] == pytest.approx(1, abs=1e-4)
    monkeypatch.setattr(work, "predict", lambda _m, _f, n, **_: np.zeros((n, 68, 2)))
    still = results.measure(trained(module, store), store, "all")
    assert still["lmd"] == still["lmd_static"] == found["lmd_static"] > 1
    assert still["lmd_ratio"] == 1 and abs(still["opening_corr"]) < 0.2
    assert still["opening_spread"] < 0.1 and still["width_spread"] < 0.1
    mean = module.mean_displacement.numpy()
    monkeypatch.setattr(work, "predict", lambda _m, _f, n, **_: np.tile(mean, (n, 1, 1)))
    assert work.evaluate({"motion": module}, store, rows, SMALL)["lmd"] == found["lmd_mean_pose"]


def test_mouth_distance_is_centred_and_relative_to_the_eyes(stores):
    gt = np.tile(50 * stores.face(), (3, 1, 1))
    moved = gt + np.array([7.0, -3.0])
    assert evaluation.distance(pred=moved, gt=gt) == pytest.approx(np.zeros(3), abs=1e-12)
    wide = gt.copy()
    wide[:, 48:68, 0] *= 1.1
    x = gt[0, 48:68, 0] - gt[0, 48:68, 0].mean()
    wanted = 100 * np.abs(0.1 * x).mean() / geometry.inter_ocular(gt[0])
    assert evaluation.distance(pred=wide, gt=gt) == pytest.approx(wanted)
    assert evaluation.distance(pred=2 * wide, gt=2 * gt) == pytest.approx(wanted)


def test_a_mouth_is_as_wide_as_its_corners_are_apart_whatever_the_size_of_the_face(stores):
    gt = np.tile(50 * stores.face(), (3, 1, 1))
    apart = gt[0, 54, 0] - gt[0, 48, 0]
    gt[1, 54, 0] += 0.2 * apart
    gt[2] = 3 * gt[1] + 7
    wanted = apart / geometry.inter_ocular(gt[0]) * np.array([1, 1.2, 1.2])
    assert evaluation.width(gt) == pytest.approx(wanted)


def test_spread_is_how_far_a_signal_goes_and_half_and_twice_are_one_on_the_average():
    x = np.array([1.0, 2.0, 4.0])
    assert evaluation.spread(pred=3 * x + 1, gt=x) == pytest.approx(3)
    assert evaluation.spread(pred=np.ones(3), gt=x) == 0
    assert evaluation.spread(pred=x, gt=np.ones(3)) == 0
    assert work.geometric_mean([0.5, 2.0]) == pytest.approx(1)
    assert work.geometric_mean([0.0, 2.0]) == 0


def test_correlation():
    x = np.array([1.0, 2.0, 4.0])
    assert evaluation.correlation(x, 3 * x + 1) == pytest.approx(1)
    assert evaluation.correlation(x, -x) == pytest.approx(-1)
    assert evaluation.correlation(x, np.ones(3)) == 0


def test_prediction_does_not_depend_on_the_length_of_the_speech(store):
    module = work.nets(store, SMALL)["motion"]
    features = np.random.default_rng(0).standard_normal((4600, 8)).astype(np.float32)
    encoder = store.info.encoder
    whole = work.predict(module, features, 2300, fps=25.0, encoder=encoder)
    assert whole.shape == (2300, 68, 2) and whole.dtype == np.float32
    part = work.predict(module, features[:400], 150, fps=25.0, encoder=encoder)
    assert whole[:150] == pytest.approx(part, abs=1e-6)
    assert work.predict(module, features, 0, fps=25.0, encoder=encoder).shape == (0, 68, 2)


def test_features_of_another_encoder_are_refused(store, stores, tmp_path):
    module = work.nets(store, SMALL)["motion"]
    other = replace(stores.ENCODER, version="2")
    path = stores.write_store(tmp_path / "o.h5", n_frames=30, encoder=other)
    wanted = r"o\.h5 has the speech features drawn-2.*drawn-1"
    with Store(path) as foreign, pytest.raises(WeightsError, match=wanted):
        results.measure(trained(module, store), foreign, "val")


def test_weights_of_another_stage_are_refused(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patched, pytest.raises(UsageError, match="no weights for motion"):
        patched.setattr(
            "tkit.zoo.released.cards.released", dict
        )  # as if none came with the package
        runs.load("motion")
    assert runs.load("motion").weights.path.name == "motion.safetensors"  # the released ones
    path = loop.fit(motion.STAGE, replace(SMALL, steps=1), store, "runs/motion")
    assert runs.load("motion").weights.path == path
    with pytest.raises(WeightsError, match="of the stage 'motion', not 'blink'"):
        runs.load("blink", "runs/motion")


def test_the_papers_experiment():
    assert (PAPER.window, PAPER.pca_variance, PAPER.context) == (16, 0.99, ())
    assert (PAPER.loss, PAPER.landmark_weight, PAPER.temporal_weight) == ("squared", 1.0, 0.5)
    assert (PAPER.lr_end, PAPER.dropout, PAPER.feature_noise, PAPER.closure_weight) == (1, 0, 0, 0)
    assert not PAPER.waits and PAPER.width_weight == 0
    assert not (PAPER.masks or PAPER.mirror or PAPER.voices or PAPER.snr_db or PAPER.speed)


# --- waiting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sequences", [(), (3,)])
def test_who_waits_is_shown_as_in_the_picture_and_who_speaks_is_not(sequences):
    torch.manual_seed(0)
    config = net.Config(dim=4, components=3, widths=(6,), context=(1,), channels=5, waits=True)
    module = net.NET.build(config).eval()
    heard, picture = torch.randn(*sequences, 7, 16, 4), torch.randn(*sequences, 68, 2)
    torch.nn.init.constant_(module.wait.bias, 100.0)
    wanted = torch.zeros(*sequences, 7, 68, 2)
    wanted[..., SPEECH, :] = picture[..., None, SPEECH, :]
    assert torch.allclose(module(heard, picture), wanted)
    assert torch.equal(module(heard), torch.zeros_like(wanted))  # no picture: closed lips
    torch.nn.init.constant_(module.wait.bias, -100.0)
    assert torch.equal(module(heard, picture), module(heard))
    deaf = net.NET.build(replace(config, waits=False)).eval()
    state = {key: value for key, value in module.state_dict().items() if "wait" not in key}
    deaf.load_state_dict(state)
    assert torch.equal(deaf(heard, picture), module(heard, picture))


def test_it_learns_when_people_wait():
    torch.manual_seed(0)
    config = replace(FULL, waits=True)
    sizes = net.Config(dim=4, components=3, widths=(16,), waits=True)
    nets = {"motion": net.NET.build(sizes)}
    optimiser = torch.optim.Adam(nets["motion"].parameters(), 3e-3)
    is_speech = torch.arange(12) >= 6
    heard = torch.where(is_speech[:, None, None], 1.0, -1.0).expand(12, 16, 4)
    spoken = 0.1 * torch.randn(68, 2)
    for _ in range(300):
        pictures = 0.1 * torch.randn(8, 68, 2)  # everybody waits in a way of their own
        moved = torch.where(is_speech[:, None, None], spoken, pictures[:, None])
        batch = {
            "windows": heard.expand(8, -1, -1, -1), "displacement": moved, "picture": pictures,
        }  # fmt: skip
        found = work.losses(nets, batch, config)["motion"]
        optimiser.zero_grad()
        found["loss"].backward()
        optimiser.step()
    waiting = nets["motion"].waiting(nets["motion"].encode(heard, None)[0])
    assert waiting[~is_speech].min() > 0.9 and waiting[is_speech].max() < 0.1
    assert found["waiting"].item() == pytest.approx(waiting.mean().item(), abs=0.05)


# --- context, streaming ----------------------------------------------------------------------


def contextual(store, **values):
    torch.manual_seed(1)
    return work.nets(store, replace(FULL, **values))["motion"].eval()


def test_context_looks_back_and_never_ahead(store):
    module = contextual(store)
    assert sum(module.config.reaches) == 6
    windows_ = torch.randn(30, 20, 8)
    before = module(windows_).detach()
    windows_[12] += 1
    moved = (module(windows_).detach() - before).abs().amax(dim=(1, 2)) > 0
    assert np.flatnonzero(moved.numpy()).tolist() == list(range(12, 12 + 7))


def test_a_sequence_comes_out_alike_in_pieces_of_any_length(store):
    module, heard = contextual(store), torch.randn(2, 23, 20, 8)
    picture = torch.randn(2, 68, 2)
    whole, state, parts = module(heard, picture), None, []
    for start, stop in ((0, 1), (1, 2), (2, 9), (9, 23)):
        part, state = module.advance(heard[:, start:stop], state, picture)
        parts.append(part)
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-6)


@pytest.mark.parametrize("fps", [25.0, 30.0])
@pytest.mark.parametrize("sizes", [(1,), (3, 40, 7)])
def test_a_stream_gives_what_the_whole_speech_gives(store, fps, sizes):
    module, encoder = contextual(store), store.info.encoder
    features = np.random.default_rng(0).standard_normal((160, 8)).astype(np.float32)
    n_frames = round(160 / 50 * fps)
    known = {"fps": fps, "encoder": encoder, "picture": store["displacement"][5]}
    whole = work.predict(module, features, n_frames, **known)
    stream = MouthStream(module, **known)
    assert stream.look_ahead_s == pytest.approx(0.19)
    parts, start = [], 0
    while start < len(features):
        size = sizes[len(parts) % len(sizes)]
        parts.append(stream.push(features[start : start + size]))
        start += size
        ready_s = sum(map(len, parts)) / fps  # no frame waits longer than it must
        assert ready_s >= min(start, 160) / 50 - 0.19 - 0.5 / fps - 0.02
    parts.append(stream.finish(n_frames))
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-6)


def test_a_stream_keeps_no_more_rows_than_it_needs(store):
    stream = MouthStream(contextual(store), fps=25.0, encoder=store.info.encoder)
    for _ in range(50):
        stream.push(np.zeros((10, 8), np.float32))
    assert stream.n_kept < 40


class Summing:
    """An encoder whose row k is the loudness of the 20 ms before 20 k ms, in 8 columns."""

    def __init__(self, store):
        self.info = replace(store.info.encoder, offset_s=0.0)

    def __call__(self, wave):
        padded = np.pad(wave, (160, 160 - len(wave) % 160))
        level = np.add.reduceat(np.abs(padded), np.arange(0, len(padded), 160))
        return np.repeat(level[: len(wave) // 160 + 1, None], 8, axis=1).astype(np.float32)


@pytest.mark.parametrize("piece", [160, 1000, 7000])
def test_sound_in_pieces_gives_what_the_whole_sound_gives(store, piece):
    module, encode = contextual(store), Summing(store)
    wave = np.random.default_rng(0).standard_normal(8000 * 3).astype(np.float32)
    picture = store["displacement"][5]
    whole = work.predict(
        module, encode(wave), 75, fps=25.0, encoder=encode.info, picture=picture
    )  # fmt: skip
    stream = SpeechStream(
        module, encode, sample_rate=8000, fps=25.0, context_s=0.5, picture=picture
    )  # fmt: skip
    parts = []
    for start in range(0, len(wave), piece):
        parts.append(stream.push(wave[start : start + piece]))
        heard_s = min(start + piece, len(wave)) / 8000
        latest_s = (sum(map(len, parts)) + 0.5) / 25  # middle of the first frame not given yet
        assert latest_s + stream.look_ahead_s > heard_s - 0.021
    assert stream.n_kept <= 8000 * 0.5 + 160
    parts.append(stream.finish(75))
    found = np.concatenate(parts)
    # Where the kept sound begins, the encoder no longer hears what was before.
    assert found == pytest.approx(whole, abs=1e-5)


def test_windows_at_video_rate_are_not_streamed(store):
    encoder = replace(store.info.encoder, window_rate="video")
    with pytest.raises(UsageError, match="cannot be streamed"):
        MouthStream(contextual(store), fps=25.0, encoder=encoder)


def test_the_full_network_learns_and_its_sizes_are_recorded(store, tmp_path):
    config = replace(FULL, steps=60)
    path = loop.fit(motion.STAGE, config, store, tmp_path / "run")
    loaded = runs.load("motion", path)
    assert loaded.weights.config.context == (1, 2) and loaded.weights.config.dropout == 0.3
    found = results.measure(loaded, store, "val")
    assert found["lmd_ratio_mean_pose"] == found["lmd"] / found["lmd_mean_pose"] < 1


@pytest.mark.parametrize("wrong", [{"context": (0,)}, {"dropout": 1.0}])
def test_impossible_contexts_are_refused(wrong):
    with pytest.raises(ConfigError, match="context is at least 1 frame"):
        net.Config(dim=3, components=2, **wrong)


# --- batches and losses of the released network ----------------------------------------------


def test_augmented_batches_depend_on_seed_and_step_alone(store):
    config = replace(FULL, speed=0.2)
    one, again, other = (work.batches(store, config, "train")(step) for step in (4, 4, 5))
    assert one["windows"].shape == (8, 20, 20, 8)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["windows"], other["windows"])


def test_what_dropout_keeps_comes_with_the_samples(store):
    config = replace(FULL, dropout=0.25)
    nets, batch = work.nets(store, config), work.batches(store, config, "train")(0)
    kept = batch["kept"]
    assert kept.shape == (8, len(config.context), config.channels, config.sequence)
    assert kept.float().mean() == pytest.approx(0.75, abs=0.03)
    nets["motion"].train()
    one, two = (work.losses(nets, batch, config)["motion"]["loss"] for _ in range(2))
    assert one == two  # nothing else is random
    other = work.losses(nets, batch | {"kept": kept.flip(0)}, config)["motion"]["loss"]
    assert one != other
    assert "kept" not in work.batches(store, replace(config, dropout=0.0), "train")(0)
    small = work.batches(store, replace(config, channels=4), "train")(0)
    with pytest.raises(ConfigError, match=f"--channels {config.channels}"):
        work.losses(nets, small, config)


def test_mirrored_faces_are_learned_as_well(store):
    module = work.nets(store, FULL)["motion"]
    rest = module.basis.bias.detach()
    full = module.scatter(rest[None])[0].numpy()
    assert geometry.mirror(full) == pytest.approx(full, abs=1e-6)


def test_the_shape_of_the_mouth_counts_apart_from_its_place():
    gt = torch.zeros(2, 6, 68, 2)
    shifted = gt.clone()
    shifted[..., 48:, :] += 0.3
    config = replace(FULL, points="speech")
    landmark, temporal = work.compare(shifted, gt, config)
    wanted = terms.OTHER * np.hypot(0.3, 0.3) / 18  # one of 17 jaw points and a place
    assert landmark.item() == pytest.approx(wanted, rel=0.02)
    assert temporal.item() < 1e-6
    opened = gt.clone()
    opened[..., 57, 1] += 0.2
    assert work.compare(opened, gt, config)[0] > 0.015


def test_a_width_that_follows_costs_nothing_and_a_still_one_or_a_contrary_one_does(stores):
    face = torch.from_numpy(stores.face()).float()
    assert terms.lip_width(face) == pytest.approx(face[54, 0] - face[48, 0])
    gt = 0.3 * torch.sin(torch.arange(50.0)).expand(3, -1)
    assert terms.discord(pred=gt + 0.3, gt=gt).item() == pytest.approx(0, abs=0.01)
    assert terms.discord(pred=gt.mean() + 0 * gt, gt=gt).item() == pytest.approx(1, abs=0.01)
    assert terms.discord(pred=-gt, gt=gt).item() == pytest.approx(2, abs=0.02)
    half, twice = (terms.discord(pred=k * gt, gt=gt).item() for k in (0.5, 2))
    assert half == pytest.approx(0.2, abs=0.01) and twice == pytest.approx(0.2, abs=0.01)
    trembling = 0.01 * gt[:1]  # little is asked of one who does not move
    assert terms.discord(pred=gt[:1], gt=trembling).item() == pytest.approx(0.01, abs=0.01)


def test_the_width_counts_of_the_face_that_waits_and_of_the_one_that_does_not(store):
    nets, batch = work.nets(store, FULL), work.batches(store, FULL, "train")(0)
    nets["motion"].eval()
    found, without = (
        work.losses(nets, batch, replace(FULL, width_weight=weight))["motion"]
        for weight in (0.5, 0.0)
    )
    assert "width" not in without
    spoken = found["spoken"] - without["spoken"]
    assert 0.1 < spoken < 1
    wanted = without["loss"] + spoken + 0.5 * found["width"]
    assert found["loss"].item() == pytest.approx(wanted.item(), rel=1e-5)


def test_lips_that_should_be_shut_are_pulled_together(stores):
    face = torch.from_numpy(stores.face()).float()
    assert terms.lip_gap(face) == pytest.approx(0.01, abs=1e-6)
    gt = torch.tensor([[0.0, 0.1, 0.5, 1.0]])
    assert terms.closure_error(pred=gt, gt=gt) == 0
    pred = torch.tensor([[0.2, 0.5, 0.5, 0.1]])
    assert terms.closure_error(pred=pred, gt=gt).item() == pytest.approx((0.2 + 0.4) / 4)
