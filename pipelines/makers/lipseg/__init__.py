"""Train ``lipseg``, the segmentation of mouths and eyes, and write its two networks as ONNX.

    python -m tkit.pipelines.makers.lipseg --root grid --mesh-model face_landmarker.task --out
    lipseg

Writes ``lipseg-mouth.onnx`` and ``lipseg-eye.onnx`` into the folder, and beside each its weights as
safetensors, from which ``--init FOLDER`` goes on with other settings. Which people and pictures are
seen, and how they are varied: :mod:`tkit.pipelines.makers.lipseg.data` and
:mod:`tkit.pipelines.makers.lipseg.vary`. Tests of the result on people it has not seen:
``benchmarks/landmarks.py``.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F

from tkit.files import atomic_path
from tkit.pipelines.makers.lipseg import data, vary
from tkit.zoo.nets import lipseg
from tkit.zoo.released import weights as released_weights

WIDTHS = {"mouth": (16, 32, 64), "eye": (12, 24, 48)}  # channels of the two networks


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights.

    Parameters
    ----------
    clips : int
        At most so many clips of a speaker.
    made : int
        Faces between two speakers.
    puppets : int
        Generated people.
    puppet_share, plain : float
        Shares of the examples that are generated, and that keep their colours.
    steps, batch : int
    learning_rate : float
        At its peak; it rises for a twentieth of the steps and falls along a cosine.
    """

    clips: int = 16
    made: int = 12000
    puppets: int = 40
    puppet_share: float = 0.08
    plain: float = 0.3
    steps: int = 6000
    batch: int = 32
    learning_rate: float = 4e-3
    seed: int = 0


def train(
    part: str, samples: data.Samples, settings: Settings, init: Path | None = None
) -> lipseg.LipSeg:
    """Train the network of one part of the face, from the weights in the folder ``init`` on."""
    torch.manual_seed(settings.seed)
    if init is None:
        net = lipseg.NET.build(lipseg.Config(part=part, widths=WIDTHS[part]))
    else:
        net = released_weights.load(init / f"lipseg-{part}.safetensors").module
    net = net.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.05
    )
    batches = data.batches(
        part,
        samples,
        size=settings.batch,
        puppet_share=settings.puppet_share,
        plain=settings.plain,
        seed=settings.seed,
    )
    start, losses = perf_counter(), []
    for step in range(1, settings.steps + 1):
        pictures, segments = next(batches)
        divisions = net.logits(torch.from_numpy(pictures).to(memory_format=torch.channels_last))
        truths = torch.from_numpy(segments).split(net.sizes, dim=1)
        loss = sum(map(F.cross_entropy, divisions, truths), torch.zeros(()))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step % 200 == 0:
            seconds = perf_counter() - start
            print(
                f"{part}: step {step}, loss {np.mean(losses[-200:]):.4f}, {seconds:.0f} s",
                file=sys.stderr,
                flush=True,
            )
    return net.eval()


def save(folder: Path, net: lipseg.LipSeg, settings: Settings) -> None:
    """Write a network as ONNX, which ``tkit prep`` runs, and as safetensors, to go on from."""
    export(folder / f"lipseg-{net.part}.onnx", net)
    released_weights.save(
        folder / f"lipseg-{net.part}.safetensors",
        net="lipseg",
        config=lipseg.Config(part=net.part, widths=net.widths),
        module=net,
        record={"settings": asdict(settings)},
    )


def export(path: Path, net: lipseg.LipSeg) -> None:
    """Write a network as ONNX, for any number of pictures at once."""
    width, height = vary.SIZES[net.part]
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # The newer exporter needs a package more.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            net.folded().to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
            (torch.zeros(1, 3, height, width),),
            str(temporary),
            input_names=["picture"],
            output_names=["segments"],
            dynamic_axes={"picture": {0: "count"}, "segments": {0: "count"}},
            opset_version=17,
            dynamo=False,
        )


def main() -> None:
    """Run the whole training."""
    parser = argparse.ArgumentParser(prog="python -m tkit.pipelines.makers.lipseg")
    parser.add_argument("--root", type=Path, required=True, help="a GRID folder")
    parser.add_argument("--mesh-model", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--out", type=Path, default=Path("lipseg"), help="folder")
    parser.add_argument("--init", type=Path, help="folder of weights to go on from")
    parser.add_argument("--part", choices=[*lipseg.DIVISIONS], action="append")
    for name, value in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    values = vars(parser.parse_args())
    root, model, out = (values.pop(key) for key in ("root", "mesh_model", "out"))
    parts, init = values.pop("part"), values.pop("init")
    settings = Settings(**values)
    torch.set_num_threads(1)
    samples = data.collect(
        root,
        model,
        clips=settings.clips,
        made=settings.made,
        puppets=settings.puppets,
        seed=settings.seed,
    )
    for part in parts or lipseg.DIVISIONS:
        save(out, train(part, samples[part], settings, init), settings)


if __name__ == "__main__":
    main()
