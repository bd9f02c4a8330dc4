"""Make ``golden_quality.json``: NIQE of scikit-video 1.1.11, BRISQUE of the package brisque 0.2.0.

    python -m venv scratch && scratch/bin/pip install numpy scipy pillow opencv-python-headless \\
        scikit-image requests libsvm-official && \\
        scratch/bin/pip install --no-deps scikit-video==1.1.11 brisque==0.2.0
    PYTHONPATH=tests/helpers scratch/bin/python tests/data/make_golden_quality.py

scikit-video was written for a NumPy and a SciPy that are no more: the two names that it misses are
given back here as they were, ``imresize`` from SciPy 1.2 for floating point pictures.
"""

import importlib
import json
import sys
from pathlib import Path

import golden
import numpy as np
import scipy
import scipy.linalg
import scipy.ndimage
from PIL import Image

KINDS = ["identity", "noise10", "shift1", "contrast0.8"]


def imresize(picture, share, interp, mode):
    assert (interp, mode) == ("bicubic", "F")
    image = Image.fromarray(np.asarray(picture, np.float32))
    size = tuple((np.array(image.size) * share).astype(int).tolist())
    return np.array(image.resize(size, Image.Resampling.BICUBIC))


def main() -> None:
    """Write the file beside this one."""
    for name, value in {"int": int, "float": float, "bool": bool}.items():
        setattr(np, name, value)
    scipy.misc = type(sys)("scipy.misc")
    scipy.misc.imresize = imresize
    sys.modules["scipy.misc"] = scipy.misc
    scipy.ndimage.filters = scipy.ndimage
    sys.modules["scipy.ndimage.filters"] = scipy.ndimage
    niqe = importlib.import_module("skvideo.measure.niqe")
    machine = importlib.import_module("brisque").BRISQUE()
    scale = machine.scale_features

    def scale_numbers(found):
        # Features come as arrays of one number, which newer NumPy does not take for numbers.
        machine.seen = [float(np.ravel(value)[0]) for value in found]
        return scale(machine.seen)

    machine.scale_features = scale_numbers
    values = {}
    for base in golden.BASES:
        for kind in KINDS:
            picture = golden.distort(golden.base(base), kind)
            entry = values[f"{base}|{kind}"] = {"sha16": golden.sha16(picture)}
            gray = golden.gray601(picture) if picture.ndim == 3 else picture
            if min(gray.shape) > 193:
                found = niqe.get_patches_test_features(gray.astype(np.float32), 96)
                entry["niqe_features"] = [float(f"{v:.9g}") for v in found.mean(axis=0)]
                entry["niqe"] = float(niqe.niqe(gray)[0])
            if picture.ndim == 3:
                entry["brisque"] = float(machine.score(picture))
                entry["brisque_features"] = [float(f"{v:.9g}") for v in machine.seen]
    Path(__file__).with_name("golden_quality.json").write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
