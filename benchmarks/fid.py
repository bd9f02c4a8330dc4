"""Cost of FID at its real size: CPU time, time and memory of the value and of its interval.

    python benchmarks/fid.py [--dims 2048] [--clips 100] [--frames 75] [--speakers 20]

Features are drawn, with variances that fall off as those of Inception do; the networks' own time is
not in it. The rows are a method beside the control rows of a default run that have a value. Last
stand the differences to the form with SciPy's matrix square root, at sizes where it takes seconds.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from tkit.metrics import METRICS

FID = METRICS.get("fid").score


def features(n_frames: int, n_dims: int, seed: int) -> np.ndarray:
    """Draw positive features (N, D) float32."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(n_dims, n_dims)))
    spread = np.arange(1, n_dims + 1) ** -0.8
    return abs(rng.normal(size=(n_frames, n_dims)) * spread @ turn).astype(np.float32)


def rows_of(n_clips: int, n_frames: int, n_dims: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Predicted and true features of each row."""
    gt = features(n_clips * n_frames, n_dims, 0)
    clips = gt.reshape(n_clips, n_frames, n_dims)
    late = np.maximum(np.arange(n_frames) - 3, 0)
    preds = {
        "method": 1.05 * features(len(gt), n_dims, 1),
        "static": clips[:, :1].repeat(n_frames, axis=1).reshape(gt.shape),
        "gt": gt,
        "gt-lag3": clips[:, late].reshape(gt.shape),
    }
    return {name: (pred, gt) for name, pred in preds.items()}


def stats(pred: np.ndarray, gt: np.ndarray) -> dict:
    """Statistics of one pair, as ``measure`` gives them."""
    return {"frames": len(gt), "pred": (pred,), "gt": (gt,)}


def by_square_root(pred: np.ndarray, gt: np.ndarray) -> float:
    """The distance with SciPy's root of the product of the covariances."""
    from scipy.linalg import sqrtm

    pred, gt = pred.astype(np.float64), gt.astype(np.float64)
    covs = [np.cov(side, rowvar=False) for side in (pred, gt)]
    shift = ((pred.mean(axis=0) - gt.mean(axis=0)) ** 2).sum()
    return float(shift + sum(map(np.trace, covs)) - 2 * np.trace(sqrtm(covs[0] @ covs[1])).real)


def main() -> None:
    """Print one line a row, then the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dims", type=int, default=2048)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--speakers", type=int, default=20)
    args = parser.parse_args()
    print(f"{args.clips} clips x {args.frames} frames, {args.dims} features")
    print(f"{'row':8} {'FID':>9} {'value, CPU s':>13} {'interval, CPU s':>16} {'time s':>7}")
    for name, (pred, gt) in rows_of(args.clips, args.frames, args.dims).items():
        began, clock = time.process_time(), time.perf_counter()
        value = FID.finish(stats(pred, gt))
        valued = time.process_time()
        sides = (np.array_split(side, args.speakers) for side in (pred, gt))
        FID.without([stats(*pair) for pair in zip(*sides, strict=True)])
        ended, took = time.process_time(), time.perf_counter() - clock
        print(
            f"{name:8} {value:9.4f} {valued - began:13.1f} {ended - valued:16.1f} {took:7.1f}",
            flush=True,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"largest memory {peak:.2f} GiB, the drawn features of all rows included")
    for n_pred, n_gt, n_dims in ((1500, 1200, 256), (200, 250, 256)):
        pred, gt = 1.05 * features(n_pred, n_dims, 1), features(n_gt, n_dims, 0)
        theirs = by_square_root(pred, gt)
        off = abs(FID.finish(stats(pred, gt)) / theirs - 1)
        print(f"{n_pred} and {n_gt} frames, {n_dims} features: {off:.1e} from SciPy's, relative")


if __name__ == "__main__":
    main()
