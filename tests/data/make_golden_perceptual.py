"""Make ``golden_perceptual.json``: LPIPS of the package lpips 0.1.4, DISTS of DISTS-pytorch 0.1.

    python -m venv scratch && scratch/bin/pip install -e . && \\
        scratch/bin/pip install --no-deps lpips==0.1.4 DISTS-pytorch==0.1
    scratch/bin/python tests/data/make_golden_perceptual.py

A stand-in for torchvision gives the packages networks of random values, those of the families'
examples: what is compared is the formula. The channels' weights are the examples', too.
"""

import json
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tkit.metrics import METRICS, backbones


def pictures():
    """Two pictures (2, 128, 128, 3) and the same with noise."""
    from skimage import data

    face = data.astronaut()[0:128, 150:278]
    gt = np.stack([face, face[::-1]])
    noise = np.random.default_rng(0).normal(0, 15, gt.shape)
    return np.clip(gt + noise, 0, 255).astype(np.uint8), gt


def stand_in(files):
    """Take the place of torchvision."""
    vision, models = types.ModuleType("torchvision"), types.ModuleType("torchvision.models")

    def make(net):
        def network(pretrained=False):
            features = backbones.load(files[net], net).features
            return types.SimpleNamespace(features=features)

        return network

    models.vgg16, models.alexnet, models.squeezenet1_1 = map(make, ("vgg", "alex", "squeeze"))
    vision.models, vision.transforms = models, types.ModuleType("torchvision.transforms")
    sys.modules |= {"torchvision": vision, "torchvision.models": models,
                    "torchvision.transforms": vision.transforms}  # fmt: skip


def main() -> None:
    """Write the file beside this one."""
    folder = Path(tempfile.mkdtemp())
    nets = ("alex", "vgg", "squeeze")
    stand_in({net: backbones.write_random(folder / f"net-{net}.pth", net) for net in nets})
    import lpips
    from DISTS_pytorch.DISTS_pt import DISTS

    from tkit.metrics.lpips import write_random_heads

    def tensors(frames):
        return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float() / 255

    pred, gt = map(tensors, pictures())
    found = {}
    heads = METRICS.families()["lpips"].example(folder)["heads"]
    model = lpips.LPIPS(net="alex", model_path=heads, verbose=False)
    found["lpips"] = model(pred, gt, normalize=True).mean().item()
    heads = write_random_heads(folder / "heads-squeeze.pth", "squeeze")
    model = lpips.LPIPS(net="squeeze", model_path=heads, verbose=False)
    found["lpips_squeeze"] = model(pred, gt, normalize=True).mean().item()
    weights = torch.load(METRICS.families()["dists"].example(folder)["heads"])
    model = DISTS(load_weights=False)
    model.alpha, model.beta = (nn.Parameter(weights[name]) for name in ("alpha", "beta"))
    found["dists"] = model(pred, gt).mean().item()
    Path(__file__).with_name("golden_perceptual.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
