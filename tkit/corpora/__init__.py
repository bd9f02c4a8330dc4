"""Corpora: one module a corpus; each scans a folder into clips without decoding anything."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tkit import remote
from tkit.clips import Clip, Reject
from tkit.errors import CorpusError, UnknownNameError, UsageError, did_you_mean
from tkit.files import require_path
from tkit.parsing import read_text
from tkit.registry import Registry
from tkit.remote import Place

CORPORA: Registry[Corpus] = Registry("tkit.corpora", "CORPUS")

Splits = Mapping[str, frozenset[str]]
SCAN_OPTIONS = {  # of a corpus that knows nothing of its files: what tells more of them
    "speaker_from": "where the speaker's name stands in the path",
    "text_from": "where it is written what is said",
}
TEXT_SUFFIXES = frozenset(".align .csv .json .lab .mlf .tsv .txt".split())  # what scans read
FOLDERS: Mapping[str, Splits] = {"folders": {}}  # the scheme of corpora whose folders are splits


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
        A clip id decides before its speaker, so that a scheme can hold single clips out. What a
        scheme does not name is in the split that the corpus' folders say, if any.
    clip_lists : mapping
        The same of published lists of clip ids: where one is asked for, only its clips are used.
    options : tuple of str
        Names of what ``scan`` takes besides, of :data:`SCAN_OPTIONS`.
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
    scan: Callable[..., Iterator[Clip | Reject]]
    split_schemes: Mapping[str, Splits] = field(default_factory=dict)
    clip_lists: Mapping[str, Splits] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    generate: Callable[..., None] | None = None
    archives: Callable[[tuple[str, ...]], list[str]] | None = None
    download_url: str = ""
    example: Callable[[Path], None] | None = None

    @property
    def default_split_scheme(self) -> str:
        """Name of the split scheme that is used unless another is asked for."""
        return next(iter(self.split_schemes), "")

    def splits(self, scheme: str) -> Splits:
        """Return the splits of a scheme or list, by its name; none for an empty one."""
        return {**self.split_schemes, **self.clip_lists}[scheme] if scheme else {}

    def split_of(self, clip: Clip, scheme: str) -> str:
        """Return the split of ``clip`` under a split scheme; empty when it is in none."""
        return split_of(clip, self.splits(scheme))

    def require_split_scheme(self, name: str | None) -> str:
        """Return ``name``, or the default for ``None``; :class:`UnknownNameError` if unknown."""
        if name is None:
            return self.default_split_scheme
        known = [*self.split_schemes, *self.clip_lists]
        if name not in known:
            hint = did_you_mean(name, known)
            there = ", ".join(known) or "none"
            raise UnknownNameError(f"unknown split scheme {name!r}{hint} (there are: {there})")
        return name


def split_of(clip: Clip, splits: Splits) -> str:
    """Return the split whose members hold a clip, its speaker, or else what its folders say."""
    for key in (clip.id, clip.speaker):
        for name, members in splits.items():
            if key in members:
                return name
    return clip.split


def read_splits(path: str | Path) -> Splits:
    """Read a file of splits: lines of two columns, the id of a clip or a speaker, and its split.

    Columns are parted by a tab, a comma or blanks; a line of one column is a member of ``test``.
    Lines that begin with ``#`` are left out.

    Raises
    ------
    CorpusError
        If a line has more columns, nothing is listed, or something twice.
    """
    path = require_path(path, "file of splits")
    members: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *rest = re.split(r"\t|,\s*|\s+", line.strip())
        if len(rest) > 1:
            raise CorpusError(f"{path}, line {number}: not a name and a split")
        split = rest[0] if rest else "test"
        if members.setdefault(name, split) != split:
            raise CorpusError(f"{path}, line {number}: {name!r} is in two splits")
    if not members:
        raise CorpusError(f"{path}: names nothing")
    return {
        split: frozenset(name for name, place in members.items() if place == split)
        for split in dict.fromkeys(members.values())
    }


def looks_like(root: Place, *, other_than: str) -> str:
    """Name of a corpus whose recipe finds a clip below ``root``; empty if there is none.

    A folder of any videos is looked for last.
    """
    with outlined(root) as tree:
        return _looks_like(tree, other_than)


def _looks_like(tree: Path, other_than: str) -> str:
    names = sorted(CORPORA.names(), key=lambda name: (name == "folder", name))
    for name in names:
        entry = CORPORA.get(name)
        if name == other_than or entry.generate:
            continue
        try:
            if any(isinstance(item, Clip) for item in entry.scan(tree)):
                return name
        except CorpusError:
            continue
    return ""


@contextmanager
def outlined(root: Place) -> Iterator[Path]:
    """The tree of a corpus as a scan takes it, for the length of a block.

    One of this machine is itself. Of one at a URL texts are fetched, and empty files stand for all
    others, of which a scan takes the names.

    Raises
    ------
    RemoteError
        If it cannot be reached.
    """
    if isinstance(root, Path):
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="tkit-outline-") as made:
        tree = Path(made).resolve()
        for inside, names in remote.walk(root):
            folder = tree / inside
            folder.mkdir(exist_ok=True)
            texts = [folder / name for name in names if Path(name).suffix.lower() in TEXT_SUFFIXES]
            remote.fetch_named(str(remote.below(root, inside)), texts)
            for path in (folder / name for name in names):
                path.touch()
        with remote.telling({root: tree}):
            yield tree


def scanned(corpus: Corpus, root: Place, **options: str) -> Iterator[Clip | Reject]:
    """Scan a corpus wherever it lies; what is told by URLs of one at a URL.

    Raises as the corpus' own ``scan`` and :func:`outlined` do.
    """
    with outlined(root) as tree:
        for item in corpus.scan(tree, **options):
            yield item if isinstance(root, Path) else _moved(item, tree, root)


def _moved(item: Clip | Reject, tree: Path, root: str) -> Clip | Reject:
    """What a scan of an outline has found, as it lies below the root."""
    if isinstance(item, Reject):
        return replace(item, reason=remote.said(item.reason, {root: tree}))
    video, audio = (
        str(remote.below(root, Path(path).relative_to(tree))) if path else ""
        for path in (item.video, item.audio)
    )
    return replace(item, video=video, audio=audio)


def default_root(corpus: str) -> Path:
    """Return ``$TKIT_CORPORA/CORPUS``, or the folder of that name here if that is not set."""
    return Path(os.environ.get("TKIT_CORPORA", ""), corpus)


def find_root(corpus: str, root: str | Path | None = None) -> Place:
    """Return the folder of a corpus; one that can be generated is, where it is not there.

    Parameters
    ----------
    corpus : str
        Name in the registry.
    root : path or URL, optional
        By default the folder of that name in ``$TKIT_CORPORA``; for a generated one, here.

    Raises
    ------
    UsageError
        If the folder is not given or not there; :class:`RemoteError` at a URL.
    """
    entry = CORPORA.get(corpus)
    if root is None:
        if "TKIT_CORPORA" not in os.environ and entry.generate is None:
            raise UsageError(
                f"where is the corpus? pass --root DIR, or set TKIT_CORPORA to the folder that "
                f"holds {corpus}/"
            )
        root = default_root(corpus)
    place = remote.place_of(root)
    if entry.generate is not None and isinstance(place, Path) and not place.exists():
        print(f"generating {corpus} in {place}", file=sys.stderr)
        entry.generate(place)
    if not remote.is_folder(place, what := f"folder for the corpus {corpus}"):
        raise UsageError(f"{place}: is a file; give the {what}")
    return place
