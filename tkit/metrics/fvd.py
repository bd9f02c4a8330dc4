"""FVD and KVD: distances of the features of clips, in the I3D network of a file the user gives.

The file is ``i3d_torchscript.pt``, recognised by its git blob hash; it expects clips of 224 x 224
pixels in -1..1. Two released evaluators feed it another range: their numbers are had by the
protocols ``fvd-latentsync-asreleased`` and ``fvd-videvalkit-asreleased`` alone, and by no other
setting. Any other TorchScript network from (N, 3, T, 224, 224) in -1..1 to features (N, D) is taken
as it is; the file's name and hash are in the signature. ``fvd`` is the Fréchet distance of all
clips' features, ``kvd`` the kernel distance, which needs fewer clips.

With the file, eight clips of 30 black frames of 64 x 64 pixels are 151.256 away from eight white
ones (``length=30``), as the public evaluator says that feeds it rightly.

>>> import pathlib, tkit
>>> given = tkit.METRICS.families()["fvd"].example(pathlib.Path())  # means of colours
>>> fvd = tkit.METRICS.get("fvd")
>>> fvd(**{**given, "pred": given["gt"]}), fvd(**given) > 0
(0.0, True)
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import ScoreError, UsageError
from tkit.files import require_path
from tkit.metrics import Metric, Need, Network, Param, Score, Stats, fid, kernel_distance
from tkit.metrics.pictures import matched
from tkit.registry import ModelFile

SIDE_PX = 224
BATCH = 4
I3D = "93daef59c7ae0e9e8f76225521407e60cbafa6aa"  # git blob of i3d_torchscript.pt
# Where 0..1 is laid before the network sees it, by who does so.
RANGES = {
    "styleganv": (-1.0, 1.0),
    "latentsync-asreleased": (0.0, 1.0),
    "videvalkit-asreleased": (0.0, 255.0),
}


def git_blob(path: str | Path) -> str:
    """SHA-1 by which git knows the content of a file."""
    file = Path(path)
    digest = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def measure(
    *, pred: np.ndarray, gt: np.ndarray, net: str, length: float, windows: str, variant: str
) -> Stats:
    """Features of the windows of one clip.

    Parameters
    ----------
    pred, gt : ndarray (T, H, W, 3), uint8 RGB
        A whole clip.
    net, length, windows, variant
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If the clip is shorter than a window.
    UsageError
        If the file is no such network, or a variant as released is asked of another file.
    """
    pred, gt = matched(pred, gt, "rgb")
    n_frames = max(round(length), 1)
    n_windows = len(gt) // n_frames if windows == "all" else min(len(gt) // n_frames, 1)
    if not n_windows:
        raise ScoreError(f"{len(gt)} frames are fewer than a window of {n_frames}")
    network, known = _net(net)
    if variant != "styleganv" and not known:
        raise UsageError(f"{net}: variant {variant} is one of i3d_torchscript.pt, this is another")
    found = []
    for side in (pred, gt):
        clips = side[: n_windows * n_frames].reshape(n_windows, n_frames, *side.shape[1:])
        found.append(_features(clips, network, known=known, limits=RANGES[variant], path=net))
    return {"frames": n_windows * n_frames, "pred": (found[0],), "gt": (found[1],)}


def _features(
    clips: np.ndarray, net: Any, *, known: bool, limits: tuple[float, float], path: str
) -> np.ndarray:
    """Features (N, D) of clips (N, T, H, W, 3) uint8 RGB."""
    import torch

    parts, (low, high) = [], limits
    more = {"rescale": False, "resize": False, "return_features": True} if known else {}
    with torch.inference_mode():
        for start in range(0, len(clips), BATCH):
            some = torch.from_numpy(np.ascontiguousarray(clips[start : start + BATCH]))
            n, length = some.shape[:2]
            flat = some.flatten(0, 1).permute(0, 3, 1, 2).float() / 255  # (N T, 3, H, W)
            flat = torch.nn.functional.interpolate(
                flat, size=(SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False
            )
            given = flat.unflatten(0, (n, length)).transpose(1, 2)  # (N, 3, T, 224, 224)
            try:
                features = net(low + (high - low) * given, **more)
            except RuntimeError as error:
                why = str(error).strip().splitlines()[-1]
                shape = tuple(given.shape)
                raise UsageError(f"{path}: takes no clips {shape} ({why})") from error
            good = isinstance(features, torch.Tensor) and features.ndim == 2
            if not good or len(features) != n or not features.isfinite().all():
                raise UsageError(f"{path}: gives no finite features (N, D) of clips")
            parts.append(features.float().numpy())
    return np.concatenate(parts)


def _open(path: str) -> tuple[Any, bool]:
    """The network, and whether it is the known one."""
    require_path(path, "feature network")
    return fid.open_network(path), git_blob(path) == I3D


CLIPS = Network(
    name="clip-features",
    title="I3D on Kinetics, or any TorchScript network from clips to features",
    open=_open,
    signature="clip-features",
    licence="that of the file",
    model=ModelFile("a network of clips, i3d_torchscript.pt"),
    setting="fvd.net",
)
_net = lru_cache(CLIPS.load)


def remark(stats: Stats) -> str:
    """What is to be said of a Fréchet distance of so few clips."""
    n_clips, n_dims = sum(map(len, stats["gt"])), stats["gt"][0].shape[1]
    if n_clips > n_dims:
        return ""
    return f"{n_clips} clips for {n_dims} features: the value is far too high, kvd is not"


def _example(folder: Path) -> dict[str, Any]:
    """Write a network of the means and spreads of colours; return four windows of blocks."""
    import torch
    from torch import nn

    class Colours(nn.Module):
        def forward(self, clips: torch.Tensor) -> torch.Tensor:
            flat = clips.flatten(2)
            return torch.cat([flat.mean(dim=2), flat.std(dim=2)], dim=1)

    torch.jit.trace(Colours(), torch.zeros(1, 3, 2, 8, 8)).save(str(folder / "clips.pt"))
    rng = np.random.default_rng(0)
    gt = rng.integers(0, 256, (8, 2, 2, 3), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    pred = (gt * 0.5).astype(np.uint8)
    net = str(folder / "clips.pt")
    return {"pred": pred, "gt": gt, "net": net, "length": 2.0, "windows": "all"}


METRIC = Metric(
    title="Fréchet video distance",
    needs=Need("frames", whole=True),
    params={
        "net": Param("", "TorchScript file of the network, i3d_torchscript.pt", text=True),
        "length": Param(16.0, "frames of a window"),
        "windows": Param(
            "first",
            "first: one of each clip, its start; all: as many as follow each other",
            choices=("first", "all"),
        ),
        "variant": Param(
            "styleganv",
            "styleganv: pictures in -1..1, as the network expects; the others feed it a wrong "
            "range as one evaluator was released",
            choices=tuple(RANGES),
        ),
    },
    measure=measure,
    network=CLIPS,
    example=_example,
    scores={
        "fvd": Score(
            "",
            "lower",
            fid.finish,
            pooled=True,
            without=fid.without,
            remark=remark,
            apart=("static", "noise"),
        ),
        "kvd": Score(
            "",
            "lower",
            kernel_distance.finish,
            title="Kernel video distance",
            pooled=True,
            without=kernel_distance.without,
        ),
    },
    citation="Unterthiner, van Steenkiste, Kurach et al., Towards Accurate Generative Models of "
    "Video, 2018; network and range as in Skorokhodov, Tulyakov and Elhoseiny, StyleGAN-V, 2022",
    limits="Fewer clips than features (400) make fvd far too high, as its note says; kvd is not "
    "biased, but varies. What I3D looks at is the whole picture, mostly not the mouth, and "
    "not the sound.",
    checked="SciPy's matrix square root, < 1e-6; pair by pair, 1e-9 relative; black against white "
    "in the known file 151.256, if you have it",
)
