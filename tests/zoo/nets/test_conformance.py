"""What every network of the zoo must be, also one that was added a minute ago."""

import dataclasses

import pytest
import torch

from tkit.zoo import NETS


@pytest.fixture(params=NETS.names())
def net(request):
    return NETS.get(request.param)


def test_its_config_is_frozen_and_says_what_its_fields_are(net):
    assert dataclasses.is_dataclass(net.config) and net.title
    assert net.config.__dataclass_params__.frozen
    assert net.config.__doc__ and "Config(" not in net.config.__doc__


def test_it_builds_from_its_config(net):
    config = net.example or net.config()
    assert type(config) is net.config
    module = net.build(config)
    assert isinstance(module, torch.nn.Module)
    assert any(True for _ in module.parameters())
