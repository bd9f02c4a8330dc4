"""Checkpoints of SyncNet whose embeddings are known: what truth by construction is made of."""

from pathlib import Path

import cv2
import numpy as np
import torch

from tkit.metrics import lse
from tkit.zoo.nets.syncnet import FRAMES, ROWS, SIDE_PX, Config, SyncNet


def write_random(path: Path, *, seed: int = 0) -> str:
    """Write a checkpoint of random weights."""
    torch.manual_seed(seed)
    torch.save(SyncNet(Config()).state_dict(), path)
    return str(path)


def write_taught(path: Path, frames: np.ndarray, wave: np.ndarray) -> str:
    """Write one in which the lips and the sound of every window of this clip embed alike.

    Hidden layers are random; the last of each tower is the least-squares solution that gives window
    by window the same random vector, exactly so where windows are fewer than hidden values.
    """
    torch.manual_seed(0)
    net = SyncNet(Config()).eval()
    coefs = lse.mfcc(wave)
    n_windows = min(len(frames), len(wave) * 25 // 16000) - FRAMES
    n_windows = min(n_windows, (len(coefs) - ROWS) // 4 + 1)
    square = np.stack([cv2.resize(frame, (SIDE_PX, SIDE_PX)) for frame in frames])[..., ::-1]
    lips = np.stack([square[i : i + FRAMES].transpose(3, 0, 1, 2) for i in range(n_windows)])
    sound = np.stack([coefs[4 * i : 4 * i + ROWS].T[None] for i in range(n_windows)])
    codes = torch.randn(n_windows, Config().dim, dtype=torch.float64)
    seen = torch.from_numpy(np.ascontiguousarray(lips, np.float32))
    heard = torch.from_numpy(np.ascontiguousarray(sound, np.float32))
    with torch.inference_mode():
        for trunk, head, windows in (
            (net.netcnnlip, net.netfclip, seen), (net.netcnnaud, net.netfcaud, heard)
        ):  # fmt: skip
            hidden = torch.cat([trunk(part).flatten(1) for part in windows.split(8)])
            # Windows differ by little behind random layers: each value is laid on nought and one.
            std, mean = torch.std_mean(head[0](hidden), dim=0)
            head[0].weight.div_(std[:, None])
            head[0].bias.sub_(mean).div_(std)
            inner = head[2](head[1](head[0](hidden))).double()
            inner = torch.cat([inner, torch.ones(n_windows, 1, dtype=torch.float64)], dim=1)
            solved = torch.linalg.lstsq(inner, codes, driver="gelsd").solution
            head[3].weight.copy_(solved[:-1].T)
            head[3].bias.copy_(solved[-1])
    torch.save(net.state_dict(), path)
    return str(path)
