"""Several stores read as one: for training on more than one corpus, or on one of many files.

What makes numbers comparable must agree: frame rate, landmarks, lips, speech encoder and its
windows. Clips and speakers of several corpora are named ``corpus/…``, those of one corpus in
several shards as in one store. Displacement is of a canonical face, and each store has its own:
here all are re-expressed on one, the mean of all speakers in training splits, as if they had been
prepared together.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tkit.clips import Word
from tkit.errors import StoreError, UsageError
from tkit.face import geometry
from tkit.store import manifest
from tkit.store.layout import Row, together
from tkit.store.reading import Array, Store

Move = Callable[[np.ndarray, Row], np.ndarray]

# What must agree, and where a store says it: of all stores, and of the shards of one corpus.
_MEANING = {
    "landmarks": "landmarks",
    "lips": "lips",
    "frames a second": "fps",
    "speech window": "window",
    "speech encoder": "encoder.signature",
}
_ORIGIN = {"corpora": "corpus", "splits": "protocol"}


def open_store(paths: str | Path | Sequence[str | Path]) -> Store:
    """Open a store, or several as one; a context manager either way.

    A path is that of a store or of a manifest of shards (:class:`Shards`); several are
    :class:`Joined`.
    """
    if not isinstance(paths, str | Path):
        return open_store(paths[0]) if len(paths) == 1 else Joined(paths)
    return Shards(paths) if Path(paths).suffix == manifest.SUFFIX else Store(paths)


def join(paths: Sequence[str | Path], out: str | Path) -> Shards:
    """Write the manifest by which stores of one corpus are read as one; they stay as they are.

    Parameters
    ----------
    paths : sequence of path
        Made by ``tkit prep --shard``, or otherwise: no clip and no speaker may be in two.
    out : path

    Returns
    -------
    Shards
        Opened.

    Raises
    ------
    UsageError
        If they must not be mixed, are of several corpora or splits, or hold the same clip.
    StoreError
        If one is damaged or has no checksums, as those of versions before 0.4.0.
    """
    if Path(out).suffix != manifest.SUFFIX:
        raise UsageError(f"{out}: the name of a manifest of shards ends in {manifest.SUFFIX}")
    shards = []
    for path in paths:
        with Store(path) as store:
            if not store.is_sealed:
                raise StoreError(
                    f"{path} has no checksums, being of a tkit before 0.4.0; prepare it again"
                )
            shards.append(manifest.Shard(str(path), Path(path).stat().st_size, store.seal))
    with Shards(out, shards):
        manifest.write_shards(out, shards)
    return Shards(out)


class Joined(Store):
    """Several stores as one; what a :class:`Store` offers for reading, it does.

    Parameters
    ----------
    paths : sequence of path

    Raises
    ------
    UsageError
        If two of them must not be mixed, or hold the same clip or speaker.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.path = Path(paths[0])
        with ExitStack() as stack:
            self._stores = [stack.enter_context(open_store(path)) for path in paths]
            self._require_fitting()
            self._read()
            self._close = stack.pop_all()

    def _named(self, store: Store, name: str) -> str:
        """What a clip or speaker of a store is called here."""
        return f"{store.info.corpus}/{name}"

    def __exit__(self, *_: object) -> None:
        self._close.close()

    def _require_fitting(self) -> None:
        """Refuse stores whose numbers do not mean the same."""
        first, *others = self._stores
        for other in others:
            _require_same(first, other, _MEANING)

    def _read(self) -> None:
        self.infos = infos = [info for store in self._stores for info in store.infos]
        self.info = replace(
            infos[0],
            corpus="+".join(dict.fromkeys(info.corpus for info in infos)),
            protocol="+".join(dict.fromkeys(info.protocol for info in infos)),
            licence=together({info.corpus: info.licence for info in infos}),
            citation=together({info.corpus: info.citation for info in infos}),
        )
        self._names = set.intersection(*(store._names for store in self._stores))
        self.clips = list(self._rows())
        _require_once([row.id for row in self.clips], "clip")
        people = [
            (self._named(store, name), neutral, store.canonical)
            for store in self._stores
            for name, neutral in store.speakers.items()
        ]
        names, neutrals = [name for name, _, _ in people], np.stack([own for _, own, _ in people])
        _require_once(names, "speaker")
        training = {row.speaker for row in self.clips if row.split == "train"}
        chosen = [name in training for name in names]
        self.canonical = geometry.mean_neutral(neutrals[chosen] if any(chosen) else neutrals)
        rigid = geometry.RIGID_INDEX
        turns = geometry.similarity(neutrals[:, rigid], self.canonical[rigid])
        self._turns = dict(zip(names, turns, strict=True))
        self.speakers = dict(zip(names, geometry.apply(turns, neutrals), strict=True))
        self._faces = {name: (own, canonical) for name, own, canonical in people}
        self._scales: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.rejects = [
            replace(reject, id=self._named(store, reject.id))
            for store in self._stores
            for reject in store.rejects
        ]
        self.notes = [
            replace(remark, id=self._named(store, remark.id))
            for store in self._stores
            for remark in store.notes
        ]
        self._arrays: dict[str, Array] = {}

    def _rows(self) -> Iterator[Row]:
        """Clips of all stores, one after the other, under their new names."""
        frames = rows = 0
        for store in self._stores:
            for row in store.clips:
                yield replace(
                    row,
                    id=self._named(store, row.id),
                    speaker=self._named(store, row.speaker),
                    frame_start=frames + row.frame_start,
                    speech_start=rows + row.speech_start,
                )
            frames += len(store["points"])
            rows += len(store["speech"])

    def counts(self, split: str) -> dict[str, int]:
        """Return how many clips of a split (``all``: of any) are in each file: {path: clips}."""
        each = (store.counts(split) for store in self._stores)
        return {path: count for counts in each for path, count in counts.items()}

    @property
    def is_sealed(self) -> bool:
        """Whether all of them have checksums."""
        return all(store.is_sealed for store in self._stores)

    @property
    def n_bytes(self) -> int:
        """Bytes of all long arrays, unpacked."""
        return sum(store.n_bytes for store in self._stores)

    def __getitem__(self, name: str) -> Array:
        """Return one of the long arrays that all stores have."""
        if name not in self._arrays:
            moves: dict[str, Move] = {"displacement": self._moved, "pose": self._posed}
            self._arrays[name] = _JoinedArray(self._stores, name, self.clips, moves.get(name))
        return self._arrays[name]

    def _moved(self, displacement: np.ndarray, row: Row) -> np.ndarray:
        """Displacement on the common canonical face."""
        if row.speaker not in self._scales:  # of all speakers they would take long to find
            self._scales[row.speaker] = (
                geometry.axis_scale(*self._faces[row.speaker]),
                geometry.axis_scale(self.speakers[row.speaker], self.canonical),
            )
        # Off the scale of the old faces, turned, onto that of the new ones.
        old, new = self._scales[row.speaker]
        turn = self._turns[row.speaker][:, :2]
        moved: np.ndarray = (displacement / old) @ turn.T * new
        return moved.astype(displacement.dtype)

    def _posed(self, pose: np.ndarray, row: Row) -> np.ndarray:
        """Pose of the neutral on the common canonical face."""
        return geometry.compose(pose, geometry.invert(self._turns[row.speaker]))

    def words(self) -> dict[str, list[Word]]:
        """Return the word alignment of every clip id that has one."""
        return {
            self._named(store, id_): words
            for store in self._stores
            for id_, words in store.words().items()
        }

    def examine(self) -> Iterator[str | int]:
        """Read all stores and yield what is broken, as :meth:`Store.examine`."""
        for store in self._stores:
            for found in store.examine():
                yield f"{store.path}: {found}" if isinstance(found, str) else found


class Shards(Joined):
    """A corpus in several files, under the names that it has in one.

    Parameters
    ----------
    path : path
        The manifest.
    shards : list of Shard, optional
        By default those that it names.

    Raises
    ------
    StoreError
        If one has changed since they were joined.
    UsageError
        If one is not there, or of another kind than the others.
    """

    def __init__(self, path: str | Path, shards: list[manifest.Shard] | None = None) -> None:
        self._manifest = path
        self._shards = manifest.read_shards(path) if shards is None else shards
        super().__init__([manifest.require_shard(shard, path) for shard in self._shards])
        self.path = Path(path)

    def _require_fitting(self) -> None:
        for shard, store in zip(self._shards, self._stores, strict=True):
            if store.seal != shard.sha256:
                raise manifest.changed(shard.file, self._manifest)
        super()._require_fitting()
        first, *others = self._stores
        for other in others:
            _require_same(first, other, _ORIGIN)

    def _named(self, store: Store, name: str) -> str:
        return name


class _JoinedArray(Array):
    """One long array of several stores, read piece by piece."""

    def __init__(self, stores: list[Store], name: str, clips: list[Row], move: Move | None) -> None:
        parts = [store[name] for store in stores]  # says so where one has it not
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            raise UsageError(f"/{name} of the stores has rows of {', '.join(map(str, shapes))}")
        self._stores, self._name, self._move = stores, name, move
        self._clips = clips
        self._firsts = np.array([row.frame_start for row in clips] if move else [])
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        self.shape = (int(self._starts[-1]), *parts[0].shape[1:])
        self.dtype = parts[0].dtype

    def __getitem__(self, index: Any) -> Any:
        """Read a row, or a slice of rows."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            pieces = list(self._pieces(start, max(start, stop)))
            rows = np.concatenate(pieces) if pieces else np.zeros((0, *self.shape[1:]), self.dtype)
            return rows[::step]
        (row,) = self._pieces(index % len(self), index % len(self) + 1)
        return row[0]

    def _pieces(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Rows from ``start`` to ``stop``, store by store and, where they are moved, by clips."""
        while start < stop:
            place = int(np.searchsorted(self._starts, start, side="right")) - 1
            end = min(stop, int(self._starts[place + 1]))
            row = None
            if self._move is not None:
                row = self._clips[int(np.searchsorted(self._firsts, start, side="right")) - 1]
                end = min(end, row.frame_start + row.n_frames)
            offset = int(self._starts[place])
            # Asked for anew: a store opens its file again in every process.
            piece = self._stores[place][self._name][start - offset : end - offset]
            yield self._move(piece, row) if self._move is not None and row else piece
            start = end


def _require_same(first: Store, other: Store, facts: Mapping[str, str]) -> None:
    """Refuse stores of which one says otherwise than the other; ``facts``: a name to attributes."""
    for what, attribute in facts.items():
        one, two = (operator.attrgetter(attribute)(store.info) for store in (first, other))
        if one != two:
            raise UsageError(
                f"{first.path} and {other.path} must not be mixed: their {what} differ "
                f"({one}, {two})"
            )


def _require_once(names: list[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(f"two of the stores hold the {what} {name!r}: prepare them together")
        seen.add(name)
