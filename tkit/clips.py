"""Clips, manifests of them, and what is said of those that are rejected.

A clip is a reference to media on disk and what is known about it without decoding it; a reject is
a clip that could not be used, with the step and the reason.

A manifest lists clips, one JSON object a line: ``id``, ``speaker`` and ``video`` and, where they
are known, ``audio``, ``text``, ``split``, ``words`` and ``phones`` (lists of ``start_s``,
``end_s``, ``text``). Any other name with a text is a column of its own (``sex``, ``emotion``).
Paths are relative to the manifest's folder; URLs (:mod:`tkit.remote`) may stand in their place.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tkit import remote
from tkit.errors import CorpusError
from tkit.files import atomic_path, relative_to_folder, require_path
from tkit.parsing import from_json, read_text


@dataclass(frozen=True)
class Word:
    """One aligned word: ``text`` from ``start_s`` to ``end_s``, in seconds of the clip."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Clip:
    """One utterance of one speaker.

    Parameters
    ----------
    id : str
        Unique in its corpus, usually ``speaker/name``; output order is the order of ids.
    speaker : str
        Speaker name as in the corpus' published splits.
    video : str
        Path of the video file.
    audio : str
        Path of a sound file beside the video, for videos without sound inside; may be empty.
    text : str
        What is said, in lower case, or empty when unknown.
    words : tuple of Word
        Word alignment, in seconds; empty when unknown.
    phones : tuple of Word
        Phone alignment, in seconds, where the corpus has one; a store does not hold it.
    split : str
        The split that the corpus' own folders put it in; empty where they do not.
    columns : tuple of (str, str)
        What else is known of it, name and text (sex, emotion), in order of names.
    """

    id: str
    speaker: str
    video: str
    audio: str = ""
    text: str = ""
    words: tuple[Word, ...] = ()
    phones: tuple[Word, ...] = ()
    split: str = ""
    columns: tuple[tuple[str, str], ...] = ()


def columns(**texts: str) -> tuple[tuple[str, str], ...]:
    """Columns of a clip, as far as something is known.

    Examples
    --------
    >>> columns(sex="female", emotion="")
    (('sex', 'female'),)
    """
    return tuple(sorted((name, text) for name, text in texts.items() if text))


@dataclass(frozen=True)
class Reject:
    """A clip that was left out: its id, the step that refused it, and why."""

    id: str
    step: str
    reason: str


@dataclass(frozen=True)
class Remark:
    """What should be known about a clip that is used nevertheless: its id and one sentence."""

    id: str
    text: str


def validate(clips: Iterable[Clip]) -> list[Clip]:
    """Return ``clips`` sorted by id; empty or repeated ids raise :class:`CorpusError`."""
    ordered = sorted(clips, key=lambda clip: clip.id)
    counts = Counter(clip.id for clip in ordered)
    repeated = [id_ for id_, count in counts.items() if count > 1]
    if repeated:
        raise CorpusError(f"{len(repeated)} clip ids occur twice, the first is {repeated[0]!r}")
    if any(not clip.id or not clip.speaker for clip in ordered):
        raise CorpusError("a clip has an empty id or speaker")
    return ordered


def leads_out(id_: str) -> bool:
    """Whether an id, taken for a path below a folder, would lead out of it or to none.

    Examples
    --------
    >>> leads_out("s1/bbaf2n"), leads_out("../../evil"), leads_out("/etc/passwd")
    (False, True, True)
    """
    way = PurePosixPath(id_)
    return way.is_absolute() or ".." in way.parts or not way.parts


def write_manifest(path: str | Path, clips: Iterable[Clip]) -> None:
    """Write clips as a manifest; paths below its folder become relative to it."""
    folder = Path(path).absolute().parent
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for clip in clips:
            entry = asdict(clip) | dict(clip.columns)
            del entry["columns"]
            for name in ("video", "audio"):
                if entry[name] and not remote.is_url(entry[name]):
                    entry[name] = relative_to_folder(entry[name], folder)
            told = {name: value for name, value in entry.items() if value}
            file.write(json.dumps(told, ensure_ascii=False) + "\n")


def read_manifest(path: str | Path) -> list[Clip]:
    """Read a manifest, which may lie at a URL.

    Returns
    -------
    list of Clip
        In their order; paths are joined to the manifest's folder, URLs stay.

    Raises
    ------
    CorpusError
        If a line is no clip; the message says which and why. Files are not looked for.
    """
    clips = []
    for number, line in enumerate(_text_of(path).split("\n"), start=1):
        if line.strip():
            try:
                clips.append(_clip(from_json(line), str(path)))
            except (CorpusError, ValueError, TypeError, RecursionError) as error:
                raise CorpusError(f"{path}, line {number}: {error}") from error
    if not clips:
        raise CorpusError(f"{path}: no clips in this manifest")
    return clips


def _text_of(path: str | Path) -> str:
    if not remote.is_url(path):
        return read_text(require_path(path, "manifest of clips"))
    with tempfile.TemporaryDirectory() as folder:
        return read_text(remote.fetch(str(path), folder))


_TEXTS = ("id", "speaker", "video", "audio", "text", "split")


def _clip(entry: Any, manifest: str) -> Clip:
    """Make a clip of one line of a manifest."""
    if not isinstance(entry, dict):
        raise CorpusError("not a JSON object")
    aligned = {name: _words(name, entry.pop(name, [])) for name in ("words", "phones")}
    for name, value in entry.items():
        if not isinstance(value, str):
            raise CorpusError(f"{name} is {value!r:.40}, not a text")
    known = {name: entry.pop(name, "") for name in _TEXTS}
    for name in ("id", "speaker", "video"):
        if not known[name]:
            raise CorpusError(f"has no {name}")
    if leads_out(known["id"]):
        raise CorpusError(f"the id {known['id']!r:.80} is no path below a folder")
    for name in ("video", "audio"):
        if remote.is_url(manifest):
            known[name] = remote.beside(manifest, known[name])
        elif known[name] and not remote.is_url(known[name]):
            known[name] = str(Path(manifest).parent / known[name])
    words, phones = aligned["words"], aligned["phones"]
    return Clip(**known, words=words, phones=phones, columns=columns(**entry))


def _words(name: str, entries: Any) -> tuple[Word, ...]:
    try:
        found = tuple(
            Word(float(entry["start_s"]), float(entry["end_s"]), str(entry["text"]))
            for entry in entries
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CorpusError(f"{name} is no list of start_s, end_s and text") from error
    if not all(0 <= word.start_s <= word.end_s < float("inf") for word in found):
        raise CorpusError(f"{name} has one that ends before it starts, or never")
    return found
