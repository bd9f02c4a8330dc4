"""The layout of a store: its tables, arrays and attributes, and how each is hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import h5py
import numpy as np

from tkit import __version__

SCHEMA = 1
STORE = "store; make one with tkit prep"  # where there is none
CLIP_COLUMNS = {
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
WORD_COLUMNS = {"clip": "i8", "start_s": "f8", "end_s": "f8", "text": str}
REJECT_COLUMNS = {"id": str, "step": str, "reason": str}
NOTE_COLUMNS = {"id": str, "text": str}
FRAME_ARRAYS = {  # of the layout above: shape of a row, where one is fixed, and kind of values
    "points": ((68, 2), "f"),
    "displacement": ((68, 2), "f"),
    "pose": ((2, 3), "f"),
    "valid": ((), "b"),
    "placed": ((68,), "b"),
    "crops": ((None, None, 3), "u"),
    "crop_pose": ((2, 3), "f"),
}
LONG = {**FRAME_ARRAYS, "speech": ((None,), "f")}
ATTRIBUTES = {
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
    "citation": str,
}
# Attributes that older stores lack, and what stands for them.
LATER = {"licence": "", "citation": ""}
ENCODER = {
    "name": str,
    "version": str,
    "sha256": str,
    "dim": int,
    "rate_hz": float,
    "offset_s": float,
    "window_rate": str,
}


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
    citation: str = ""


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
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def frames(self) -> slice:
        """Slice of the frame arrays that is this clip."""
        return slice(self.frame_start, self.frame_start + self.n_frames)

    @property
    def rows(self) -> slice:
        """Slice of the speech array that is this clip."""
        return slice(self.speech_start, self.speech_start + self.n_speech)


def together(told: Mapping[str, str]) -> str:
    """What several sources say of one matter, each by its name where they differ.

    Examples
    --------
    >>> together({"grid": "CC BY 4.0", "lists": "CC BY 4.0"})
    'CC BY 4.0'
    >>> together({"grid": "CC BY 4.0", "mine": ""})
    'grid: CC BY 4.0; mine: not known'
    """
    texts = set(told.values())
    if len(texts) == 1:
        return texts.pop()
    return "; ".join(f"{name}: {text or 'not known'}" for name, text in told.items())


def as_table(rows: list[tuple[Any, ...]], columns: Mapping[str, Any]) -> np.ndarray:
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


def in_memory(data: np.ndarray) -> bytes | memoryview:
    """Values as they stand in memory, in the order of their index."""
    return np.ascontiguousarray(data).view(np.uint8).data if data.size else b""


def closed(digest: Any, dtype: np.dtype, shape: tuple[int, ...]) -> str:
    """SHA-256 of values, their type and shape."""
    digest.update(repr((dtype.descr, tuple(shape))).encode())
    return str(digest.hexdigest())


def told(info: StoreInfo) -> dict[str, Any]:
    """What the root attributes of a store say; of those that came later, what is said at all."""
    return {name: value for name, value in asdict(info).items() if value or name not in LATER}


def sum_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of what can be written as JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
