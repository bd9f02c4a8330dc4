"""Write a store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tkit.clips import Clip, Reject, Remark
from tkit.files import atomic_path
from tkit.store.layout import (
    CLIP_COLUMNS,
    NOTE_COLUMNS,
    REJECT_COLUMNS,
    WORD_COLUMNS,
    StoreInfo,
    as_table,
    closed,
    in_memory,
    sum_of,
    told,
)
from tkit.store.opening import read_info

_AT_ONCE = 2**23  # bytes that are written together: each call of HDF5 costs more than a clip


class Writer:
    """Append prepared clips to a new store; made by :func:`create`."""

    def __init__(self, file: h5py.File, info: StoreInfo, *, crop_size: int) -> None:
        self._file = file
        self._clips: list[tuple[Any, ...]] = []
        self._words: list[tuple[Any, ...]] = []
        self._columns: list[dict[str, str]] = []
        self._sums: dict[str, Any] = {}
        self._datasets: dict[str, tuple[h5py.Dataset, np.dtype]] = {}
        self._waiting: dict[str, list[np.ndarray]] = {}
        self._waiting_bytes = self._n_frames = self._n_speech = 0
        for key, value in told(info).items():
            file.attrs[key] = json.dumps(value, sort_keys=True) if key == "encoder" else value
        # Chunks of about 64 kB: a training window touches one or two of them.
        self._array("points", (68, 2), "f4", 128)
        self._array("displacement", (68, 2), "f4", 128)
        self._array("pose", (2, 3), "f8", 1024)
        self._array("valid", (), "?", 8192)
        self._array("placed", (68,), "?", 1024, compression=1)
        self._array("speech", (info.encoder.dim,), "f4", max(16384 // info.encoder.dim, 1))
        if crop_size:
            # One frame a chunk: training reads single frames. Packed, as by versions before 0.4.0,
            # they would take seven times as long to read, for a fifth less on the disk.
            self._array("crops", (crop_size, crop_size, 3), "u1", 1)
            self._array("crop_pose", (2, 3), "f8", 1024)

    def _array(self, name: str, shape: tuple[int, ...], dtype: str, chunk: int, **kw: Any) -> None:
        dataset = self._file.create_dataset(
            name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(chunk, *shape),
            fletcher32=True, **kw
        )  # fmt: skip
        self._datasets[name] = dataset, dataset.dtype
        self._waiting[name] = []
        self._sums[name] = hashlib.sha256()

    def _table(self, name: str, data: np.ndarray) -> None:
        """Write a data set that is read as a whole."""
        shape = data.shape[1:]
        self._file.create_dataset(
            name, data=data, maxshape=(None, *shape), chunks=(max(len(data), 1), *shape),
            fletcher32=True,
        )  # fmt: skip
        self._sums[name] = hashlib.sha256(in_memory(data))

    def add(self, clip: Clip, arrays: Mapping[str, np.ndarray], *, split: str, fps: float) -> None:
        """Append one clip.

        Parameters
        ----------
        arrays : mapping
            The names of the long arrays to the clip's data, which must not change afterwards.
        split : str
            Empty for a clip in none.
        fps : float
            Rate of its frames.
        """
        n_frames, n_speech = len(arrays["points"]), len(arrays["speech"])
        starts = self._n_frames, self._n_speech
        row = clip.id, clip.speaker, clip.text, split, fps, starts[0], n_frames, starts[1], n_speech
        for name, data in arrays.items():
            data = np.ascontiguousarray(data, self._datasets[name][1])
            self._sums[name].update(in_memory(data))
            self._waiting[name].append(data)
            self._waiting_bytes += data.nbytes
        self._n_frames, self._n_speech = starts[0] + n_frames, starts[1] + n_speech
        if self._waiting_bytes > _AT_ONCE:
            self._write_waiting()
        index = len(self._clips)
        self._clips.append(row)
        self._columns.append(dict(clip.columns))
        self._words += [(index, word.start_s, word.end_s, word.text) for word in clip.words]

    def _write_waiting(self) -> None:
        for name, waiting in self._waiting.items():
            if waiting:
                dataset, _ = self._datasets[name]
                start, data = len(dataset), np.concatenate(waiting)
                dataset.resize(start + len(data), axis=0)
                dataset[start:] = data
                waiting.clear()
        self._waiting_bytes = 0

    def finish(
        self,
        *,
        speakers: Mapping[str, np.ndarray],
        canonical: np.ndarray,
        rejects: Iterable[Reject],
        notes: Iterable[Remark] = (),
    ) -> None:
        """Write the tables; nothing can be added after it."""
        self._write_waiting()
        rows = [(reject.id, reject.step, reject.reason) for reject in rejects]
        self._table("clips", as_table(self._clips, CLIP_COLUMNS))
        if names := sorted({name for columns in self._columns for name in columns}):
            cells = [tuple(columns.get(name, "") for name in names) for columns in self._columns]
            self._table("columns", as_table(cells, dict.fromkeys(names, str)))
        self._table("words", as_table(self._words, WORD_COLUMNS))
        self._table("rejects", as_table(rows, REJECT_COLUMNS))
        remarks = [(remark.id, remark.text) for remark in notes]
        if remarks:
            self._table("notes", as_table(remarks, NOTE_COLUMNS))
        # Made on the fly they would carry the time of day.
        for group in ("speakers", "canonical", "checksums"):
            self._file.create_group(group)
        names = sorted(speakers)
        self._table("speakers/name", as_table([(name,) for name in names], {"name": str})["name"])
        neutrals = [speakers[name] for name in names]
        self._table("speakers/neutral", np.array(neutrals, np.float64).reshape(-1, 68, 2))
        self._table("canonical/neutral", np.asarray(canonical, np.float64))
        sums = {
            name: closed(digest, self._file[name].dtype, self._file[name].shape)
            for name, digest in self._sums.items()
        }
        sums["/"] = sum_of(told(read_info(self._file)))
        self._file["checksums"].attrs["sha256"] = json.dumps(sums, sort_keys=True)


@contextmanager
def create(path: str | Path, info: StoreInfo, *, crop_size: int = 0) -> Iterator[Writer]:
    """Open a new store for writing; it appears under its name only when the block succeeds.

    Parameters
    ----------
    crop_size : int
        Pixels of the square face crops; 0 stores none.
    """
    # Nobody else knows the temporary file, and some network drives give no locks.
    with (
        atomic_path(path) as temporary,
        h5py.File(temporary, "w", libver="v110", locking=False) as file,
    ):
        yield Writer(file, info, crop_size=crop_size)
