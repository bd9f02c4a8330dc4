"""Pick from a survey of metric implementations what the tests compare with.

    python tests/data/make_golden_metrics.py reference_values.json tests/data/golden_metrics.json

The survey, one JSON file that is not in this repository, holds what public implementations say of
pictures that come with scikit-image; ``meta`` names their versions and what an entry means,
``tests/helpers/golden.py`` rebuilds the pictures. Values are copied as they stand, digit for digit.
Nothing imports this file.
"""

import json
import sys
from pathlib import Path

VERSIONS = "made python numpy scipy scikit_image pillow sewar cpbd".split()
ABOUT = {
    "conventions": "a pair is base|distortion, rebuilt by tests/helpers/golden.py; gray is gray601 "
    "of it (identical to Pillow's convert('L')); RGB is distorted first, then made gray; cpbd is "
    "of the gray distorted picture alone",
    "hashes": "sha16 = first 16 hex digits of SHA-256 over C-order uint8 bytes; a test must check "
    "it first",
}
NAMES = "cpbd_1.0.7 matlab_like skimage_gray_uniform7_default skimage_gray_gauss_wang".split()
MORE_NAMES = {  # that the survey leaves to the reader
    "skimage_gray_float01_data_range2": "structural_similarity of pictures in [0, 1] with "
    "data_range=2, what older versions took a float picture's range for",
    "skimage_gray_gauss_samplecov": "gaussian_weights=True, all else by default (sample "
    "covariance)",
    "skimage_gray_uniform11": "win_size=11, all else by default",
    "sewar_gray_gauss": "sewar's ssim with its Gaussian window",
    "sewar_gray_uniform11_default": "sewar's ssim by default, a box of 11 x 11",
}
PSNR = "skimage_gray sewar_gray skimage_rgb".split()
SSIM = [
    "skimage_gray_uniform7_default",
    "skimage_gray_gauss_wang",
    "sewar_gray_gauss",
    "sewar_gray_uniform11_default",
    "skimage_gray_uniform11",
    "skimage_gray_gauss_samplecov",
    "skimage_rgb_uniform7",
    "skimage_rgb_gauss_wang",
    "skimage_gray_float01_data_range2",
]
CPBD = ["cpbd_1.0.7", "matlab_like"]
SEQUENCE = (
    "sha16 psnr_pooled_mse psnr_mean_of_frames psnr_mean_capped_60 psnr_mean_capped_100 "
    "ssim_uniform7_mean ssim_wang_mean cpbd_mean"
).split()


def some(entry: dict, keys: list[str]) -> dict:
    """Those of ``keys`` that the entry has, in their order."""
    return {key: entry[key] for key in keys if key in entry}


def golden(survey: dict, command: str) -> dict:
    """What the tests use."""
    meta = survey["meta"]
    return {
        "meta": {
            "command": command,
            **some(meta, VERSIONS),
            **ABOUT,
            "rounding": meta["rounding"],
            "names": some(meta["names"], [*NAMES, "skimage_rgb_*"]) | MORE_NAMES,
        },
        "pairs": {
            key: {
                "sha16": entry["sha16"],
                "psnr": some(entry["psnr"], PSNR),
                "ssim": some(entry["ssim"], SSIM),
                "cpbd": some(entry["cpbd_of_distorted"], CPBD),
            }
            for key, entry in survey["pairs"].items()
        },
        "sequence": some(survey["sequence"], SEQUENCE),
        "landmark_distance": survey["landmark_distance"],
        "edge_cases": {
            name: some(entry, ["sha16", *CPBD]) for name, entry in survey["synthetic"].items()
        },
        "ear": survey["ear"],
    }


def as_text(values: dict) -> str:
    """JSON with an entry a line."""
    sections = []
    for title, entries in values.items():
        lines = [f"  {json.dumps(key)}: {json.dumps(entry)}" for key, entry in entries.items()]
        sections.append(f" {json.dumps(title)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(sections) + "\n}\n"


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    command = f"python tests/data/{Path(__file__).name} {source.name} tests/data/{target.name}"
    target.write_text(as_text(golden(json.loads(source.read_text()), command)))
