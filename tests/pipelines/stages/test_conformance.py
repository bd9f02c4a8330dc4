"""What every stage must do, also one that was added a minute ago."""

import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tkit.pipelines import STAGES
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import loop, results, runs
from tkit.store import Store
from tkit.zoo import NETS

QUICK = {
    "steps": 3, "checkpoint_every": 1, "log_every": 1, "val_split": "none",
    "device": "cpu", "threads": 1,
}  # fmt: skip


@pytest.fixture(params=STAGES.names())
def stage(request):
    return STAGES.get(request.param)


@pytest.fixture
def config(stage):
    return configs.make(stage.config, {**stage.tiny, **QUICK})


@pytest.fixture
def store(stage, tiny_store_crops, tmp_path):
    with Store(stage.example(tmp_path) if stage.example else tiny_store_crops) as opened:
        yield opened


def test_its_name_is_the_registrys_and_its_net_is_in_the_zoo(stage, store, config):
    assert STAGES.get(stage.name) is stage
    nets = stage.nets(store, config)
    assert set(stage.players) <= set(nets) and stage.released in nets
    assert type(nets[stage.released].config) is NETS.get(stage.released).config


def test_its_settings_are_known_without_torch(stage):
    """So that help and errors of wrong use come at once."""
    code = (
        "import sys\nfrom tkit.pipelines import STAGES\n"
        "from tkit.pipelines.training import config\n"
        f"stage = STAGES.get({stage.name!r})\nconfig.make(stage.config, stage.tiny)\n"
        "print([name for name in ('torch', 'numpy', 'cv2', 'h5py') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_net_has_a_loss_to_minimise_and_nothing_talks_through_the_batch(stage, store, config):
    nets = stage.nets(store, config)
    draw = stage.batches(store, config, config.train_split)
    batch, again = draw(1), draw(1)
    found = stage.losses(nets, batch, config)
    assert set(found) == set(stage.players)
    for player, terms in found.items():
        assert terms["loss"].requires_grad, player
        for name, value in terms.items():
            assert value.shape == () and torch.isfinite(value), (player, name)
    assert set(batch) == set(again)
    assert all(torch.equal(batch[name], again[name]) for name in batch)


def test_shares_of_a_batch_are_the_batch(stage, store, config):
    draw = stage.batches(store, replace(config, batch_size=4), config.train_split)
    batch, shares = draw(2), [draw(2, range(start, start + 2)) for start in (0, 2)]
    for name in batch:
        if len(batch[name]) == 4:  # one value a sample
            joined = torch.cat([share[name] for share in shares])
            torch.testing.assert_close(joined, batch[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("experiment", ["", "paper-"])
def test_a_step_waits_for_no_gpu(stage, store, config, experiment, monkeypatch):
    """On the meta device nobody can look at a value; and what is on the CPU stays there."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # knows no meta
    if experiment:
        values = configs.read_values(f"{experiment}{stage.name}")
        config = configs.make(stage.config, {**values, **stage.tiny, **QUICK})
    nets = {name: net.to("meta") for name, net in stage.nets(store, config).items()}
    drawn = stage.batches(store, config, config.train_split)(0)
    batch = {name: tensor.to("meta") for name, tensor in drawn.items()}
    stage.losses(nets, batch, config)  # constants may be copied once
    with Copies() as seen:
        found = stage.losses(nets, batch, config)
        for player in stage.players:
            torch.autograd.grad(
                found[player]["loss"], list(nets[player].parameters()),
                retain_graph=True, allow_unused=True,
            )  # fmt: skip
    assert seen.calls > 100 and seen.between_devices == []


class Copies(TorchDispatchMode):
    """Notes every operation that has tensors on two devices."""

    def __init__(self):
        super().__init__()
        self.calls, self.between_devices = 0, []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        leaves = tree_leaves((args, kwargs, result))
        devices = {x.device.type for x in leaves if isinstance(x, torch.Tensor) and x.ndim}
        self.calls += 1
        if len(devices) > 1:
            self.between_devices.append(str(operation))
        return result


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_that_draw_ahead_change_no_bit(stage, store, config, tmp_path, workers):
    states = [
        runs.find(loop.fit(stage, replace(config, workers=n), store, tmp_path / str(n)))
        .weights.module.state_dict()
        for n in (0, workers)
    ]  # fmt: skip
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.slow
def test_two_processes_train_as_one(stage, store, config, tmp_path):
    """In double precision: gradients of the first step, and weights after some more."""
    # The rate of the motion stage is high: while it stays so, Adam enlarges the order of sums.
    falling = {"motion": {"lr_end": 0.01}}.get(stage.name, {})
    code = f"""
import torch
from tkit.pipelines import STAGES
from tkit.pipelines.training import config, loop
from tkit.store import Store
torch.set_num_threads(1)
stage = STAGES.get({stage.name!r})
settings = config.make(
    stage.config,
    {{**stage.tiny, **{QUICK!r}, "batch_size": 4, "precision": "fp64", "steps": 20,
      **{falling!r}}},
)
with Store({str(store.path)!r}) as store:
    trainer = loop.Trainer(stage, settings, store, loop.accelerator_for(settings))
    for batch in trainer.batches():
        assert len(batch[next(iter(batch))]) == 4 // trainer.accelerator.num_processes
        trainer.one_step(batch)
        parameters = [p for own in trainer.parameters.values() for p in own]
        if not trainer.step:
            first = [p.grad for p in parameters if p.grad is not None]
        trainer.step += 1
if trainer.accelerator.is_main_process:
    torch.save([torch.cat([x.detach().flatten() for x in found])
                for found in (first, parameters)], "OUT")
"""
    results = []
    for processes in (1, 2):
        script = tmp_path / f"{processes}.py"
        script.write_text(code.replace("OUT", str(tmp_path / f"{processes}.pt")))
        launch = [sys.executable, str(script)]
        if processes > 1:
            launch[1:1] = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(launch, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        results.append(torch.load(tmp_path / f"{processes}.pt"))
    for one, two, limit in zip(*results, (1e-5, 1e-4), strict=True):
        assert one.dtype == torch.float64
        assert (one - two).norm() <= limit * one.norm()
        assert (one - two).norm() <= 1e-9 * one.norm()  # what is left is the order of sums


def test_a_resumed_run_gives_the_weights_of_an_uninterrupted_one(stage, store, config, tmp_path):
    whole = loop.fit(stage, config, store, tmp_path / "whole")
    begun = []

    def interrupted(*arguments):
        begun.append(True)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return stage.losses(*arguments)

    with pytest.raises(KeyboardInterrupt):
        loop.fit(replace(stage, losses=interrupted), config, store, tmp_path / "parts")
    parts = loop.fit(stage, config, store, tmp_path / "parts", resume=True)
    states = [runs.find(path).weights.module.state_dict() for path in (whole, parts)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    logs = [runs.read_losses(runs.Run(path.parent)) for path in (whole, parts)]
    assert logs[0] == logs[1] and {step for step, _, _ in logs[0]} == {1, 2, 3}
    trained = runs.find(tmp_path / "whole")
    assert (trained.stage, trained.config) == (stage, config)
    assert trained.card is not None and trained.card.net == stage.released


def test_what_it_is_measured_by_has_names_and_is_finite(stage, store, config):
    nets = stage.nets(store, config)
    for net in nets.values():
        net.eval()
    found = stage.evaluate(nets, store, store.select("val")[:1], config)
    assert found and all(isinstance(value, float) for value in found.values())


def test_every_number_it_is_measured_by_says_what_it_is(stage, store, config):
    nets = stage.nets(store, config)
    for net in nets.values():
        net.eval()
    found = stage.evaluate(nets, store, store.select("val"), config)
    assert found.keys() <= stage.quantities.keys()
    for name, what in stage.quantities.items():
        assert what.title and what.better in ("", "higher", "lower", "closer"), name


def test_means_over_clips_have_intervals_where_speakers_are_three(stage, store, config, tmp_path):
    loop.fit(stage, config, store, tmp_path / "run")
    trained = runs.load(stage.name, tmp_path / "run")
    means = {name for name, what in stage.quantities.items() if what.of_clips}
    found = results.measure(trained, store, "all")
    assert len({row.speaker for row in store.select("all")}) == 3
    assert found["intervals"].keys() == means
    for name, (low, high) in found["intervals"].items():
        assert low <= found[name] <= high, name
    whole = stage.evaluate(trained.nets, store, store.select("all"), trained.config)
    # Of clips one by one, but for the rounding of a stage that adds up float32.
    assert {name: found[name] for name in whole} == pytest.approx(whole, rel=1e-6)
    few = results.measure(trained, store, "val")
    assert few["intervals"] == {}
    text = results.as_text(found, stage)
    assert max(map(len, text.splitlines()[:-3])) <= 80
    for name, what in stage.quantities.items():
        if name in found:
            (line,) = [line for line in text.splitlines() if line.split(" ")[0] == name]
            assert (what.unit in line) and (" [" in line) == (name in means), line
            assert ("↓" in line, "↑" in line) == (what.better == "lower", what.better == "higher")
