"""What every stage must do, also one that was added a minute ago."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from tkit.pipelines import STAGES
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import loop, runs
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
