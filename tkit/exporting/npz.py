"""One ``.npz`` a clip with its arrays, and ``clips.jsonl`` with what is known of all.

With the corpus at hand an array ``wave`` (S,) float32 at 16 kHz and ``frames`` (T, H, W, 3) uint8
stand beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tkit.exporting import Format, Sample
from tkit.files import atomic_path


def write(samples: Iterator[Sample], folder: Path) -> None:
    """Write ``ID.npz`` for each sample, and the list."""
    lines = []
    for sample in samples:
        arrays: dict[str, Any] = dict(sample.arrays)
        if sample.media is not None:
            arrays |= {"wave": sample.media.wave, "frames": sample.media.frames}
        path = folder / f"{sample.name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
        lines.append(json.dumps(sample.about | {"arrays": f"{sample.name}.npz"}) + "\n")
    if not lines:
        return
    with atomic_path(folder / "clips.jsonl") as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


FORMAT = Format(title="NumPy archives, one a clip, and a list", write=write)
