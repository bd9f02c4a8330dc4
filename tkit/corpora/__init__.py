"""Corpora: one module a corpus; each scans a folder into clips without decoding anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tkit.clips import Clip, Reject
from tkit.errors import UnknownNameError
from tkit.registry import Registry

CORPORA: Registry[Corpus] = Registry("tkit.corpora", "CORPUS")

Splits = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Corpus:
    """What tkit knows about a corpus.

    Parameters
    ----------
    title, url, licence, citation : str
    scan : callable
        ``scan(root)`` yields a :class:`Clip` for every utterance on disk and a :class:`Reject` for
        every one that contradicts itself; it reads names and text files, no media.
    protocols : mapping
        Protocol name to {split: speakers or clip ids}. The first is the default. A clip id decides
        before its speaker, so that a protocol can hold single clips out.
    generate : callable, optional
        ``generate(root, **params)`` makes the corpus, where it is not a recording.
    archives : callable, optional
        ``archives(speakers)`` returns the names of the zip files that hold these speakers (all for
        none), where the corpus may be passed on; :class:`UsageError` for an unknown speaker.
    download_url : str
        Folder on a server that holds the archives.
    example : callable, optional
        ``example(root)`` writes the smallest tree that ``scan`` reads: one clip and, where the
        corpus can contradict itself, one that does. Empty files stand for media.
    """

    title: str
    url: str
    licence: str
    citation: str
    scan: Callable[[Path], Iterator[Clip | Reject]]
    protocols: Mapping[str, Splits] = field(default_factory=dict)
    generate: Callable[..., None] | None = None
    archives: Callable[[tuple[str, ...]], list[str]] | None = None
    download_url: str = ""
    example: Callable[[Path], None] | None = None

    @property
    def default_protocol(self) -> str:
        """Name of the protocol that is used unless another is asked for."""
        return next(iter(self.protocols), "")

    def split_of(self, clip: Clip, protocol: str) -> str:
        """Return the split of ``clip`` under ``protocol``; empty when it is in none."""
        splits = self.protocols[protocol] if protocol else {}
        for key in (clip.id, clip.speaker):
            for name, members in splits.items():
                if key in members:
                    return name
        return ""

    def require_protocol(self, name: str | None) -> str:
        """Return ``name``, or the default for ``None``; :class:`UnknownNameError` if unknown."""
        if name is None:
            return self.default_protocol
        if name not in self.protocols:
            there = ", ".join(self.protocols) or "none"
            raise UnknownNameError(f"unknown protocol {name!r} (there are: {there})")
        return name
