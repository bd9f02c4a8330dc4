"""The face parser of Sinha et al. 2020, BiSeNet, with a checkpoint that the user gives.

The weights are not part of tkit: pass the widely used ``79999_iter.pth`` with ``--lips-model`` or
in ``TKIT_BISENET_MODEL``. It was trained on CelebAMask-HQ, so a face is shown to it as CelebA-HQ
frames faces; of the 19 classes the lips and the mouth are kept, and of the picture the mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from tkit.face import crops, geometry
from tkit.lips import INNER_LOWER, INNER_UPPER, OUTER_SIDES, Region, Segmenter
from tkit.registry import ModelFile

FACE_PX = 512  # side of the face that the network sees
MOUTH_PX = 256  # side of the part that is returned: the mouth and a mouth's width around it
MOUTH, UPPER_LIP, LOWER_LIP = 11, 12, 13  # classes of CelebAMask-HQ in the checkpoint's order
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, which it started from


def frame_face(points: np.ndarray) -> np.ndarray:
    """Transform (2, 3) of one face (68, 2) from its frame to the face that the network sees.

    The oriented square of CelebA-HQ (Karras et al. 2018, appendix C): between and a little below
    the eyes, upright, its side the larger of 4 inter-ocular distances and 3.6 times the way from
    the eyes to the mouth.
    """
    right, left = points[geometry.RIGHT_EYE].mean(axis=0), points[geometry.LEFT_EYE].mean(axis=0)
    eyes, mouth = (right + left) / 2, points[[48, 54]].mean(axis=0)
    across, up = left - right, eyes - mouth
    # Rotating `up` by a quarter turn gives the same direction as `across` on a face seen straight.
    x_axis = across + np.array([-up[1], up[0]])
    x_axis /= np.linalg.norm(x_axis)
    side = max(4.0 * np.linalg.norm(across), 3.6 * np.linalg.norm(up))
    rotation = np.stack([x_axis, (-x_axis[1], x_axis[0])]) * (FACE_PX / side)
    shift = (FACE_PX - 1) / 2 - rotation @ (eyes - 0.1 * up)
    return np.column_stack([rotation, shift])


def window(points: np.ndarray, transform: np.ndarray) -> tuple[int, int]:
    """Left and top of the mouth's window inside the face that the network sees."""
    centre = geometry.apply(transform, points[geometry.MOUTH]).mean(axis=0)
    corner = np.clip(np.round(centre - MOUTH_PX / 2), 0, FACE_PX - MOUTH_PX).astype(int)
    return int(corner[0]), int(corner[1])


def _segment(frames: Sequence[np.ndarray], points: np.ndarray, *, model: str) -> list[Region]:
    upper, lower, mouth = np.empty((3, len(frames), MOUTH_PX, MOUTH_PX), np.float32)
    transforms = np.empty((len(frames), 2, 3))
    for index, (frame, face) in enumerate(zip(frames, points.astype(np.float64), strict=True)):
        transform = frame_face(face)
        left, top = window(face, transform)
        inside = slice(top, top + MOUTH_PX), slice(left, left + MOUTH_PX)
        classes = _parse(_load(model), crops.cut(frame, transform, size=FACE_PX))
        upper[index], lower[index] = classes[UPPER_LIP][inside], classes[LOWER_LIP][inside]
        mouth[index] = classes[MOUTH][inside]
        transforms[index] = transform - [[0, 0, left], [0, 0, top]]
    return [
        Region((48, 54, *OUTER_SIDES), upper + lower + mouth, transforms),
        Region(INNER_UPPER, lower + mouth, transforms),
        Region(INNER_LOWER, upper + mouth, transforms),
        Region((60, 64), mouth, transforms),
    ]


def _parse(net: Any, face: np.ndarray) -> np.ndarray:
    """Probabilities (19, H, W) of the classes in one face (H, W, 3) uint8."""
    import torch

    picture = ((face / np.float32(255) - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)
    with torch.inference_mode():
        return net(torch.from_numpy(picture)[None]).softmax(dim=1)[0].numpy()


@cache
def _load(path: str) -> Any:
    from tkit.zoo.nets.bisenet import load_checkpoint

    return load_checkpoint(path)


def _open(model: str) -> Any:
    _load(model)
    return partial(_segment, model=model)


def _example(folder: Path) -> Path:
    """Write a checkpoint of random numbers with the published keys."""
    import torch

    from tkit.zoo.nets.bisenet import BiSeNet, Config

    torch.manual_seed(0)
    torch.save(BiSeNet(Config()).state_dict(), folder / "79999_iter.pth")
    return folder / "79999_iter.pth"


SEGMENTER = Segmenter(
    name="bisenet",
    title="BiSeNet trained on CelebAMask-HQ, the paper's; checkpoint given by the user",
    open=_open,
    signature="bisenet",
    licence="that of the checkpoint; CelebAMask-HQ is for non-commercial research",
    model=ModelFile("its checkpoint, 79999_iter.pth", "TKIT_BISENET_MODEL"),
    example=_example,
)
