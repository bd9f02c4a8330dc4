"""Whether open mouths are sharp: gradients inside the lips, beside those of the truth.

    python benchmarks/mouths.py --data grid.h5 --out mouths
        [--weights texture-lite --weights texture-paper] [--split val]
        [--sheet sheet.png --seed 7] [--ranks "12 3 ..." --seed 7]

Every clip is rendered from its first frame and its true landmarks. Looked at is what lies inside
the inner lips and 2 pixels around them, in the 30 % of a clip's frames whose inner lips enclose
most: a box round the mouth is mostly skin, which is carried and sharp in any case.

``energy``: squared gradients of the luma there, over those of the truth; 1 is as sharp, and noise
or edges in the wrong place count like right ones. ``follow``: 2 <p, t> / (<p, p> + <t, t>) of the
gradients p and t; 1 only for the truth's own edges in their places: it falls with blur and with
wrong edges alike. Sums over the frames of a clip, means over clips. Beside them: PSNR in RGB inside
the lips, in the mouth box and of the crop (all frames, squared errors pooled over a clip), cosine
of SFace's embeddings.

Rows to hold it against: ``truth``, ``blur S``, the truth blurred by a Gaussian of S pixels, and
``static``, the first frame held still.

``--sheet`` writes 32 frames in an order drawn from ``--seed``, of unknown rows, each at the right
of its truth: to be ranked by eye, from the sharpest on. ``--ranks`` takes these numbers and tells
how the order agrees (Spearman) with that of each measure. Of one such sheet (seed 4711, val, the
released weights and those that were to be chosen from): energy .84, follow .74.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tkit import media
from tkit.errors import UsageError
from tkit.face import geometry
from tkit.face.plausible import signed_area
from tkit.metrics import METRICS
from tkit.metrics.pictures import to_gray
from tkit.pipelines.stages.texture.data import CropReader
from tkit.pipelines.stages.texture.regions import inside_lips, mouth_box
from tkit.pipelines.stages.texture.renderer import Renderer
from tkit.pipelines.stages.texture.work import psnr
from tkit.pipelines.training import runs
from tkit.store import Row, Store

MARGIN_PX = 2  # around the inner lips
WIDEST = 0.3  # of the frames of a clip
BLURS_PX = (0.5, 1.0, 1.5)
ON_SHEET, ENLARGED = 32, 5
COLUMNS = ("energy", "follow", "inner", "box", "crop", "identity")


@dataclass(frozen=True)
class Truth:
    """A clip: frames (T, H, W, 3) uint8, points (T, 68, 2) in pixels, ground (T, 2, 3)."""

    frames: np.ndarray
    points: np.ndarray
    ground: np.ndarray

    @property
    def widest(self) -> np.ndarray:
        """Frames whose inner lips enclose most, without the first, which is the identity image."""
        area = signed_area(self.points[1:, geometry.INNER_LIPS])
        return 1 + np.argsort(-area, kind="stable")[: round(WIDEST * len(area))]

    @property
    def inside(self) -> np.ndarray:
        """Whether a pixel lies inside the inner lips or near them; (T, H, W) bool."""
        return inside_lips(self.points, size=self.frames.shape[1], margin_px=MARGIN_PX)


def read(store: Store, row: Row) -> Truth:
    """Read the crops of a clip."""
    found = CropReader(store).read([(row, index) for index in range(row.n_frames)])
    return Truth(found.images, found.points, found.ground)


def blurred(frames: np.ndarray, sigma_px: float) -> np.ndarray:
    """Blur each of the frames (T, H, W, 3)."""
    import cv2

    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma_px) for frame in frames])


def gradients(frames: np.ndarray) -> np.ndarray:
    """Differences of the luma, down and across, of frames (T, H, W, 3); (2, T, H, W)."""
    return np.stack(np.gradient(to_gray(frames).astype(np.float64), axis=(1, 2)))


def sharpness(*, pred: np.ndarray, gt: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """``energy`` and ``follow`` of frames (T, H, W, 3), where ``inside`` (T, H, W) is True."""
    p, t = gradients(pred)[:, inside], gradients(gt)[:, inside]
    own, true = (p**2).sum(), (t**2).sum()
    return float(own / true), float(2 * (p * t).sum() / (own + true))


def measure(
    pred: np.ndarray, truth: Truth, box: tuple[slice, slice], *, faces: bool
) -> dict[str, float]:
    """What :data:`COLUMNS` names, of one clip."""
    widest, gt = truth.widest, truth.frames
    inside = truth.inside[widest]
    energy, follow = sharpness(pred=pred[widest], gt=gt[widest], inside=inside)
    part = slice(None), *box
    found = {
        "energy": energy,
        "follow": follow,
        "inner": psnr(pred=pred[widest][inside][None], gt=gt[widest][inside][None]),
        "box": psnr(pred=pred[part], gt=gt[part]),
        "crop": psnr(pred=pred, gt=gt),
    }
    if faces:
        found["identity"] = METRICS.get("identity")(pred=pred, gt=gt)
    return found


def made(
    store: Store, row: Row, truth: Truth, weights: dict[str, runs.Trained], out: Path
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the rows of the table and their frames; what was rendered is kept in ``out``."""
    yield "truth", truth.frames
    for sigma in BLURS_PX:
        yield f"blur {sigma:g}", blurred(truth.frames, sigma)
    yield "static", truth.frames[:1].repeat(len(truth.frames), axis=0)
    for name, trained in weights.items():
        path = out / name / trained.weights.sha256[:8] / f"{row.id}.npy"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            render = Renderer(trained.weights.module, truth.frames[0], truth.points[0])
            np.save(path, render(truth.points, truth.ground).images)
        yield name, np.load(path)


def table(
    store: Store, rows: list[Row], weights: dict[str, runs.Trained], out: Path, *, faces: bool
) -> dict[str, dict[str, float]]:
    """Measure all rows; means over clips."""
    box, clips = mouth_box(store.canonical, store["crops"].shape[1]), {}
    for row in rows:
        truth = read(store, row)
        for name, frames in made(store, row, truth, weights, out):
            clips.setdefault(name, []).append(measure(frames, truth, box, faces=faces))
    return {
        name: {key: float(np.mean([clip[key] for clip in found])) for key in found[0]}
        for name, found in clips.items()
    }


def show(found: dict[str, dict[str, float]]) -> None:
    """Print the table."""
    print(f"{'frames':<28}" + "".join(f"{name:>10}" for name in COLUMNS))
    for name, values in found.items():
        cells = (f"{values[key]:10.3f}" if key in values else f"{'-':>10}" for key in COLUMNS)
        print(f"{name:<28}" + "".join(cells))


@dataclass(frozen=True)
class Shown:
    """A frame of the sheet: which row it is of, what it is measured as, and its picture."""

    name: str
    energy: float
    follow: float
    picture: np.ndarray


def drawn(
    store: Store, rows: list[Row], weights: dict[str, runs.Trained], out: Path, seed: int
) -> list[Shown]:
    """Draw frames of all rows, as many of each, with open mouths; in random order."""
    import cv2

    rng = np.random.default_rng(seed)
    everything = []
    for row in rows:
        truth = read(store, row)
        everything.append((truth, dict(made(store, row, truth, weights, out))))
    names = list(everything[0][1])
    box = mouth_box(store.canonical, store["crops"].shape[1])
    found = []
    for place in range(ON_SHEET):
        truth, frames = everything[rng.integers(len(everything))]
        index, name = rng.choice(truth.widest), names[place % len(names)]
        pred, gt = frames[name][[index]], truth.frames[[index]]
        measured = sharpness(pred=pred, gt=gt, inside=truth.inside[[index]])
        both = np.concatenate([gt[0][box], pred[0][box]], axis=1)
        large = cv2.resize(both, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
        found.append(Shown(name, *measured, large))
    return [found[place] for place in rng.permutation(ON_SHEET)]


def sheet(shown: list[Shown]) -> np.ndarray:
    """Number the frames and lay them out in four columns."""
    import cv2

    tiles = []
    for number, one in enumerate(shown):
        tile = np.pad(one.picture, ((28, 4), (2, 2), (0, 0)), constant_values=255)
        cv2.putText(tile, str(number), (4, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
        tiles.append(tile)
    lines = [np.concatenate(tiles[i : i + 4], axis=1) for i in range(0, len(tiles), 4)]
    return np.concatenate(lines)


def agreement(shown: list[Shown], ranks: list[int]) -> None:
    """Print how an order, from the sharpest on, agrees with that of the measures."""
    from scipy.stats import spearmanr

    if sorted(ranks) != list(range(len(shown))):
        raise UsageError(f"--ranks holds each number from 0 to {len(shown) - 1} once")
    by_eye = -np.argsort(ranks)
    for name in ("energy", "follow"):
        values = np.array([getattr(one, name) for one in shown])
        result = spearmanr(by_eye, values)
        print(f"{name}: Spearman {result.statistic:.2f}, p {result.pvalue:.1g}")
    for number in ranks:
        one = shown[number]
        print(f"{number:3} {one.name:<28} {one.energy:6.2f} {one.follow:6.2f}")


def main() -> None:
    """Measure, or draw a sheet, or compare with its ranking."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("grid.h5"))
    parser.add_argument("--out", type=Path, required=True, help="folder of rendered frames")
    parser.add_argument("--weights", action="append", help="name in the zoo, file or run folder")
    parser.add_argument("--split", default="val")
    parser.add_argument("--no-identity", action="store_true", help="do not ask SFace")
    parser.add_argument("--sheet", type=Path, help="write frames to be ranked by eye")
    parser.add_argument("--ranks", help="their numbers, from the sharpest on")
    parser.add_argument("--seed", type=int, default=0, help="of the sheet")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    names = given.weights or ["texture-lite", "texture-paper"]
    weights = {Path(name).stem: runs.load("texture", name) for name in names}
    with Store(given.data) as store:
        rows = store.select(given.split)
        if given.sheet or given.ranks:
            shown = drawn(store, rows, weights, given.out, given.seed)
            if given.sheet:
                media.write_image(given.sheet, sheet(shown))
            if given.ranks:
                agreement(shown, [int(number) for number in given.ranks.split()])
        else:
            show(table(store, rows, weights, given.out, faces=not given.no_identity))


if __name__ == "__main__":
    sys.exit(main())
