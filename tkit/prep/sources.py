"""Which clips are prepared, and their splits: a scan or a manifest, under a scheme or a file."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tkit import remote
from tkit.clips import Clip, Reject, read_manifest, validate
from tkit.corpora import (
    CORPORA,
    SCAN_OPTIONS,
    find_root,
    looks_like,
    read_splits,
    scanned,
    split_of,
)
from tkit.errors import CorpusError, UsageError, one_line
from tkit.files import require_path


@dataclass(frozen=True)
class Source:
    """Where the clips of a preparation come from.

    Parameters
    ----------
    corpus : str
        Name in the registry of corpora.
    root : path, optional
        Where it lies, or its URL; None for what :func:`tkit.corpora.find_root` finds.
    split_scheme : str, optional
        Which published split scheme to record, or which list of clips to use; the corpus' default
        if not given.
    manifest : path, optional
        A file of clips (:mod:`tkit.clips`), or its URL, instead of a scan of ``root``.
    split_file : path, optional
        A file of splits (:func:`tkit.corpora.read_splits`) instead of a scheme: only what it names
        is used.
    speaker_from, text_from : str
        What a corpus without a recipe of its own takes, see :func:`tkit.corpora.folder.scan`.
    shard : str
        ``K/N``: of N shares of about equal numbers of clips the K-th, from 1 on; no speaker is in
        two.
    """

    corpus: str
    root: str | Path | None = None
    split_scheme: str | None = None
    manifest: str | Path | None = None
    split_file: str | Path | None = None
    speaker_from: str = ""
    text_from: str = ""
    shard: str = ""

    def check(self) -> None:
        """Raise :class:`UsageError` for what is wrong without a look at any clip."""
        entry = CORPORA.get(self.corpus)
        entry.require_split_scheme(self.split_scheme)
        self.share  # noqa: B018  (raises)
        if self.split_file is not None and self.split_scheme is not None:
            raise UsageError("a split scheme and a file of splits: which is it?")
        for name in self.options:
            if name not in entry.options or self.manifest is not None:
                what = "a manifest" if self.manifest is not None else self.corpus
                option = name.replace("_", "-")
                raise UsageError(
                    f"{what} knows {SCAN_OPTIONS[name]}: --{option} is for the corpus folder"
                )
        if self.split_file is not None:
            require_path(self.split_file, "file of splits")
        if self.manifest is not None:
            if not remote.is_url(self.manifest):
                require_path(self.manifest, "manifest of clips")
        else:
            find_root(self.corpus, self.root)

    @property
    def share(self) -> tuple[int, int]:
        """Which share, from 0 on, and of how many."""
        if not self.shard:
            return 0, 1
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", self.shard)
        which, of = (int(found[1]) - 1, int(found[2])) if found else (0, 0)
        if not 0 <= which < of:
            raise UsageError(f"--shard {self.shard}: not K/N with K from 1 to N, as 2/8")
        return which, of

    @property
    def options(self) -> dict[str, str]:
        """What is given of what the corpus' scan takes besides."""
        return {name: getattr(self, name) for name in SCAN_OPTIONS if getattr(self, name)}


@dataclass(frozen=True)
class Chosen:
    """The clips of a source.

    Parameters
    ----------
    clips : list of Clip
        In order of their ids.
    rejects : list of Reject
    splits : dict of str to str
        Clip id to its split; empty for a clip in none.
    scheme : str
        Name of the scheme, list or file of splits.
    missing : list of str
        What a list or file names and is not there.
    """

    clips: list[Clip]
    rejects: list[Reject]
    splits: dict[str, str]
    scheme: str
    missing: list[str] = field(default_factory=list)


def choose_clips(source: Source) -> Chosen:
    """Scan a corpus, or read a manifest, and choose the clips that are to be prepared.

    Raises
    ------
    UsageError
        If there is no such corpus, folder, scheme or option.
    CorpusError
        If there are no clips, or two of one id.
    """
    source.check()
    return _shared(_chosen(source), *source.share)


def _chosen(source: Source) -> Chosen:
    entry = CORPORA.get(source.corpus)
    if source.split_file is not None:
        scheme, splits = Path(source.split_file).stem, read_splits(source.split_file)
    else:
        scheme = entry.require_split_scheme(source.split_scheme)
        splits = entry.splits(scheme)
    clips, rejects = _list(source)
    if source.split_file is None and scheme not in entry.clip_lists:
        return Chosen(clips, rejects, {clip.id: split_of(clip, splits) for clip in clips}, scheme)
    listed = {name for members in splits.values() for name in members}
    used = [clip for clip in clips if {clip.id, clip.speaker} & listed]
    there = {clip.id for clip in clips} | {clip.speaker for clip in clips}
    there |= {reject.id for reject in rejects}
    missing = sorted(listed - there)
    if not used:
        raise CorpusError(
            f"none of the {len(listed)} names of {scheme} is there, e.g. {missing[0]!r}"
            if missing
            else f"nothing that {scheme} names can be used"
        )
    kept = [reject for reject in rejects if reject.id in listed]
    return Chosen(used, kept, {clip.id: split_of(clip, splits) for clip in used}, scheme, missing)


def _shared(chosen: Chosen, which: int, of: int) -> Chosen:
    """One of several shares of what was chosen: the largest speakers first, each to the smallest.

    Rejects, of which no speaker is known, are dealt out.
    """
    if of == 1:
        return chosen
    counts = Counter(clip.speaker for clip in chosen.clips)
    if len(counts) < of:
        raise UsageError(
            f"{of} shards of {len(counts)} speakers: no speaker is in two, so some would be empty"
        )
    sizes = [(0, place) for place in range(of)]  # a heap
    mine = set()
    for speaker, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        size, place = sizes[0]
        heapq.heapreplace(sizes, (size + count, place))
        if place == which:
            mine.add(speaker)
    clips = [clip for clip in chosen.clips if clip.speaker in mine]
    return replace(
        chosen,
        clips=clips,
        rejects=chosen.rejects[which::of],
        splits={clip.id: chosen.splits[clip.id] for clip in clips},
    )


def _list(source: Source) -> tuple[list[Clip], list[Reject]]:
    """All clips of a source; those that a store cannot name are rejects."""
    clips, rejects = [], []
    for item in _scanned(source):
        name = one_line(item.id)
        if isinstance(item, Reject):
            rejects.append(Reject(name, item.step, one_line(item.reason)))
        elif not _is_utf8(item.id + item.speaker):
            rejects.append(Reject(name, "scan", "the name is not UTF-8; rename the file"))
        else:
            clips.append(item)
    return validate(clips), rejects


def _scanned(source: Source) -> Iterator[Clip | Reject]:
    entry = CORPORA.get(source.corpus)
    if source.manifest is not None:
        yield from read_manifest(source.manifest)
        return
    # Workers elsewhere stand in another folder.
    root = remote.absolute(find_root(source.corpus, source.root))
    scan = scanned(entry, root, **source.options)
    try:
        first = next(scan)
    except CorpusError as error:
        if other := looks_like(root, other_than=source.corpus):
            raise CorpusError(
                f"{root}: this looks like {other}, not {source.corpus}; use tkit prep {other}"
            ) from error
        raise
    yield first
    yield from scan


def _is_utf8(name: str) -> bool:
    """Whether a name was; what was not stands in it as halves of surrogate pairs."""
    return not any("\ud800" <= char <= "\udfff" for char in name)
