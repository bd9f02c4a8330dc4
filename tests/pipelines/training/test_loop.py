import copy
import csv
import gc
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from tkit.errors import (
    ConfigError,
    OutputExistsError,
    StoreError,
    TkitError,
    UsageError,
    WeightsError,
)
from tkit.files import sha256_of
from tkit.parsing import sealed
from tkit.pipelines import Stage
from tkit.pipelines.stages import blink, motion
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import loop, runs
from tkit.pipelines.training import results as results_module
from tkit.pipelines.training.sampling import Sampler, moments
from tkit.store import Store, join
from tkit.zoo.released import weights as released_weights

SMALL = {"steps": 6, "checkpoint_every": 2, "log_every": 1, "device": "cpu", "threads": 1}
STAGES = {
    "motion": (motion.STAGE, SMALL | {"batch_size": 2, "sequence": 5, "widths": (8, 8)}),
    "blink": (blink.STAGE, SMALL | {"batch_size": 4, "sequence": 10, "hidden": 8}),
}


def small(name, **values):
    stage, base = STAGES[name]
    return stage, configs.make(stage.config, base | values)


def tensors(path):
    return released_weights.load(path).module.state_dict()


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.fixture
def store(tiny_store):
    with Store(tiny_store) as opened:
        yield opened


def test_ctrl_c_saves_the_step_it_falls_into(store, tmp_path):
    stage, config = small("motion", checkpoint_every=100)
    whole = loop.fit(stage, config, store, tmp_path / "whole")

    def press(nets, batch, config):
        signal.raise_signal(signal.SIGINT)
        return stage.losses(nets, batch, config)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(replace(stage, losses=press), config, store, tmp_path / "run")
    assert signal.getsignal(signal.SIGINT) is before
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 1
    again = loop.fit(stage, config, store, tmp_path / "run", resume=True)
    assert same(tensors(again), tensors(whole))


@pytest.mark.parametrize("name", STAGES)
def test_a_warm_start_takes_the_parameters_and_leaves_the_buffers(store, tmp_path, name):
    stage, config = small(name)
    first = loop.fit(stage, config, store, tmp_path / "first")
    # Another share of the variance gives another number of components: the sizes are the weights'.
    again = replace(
        config, init=str(tmp_path / "first"), steps=0, pca_variance=0.9, train_split="val"
    )
    second = loop.fit(stage, again, store, tmp_path / "second")
    one, two = released_weights.load(first).module, released_weights.load(second).module
    assert same(dict(one.named_parameters()), dict(two.named_parameters()))
    fresh = stage.nets(store, again)[stage.released]
    assert same(dict(fresh.named_buffers()), dict(two.named_buffers()))
    assert not same(dict(one.named_buffers()), dict(two.named_buffers()))


@pytest.mark.parametrize("name", STAGES)
def test_a_resumed_run_gives_the_weights_of_an_uninterrupted_one(store, tmp_path, name):
    stage, config = small(name)
    whole = loop.fit(stage, config, store, tmp_path / "whole")

    def interrupt(nets, batch, config):
        if interrupt.steps == 5:
            raise KeyboardInterrupt
        interrupt.steps += 1
        return stage.losses(nets, batch, config)

    interrupt.steps = 0
    out = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        loop.fit(replace(stage, losses=interrupt), config, store, out)
    # The fifth step is lost, the checkpoint of the fourth is whole, and nothing else is there.
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] == 4
    assert {path.name for path in out.iterdir()} == {
        "checkpoint.pt", "config.toml", "losses.csv", "log",
    }  # fmt: skip
    parts = loop.fit(stage, config, store, out, resume=True)
    assert same(tensors(whole), tensors(parts))
    assert (out / "losses.csv").read_text() == (tmp_path / "whole" / "losses.csv").read_text()
    assert not list(out.glob(".*"))


def test_the_seed_decides_and_the_caller_keeps_its_generator(store, tmp_path):
    stage, config = small("motion")
    before = torch.get_rng_state()
    one = loop.fit(stage, config, store, tmp_path / "one")
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(3)  # another state of the global generator must change nothing
    two = loop.fit(stage, config, store, tmp_path / "two")
    three = loop.fit(stage, replace(config, seed=1), store, tmp_path / "three")
    assert same(tensors(one), tensors(two))
    assert not same(tensors(one), tensors(three))


@pytest.mark.parametrize(("ema", "shares"), [(0.999, (1, 2, 3, 4)), (0.5, (1, 2, 3, 6))])
def test_the_average_of_the_weights_is_released(ema, shares, store, tmp_path):
    stage, config = small("motion", ema=ema, steps=4)
    weights = []

    def watched(nets, batch, config):
        weights.append([p.detach().clone() for p in nets["motion"].parameters()])
        return stage.losses(nets, batch, config)

    path = loop.fit(replace(stage, losses=watched), config, store, tmp_path / "run")
    last = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["nets"]["motion"]
    names = [name for name, _ in released_weights.load(path).module.named_parameters()]
    weights.append([last[name] for name in names])
    each = zip(*weights[1:], strict=True)  # of every parameter, after each step
    mean = [sum(s * w for s, w in zip(shares, one, strict=True)) / sum(shares) for one in each]
    released = tensors(path)
    for name, wanted, final in zip(names, mean, weights[-1], strict=True):
        # Weights are released in half precision.
        torch.testing.assert_close(released[name], wanted, atol=1e-3, rtol=1e-3)
        assert not torch.equal(wanted, final)
    plain = tensors(loop.fit(stage, replace(config, ema=0.0), store, tmp_path / "plain"))
    torch.testing.assert_close(plain[names[0]], last[names[0]], atol=1e-3, rtol=1e-3)


def test_a_run_folder_is_complete(store, tmp_path):
    stage, config = small("motion")
    path = loop.fit(stage, config, store, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {
        "checkpoint.pt", "config.toml", "losses.csv", "log", "weights.safetensors", "card.toml",
    }  # fmt: skip
    assert configs.merge(stage.config, [tmp_path / "config.toml"]) == config
    rows = list(csv.DictReader((tmp_path / "losses.csv").read_text().splitlines()))
    assert [row["name"] for row in rows[:3]] == ["loss", "landmark", "temporal"]
    assert sorted({int(row["step"]) for row in rows}) == [1, 2, 3, 4, 5, 6]
    assert all(float(row["value"]) > 0 for row in rows)
    assert any(p.name.startswith("events") for p in (tmp_path / "log").iterdir())
    record = released_weights.read_about(path)["record"]
    assert record["stage"] == "motion" and record["steps"] == 6 and record["clips"] == 4
    assert record["speakers"] == ["a", "b"] and record["encoder"]["name"] == "drawn"
    assert record["config"]["seed"] == 0 and record["landmarks"] == "drawn68"
    trained = runs.load("motion", tmp_path)
    assert trained.config == config and trained.nets.keys() == {"motion"}


def test_an_older_run_is_refused_replaced_or_resumed(store, tmp_path):
    stage, config = small("motion", steps=2)
    loop.fit(stage, config, store, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="--resume to continue it or --force"):
        loop.fit(stage, config, store, tmp_path)
    with pytest.raises(UsageError, match="pass one of them"):
        loop.fit(stage, config, store, tmp_path, resume=True, force=True)
    with pytest.raises(UsageError, match="no checkpoint to resume"):
        loop.fit(stage, config, store, tmp_path / "new", resume=True)
    loop.fit(stage, replace(config, steps=1), store, tmp_path, force=True)
    assert released_weights.read_about(tmp_path / "weights.safetensors")["record"]["steps"] == 1
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_run_is_resumed_only_with_its_own_settings_and_data(store, stores, tmp_path):
    stage, config = small("motion", steps=2)
    loop.fit(stage, config, store, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"lr was 0.002 and is 0.1$"):
        loop.fit(stage, replace(config, lr=0.1), store, tmp_path / "run", resume=True)
    other = stores.write_store(tmp_path / "x.h5", clips_per_speaker=1)
    with Store(other) as fewer, pytest.raises(ConfigError, match="clips was 4 and is 2"):
        loop.fit(stage, config, fewer, tmp_path / "run", resume=True)
    longer = replace(config, steps=3, checkpoint_every=1)
    with pytest.raises(UsageError, match="no clips in split 'tain'"):
        loop.fit(stage, replace(config, train_split="tain"), store, tmp_path / "run", force=True)
    path = loop.fit(stage, longer, store, tmp_path / "run", resume=True)
    assert released_weights.read_about(path)["record"]["steps"] == 3
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="not a checkpoint"):
        loop.fit(stage, longer, store, tmp_path / "run", resume=True)


def test_the_time_budget_ends_a_run(store, tmp_path):
    stage, config = small("motion", steps=100000, minutes=1e-6)
    path = loop.fit(stage, config, store, tmp_path)
    assert 1 <= released_weights.read_about(path)["record"]["steps"] < 1000
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["seconds"] >= 6e-5


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_ends_the_processes_that_draw_as_well(store, tmp_path, workers):
    stage, config = small("motion", checkpoint_every=100, steps=1000, workers=workers)

    def press(nets, batch, config):
        press.steps += 1
        if press.steps == 3:
            signal.raise_signal(signal.SIGINT)
        return stage.losses(nets, batch, config)

    press.steps = 0
    with pytest.raises(KeyboardInterrupt):
        loop.fit(replace(stage, losses=press), config, store, tmp_path / "run")
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 3
    gc.collect()
    assert not multiprocessing.active_children()


def test_a_run_resumes_with_other_workers_and_from_before_there_were_any(store, tmp_path):
    stage, config = small("motion", checkpoint_every=1, lr_end=1.0)
    whole = loop.fit(stage, config, store, tmp_path / "whole")
    loop.fit(stage, replace(config, steps=3), store, tmp_path / "parts")
    path = tmp_path / "parts" / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    record = json.loads(state["record"])
    del record["config"]["workers"], record["config"]["record"]
    for optimiser in state["optimisers"].values():
        for group in optimiser["param_groups"]:
            group["fused"], group["foreach"] = None, None
    content = io.BytesIO()
    torch.save(state | {"record": json.dumps(record)}, content)
    path.write_bytes(sealed(content.getvalue()))
    parts = loop.fit(stage, replace(config, workers=2), store, tmp_path / "parts", resume=True)
    assert same(tensors(whole), tensors(parts))


def test_the_log_shows_samples(tiny_store_crops, tmp_path):
    """Identity, truth, prediction and attention side by side, one sample below the other."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from tkit.pipelines.stages import texture

    config = configs.make(texture.STAGE.config, {**texture.STAGE.tiny, **SMALL, "batch_size": 2})
    with Store(tiny_store_crops) as opened:
        loop.fit(texture.STAGE, config, opened, tmp_path)
    log = EventAccumulator(str(tmp_path / "log")).Reload()
    (name,) = log.Tags()["images"]
    pictures = log.Images(name)
    assert name == "identity, truth, prediction, attention"
    assert [picture.step for picture in pictures] == [2, 4, 6]
    assert (pictures[0].width, pictures[0].height) == (4 * 128, 2 * 128)


def test_a_loss_that_is_not_finite_stops_and_is_never_saved(store, tmp_path):
    stage, config = small("motion")

    def explode(nets, batch, config):
        losses = stage.losses(nets, batch, config)
        explode.steps += 1
        if explode.steps == 4:
            losses["motion"]["landmark"] = losses["motion"]["landmark"] * float("nan")
        return losses

    explode.steps = 0
    with pytest.raises(TkitError, match="landmark is nan at step 4"):
        loop.fit(replace(stage, losses=explode), config, store, tmp_path)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2


@dataclass(frozen=True)
class PairConfig(configs.Common):
    batch_size: int = configs.option(2, "Samples.")


def pair_stage(**values):
    """A stage of two players who want the opposite of one number; keeps its nets in ``made``."""
    made = {}

    def nets(store, config):
        made.update(one=nn.Linear(2, 2), two=nn.Linear(2, 2), fixed=nn.Linear(2, 2))
        made["fixed"].requires_grad_(False)
        made["one"].bias.requires_grad_(False)  # a part that the stage froze stays frozen
        made["one"].config = config
        return dict(made)

    def losses(nets, batch, config):
        out = nets["fixed"](nets["two"](nets["one"](batch["x"]))).square().mean()
        return {"one": {"loss": out}, "two": {"loss": -out, "out": out}}

    stage = Stage(
        name="pair", title="two players", config=PairConfig, nets=nets, players=("one", "two"),
        losses=losses, batches=lambda store, config, split: lambda step: {"x": torch.ones(2, 2)},
        evaluate=lambda nets, store, rows, config: {"n": len(rows)}, released="one", apply=print,
        quantities={},
    )  # fmt: skip
    config = configs.make(PairConfig, {**SMALL, "steps": 1, **values})
    return stage, config, made


def test_every_player_moves_only_itself(store):
    stage, config, made = pair_stage()
    trainer = loop.Trainer(stage, config, store, loop.Accelerator(cpu=True))
    start = copy.deepcopy({name: net.state_dict() for name, net in made.items()})
    losses = trainer.one_step({"x": torch.ones(2, 2)})
    assert losses.keys() == {"one/loss", "two/loss", "two/out"}
    assert not any(value.requires_grad for value in losses.values())
    moved = {name: not same(net.state_dict(), start[name]) for name, net in made.items()}
    assert moved == {"one": True, "two": True, "fixed": False}
    assert torch.equal(made["one"].bias, start["one"]["bias"])
    # Nobody was asked to stop learning on the way.
    wanted = {"one": [True, False], "two": [True] * 2, "fixed": [False] * 2}
    assert {n: [p.requires_grad for p in net.parameters()] for n, net in made.items()} == wanted


def test_all_gradients_are_taken_before_anybody_moves(store):
    """One step from the same weights: each player as if the other had stood still."""
    stage, config, made = pair_stage(lr=0.5)
    trainer = loop.Trainer(stage, config, store, loop.Accelerator(cpu=True))
    start = copy.deepcopy(made)
    trainer.one_step({"x": torch.ones(2, 2)})
    for player, sign in (("one", 1), ("two", -1)):
        nets = copy.deepcopy(start)
        optimiser = torch.optim.Adam([p for p in nets[player].parameters() if p.requires_grad], 0.5)
        (
            sign * nets["fixed"](nets["two"](nets["one"](torch.ones(2, 2)))).square().mean()
        ).backward()
        optimiser.step()
        assert same(nets[player].state_dict(), made[player].state_dict())


@pytest.mark.slow
def test_two_processes_train_as_one_on_shards_of_a_store(stores, tmp_path):
    shards = [stores.write_store(tmp_path / f"{name}.h5", splits={name: "train"}) for name in "ab"]
    join(shards, tmp_path / "shards.json").__exit__()
    code = f"""
import torch
from tkit.pipelines.stages import motion
from tkit.pipelines.training import loop
from tkit.store import open_store
torch.set_num_threads(1)
config = motion.Config(steps=3, batch_size=4, sequence=5, widths=(8, 8), dropout=0.0,
                       loss="squared", device="cpu", checkpoint_every=1)
with open_store({str(tmp_path / "shards.json")!r}) as store:
    loop.fit(motion.STAGE, config, store, "OUT")
"""
    results = []
    for processes in (1, 2):
        script = tmp_path / f"{processes}.py"
        script.write_text(code.replace("OUT", str(tmp_path / str(processes))))
        launch = [sys.executable, str(script)]
        if processes > 1:
            launch[1:1] = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(launch, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        results.append(tensors(tmp_path / str(processes) / "weights.safetensors"))
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value, rtol=1e-3, atol=1e-5)


# --- configs ---------------------------------------------------------------------------------


def test_a_config_names_what_is_wrong():
    make = configs.make
    with pytest.raises(
        ConfigError, match=r"F.toml: unknown field 'batchsize'; did you mean batch_s"
    ):
        make(motion.Config, {"batchsize": 3}, where="F.toml")
    with pytest.raises(ConfigError, match=r"steps is 2\.5, not of type int"):
        make(motion.Config, {"steps": 2.5})
    with pytest.raises(ConfigError, match="steps is True"):
        make(motion.Config, {"steps": True})
    with pytest.raises(ConfigError, match="widths is 3, not a list of int"):
        make(motion.Config, {"widths": 3})
    with pytest.raises(ConfigError, match="points is 'lips', not one of speech, all"):
        make(motion.Config, {"points": "lips"})
    with pytest.raises(ConfigError, match="batch_size is 0, less than 1"):
        make(motion.Config, {"batch-size": 0})
    assert make(motion.Config, {"lr": 1, "widths": [4, 5]}) == motion.Config(lr=1.0, widths=(4, 5))


def test_progress_is_shown_where_it_is_asked_for(store, tmp_path, capsys):
    stage, config = small("motion")
    loop.fit(stage, config, store, tmp_path / "quiet")
    assert capsys.readouterr().err == ""
    loop.fit(stage, config, store, tmp_path / "shown", progress=True)
    first, shown, last = capsys.readouterr().err.splitlines()
    assert first == f"motion: trains on clips of train: 4 of {store.path.name}"
    assert shown.startswith(f"motion: {config.steps} of {config.steps} [")
    assert ", loss=" in shown and "landmark" not in shown and "minutes" not in shown
    assert last == f"motion: measures clips of val: 2 of {store.path.name}"
    budget = replace(config, minutes=5.0)
    loop.fit(stage, budget, store, tmp_path / "budget", progress=True)
    shown = capsys.readouterr().err
    assert "minutes=0.0/5]" in shown and "<" not in shown  # no time that all steps would take


def test_a_run_with_nothing_left_to_train_says_so(store, tmp_path, capsys):
    stage, config = small("motion", steps=2)
    loop.fit(stage, config, store, tmp_path)
    loop.fit(stage, config, store, tmp_path, resume=True, progress=True)
    shown = capsys.readouterr().err
    assert "motion: nothing is left to train: 2 steps are done; give more by --steps\n" in shown
    spent = replace(config, steps=1000, minutes=1e-6)
    loop.fit(stage, spent, store, tmp_path, resume=True, progress=True)
    shown = capsys.readouterr().err
    assert "nothing is left to train: 0.0 minutes are spent, --minutes is 1e-06 and" in shown
    loop.fit(stage, replace(config, steps=3), store, tmp_path, resume=True, progress=True)
    assert "nothing is left" not in capsys.readouterr().err


def test_files_give_values_and_flags_override(tmp_path):
    path = tmp_path / "f.toml"
    path.write_text("lr = 0.5\nsteps = 7\n")
    made = configs.merge(motion.Config, ["paper-motion", path], {"steps": 9})
    assert (made.widths, made.lr, made.steps) == ((32, 32, 64, 64), 0.5, 9)
    path.write_text("lr = ")
    with pytest.raises(ConfigError, match="not TOML"):
        configs.read_values(path)
    with pytest.raises(UsageError, match="did you mean paper-motion"):
        configs.read_values("paper-moton")


@pytest.mark.parametrize("name", ["motion", "blink", "texture"])
def test_a_stage_lists_the_experiments_that_it_takes(name):
    from tkit.pipelines import STAGES

    own = configs.experiments(STAGES.get(name))
    assert f"paper-{name}" in own and own.items() < configs.experiments().items()
    assert all(name in experiment for experiment in own)


def test_an_experiment_of_another_stage_says_whose_it_is(tmp_path):
    for experiment, stage in (("paper-blink", "blink"), ("texture-paper", "texture")):
        with pytest.raises(
            ConfigError, match=f"^{experiment} is for {stage}; use tkit train {stage}$"
        ):
            configs.merge(motion.Config, [experiment])
    path = tmp_path / "f.toml"
    path.write_text("kernel-widths = [1.0]\nstep = 3\n")  # no stage takes that
    with pytest.raises(ConfigError, match="unknown field 'kernel-widths'"):
        configs.merge(motion.Config, [path])
    path.write_text("steps = -1\n")  # all take it; the value is wrong
    with pytest.raises(ConfigError, match="steps is -1, less than 0"):
        configs.merge(motion.Config, [path])


@pytest.mark.parametrize("name", ["motion", "blink", "texture"])
def test_the_papers_settings_are_shipped(name):
    from tkit.pipelines import STAGES

    stage = STAGES.get(name)
    values = configs.read_values(f"paper-{name}")
    made = configs.make(stage.config, values)
    for key in values:  # only what differs
        assert getattr(made, key) != getattr(stage.config(), key), key


@pytest.mark.parametrize("name", ["motion", "blink", "texture"])
def test_every_field_of_every_stage_has_help(name):
    from tkit.pipelines import STAGES

    stage = STAGES.get(name)
    assert stage.name == name
    assert issubclass(stage.config, configs.Common)
    for field in configs.fields(stage.config).values():
        assert field.metadata["help"].endswith("."), field.name


# --- sampling --------------------------------------------------------------------------------


def test_moments_of_blocks_are_those_of_the_whole():
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).double().numpy() + 1e4
    mean, covariance = moments([x[:7], x[7:8], x[8:]])
    assert mean == pytest.approx(x.mean(axis=0), abs=1e-9)
    centred = x - x.mean(axis=0)
    assert covariance == pytest.approx(centred.T @ centred / 50, abs=1e-9)


def test_balanced_sampling_draws_speakers_equally(stores, tmp_path):
    path = stores.write_store(tmp_path / "s.h5", clips_per_speaker=3, n_frames=30)
    with Store(path) as store:
        rows = [row for row in store.clips if row.id != "b/001" and row.id != "b/002"]
    counts = {}
    for balance in (True, False):
        drawn = Sampler(rows, 10, balance_speakers=balance).draw(np.random.default_rng(0), 2000)
        assert {start for _, start in drawn} == set(range(21))
        counts[balance] = sum(row.speaker == "b" for row, _ in drawn) / 2000
    assert counts[True] == pytest.approx(1 / 3, abs=0.03)
    assert counts[False] == pytest.approx(1 / 7, abs=0.03)
    with pytest.raises(StoreError, match="longest of 7 clips has 30 frames, fewer than the 31"):
        Sampler(rows, 31, balance_speakers=True)


def test_the_draft_of_a_card_holds_what_the_run_knows(store, tmp_path):
    from tkit.zoo.released import cards

    stage, config = small("motion", steps=1)
    path = loop.fit(stage, config, store, tmp_path)
    card = cards.read_card(tmp_path / "card.toml")
    assert card.sha256 == sha256_of(path) and card.net == card.name == "motion"
    assert "4 clips of a, b" in card.data and card.protocol == "drawn"
    scores = {score.metric: score.value for score in card.scores}
    found = results_module.measure(runs.load("motion", tmp_path), store, "val")
    assert scores == {name: found[name] for name in scores}
    assert "split:val|n:2" in card.scores[0].signature
    # What only a person can say is still missing.
    missing = {
        "licence is empty",
        "attribution is empty",
        "intended_use is empty",
        "limits is empty",
    }
    assert set(card.problems()) == missing


def test_speakers_are_drawn_by_a_power_of_their_clips(tmp_path, stores):
    with Store(stores.write_store(tmp_path / "s.h5", n_frames=30)) as store:
        rows = store.select("train")
    rows = [row for row in rows if row.speaker == "a"] * 9 + [rows[-1]] * 2  # 18 clips and 2
    for power, wanted in ((0.0, 0.5), (0.5, 0.75), (1.0, 0.9)):
        sampler = Sampler(rows, 10, balance_speakers=True, power=power)
        drawn = sampler.draw(np.random.default_rng(0), 2000)
        share = np.mean([row.speaker == "a" for row, _ in drawn])
        assert share == pytest.approx(wanted, abs=0.04)


def test_the_learning_rate_falls_by_half_a_cosine():
    config = motion.Config(steps=100, lr=2.0, lr_end=0.1)
    rates = [loop.learning_rate(config, step) for step in (0, 50, 100, 150)]
    assert rates == pytest.approx([2.0, 1.1, 0.2, 0.2])
    assert loop.learning_rate(replace(config, lr_end=1.0), 70) == 2.0
