"""Out of a store again: to formats that other people's training reads. One module a format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tkit.clips import Clip, Reject, leads_out
from tkit.corpora import CORPORA
from tkit.errors import CorpusError, Fault, MediaError, UnknownNameError, UsageError, guarded
from tkit.files import atomic_path, claimed, require_path
from tkit.media import Media, read_clip
from tkit.progress import bar
from tkit.registry import Registry
from tkit.store import Row, Store, open_store

FORMATS: Registry[Format] = Registry("tkit.exporting", "FORMAT")
ARRAYS = ("points", "displacement", "pose", "valid", "placed", "crops", "crop_pose")
SAMPLE_RATE = 16000  # of the sound of exported clips, in Hz


@dataclass(frozen=True)
class Sample:
    """One clip on its way out.

    Parameters
    ----------
    name : str
        Its id, which is a path below the output.
    about : dict
        What is known of it, as JSON: what a manifest tells, its frame rate and its numbers of
        frames and speech rows.
    arrays : dict of str to ndarray
        Its rows of the store's long arrays, exactly.
    media : Media or None
        The clip itself at the store's frame rate with sound of 16 kHz, where its corpus was given.
    """

    name: str
    about: dict[str, Any]
    arrays: dict[str, np.ndarray]
    media: Media | None


@dataclass(frozen=True)
class Format:
    """A format of exported clips.

    Parameters
    ----------
    title : str
    write : callable
        ``write(samples, folder)`` takes the samples one by one and writes them.
    needs_clips : bool
        It is of no use without the clips themselves.
    """

    title: str
    write: Callable[[Iterator[Sample], Path], None]
    needs_clips: bool = False


@dataclass(frozen=True)
class Exported:
    """What an export wrote: clips, and those of the store that could not be, with the reason."""

    clips: int
    rejects: list[Reject]


def export(
    store: str | Path,
    out: str | Path,
    *,
    format: str,
    root: str | Path | None = None,
    split: str = "all",
    progress: bool = False,
) -> Exported:
    """Write the clips of a store as files that others read.

    Beside them stand ``about.json`` (corpus, licence, encoder, landmarks) and ``faces.npz`` (the
    canonical face and the neutral of each speaker), without which displacements mean nothing.

    Parameters
    ----------
    store : path
    out : path
        A folder.
    format : str
        Name in :data:`FORMATS`.
    root : path, optional
        The corpus on disk: with it the clips themselves are written, too.
    split : str
        Which clips; ``all`` for every one.
    progress : bool
        Show it on stderr.

    Raises
    ------
    UsageError
        If there is no such format or split, or it needs the corpus.
    CorpusError
        If no clip could be written.
    """
    entry, out = FORMATS.get(format), Path(out)
    if entry.needs_clips and root is None:
        raise UsageError(f"{format} holds the clips themselves; say where they are: --root DIR")
    with open_store(store) as opened, claimed(out, folder=True):
        rows = opened.select(split)
        clips = _clips_of(opened, root) if root is not None else {}
        rejects: list[Reject] = []
        done = 0

        def samples() -> Iterator[Sample]:
            nonlocal done
            with bar(len(rows), desc="export", unit="clip", show=progress) as shown:
                words = opened.words()
                for row in rows:
                    shown.update()
                    clip = clips.get(row.id) if root is not None else None
                    sample = guarded(_sample, opened, row, words.get(row.id, []), root, clip)
                    if isinstance(sample, Fault):
                        rejects.append(Reject(row.id, "export", sample.reason))
                        continue
                    done += 1
                    yield sample

        entry.write(samples(), out)
        if not done:
            raise CorpusError(f"none of {len(rows)} clips could be written; the first: "
                              f"{rejects[0].id}: {rejects[0].reason}")  # fmt: skip
        _write_about(opened, out)
    return Exported(done, rejects)


def _clips_of(store: Store, root: str | Path) -> dict[str, Clip]:
    """The clips of the corpus that a store was made of, by id."""
    root = require_path(root, f"folder for the corpus {store.info.corpus}")
    try:
        entry = CORPORA.get(store.info.corpus)
    except UnknownNameError as error:
        raise UsageError(f"{store.path} was made of another corpus: {error}") from error
    return {item.id: item for item in entry.scan(root) if isinstance(item, Clip)}


def _media(clip: Clip | None, row: Row) -> Media:
    """Decode a clip as it was prepared."""
    if clip is None:
        raise CorpusError("not on disk")
    media = read_clip(clip.video, clip.audio, fps=row.fps, sample_rate=SAMPLE_RATE)
    if len(media.frames) != row.n_frames:
        raise MediaError(f"{len(media.frames)} frames, {row.n_frames} in the store: another clip?")
    return media


def _sample(
    store: Store, row: Row, words: list[Any], root: str | Path | None, clip: Clip | None
) -> Sample:
    """Gather a clip; :class:`CorpusError` where its id, maybe a stranger's, leads elsewhere."""
    if leads_out(row.id):
        raise CorpusError("its id is no path below a folder")
    media = None if root is None else _media(clip, row)
    arrays = {name: store[name][row.frames] for name in ARRAYS if name in store}
    arrays["speech"] = store["speech"][row.rows]
    about: dict[str, Any] = {"id": row.id, "speaker": row.speaker, "text": row.text}
    about |= {"split": row.split, "fps": row.fps, "frames": row.n_frames, "rows": row.n_speech}
    about |= {"words": [asdict(word) for word in words]} if words else {}
    return Sample(row.id, about | dict(row.columns), arrays, media)


def _write_about(store: Store, out: Path) -> None:
    with atomic_path(out / "about.json") as temporary:
        temporary.write_text(json.dumps(asdict(store.info), indent=2) + "\n", encoding="utf-8")
    names = sorted(store.speakers)
    neutrals = np.array([store.speakers[name] for name in names])
    with atomic_path(out / "faces.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, canonical=store.canonical, speakers=np.array(names), neutrals=neutrals)
