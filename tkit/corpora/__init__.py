"""Corpora: one module a corpus; each scans a folder into clips without decoding anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tkit.clips import Clip, Reject
from tkit.errors import UnknownNameError, UsageError, did_you_mean
from tkit.files import require_path
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
    split_schemes : mapping
        Name of a published split scheme to {split: speakers or clip ids}. The first is the default.
        A clip id decides before its speaker, so that a scheme can hold single clips out.
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
    split_schemes: Mapping[str, Splits] = field(default_factory=dict)
    generate: Callable[..., None] | None = None
    archives: Callable[[tuple[str, ...]], list[str]] | None = None
    download_url: str = ""
    example: Callable[[Path], None] | None = None

    @property
    def default_split_scheme(self) -> str:
        """Name of the split scheme that is used unless another is asked for."""
        return next(iter(self.split_schemes), "")

    def split_of(self, clip: Clip, scheme: str) -> str:
        """Return the split of ``clip`` under a split scheme; empty when it is in none."""
        splits = self.split_schemes[scheme] if scheme else {}
        for key in (clip.id, clip.speaker):
            for name, members in splits.items():
                if key in members:
                    return name
        return ""

    def require_split_scheme(self, name: str | None) -> str:
        """Return ``name``, or the default for ``None``; :class:`UnknownNameError` if unknown."""
        if name is None:
            return self.default_split_scheme
        if name not in self.split_schemes:
            hint = did_you_mean(name, self.split_schemes)
            there = ", ".join(self.split_schemes) or "none"
            raise UnknownNameError(f"unknown split scheme {name!r}{hint} (there are: {there})")
        return name


def default_root(corpus: str) -> Path:
    """Return ``$TKIT_CORPORA/CORPUS``, or the folder of that name here if that is not set."""
    return Path(os.environ.get("TKIT_CORPORA", ""), corpus)


def find_root(corpus: str, root: str | Path | None = None) -> Path:
    """Return the folder of a corpus; one that can be generated is, where it is not there.

    Parameters
    ----------
    corpus : str
        Name in the registry.
    root : path, optional
        By default the folder of that name in ``$TKIT_CORPORA``; for a generated one, here.

    Raises
    ------
    UsageError
        If the folder is not given or not there.
    """
    entry = CORPORA.get(corpus)
    if root is None:
        if "TKIT_CORPORA" not in os.environ and entry.generate is None:
            raise UsageError(
                f"where is the corpus? pass --root DIR, or set TKIT_CORPORA to the folder that "
                f"holds {corpus}/"
            )
        root = default_root(corpus)
    root = Path(root)
    if entry.generate is not None and not root.exists():
        print(f"generating {corpus} in {root}", file=sys.stderr)
        entry.generate(root)
    return require_path(root, f"folder for the corpus {corpus}")
