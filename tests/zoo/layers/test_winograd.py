"""Fast convolutions are convolutions."""

import copy

import pytest
import torch
from torch import nn

from tkit.zoo.layers import winograd
from tkit.zoo.nets import texture


def layer(channels=64, *, bias=True, seed=0):
    torch.manual_seed(seed)
    made = winograd.Conv3x3(channels, bias=bias).eval().to(memory_format=torch.channels_last)
    winograd.make_ready(made)
    return made


def plain(conv, x):
    return nn.functional.conv2d(x, conv.weight, conv.bias, padding=1)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(4, 4), (8, 20), (32, 32)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@torch.no_grad()
def test_it_is_the_convolution(bias, size, layout):
    conv = layer(bias=bias)
    x = torch.randn(3, 64, *size).contiguous(memory_format=layout)
    wanted = plain(conv, x)
    found = conv(x)
    assert not torch.equal(found, wanted)  # the other way
    assert (found - wanted).abs().max() < 3e-5 * wanted.abs().max()


@torch.no_grad()
def test_the_transforms_are_exact_on_whole_numbers():
    kernel = torch.zeros(1, 1, 3, 3)
    kernel[..., 1, 1] = 1
    x = torch.randint(-9, 9, (1, 1, 8, 8)).float()
    found = winograd.winograd(x, winograd.transform(kernel))
    assert torch.allclose(found, x, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(("channels", "size"), [(64, (6, 8)), (64, (8, 7)), (16, (8, 8))])
def test_what_it_is_not_for_goes_the_usual_way(channels, size):
    conv, x = layer(channels), torch.randn(2, channels, *size)
    assert torch.equal(conv(x), plain(conv, x))


def test_training_goes_the_usual_way():
    conv, x = layer().train(), torch.randn(1, 64, 8, 8)
    found = conv(x)
    assert torch.equal(found, plain(conv, x))
    found.sum().backward()
    assert conv.weight.grad.abs().sum() > 0
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert conv(x).dtype == torch.bfloat16


@torch.no_grad()
@pytest.mark.parametrize("is_ready", [True, False])
def test_changed_weights_count(is_ready):
    conv, x = layer(), torch.randn(1, 64, 8, 8)
    if not is_ready:
        conv.eval()
    conv(x)
    other = copy.deepcopy(conv)
    conv.eval().weight.mul_(2)
    other.eval().weight.mul_(3)
    loaded = layer(seed=1)
    for one in (conv, other):
        if is_ready:
            winograd.make_ready(one)
        assert torch.allclose(one(x), plain(one, x), atol=1e-4)
    conv.load_state_dict(loaded.state_dict())
    assert torch.allclose(conv(x), plain(loaded, x), atol=1e-4)
    if is_ready:
        winograd.make_ready(conv)
    conv.half().float()  # rounds
    assert torch.equal(conv(x), copy.deepcopy(conv)(x))
    assert torch.allclose(conv(x), plain(conv, x), atol=1e-4)
    assert set(conv.state_dict()) == {"weight", "bias"}


@torch.no_grad()
def test_kernels_are_transformed_once(monkeypatch):
    conv, x = layer(), torch.randn(1, 64, 8, 8)
    wanted = conv(x)
    monkeypatch.delattr(winograd, "transform")
    winograd.make_ready(conv)
    assert torch.equal(conv(x), wanted)
    assert torch.equal(copy.deepcopy(conv)(x), wanted)


def test_a_generator_renders_the_same():
    torch.manual_seed(0)
    module = texture.NET.build(texture.Config(size=64, width=32, blocks=3)).eval()
    inputs = torch.rand(2, 1, 64, 64), torch.rand(1, 1, 64, 64), torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        slow = module(*inputs)
        again = copy.deepcopy(module)  # whose weights are made in this mode
        winograd.make_ready(module)
        winograd.make_ready(again)
        fast, again = module(*inputs), again(*inputs)
    assert torch.equal(fast.image, again.image)
    assert not torch.equal(fast.image, slow.image)
    assert (fast.image - slow.image).abs().max() < 1e-3
