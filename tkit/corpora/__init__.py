"""Corpora: one module a corpus; each scans a folder into clips without decoding anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tkit.clips import Clip, Reject
from tkit.errors import UnknownNameError
from tkit.registry import Registry

CORPORA = Registry("tkit.corpora", "CORPUS")

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
        Protocol name to {split: speakers}. The first is the default.
    generate : callable, optional
        ``generate(root, **params)`` makes the corpus, where it is not a recording.
    """

    title: str
    url: str
    licence: str
    citation: str
    scan: Callable[[Path], Iterator[Clip | Reject]]
    protocols: Mapping[str, Splits] = field(default_factory=dict)
    generate: Callable[..., None] | None = None

    @property
    def default_protocol(self) -> str:
        """Name of the protocol that is used unless another is asked for."""
        return next(iter(self.protocols), "")

    def split_of(self, speaker: str, protocol: str) -> str:
        """Return the split of ``speaker`` under ``protocol``; empty when it is in none."""
        if not protocol:
            return ""
        if protocol not in self.protocols:
            there = ", ".join(self.protocols) or "none"
            raise UnknownNameError(f"unknown protocol {protocol!r} (there are: {there})")
        splits = self.protocols[protocol]
        return next((name for name, names in splits.items() if speaker in names), "")
