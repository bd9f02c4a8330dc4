"""The store: one HDF5 file with everything training needs of a prepared corpus.

Layout (schema 1; F frames and N speech rows of all clips in order of their ids)
--------------------------------------------------------------------------------
/points        (F, 68, 2)        float32  tracked points, image pixels
/displacement  (F, 68, 2)        float32  canonical displacement, inter-ocular distances
/pose          (F, 2, 3)         float64  canonical to image coordinates
/valid         (F,)              bool     the points were tracked, not filled
/placed        (F, 68)           bool     on a segment's boundary; others are as they were tracked
/speech        (N, D)            float32  features of the speech encoder at its own rate
/crops         (F, 128, 128, 3)  uint8    optional: aligned RGB face crops, of any size
/crop_pose     (F, 2, 3)         float64  optional: image pixels to crop pixels
/clips         (C,)              table    id, speaker, text, split, fps, frame_start, n_frames,
                                          speech_start, n_speech
/columns       (C,)              table    optional: what else is known of each clip, by name
/words         (W,)              table    clip (its index), start_s, end_s, text
/rejects       (R,)              table    id, step, reason
/notes         (K,)              table    optional: id, text: what should be known of used clips
/speakers/name (P,), /speakers/neutral (P, 68, 2) float64, canonical coordinates
/canonical/neutral (68, 2)       float64  the mean neutral face
/checksums                       attribute ``sha256``: JSON, a data set to the SHA-256 of its type,
                                 shape and values; "/" to that of the root attributes
Root attributes: schema, tkit, corpus, protocol, landmarks, lips (signatures of the back-ends),
fps, window, encoder (JSON of :class:`EncoderInfo`), licence (of the corpus; from 0.4.0 on).

Every data set carries HDF5's own checksums (fletcher32), so a changed one is noticed when it is
read; what they cannot see (attributes, names, two changes that cancel) the SHA-256 do, when the
store is examined. Stores written before 0.4.0 have neither. A store may come from strangers: what
it declares is compared with the layout and with the size of the file before anything is read, and
no reference that leaves the file is followed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tkit import __version__
from tkit.clips import Clip, Reject, Remark, Word
from tkit.errors import StoreError, UsageError, one_line
from tkit.files import atomic_path, require_path
from tkit.parsing import from_json

SCHEMA = 1
STORE = "store; make one with tkit prep"  # where there is none
_CLIP_COLUMNS = {
    "id": str,
    "speaker": str,
    "text": str,
    "split": str,
    "fps": "f8",
    "frame_start": "i8",
    "n_frames": "i8",
    "speech_start": "i8",
    "n_speech": "i8",
}
_WORD_COLUMNS = {"clip": "i8", "start_s": "f8", "end_s": "f8", "text": str}
_REJECT_COLUMNS = {"id": str, "step": str, "reason": str}
_NOTE_COLUMNS = {"id": str, "text": str}
_FRAME_ARRAYS = {  # of the layout above: shape of a row, where one is fixed, and kind of values
    "points": ((68, 2), "f"),
    "displacement": ((68, 2), "f"),
    "pose": ((2, 3), "f"),
    "valid": ((), "b"),
    "placed": ((68,), "b"),
    "crops": ((None, None, 3), "u"),
    "crop_pose": ((2, 3), "f"),
}
_LONG = {**_FRAME_ARRAYS, "speech": ((None,), "f")}
_ATTRIBUTES = {
    "corpus": str,
    "protocol": str,
    "landmarks": str,
    "lips": str,
    "fps": float,
    "window": int,
    "encoder": str,
    "tkit": str,
    "schema": int,
    "licence": str,
}
_LATER = {"licence": ""}  # attributes that older stores lack, and what stands for them
_ENCODER = {
    "name": str,
    "version": str,
    "sha256": str,
    "dim": int,
    "rate_hz": float,
    "offset_s": float,
    "window_rate": str,
}
_LIMITS = {  # of values that can be meant
    "points": 1e6,  # px
    "displacement": 1e3,  # inter-ocular distances
    "pose": 1e6,
    "crop_pose": 1e6,
    "speech": 1e6,
}
_BLOCK_BYTES = 2**22  # read at once where everything is read
_CHUNK_BYTES = 2**26  # of the largest chunk that is unpacked for one row
_DEFLATE, _FLETCHER32 = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32
_MOST_DEFLATED = 1032  # bytes that one byte of deflate can stand for
_ATTRIBUTE_BYTES = 2**16
# What h5py raises, depending on what is damaged, wherever HDF5 finds it or h5py stumbles over it.
_DAMAGED = (
    OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError,
    IndexError, MemoryError, SystemError,
)  # fmt: skip


@dataclass(frozen=True)
class EncoderInfo:
    """Which speech encoder made the features, and where its rows lie in time.

    Parameters
    ----------
    name, version, sha256 : str
        The encoder, its version, and the hash of its weights (empty when it has none).
    dim : int
        Columns of the features.
    rate_hz, offset_s : float
        Rows per second and the time of the centre of row 0.
    window_rate : str
        How windows are cut for training: ``native`` or ``video``
        (:func:`tkit.speech.windows.windows`).
    """

    name: str
    version: str
    sha256: str
    dim: int
    rate_hz: float
    offset_s: float
    window_rate: str = "native"

    @property
    def signature(self) -> str:
        """Short text that differs whenever features of two encoders must not be mixed."""
        parts = [self.name, self.version]
        parts += [self.sha256[:8]] if self.sha256 else []
        parts += [f"{self.window_rate}-rate"] if self.window_rate != "native" else []
        return "-".join(parts)


@dataclass(frozen=True)
class StoreInfo:
    """What the root attributes of a store say."""

    corpus: str
    protocol: str
    landmarks: str
    lips: str
    fps: float
    window: int
    encoder: EncoderInfo
    tkit: str = __version__
    schema: int = SCHEMA
    licence: str = ""


@dataclass(frozen=True)
class Row:
    """One clip of a store and where its frames and speech rows lie.

    ``columns``: what else is known of it, by name (sex, emotion).
    """

    id: str
    speaker: str
    text: str
    split: str
    fps: float
    frame_start: int
    n_frames: int
    speech_start: int
    n_speech: int
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def frames(self) -> slice:
        """Slice of the frame arrays that is this clip."""
        return slice(self.frame_start, self.frame_start + self.n_frames)

    @property
    def rows(self) -> slice:
        """Slice of the speech array that is this clip."""
        return slice(self.speech_start, self.speech_start + self.n_speech)


class Writer:
    """Append prepared clips to a new store; made by :func:`create`."""

    def __init__(self, file: h5py.File, info: StoreInfo, *, crop_size: int) -> None:
        self._file = file
        self._clips: list[tuple[Any, ...]] = []
        self._words: list[tuple[Any, ...]] = []
        self._columns: list[dict[str, str]] = []
        self._sums: dict[str, Any] = {}
        for key, value in _told(info).items():
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
        self._file.create_dataset(
            name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(chunk, *shape),
            fletcher32=True, **kw
        )  # fmt: skip
        self._sums[name] = hashlib.sha256()

    def _table(self, name: str, data: np.ndarray) -> None:
        """Write a data set that is read as a whole."""
        shape = data.shape[1:]
        self._file.create_dataset(
            name, data=data, maxshape=(None, *shape), chunks=(max(len(data), 1), *shape),
            fletcher32=True,
        )  # fmt: skip
        self._sums[name] = hashlib.sha256(_bytes(data))

    def add(self, clip: Clip, arrays: Mapping[str, np.ndarray], *, split: str, fps: float) -> None:
        """Append one clip.

        Parameters
        ----------
        arrays : mapping
            The names of the long arrays to the clip's data.
        split : str
            Empty for a clip in none.
        fps : float
            Rate of its frames.
        """
        n_frames, n_speech = len(arrays["points"]), len(arrays["speech"])
        starts = self._file["points"].shape[0], self._file["speech"].shape[0]
        row = clip.id, clip.speaker, clip.text, split, fps, starts[0], n_frames, starts[1], n_speech
        for name, data in arrays.items():
            dataset = self._file[name]
            start = dataset.shape[0]
            data = np.ascontiguousarray(data, dataset.dtype)
            dataset.resize(start + len(data), axis=0)
            dataset[start:] = data
            self._sums[name].update(_bytes(data))
        index = len(self._clips)
        self._clips.append(row)
        self._columns.append(dict(clip.columns))
        self._words += [(index, word.start_s, word.end_s, word.text) for word in clip.words]

    def finish(
        self,
        *,
        speakers: Mapping[str, np.ndarray],
        canonical: np.ndarray,
        rejects: Iterable[Reject],
        notes: Iterable[Remark] = (),
    ) -> None:
        """Write the tables; nothing can be added after it."""
        rows = [(reject.id, reject.step, reject.reason) for reject in rejects]
        self._table("clips", _as_table(self._clips, _CLIP_COLUMNS))
        if names := sorted({name for columns in self._columns for name in columns}):
            cells = [tuple(columns.get(name, "") for name in names) for columns in self._columns]
            self._table("columns", _as_table(cells, dict.fromkeys(names, str)))
        self._table("words", _as_table(self._words, _WORD_COLUMNS))
        self._table("rejects", _as_table(rows, _REJECT_COLUMNS))
        remarks = [(remark.id, remark.text) for remark in notes]
        if remarks:
            self._table("notes", _as_table(remarks, _NOTE_COLUMNS))
        # Made on the fly they would carry the time of day.
        for group in ("speakers", "canonical", "checksums"):
            self._file.create_group(group)
        names = sorted(speakers)
        self._table("speakers/name", _as_table([(name,) for name in names], {"name": str})["name"])
        neutrals = [speakers[name] for name in names]
        self._table("speakers/neutral", np.array(neutrals, np.float64).reshape(-1, 68, 2))
        self._table("canonical/neutral", np.asarray(canonical, np.float64))
        sums = {
            name: _closed(digest, self._file[name].dtype, self._file[name].shape)
            for name, digest in self._sums.items()
        }
        sums["/"] = _sum_of(_told(_read_info(self._file)))
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
            raise StoreError(f"{self._where} cannot be read: {_reason(error)}") from error


class Store:
    """Read access to a store; a context manager.

    Attributes
    ----------
    info : StoreInfo
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
            raise StoreError(f"{self.path}: {_why_not_opened(error)}") from error
        try:
            with _telling(f"{self.path}: not a store of this tkit, or damaged"):
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
        self._names = {name for name in file if name in _LONG}
        self.info = _read_info(file)
        self.clips = [Row(*row) for row in _rows(_table(file, "clips", _CLIP_COLUMNS))]
        if "columns" in file:
            cells = _table(file, "columns", None)
            known = cells.dtype.names or ()
            self.clips = [
                replace(
                    row,
                    columns={name: text for name, text in zip(known, texts, strict=True) if text},
                )
                for row, texts in zip(self.clips, _rows(cells), strict=True)
            ]
        self.rejects = [Reject(*row) for row in _rows(_table(file, "rejects", _REJECT_COLUMNS))]
        notes = _rows(_table(file, "notes", _NOTE_COLUMNS)) if "notes" in file else ()
        self.notes = [Remark(*row) for row in notes]
        names = [name.decode() for name in _small(file, "speakers/name", (None,), "S")]
        neutrals = _small(file, "speakers/neutral", (None, 68, 2), "f")
        self.speakers = dict(zip(names, neutrals, strict=True))
        self.canonical = _small(file, "canonical/neutral", (68, 2), "f")
        self._sums = _read_sums(file)
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
    def n_bytes(self) -> int:
        """Bytes of all long arrays, unpacked: what :meth:`examine` goes through."""
        there = (self[name] for name in self._names)
        return sum(math.prod(array.shape) * array.dtype.itemsize for array in there)

    @property
    def has_crops(self) -> bool:
        """Whether face crops were stored (``tkit prep --crops``)."""
        return "crops" in self._names

    def __getitem__(self, name: str) -> Array:
        """Return one of the long arrays by its name in the layout."""
        file = self._file
        if name not in self._arrays:  # finding one in the file takes as long as reading a clip
            if name not in self._names:
                hint = "; prepare the corpus with --crops" if name.startswith("crop") else ""
                raise StoreError(f"{self.path}: has no /{name}{hint}")
            shape, kind = _LONG[name]
            with _telling(f"{self.path}: /{name} cannot be read"):
                dataset = _dataset(file, name, (None, *shape), kind)
            self._arrays[name] = Array(dataset, f"{self.path}: /{name}")
        return self._arrays[name]

    def words(self) -> dict[str, list[Word]]:
        """Return the word alignment of every clip id that has one."""
        found: dict[str, list[Word]] = {}
        with _telling(f"{self.path}: /words cannot be read"):
            rows = list(_rows(_table(self._file, "words", _WORD_COLUMNS)))
        for clip, start_s, end_s, text in rows:
            if not 0 <= clip < len(self.clips):
                raise StoreError(f"{self.path}: /words names clip {clip} of {len(self.clips)}")
            found.setdefault(self.clips[clip].id, []).append(Word(start_s, end_s, text))
        return found

    def select(self, split: str) -> list[Row]:
        """Return the clips of a split (``all`` for every clip); :class:`UsageError` if none."""
        rows = [row for row in self.clips if split in ("all", row.split)]
        if not rows:
            there = ", ".join(sorted({row.split or "(none)" for row in self.clips}))
            raise UsageError(f"{self.path}: no clips in split {split!r} (there are: {there})")
        return rows

    def problems(self) -> list[str]:
        """Return what is broken in this store, one sentence each; empty when it is sound."""
        return [found for found in self.examine() if isinstance(found, str)]

    def examine(self) -> Iterator[str | int]:
        """Read the whole store and yield what is broken, one sentence each.

        Between the sentences come numbers: bytes that have been read since the number before.
        """
        optional = {"placed", *(["crops", "crop_pose"] if not self.has_crops else [])}
        missing = [name for name in _LONG if name not in self._names | optional]
        if missing:
            yield from (f"/{name} is missing" for name in missing)
            return
        parts = [
            self._misfits(),
            *map(self._examine_array, filter(self._names.__contains__, _LONG)),
        ]
        for part in (*parts, self._examine_tables()):
            try:
                yield from part
            except StoreError as error:
                yield str(error).removeprefix(f"{self.path}: ")

    def _misfits(self) -> Iterator[str]:
        """What does not fit together, by lengths alone."""
        n_frames, n_speech = len(self["points"]), len(self["speech"])
        for name in _FRAME_ARRAYS:
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
            digest.update(_bytes(block))
            if limit:
                finite &= bool(np.isfinite(block).all())
                plausible &= bool((np.abs(block) <= limit).all())
            yield block.nbytes
        if not finite:
            yield f"/{name} has values that are not finite"
        elif not plausible:
            yield f"/{name} has values beyond {limit:g}"
        yield from self._changed(name, _closed(digest, array.dtype, array.shape))

    def _examine_tables(self) -> Iterator[str]:
        yield from self._changed("/", _sum_of(_told(self.info)))
        tables = ["clips", "words", "rejects", "speakers/name", "speakers/neutral"]
        optional = [name for name in ("columns", "notes") if name in self._file]
        tables += ["canonical/neutral", *optional]
        for name in tables:
            with _telling(f"{self.path}: /{name} cannot be read"):
                data = _whole(_dataset(self._file, name, None, None))
            digest = hashlib.sha256(_bytes(data))
            yield from self._changed(name, _closed(digest, data.dtype, data.shape))
        for name, values in (
            ("speakers", [*self.speakers.values()]),
            ("canonical", self.canonical),
        ):
            if not np.isfinite(values).all():
                yield f"/{name}/neutral has values that are not finite"
        words = [word for words in self.words().values() for word in words]
        if not all(0 <= word.start_s <= word.end_s < math.inf for word in words):
            yield "/words has words that end before they begin, or never"
        for name in (self._sums or {}).keys() - {"/", *_LONG, *tables}:
            yield f"/checksums has one of /{name}, which is not there"

    def _changed(self, name: str, digest: str) -> Iterator[str]:
        """Say so where a part is not as it was written."""
        if self._sums is not None and self._sums.get(name) != digest:
            what = "an attribute" if name == "/" else f"/{name}"
            yield f"{what} has changed since it was written"


def _as_table(rows: list[tuple[Any, ...]], columns: Mapping[str, Any]) -> np.ndarray:
    """Make a compound array; text columns are UTF-8 of fixed length, as long as the longest.

    HDF5 pads texts of variable length with whatever was in memory, and equal stores shall have
    equal bytes.
    """
    cells = [[cell.encode() if isinstance(cell, str) else cell for cell in row] for row in rows]
    fields = []
    for index, (name, kind) in enumerate(columns.items()):
        if kind is str:
            longest = max((len(row[index]) for row in cells), default=1)
            kind = h5py.string_dtype("utf-8", max(longest, 1))
        fields.append((name, kind))
    return np.array([tuple(row) for row in cells], np.dtype(fields))


def _bytes(data: np.ndarray) -> bytes | memoryview:
    """Values as they stand in memory, in the order of their index."""
    return np.ascontiguousarray(data).view(np.uint8).data if data.size else b""


def _closed(digest: Any, dtype: np.dtype, shape: tuple[int, ...]) -> str:
    """SHA-256 of values, their type and shape."""
    digest.update(repr((dtype.descr, tuple(shape))).encode())
    return str(digest.hexdigest())


def _told(info: StoreInfo) -> dict[str, Any]:
    """What the root attributes of a store say; of those that came later, what is said at all."""
    return {name: value for name, value in asdict(info).items() if value or name not in _LATER}


def _sum_of(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _read_sums(file: h5py.File) -> dict[str, str] | None:
    """The SHA-256 of the parts by their names; None in a store without."""
    if "checksums" not in file:
        return None
    sums = from_json(_attribute(_group(file, "checksums"), "sha256", str))
    if not isinstance(sums, dict):
        raise ValueError("its checksums are none")
    return sums


def _attribute(place: h5py.Group, name: str, kind: type) -> Any:
    """One attribute as a Python value of a kind."""
    found = h5py.h5a.open(place.id, name.encode())
    if found.shape != () or found.get_storage_size() > _ATTRIBUTE_BYTES:
        raise ValueError(f"its {name} is no single value")
    return _fitting(name, np.asarray(place.attrs[name]).item(), kind)


def _fitting(name: str, value: Any, kind: type) -> Any:
    fitting = float(value) if kind is float and type(value) is int else value
    if type(fitting) is not kind or fitting != fitting or fitting in (math.inf, -math.inf):
        raise ValueError(f"its {name} is {value!r:.80}")
    return fitting


def _read_info(file: h5py.File) -> StoreInfo:
    schema = _attribute(file, "schema", int) if "schema" in file.attrs else None
    if schema != SCHEMA:
        raise StoreError(
            f"{file.filename}: store schema is {schema}, this tkit reads "
            f"{SCHEMA}; prepare the corpus again"
        )
    values: dict[str, Any] = dict(_LATER)
    for name, kind in _ATTRIBUTES.items():
        if name not in _LATER or name in file.attrs:
            values[name] = _attribute(file, name, kind)
    told = from_json(values.pop("encoder"))
    if not isinstance(told, dict):
        raise ValueError(f"its encoder is {told!r}")
    told = {name: _fitting(f"encoder's {name}", value, _ENCODER.get(name, type(None)))
            for name, value in told.items()}  # fmt: skip
    encoder = EncoderInfo(**told)
    info = StoreInfo(encoder=encoder, **values)
    for name, value in (("fps", info.fps), ("speech rate", encoder.rate_hz)):
        if not 0 < value <= 1e6:
            raise ValueError(f"its {name} is {value:g}")
    if info.window < 1 or encoder.dim < 1:
        raise ValueError(f"its window is {info.window}, of {encoder.dim} columns")
    return info


def _group(file: h5py.Group, name: str) -> Any:
    """What a name in a file stands for; a name that leads elsewhere is refused."""
    link = file.get(name, getlink=True)
    if link is not None and not isinstance(link, h5py.HardLink):
        raise StoreError(
            f"{file.file.filename}: /{name} is a link to elsewhere; it is not followed"
        )
    return file[name]


def _dataset(file: h5py.File, name: str, shape: Any, kind: str | None) -> h5py.Dataset:
    """Open a data set whose values lie in this file, and whose type and sizes can be true.

    Parameters
    ----------
    shape : tuple or None
        Its lengths, None where any will do.
    kind : str or None
        Of its values, as numpy's ``dtype.kind``.
    """
    found: Any = file
    for part in name.split("/"):
        found = _group(found, part)
    where = f"{file.filename}: /{name}"
    if not isinstance(found, h5py.Dataset):
        raise StoreError(f"{where} is no array")
    if found.is_virtual or found.external:
        raise StoreError(f"{where} lies in other files; they are not read")
    if shape is not None and not (
        len(shape) == len(found.shape or ())
        and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
    ):
        raise StoreError(f"{where} has the shape {found.shape}")
    if kind is not None and found.dtype.kind != kind:
        raise StoreError(f"{where} has values of type {found.dtype}")
    about = found.id.get_create_plist()
    filters = {about.get_filter(index)[0] for index in range(about.get_nfilters())}
    if not filters <= {_DEFLATE, _FLETCHER32}:
        raise StoreError(f"{where} is packed by a filter that no store uses")
    size = math.prod(found.shape) * found.dtype.itemsize
    most = Path(file.filename).stat().st_size * (_MOST_DEFLATED if _DEFLATE in filters else 1)
    chunk = math.prod(found.chunks or (0,)) * found.dtype.itemsize
    if size > most or (filters and chunk > max(_CHUNK_BYTES, size)):
        raise StoreError(f"{where} declares {size} bytes, which this file cannot hold")
    return found


def _small(file: h5py.File, name: str, shape: tuple[int | None, ...], kind: str) -> np.ndarray:
    """Read a data set as a whole; it is never packed, so the file's size bounds it."""
    return _whole(_dataset(file, name, shape, kind))


def _whole(found: h5py.Dataset) -> np.ndarray:
    if found.compression:
        raise StoreError(f"{found.file.filename}: {found.name} is packed, which no store does")
    return found[...]


def _table(file: h5py.File, name: str, columns: Mapping[str, Any] | None) -> np.ndarray:
    """Read a table and check its columns; without any they may be what texts they like."""
    found = _dataset(file, name, (None,), "V")
    columns = dict.fromkeys(found.dtype.names, str) if columns is None else columns
    kinds = ["S" if kind is str else kind[0] for kind in columns.values()]
    dtype = found.dtype
    if dtype.names != tuple(columns) or [dtype[column].kind for column in columns] != kinds:
        raise StoreError(f"{file.filename}: /{name} has other columns: {dtype}")
    return _whole(found)


def _require_inside(row: Row, n_frames: int, n_speech: int) -> None:
    spans = (row.frame_start, row.n_frames, n_frames), (row.speech_start, row.n_speech, n_speech)
    if not all(0 <= start <= length and 0 <= count <= length for start, count, length in spans):
        raise ValueError(f"{row.id} lies beyond the frames that there are")
    if not 0 < row.fps <= 1e6:
        raise ValueError(f"{row.id} has {row.fps:g} fps")


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Make one sentence of whatever h5py raises of a damaged file."""
    try:
        yield
    except _DAMAGED as error:
        raise StoreError(f"{what} ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    """What h5py says, on one line."""
    return one_line(str(error)) or type(error).__name__


def _why_not_opened(error: OSError) -> str:
    """The system's reason, where it is one, or that this is another kind of file."""
    if error.errno:
        return f"cannot be opened ({error.strerror or _reason(error)})"
    return f"not an HDF5 file that can be read ({_reason(error)})"


def _rows(data: np.ndarray) -> Iterator[tuple[Any, ...]]:
    """Rows of a table as Python values; column by column, so that 33,000 clips open quickly."""
    columns = ((data.dtype[name].kind, data[name].tolist()) for name in data.dtype.names or ())
    return zip(*(map(bytes.decode, v) if kind == "S" else v for kind, v in columns), strict=True)
