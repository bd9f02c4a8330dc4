"""Exported networks compute what torch computes, for any number of frames, in pieces too."""

import builtins

import numpy as np
import pytest
import torch

from tkit.cli import main
from tkit.errors import UsageError, WeightsError
from tkit.zoo.nets import blink, motion, texture
from tkit.zoo.released import onnx as onnx_module
from tkit.zoo.released import weights as released_weights

onnx = pytest.importorskip("onnx")

CONFIGS = {
    "paper": ("motion", motion.Config(dim=5, components=3, widths=(6, 8))),
    "context": (
        "motion",
        motion.Config(dim=5, components=3, window=20, widths=(8,), kernel=5, stride=1,
                      context=(1, 2), channels=6, dropout=0.2),
    ),
    "waits": ("motion", motion.Config(dim=5, components=3, widths=(6,), context=(1,), waits=True)),
    "free": ("blink", blink.Config(components=3, hidden=8)),
    "hazard": ("blink", blink.Config(components=3, hidden=8, gaps=5)),
}  # fmt: skip
NETS = {"motion": motion, "blink": blink}


def evaluator(path):
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(path)
    onnx.checker.check_model(model)
    return ReferenceEvaluator(model)


def tkit(*args):
    """Run the command; its exit status."""
    with pytest.raises(SystemExit) as stopped:
        main(list(args))
    return stopped.value.code or 0


def run(session, inputs):
    """Outputs for the inputs that the graph has: one without a hazard takes no beginnings."""
    return session.run(None, {key: inputs[key].numpy() for key in session.input_names})


@pytest.mark.parametrize("name", CONFIGS)
def test_it_equals_torch_for_other_lengths(name, tmp_path):
    torch.manual_seed(0)
    net, config = CONFIGS[name]
    module = NETS[net].NET.build(config).eval()
    path = tmp_path / "m.onnx"
    interface = onnx_module.export(
        released_weights.Weights(net, config, module, {}, "", path), path
    )
    inputs = {key: torch.randn(value.shape) for key, value in interface.inputs.items()}
    if net == "motion":
        inputs["windows"] = torch.randn(1, 11, *inputs["windows"].shape[2:])
    else:
        inputs |= {
            "noise": torch.randn(3, 9, config.noise),
            "begins": (torch.rand(3, 9) < 0.2).float(),
            "state": torch.randn(1, 3, config.hidden),
        }
    with torch.inference_mode():
        wanted = interface.module(*inputs.values())
    found = run(evaluator(path), inputs)
    assert len(found) == len(wanted) == len(interface.outputs)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other.numpy()).max() < 1e-5


@pytest.mark.parametrize("name", ["context", "waits"])
def test_a_stream_goes_on_from_its_state(name, tmp_path):
    torch.manual_seed(0)
    net, config = CONFIGS[name]
    module = motion.NET.build(config).eval()
    path = tmp_path / "m.onnx"
    interface = onnx_module.export(
        released_weights.Weights(net, config, module, {}, "", path), path
    )
    session, heard, parts = evaluator(path), torch.randn(1, 14, config.window, 5), []
    picture = {"picture": torch.randn(1, 68, 2)} if config.waits else {}
    state = {key: value for key, value in interface.inputs.items() if key.startswith("state")}
    for start, stop in ((0, 1), (1, 6), (6, 14)):
        moved, *after = run(session, {"windows": heard[:, start:stop], **picture, **state})
        state = dict(zip(state, map(torch.from_numpy, after), strict=True))
        parts.append(moved)
    with torch.inference_mode():
        whole = module(heard, *picture.values()).numpy()
    assert np.abs(np.concatenate(parts, axis=1) - whole).max() < 1e-5


@pytest.mark.parametrize("name", ["motion", "blink"])
def test_released_weights_are_exported_by_name(name, tmp_path, capsys):
    path = tmp_path / f"{name}.onnx"
    assert tkit("zoo", "export", name, "--out", str(path)) == 0
    assert "frames are free" in capsys.readouterr().out
    weights, session = released_weights.load(name), evaluator(path)
    interface = onnx_module.INTERFACES[name](weights.module)
    torch.manual_seed(0)
    inputs = {key: torch.randn(value.shape) for key, value in interface.inputs.items()}
    with torch.inference_mode():
        wanted = interface.module(*inputs.values())
    for one, other in zip(run(session, inputs), wanted, strict=True):
        assert np.abs(one - other.numpy()).max() < 1e-5
    assert tkit("zoo", "export", name, "--out", str(path)) == 2  # refuses to overwrite


def test_other_networks_and_a_missing_package_are_named(tmp_path, monkeypatch):
    config = texture.Config(size=32, width=4)
    weights = released_weights.Weights(
        "texture", config, torch.nn.Identity(), {}, "", tmp_path / "w"
    )
    with pytest.raises(WeightsError, match="texture cannot be exported to ONNX; blink, motion can"):
        onnx_module.export(weights, tmp_path / "t.onnx")
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "onnx":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"talking-face-toolkit\[export\]"):
        onnx_module.export(released_weights.load("motion"), tmp_path / "m.onnx")
