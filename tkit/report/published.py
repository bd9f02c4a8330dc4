"""Published numbers, to be printed beside one's own: each was made under a protocol of its own.

None of these publications states crop, window, averaging and landmarks together, so their rows are
marked and never ranked with measured ones.
"""

from __future__ import annotations

from collections.abc import Mapping

MARK = "published, foreign protocol"
UNITS = {"lmd": "px?"}  # not stated; pixels of the crop are the likely reading

# Sinha, Biswas and Bhowmick 2020, Table I.
TABLES: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "grid": {
        "Sinha 2020": {"psnr": 29.305, "ssim": 0.878, "cpbd": 0.293, "lmd": 1.21},
        "Vougioukas, in Sinha 2020": {"psnr": 27.100, "ssim": 0.818, "cpbd": 0.268, "lmd": 1.66},
        "Chen 2019, in Sinha 2020": {"psnr": 23.984, "ssim": 0.7601, "cpbd": 0.0615, "lmd": 1.59},
    },
    "tcdtimit": {
        "Sinha 2020": {"psnr": 26.153, "ssim": 0.818, "cpbd": 0.386, "lmd": 2.39},
        "Vougioukas, in Sinha 2020": {"psnr": 24.243, "ssim": 0.730, "cpbd": 0.308, "lmd": 2.59},
        "Chen 2019, in Sinha 2020": {"psnr": 20.311, "ssim": 0.589, "cpbd": 0.156, "lmd": 2.92},
    },
}
