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
/words         (W,)              table    clip (its index), start_s, end_s, text
/rejects       (R,)              table    id, step, reason
/notes         (K,)              table    optional: id, text: what should be known of used clips
/speakers/name (P,), /speakers/neutral (P, 68, 2) float64, canonical coordinates
/canonical/neutral (68, 2)       float64  the mean neutral face
Root attributes: schema, tkit, corpus, protocol, landmarks, lips (signatures of the back-ends),
fps, window, encoder (JSON of :class:`EncoderInfo`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tkit import __version__
from tkit.clips import Clip, Reject, Remark, Word
from tkit.errors import StoreError, UsageError
from tkit.files import atomic_path, require_path

SCHEMA = 1
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


@dataclass(frozen=True)
class Row:
    """One clip of a store and where its frames and speech rows lie."""

    id: str
    speaker: str
    text: str
    split: str
    fps: float
    frame_start: int
    n_frames: int
    speech_start: int
    n_speech: int

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
        for key, value in asdict(info).items():
            file.attrs[key] = json.dumps(value, sort_keys=True) if key == "encoder" else value
        # Chunks of about 64 kB: a training window touches one or two of them.
        self._array("points", (68, 2), "f4", 128)
        self._array("displacement", (68, 2), "f4", 128)
        self._array("pose", (2, 3), "f8", 1024)
        self._array("valid", (), "?", 8192)
        self._array("placed", (68,), "?", 1024, compression=1)
        self._array("speech", (info.encoder.dim,), "f4", max(16384 // info.encoder.dim, 1))
        if crop_size:
            # One frame a chunk: training reads single frames. Packed, as by versions before 0.3.0,
            # they would take seven times as long to read, for a fifth less on the disk.
            self._array("crops", (crop_size, crop_size, 3), "u1", 1)
            self._array("crop_pose", (2, 3), "f8", 1024)

    def _array(self, name: str, shape: tuple[int, ...], dtype: str, chunk: int, **kw: Any) -> None:
        self._file.create_dataset(
            name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(chunk, *shape), **kw
        )

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
            dataset.resize(start + len(data), axis=0)
            dataset[start:] = data
        index = len(self._clips)
        self._clips.append(row)
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
        self._file["clips"] = _table(self._clips, _CLIP_COLUMNS)
        self._file["words"] = _table(self._words, _WORD_COLUMNS)
        self._file["rejects"] = _table(rows, _REJECT_COLUMNS)
        remarks = [(remark.id, remark.text) for remark in notes]
        if remarks:
            self._file["notes"] = _table(remarks, _NOTE_COLUMNS)
        for group in ("speakers", "canonical"):  # made on the fly they would carry the time of day
            self._file.create_group(group)
        names = sorted(speakers)
        self._file["speakers/name"] = _table([(name,) for name in names], {"name": str})["name"]
        neutrals = [speakers[name] for name in names]
        self._file["speakers/neutral"] = np.array(neutrals, np.float64).reshape(-1, 68, 2)
        self._file["canonical/neutral"] = np.asarray(canonical, np.float64)


@contextmanager
def create(path: str | Path, info: StoreInfo, *, crop_size: int = 0) -> Iterator[Writer]:
    """Open a new store for writing; it appears under its name only when the block succeeds.

    Parameters
    ----------
    crop_size : int
        Pixels of the square face crops; 0 stores none.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        yield Writer(file, info, crop_size=crop_size)


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
        self.path = require_path(path, "store; make one with tkit prep")
        self._arrays: dict[str, h5py.Dataset] = {}
        try:
            self._opened, self._process = h5py.File(self.path, "r"), os.getpid()
        except OSError as error:
            raise StoreError(f"{self.path}: not an HDF5 file") from error
        try:
            self.info = _read_info(self._file)
            self.clips = [Row(*row) for row in _rows(self._file["clips"])]
            self.rejects = [Reject(*row) for row in _rows(self._file["rejects"])]
            notes = _rows(self._file["notes"]) if "notes" in self._file else ()
            self.notes = [Remark(*row) for row in notes]
            names = [name.decode() for name in self._file["speakers/name"][:]]
            self.speakers = dict(zip(names, self._file["speakers/neutral"][:], strict=True))
            self.canonical = self._file["canonical/neutral"][:]
        except (KeyError, ValueError, TypeError) as error:
            self._file.close()
            raise StoreError(f"{self.path}: not a store of this tkit ({error})") from error
        except StoreError:
            self._file.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def _file(self) -> h5py.File:
        """The file, opened anew after a fork, which an open one does not survive."""
        if self._process != os.getpid():
            self._opened, self._process = h5py.File(self.path, "r"), os.getpid()
            self._arrays = {}
        return self._opened

    @property
    def has_crops(self) -> bool:
        """Whether face crops were stored (``tkit prep --crops``)."""
        return "crops" in self._file

    def __getitem__(self, name: str) -> h5py.Dataset:
        """Return one of the long arrays by its name in the layout."""
        file = self._file
        if name not in self._arrays:  # finding one in the file takes as long as reading a clip
            if name not in file:
                hint = "; prepare the corpus with --crops" if name.startswith("crop") else ""
                raise StoreError(f"{self.path}: has no /{name}{hint}")
            self._arrays[name] = file[name]
        return self._arrays[name]

    def words(self) -> dict[str, list[Word]]:
        """Return the word alignment of every clip id that has one."""
        found: dict[str, list[Word]] = {}
        for clip, start_s, end_s, text in _rows(self._file["words"]):
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
        found = []
        file = self._file
        frame_arrays = ["points", "displacement", "pose", "valid"]
        frame_arrays += [name for name in ("crops", "crop_pose") if name in file]
        missing = [name for name in [*frame_arrays, "speech"] if name not in file]
        if missing:
            return [f"/{name} is missing" for name in missing]
        n_frames, n_speech = file["points"].shape[0], file["speech"].shape[0]
        for name in frame_arrays:
            if file[name].shape[0] != n_frames:
                found.append(f"/{name} has {file[name].shape[0]} rows, /points has {n_frames}")
        if file["speech"].shape[1] != self.info.encoder.dim:
            found.append(
                f"/speech has {file['speech'].shape[1]} columns, not {self.info.encoder.dim}"
            )
        frame = row_start = 0
        for row in self.clips:
            if (row.frame_start, row.speech_start) != (frame, row_start):
                found.append(f"{row.id}: does not start where the clip before ends")
                break
            frame, row_start = frame + row.n_frames, row_start + row.n_speech
            if row.speaker not in self.speakers:
                found.append(f"{row.id}: speaker {row.speaker!r} has no neutral")
        if (frame, row_start) != (n_frames, n_speech):
            found.append(
                f"/clips covers {frame} frames, {row_start} speech rows of {n_frames}, {n_speech}"
            )
        for name in ("points", "displacement", "pose", "speech"):
            for start in range(0, file[name].shape[0], 65536):
                if not np.isfinite(file[name][start : start + 65536]).all():
                    found.append(f"/{name} has values that are not finite")
                    break
        return found


def _table(rows: list[tuple[Any, ...]], columns: Mapping[str, Any]) -> np.ndarray:
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


def _read_info(file: h5py.File) -> StoreInfo:
    attributes = {key: np.asarray(value).item() for key, value in file.attrs.items()}
    if attributes.get("schema") != SCHEMA:
        raise StoreError(
            f"{file.filename}: store schema is {attributes.get('schema')}, this tkit reads "
            f"{SCHEMA}; prepare the corpus again"
        )
    attributes["encoder"] = EncoderInfo(**json.loads(attributes["encoder"]))
    return StoreInfo(**attributes)


def _rows(table: h5py.Dataset) -> Iterator[tuple[Any, ...]]:
    """Rows of a table as Python values; column by column, so that 33,000 clips open quickly."""
    data = table[:]
    columns = ((data.dtype[name].kind, data[name].tolist()) for name in data.dtype.names)
    return zip(*(map(bytes.decode, v) if kind == "S" else v for kind, v in columns), strict=True)
