"""The texture stage with ground-truth landmarks, in the crop of a scoring protocol.

    python benchmarks/true_landmarks.py --data grid.h5 --root /data/grid --out truth
        [--weights texture-lite --weights texture-paper] [--frames 75] [--no-ground]

Every clip is rendered from its first frame and its tracked points (which hold the movement of the
head, too) in the 96 x 128 crop of ``sinha2020``, without another resampling, and scored by that
protocol beside the static first frame. ``unseen``: the val and test speakers. ``seen``: every n-th
clip of training speakers, held out by the stage's ``hold_out``. Beside the protocol: PSNR in a
mouth crop, gray, squared errors pooled over the clip, mean over clips.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from tkit import media, scoring
from tkit.clips import Clip
from tkit.corpora import CORPORA
from tkit.face import crops, geometry
from tkit.face.warp import warp
from tkit.metrics.pictures import to_gray
from tkit.pipelines.stages.texture.data import held_out
from tkit.pipelines.stages.texture.regions import mouth_box
from tkit.pipelines.stages.texture.renderer import Renderer
from tkit.pipelines.stages.texture.work import psnr
from tkit.pipelines.training import runs
from tkit.report import Cell, Report
from tkit.scoring import protocols
from tkit.store import Row, Store

CROP = "sda96x128"
ASIDE = 16  # columns to either side that make the 96 x 128 crop square for the generator
SDA_SCALE = 34.6 / 36  # inter-ocular distance there to that in tkit's own crop


@dataclass(frozen=True)
class Truth:
    """A clip in the square crop, and where the ground of each frame was in the first."""

    name: str
    frames: np.ndarray  # (T, 128, 128, 3) uint8
    points: np.ndarray  # (T, 68, 2) pixels
    ground: np.ndarray  # (T, 2, 3)


def read(store: Store, row: Row, video: str, n_frames: int) -> Truth:
    points = store["points"][row.frames].astype(np.float64)
    aligned = crops.align(points, CROP)[:n_frames]
    aligned = geometry.compose(np.array([[1.0, 0, ASIDE], [0, 1.0, 0]]), aligned)
    frames = media.read_clip(video).frames[: len(aligned)]
    pictures = np.empty((len(aligned), 128, 128, 3), np.uint8)
    for frame, inverse, target in zip(frames, geometry.invert(aligned), pictures, strict=True):
        warp(np.ascontiguousarray(frame), inverse, target)
    ground = geometry.compose(aligned[:1], geometry.invert(aligned))
    points = geometry.apply(aligned, points[: len(aligned)])
    return Truth(row.id, pictures, points, ground)


def chosen(store: Store, hold_out: int) -> dict[str, list[Row]]:
    known = {row.split for row in store.clips}
    unseen = [row for name in ("val", "test") if name in known for row in store.select(name)]
    return {"unseen": unseen, "seen": held_out(store.select("train"), hold_out)}


def mouth_psnr(pred: np.ndarray, gt: np.ndarray, canonical: np.ndarray) -> float:
    (left, right), (top, bottom) = _box(*mouth_box(canonical, 128))
    return psnr(
        pred=to_gray(pred)[:, top:bottom, left:right], gt=to_gray(gt)[:, top:bottom, left:right]
    )


def _box(rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
    """The mouth box of tkit's crop in the 96 x 128 crop: (left, right), (top, bottom)."""
    x, y = np.array([columns.start, columns.stop]), np.array([rows.start, rows.stop])
    x, y = 64 + SDA_SCALE * (x - 64) - ASIDE, 43 + SDA_SCALE * (y - 43)
    return np.rint(x).astype(int), np.rint(y).astype(int)


def measure(
    weights: dict[str, runs.Trained],
    store: Store,
    groups: dict[str, list[Row]],
    videos: dict[str, str],
    out: Path,
    *,
    n_frames: int,
    ground: bool = True,
) -> dict[str, tuple[Report, dict[str, float]]]:
    """Render and score every group of clips; reports and mouth PSNR by group.

    Without ``ground`` the generator is not told how the background moves against the face.
    """
    results = {}
    for group, rows in groups.items():
        mouths = defaultdict(list)
        for row in rows:
            truth = read(store, row, videos[row.id], n_frames)
            made = {"static": truth.frames[:1].repeat(len(truth.frames), axis=0)}
            for name, trained in weights.items():
                renderer = Renderer(trained.weights.module, truth.frames[0], truth.points[0])
                made[name] = renderer(truth.points, truth.ground if ground else None).images
            inner = slice(ASIDE, -ASIDE)
            gt = truth.frames[:, :, inner]
            for name, frames in made.items():
                mouths[name].append(mouth_psnr(frames[:, :, inner], gt, store.canonical))
                if name != "static":
                    _save(out / group / name, row.id, frames[:, :, inner])
            _save(out / group / "gt", row.id, gt)
        protocol = protocols.load("sinha2020")
        metrics = {name: protocol.metrics[name] for name in ("psnr", "ssim", "cpbd")}
        report = scoring.score(
            {name: out / group / name for name in weights}, out / group / "gt",
            protocol=replace(protocol, metrics=metrics), rows=("static", "gt"),
        )  # fmt: skip
        results[group] = report, {name: float(np.mean(v)) for name, v in mouths.items()}
    return results


def _save(folder: Path, clip: str, frames: np.ndarray) -> None:
    path = folder / f"{clip}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, frames)


def interval(score: Cell) -> str:
    if score.value is None or score.low is None or score.high is None:
        return f"{score.value:7.3f} [few speakers]" if score.value is not None else "-"
    return f"{score.value:7.3f} [{score.low:.3f}, {score.high:.3f}]"


def show(results: dict[str, tuple[Report, dict[str, float]]]) -> None:
    print(
        f"{'clips':<7} {'method':<14} {'n':>3} {'psnr':>21} {'mouth':>6} {'ssim':>23} {'cpbd':>23}"
    )
    for group, (report, mouths) in results.items():
        for name, scores in report.methods.items():
            mouth = f"{mouths[name]:6.2f}" if name in mouths else "     -"
            cells = [interval(scores[metric]) for metric in ("psnr", "ssim", "cpbd")]
            n = scores["psnr"].n
            print(f"{group:<7} {name:<14} {n:>3} {cells[0]:>21} {mouth} {cells[1]:>23} {cells[2]}")


def find_videos(corpus: str, root: Path) -> dict[str, str]:
    return {
        clip.id: clip.video for clip in CORPORA.get(corpus).scan(root) if isinstance(clip, Clip)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("grid.h5"))
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", action="append", help="name in the zoo, file or run folder")
    parser.add_argument("--frames", type=int, default=75, help="of each clip, from its first on")
    parser.add_argument("--hold-out", type=int, default=10)
    parser.add_argument(
        "--no-ground", action="store_true", help="do not tell how the background moves"
    )
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    given = arguments.weights or ["texture-lite"]
    weights = {Path(name).stem: runs.load("texture", name) for name in given}
    with Store(arguments.data) as store:
        videos = find_videos(store.info.corpus, arguments.root)
        groups = chosen(store, arguments.hold_out)
        options = {"n_frames": arguments.frames, "ground": not arguments.no_ground}
        show(measure(weights, store, groups, videos, arguments.out, **options))


if __name__ == "__main__":
    sys.exit(main())
