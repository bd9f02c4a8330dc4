"""Read a store, and examine all of it."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tkit.clips import Reject, Remark, Word
from tkit.errors import StoreError, UsageError
from tkit.files import require_path
from tkit.store.layout import (
    CLIP_COLUMNS,
    FRAME_ARRAYS,
    LONG,
    NOTE_COLUMNS,
    REJECT_COLUMNS,
    STORE,
    WORD_COLUMNS,
    Row,
    closed,
    in_memory,
    sum_of,
    told,
)
from tkit.store.opening import (
    dataset_of,
    read_info,
    read_sums,
    reason_of,
    rows_of,
    small,
    table,
    telling,
    whole,
    why_not_opened,
)

_LIMITS = {  # of values that can be meant
    "points": 1e6,  # px
    "displacement": 1e3,  # inter-ocular distances
    "pose": 1e6,
    "crop_pose": 1e6,
    "speech": 1e6,
}
_BLOCK_BYTES = 2**22  # read at once where everything is read


class Array:
    """One of the long arrays, read piece by piece.

    Parameters
    ----------
    dataset : h5py.Dataset
    where : str
        Store and name, for messages.
    """

    def __init__(self, dataset: h5py.Dataset, where: str) -> None:
        self._dataset, self._where = dataset, where
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype = dataset.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Read rows; :class:`StoreError` where their bytes are not those that were written."""
        try:
            return self._dataset[index]
        except OSError as error:
            raise StoreError(f"{self._where} cannot be read: {reason_of(error)}") from error


class Store:
    """Read access to a store; a context manager.

    Attributes
    ----------
    info : StoreInfo
    infos : list of StoreInfo
        One a corpus; several where stores are joined.
    clips : list of Row
        In order of their ids.
    speakers : dict of str to ndarray (68, 2)
        Neutral of each speaker, canonical coordinates.
    canonical : ndarray (68, 2)
    rejects : list of Reject
    notes : list of Remark
    """

    def __init__(self, path: str | Path) -> None:
        self.path = require_path(path, STORE)
        try:
            self._open()
        except OSError as error:
            raise StoreError(f"{self.path}: {why_not_opened(error)}") from error
        try:
            with telling(f"{self.path}: not a store of this tkit, or damaged"):
                self._read()
        except StoreError:
            self._file.close()
            raise

    def _open(self) -> None:
        # No lock: some network drives give none, and a finished store is never written again.
        self._opened, self._process = h5py.File(self.path, "r", locking=False), os.getpid()
        self._arrays: dict[str, Array] = {}

    def _read(self) -> None:
        """Read all but the long arrays."""
        file = self._file
        self._names = {name for name in file if name in LONG}
        self.info = read_info(file)
        self.infos = [self.info]
        self.clips = [Row(*row) for row in rows_of(table(file, "clips", CLIP_COLUMNS))]
        if "columns" in file:
            cells = table(file, "columns", None)
            known = cells.dtype.names or ()
            self.clips = [
                replace(
                    row,
                    columns={name: text for name, text in zip(known, texts, strict=True) if text},
                )
                for row, texts in zip(self.clips, rows_of(cells), strict=True)
            ]
        self.rejects = [Reject(*row) for row in rows_of(table(file, "rejects", REJECT_COLUMNS))]
        notes = rows_of(table(file, "notes", NOTE_COLUMNS)) if "notes" in file else ()
        self.notes = [Remark(*row) for row in notes]
        names = [name.decode() for name in small(file, "speakers/name", (None,), "S")]
        neutrals = small(file, "speakers/neutral", (None, 68, 2), "f")
        self.speakers = dict(zip(names, neutrals, strict=True))
        self.canonical = small(file, "canonical/neutral", (68, 2), "f")
        self._sums = read_sums(file)
        lengths = len(self["points"]), len(self["speech"])
        for row in self.clips:
            _require_inside(row, *lengths)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def _file(self) -> h5py.File:
        """The file, opened anew after a fork, which an open one does not survive."""
        if self._process != os.getpid():
            self._open()
        return self._opened

    @property
    def is_sealed(self) -> bool:
        """Whether it has checksums; those written before 0.4.0 have not."""
        return self._sums is not None

    @property
    def seal(self) -> str:
        """SHA-256 of its checksums, and so of all that is in it; empty without them."""
        return sum_of(self._sums) if self._sums is not None else ""

    @property
    def n_bytes(self) -> int:
        """Bytes of all long arrays, unpacked: what :meth:`examine` goes through."""
        there = (self[name] for name in self._names)
        return sum(math.prod(array.shape) * array.dtype.itemsize for array in there)

    @property
    def has_crops(self) -> bool:
        """Whether face crops were stored (``tkit prep --crops``)."""
        return "crops" in self._names

    def __contains__(self, name: str) -> bool:
        """Whether there is a long array of this name."""
        return name in self._names

    def __getitem__(self, name: str) -> Array:
        """Return one of the long arrays by its name in the layout."""
        file = self._file
        if name not in self._arrays:  # finding one in the file takes as long as reading a clip
            if name not in self._names:
                hint = "; prepare the corpus with --crops" if name.startswith("crop") else ""
                raise StoreError(f"{self.path}: has no /{name}{hint}")
            shape, kind = LONG[name]
            with telling(f"{self.path}: /{name} cannot be read"):
                dataset = dataset_of(file, name, (None, *shape), kind)
            self._arrays[name] = Array(dataset, f"{self.path}: /{name}")
        return self._arrays[name]

    def words(self) -> dict[str, list[Word]]:
        """Return the word alignment of every clip id that has one."""
        found: dict[str, list[Word]] = {}
        with telling(f"{self.path}: /words cannot be read"):
            rows = list(rows_of(table(self._file, "words", WORD_COLUMNS)))
        for clip, start_s, end_s, text in rows:
            if not 0 <= clip < len(self.clips):
                raise StoreError(f"{self.path}: /words names clip {clip} of {len(self.clips)}")
            found.setdefault(self.clips[clip].id, []).append(Word(start_s, end_s, text))
        return found

    def select(self, split: str) -> list[Row]:
        """Return the clips of a split (``all`` for every clip); :class:`UsageError` if none."""
        rows = [row for row in self.clips if split in ("all", row.split)]
        if not rows:
            there = ", ".join(sorted({row.split for row in self.clips} - {""}))
            other = f"there are: {there}" if there else "its clips are in no split: --split all"
            raise UsageError(f"{self.path}: no clips in split {split!r} ({other})")
        return rows

    def counts(self, split: str) -> dict[str, int]:
        """Return how many clips of a split (``all``: of any) are in each file: {path: clips}."""
        return {str(self.path): sum(split in ("all", row.split) for row in self.clips)}

    def problems(self) -> list[str]:
        """Return what is broken in this store, one sentence each; empty when it is sound."""
        return [found for found in self.examine() if isinstance(found, str)]

    def examine(self) -> Iterator[str | int]:
        """Read the whole store and yield what is broken, one sentence each.

        Between the sentences come numbers: bytes that have been read since the number before.
        """
        optional = {"placed", *(["crops", "crop_pose"] if not self.has_crops else [])}
        missing = [name for name in LONG if name not in self._names | optional]
        if missing:
            yield from (f"/{name} is missing" for name in missing)
            return
        parts = [
            self._misfits(),
            *map(self._examine_array, filter(self._names.__contains__, LONG)),
        ]
        for part in (*parts, self._examine_tables()):
            try:
                yield from part
            except StoreError as error:
                yield str(error).removeprefix(f"{self.path}: ")

    def _misfits(self) -> Iterator[str]:
        """What does not fit together, by lengths alone."""
        n_frames, n_speech = len(self["points"]), len(self["speech"])
        for name in FRAME_ARRAYS:
            if name in self._names and len(self[name]) not in (n_frames, 0 * (name == "placed")):
                yield f"/{name} has {len(self[name])} rows, /points has {n_frames}"
        if self["speech"].shape[1] != self.info.encoder.dim:
            yield f"/speech has {self['speech'].shape[1]} columns, not {self.info.encoder.dim}"
        frame = row_start = 0
        for row in self.clips:
            if (row.frame_start, row.speech_start) != (frame, row_start):
                yield f"{row.id}: does not start where the clip before ends"
                break
            frame, row_start = frame + row.n_frames, row_start + row.n_speech
            if row.speaker not in self.speakers:
                yield f"{row.id}: speaker {row.speaker!r} has no neutral"
        if (frame, row_start) != (n_frames, n_speech):
            yield f"/clips covers {frame} frames, {row_start} speech rows of {n_frames}, {n_speech}"

    def _examine_array(self, name: str) -> Iterator[str | int]:
        array, digest, limit = self[name], hashlib.sha256(), _LIMITS.get(name)
        row_bytes = max(math.prod(array.shape[1:]) * array.dtype.itemsize, 1)
        chunk = (self._file[name].chunks or (1,))[0]
        step = max(_BLOCK_BYTES // row_bytes // chunk, 1) * chunk  # whole chunks
        finite = plausible = True
        for start in range(0, len(array), step):
            block = array[start : start + step]
            digest.update(in_memory(block))
            if limit:
                finite &= bool(np.isfinite(block).all())
                plausible &= bool((np.abs(block) <= limit).all())
            yield block.nbytes
        if not finite:
            yield f"/{name} has values that are not finite"
        elif not plausible:
            yield f"/{name} has values beyond {limit:g}"
        yield from self._changed(name, closed(digest, array.dtype, array.shape))

    def _examine_tables(self) -> Iterator[str]:
        yield from self._changed("/", sum_of(told(self.info)))
        tables = ["clips", "words", "rejects", "speakers/name", "speakers/neutral"]
        optional = [name for name in ("columns", "notes") if name in self._file]
        tables += ["canonical/neutral", *optional]
        for name in tables:
            with telling(f"{self.path}: /{name} cannot be read"):
                data = whole(dataset_of(self._file, name, None, None))
            digest = hashlib.sha256(in_memory(data))
            yield from self._changed(name, closed(digest, data.dtype, data.shape))
        for name, values in (
            ("speakers", [*self.speakers.values()]),
            ("canonical", self.canonical),
        ):
            if not np.isfinite(values).all():
                yield f"/{name}/neutral has values that are not finite"
        words = [word for words in self.words().values() for word in words]
        if not all(0 <= word.start_s <= word.end_s < math.inf for word in words):
            yield "/words has words that end before they begin, or never"
        for name in (self._sums or {}).keys() - {"/", *LONG, *tables}:
            yield f"/checksums has one of /{name}, which is not there"

    def _changed(self, name: str, digest: str) -> Iterator[str]:
        """Say so where a part is not as it was written."""
        if self._sums is not None and self._sums.get(name) != digest:
            what = "an attribute" if name == "/" else f"/{name}"
            yield f"{what} has changed since it was written"


def _require_inside(row: Row, n_frames: int, n_speech: int) -> None:
    spans = (row.frame_start, row.n_frames, n_frames), (row.speech_start, row.n_speech, n_speech)
    if not all(0 <= start <= length and 0 <= count <= length for start, count, length in spans):
        raise ValueError(f"{row.id} lies beyond the frames that there are")
    if not 0 < row.fps <= 1e6:
        raise ValueError(f"{row.id} has {row.fps:g} fps")
