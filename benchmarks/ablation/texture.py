"""Table II of Sinha et al. 2020: what the adversarial and the regularising losses add.

    python benchmarks/ablation/texture.py --data grid.h5 --root /data/grid --out ablation
        --steps 300 [--config paper-texture] [--precision bf16] [--threads 1]

Three runs with the same seed, the same batches and the same number of steps, the paper's losses
and weights: the pixel loss alone, with the adversarial loss, with the regularisation, too. Measured
on the val clips as benchmarks/true_landmarks.py does, whose folder of frames stays in OUT; for each
row OUT/ROW.png shows landmarks, attention map, colour map and result of some frames. Runs that are
there already are not repeated.

Found with texture-lite's network on ten GRID speakers (val, the weights are averages). After 250
steps: L_pix 32.20 dB, + L_adv 32.17, + L_reg 32.15; after 1,500: 32.69 dB / .960 / .349, 32.76 /
.960 / .349, 32.77 / .960 / .347, where a static frame has 28.68 / .907 / .349. So PSNR takes the
order of Table II in time; SSIM and CPBD do not, and the steps of .07 and .01 dB are small beside
intervals of 2 dB over four speakers: a network that carries the picture leaves little to the colour
map, which alone the added losses shape. Without the carrying (``carried = false``, without norms)
all three rows are the static one (and the first two at a rate of 1e-4): with these losses the
attention shuts within twenty steps, and no loss reaches a colour map behind it. With the paper's
instance norm it shuts slowly (mouth .59 after 10 steps, .88 after 140).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import true_landmarks

from tkit import media
from tkit.pipelines.animation.maps import panels
from tkit.pipelines.stages import texture
from tkit.pipelines.stages.texture.renderer import Renderer
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import loop, runs
from tkit.store import Row, Store

PAPER: dict[str, Any] = {
    "pixel_weight": 100.0, "square_weight": 0.0, "colour_weight": 0.0,
    "adversarial_weight": 0.5, "regular_weight": 0.2,
    "attention_focus": False,
}  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {
    "L_pix": {"adversarial_weight": 0.0, "regular_weight": 0.0},
    "L_adv": {"regular_weight": 0.0},
    "L_reg": {},
}
SHOWN = 4  # frames of a clip in a row's picture


def train(name: str, store: Store, given: argparse.Namespace) -> runs.Trained:
    flags = {"steps": given.steps, "seed": given.seed, "precision": given.precision,
             "threads": given.threads, "log_every": 10}  # fmt: skip
    config = configs.merge(texture.Config, [given.config], PAPER | ROWS[name] | flags)
    return loop.finish("texture", config, store, given.out / "runs" / name)


def picture(trained: runs.Trained, store: Store, rows: list[Row], videos: dict[str, str]) -> Any:
    """Some frames of the first clip of every other speaker, one below the other."""
    found = []
    for row in rows[::2]:
        truth = true_landmarks.read(store, row, videos[row.id], row.n_frames)
        index = np.linspace(10, len(truth.frames) - 1, SHOWN).astype(int)
        renderer = Renderer(trained.weights.module, truth.frames[0], truth.points[0])
        rendered = renderer(truth.points[index], truth.ground[index])
        made = panels(truth.points[index], rendered)
        found += [np.concatenate([made, truth.frames[index]], axis=2)]
    return np.concatenate([frame for clip in found for frame in clip])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("grid.h5"))
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--config", help="experiment or TOML file; default: texture-lite's network")
    parser.add_argument("--precision", default="no")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with Store(given.data) as store:
        videos = true_landmarks.find_videos(store.info.corpus, given.root)
        rows = store.select("val")
        trained = {name: train(name, store, given) for name in ROWS}
        groups = {"val": rows}
        found = true_landmarks.measure(trained, store, groups, videos, given.out, n_frames=75)
        true_landmarks.show(found)
        for name, one in trained.items():
            media.write_image(given.out / f"{name}.png", picture(one, store, rows, videos))
            quality = one.stage.evaluate(one.nets, store, rows, one.config)
            print(name, {key: round(value, 3) for key, value in quality.items()})


if __name__ == "__main__":
    main()
