"""WebDataset shards: tar files of samples, whose members share a name up to its first dot.

Each sample has ``.json`` and an ``.npy`` an array (``KEY.points.npy``) and, with the corpus at
hand, ``.mp4``. Equal stores give equal bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tkit.exporting import Format, Sample
from tkit.files import atomic_path
from tkit.media import write_video

SHARD_BYTES = 10**9  # from which on a new shard is begun


def write(samples: Iterator[Sample], folder: Path, *, shard_bytes: int = SHARD_BYTES) -> None:
    """Write ``shard-000000.tar`` and so on, each of about ``shard_bytes``."""
    sample = next(samples, None)
    number = 0
    while sample is not None:
        path = folder / f"shard-{number:06}.tar"
        with atomic_path(path) as temporary, tarfile.open(temporary, "w") as shard:
            while sample is not None and shard.offset < shard_bytes:
                for name, data in _members(sample):
                    about = tarfile.TarInfo(name)  # no time, no owner
                    about.size = len(data)
                    shard.addfile(about, io.BytesIO(data))
                sample = next(samples, None)
        number += 1


def _members(sample: Sample) -> Iterator[tuple[str, bytes]]:
    """Names and contents; a dot in an id would end the sample's name."""
    key = sample.name.replace(".", "_")
    yield f"{key}.json", json.dumps(sample.about).encode()
    for name, array in sample.arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        yield f"{key}.{name}.npy", buffer.getvalue()
    if (media := sample.media) is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "clip.mp4")
            write_video(
                path, media.frames, fps=media.fps, wave=media.wave, sample_rate=media.sample_rate
            )
            yield f"{key}.mp4", path.read_bytes()


FORMAT = Format(title="WebDataset shards", write=write)
