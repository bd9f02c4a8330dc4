"""Prepare a corpus: clips to landmarks, canonical displacement, speech features and crops.

Each clip is decoded once, by one process, and its result is kept in a part file beside the output;
when all parts are there, one writer puts them into the store in order of clip ids. So the number of
processes changes nothing in the result, an interrupted run goes on where it stopped, and memory
does not grow with the corpus.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from tkit import jobs as parallel
from tkit.clips import Clip, Reject
from tkit.errors import CorpusError
from tkit.files import claimed, sweep
from tkit.prep import assembly, parts
from tkit.prep.assembly import Summary
from tkit.prep.estimating import Estimate, estimate
from tkit.prep.settings import Settings, choose, encoder_of
from tkit.prep.sources import Source, choose_clips
from tkit.progress import bar

__all__ = ["Estimate", "Settings", "Source", "Summary", "estimate", "prepare"]


def prepare(
    corpus: str,
    root: str | Path | None,
    out: str | Path,
    *,
    settings: Settings | None = None,
    split_scheme: str | None = None,
    manifest: str | Path | None = None,
    split_file: str | Path | None = None,
    speaker_from: str = "",
    text_from: str = "",
    shard: str = "",
    jobs: int = 1,
    cluster: str = "",
    parts_url: str = "",
    fresh: bool = False,
    strict: bool = False,
    progress: bool = False,
    **choices: Any,
) -> Summary:
    """Prepare a corpus: landmarks, speech features and crops of all clips in one store.

    Parameters
    ----------
    corpus : str
        Name in the registry of corpora.
    root : path or None
        Where it lies, or its URL; None for what :func:`tkit.corpora.find_root` finds.
    out : path
        The store, an HDF5 file; one that is there is replaced.
    settings : Settings, optional
    split_scheme, manifest, split_file, speaker_from, text_from, shard
        Which clips, and their splits: see :class:`Source`.
    jobs : int
        Processes; the result is the same for any number.
    cluster : str
        Address of a Dask scheduler, or ``local`` for one with ``jobs`` workers here; by default
        plain processes. Its workers see the same folders as this machine, unless the clips of a
        manifest lie at URLs and ``parts_url`` is given.
    parts_url : str
        Folder at a URL (:mod:`tkit.remote`) where each clip's part is written, from where it is
        fetched; by default beside ``out``.
    fresh : bool
        Forget the parts of an interrupted run.
    strict : bool
        Raise at the first rejected clip instead of recording it.
    progress : bool
        Show it on stderr: a bar on a terminal, elsewhere a line now and then.
    **choices
        Fields of :class:`Settings` and of :class:`~tkit.tracking.FrontEnds` that differ from
        ``settings``, e.g. ``crops=True, landmarks="mesh"``.

    Returns
    -------
    Summary
        Counts, and the rejects with their reasons.

    Raises
    ------
    UsageError
        If there is no such corpus, folder, back-end or setting.
    CorpusError
        If no clip could be prepared, or with ``strict`` if any was rejected.

    Examples
    --------
    >>> import tempfile, tkit
    >>> from tkit.corpora import puppet
    >>> folder = tempfile.mkdtemp()
    >>> puppet.generate(f"{folder}/puppet", speakers=1, clips=1)
    >>> done = tkit.prepare("puppet", f"{folder}/puppet", f"{folder}/p.h5", speech="logmel")
    >>> done.clips, done.speakers, done.rejects
    (1, 1, [])
    """
    settings, out = choose(settings or Settings(), **choices), Path(out)
    source = Source(
        corpus, root, split_scheme, manifest, split_file, speaker_from, text_from, shard
    )
    source.check()
    settings.front_ends.check()  # unknown names fail now, and models that are not there
    encoder = encoder_of(settings)
    folder = Path(f"{out}.parts").absolute()  # workers elsewhere stand in another folder
    with claimed(out):
        chosen = choose_clips(source)
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        names = {
            clip: folder / parts.part_name(clip, settings, encoder.signature)
            for clip in chosen.clips
        }
        way = parts.Way(parts_url, names.values(), fresh=fresh)
        about: dict[str, Any] = {"jobs": jobs, "cluster": cluster}
        failed = _make_parts(names, settings, way, strict=strict, progress=progress, **about)
        kept, refused = assembly.usable(
            [pair for pair in names.items() if pair[0].id not in failed]
        )
        _require_all(refused, strict=strict)
        built = folder / "store.h5"  # what a killed run leaves of it goes with the parts
        summary = assembly.assemble(
            built,
            assembly.info_of(corpus, chosen.scheme, settings, encoder),
            kept,
            [*chosen.rejects, *refused, *failed.values()],
            splits=chosen.splits,
            crop_size=settings.crops * settings.crop_size,
        )
        _require_all([one for one in summary.rejects if one not in chosen.rejects], strict=strict)
        built.replace(out)
        if not summary.failed:  # else the next run has only these to make
            shutil.rmtree(folder)
            way.clear()
    return replace(summary, missing=chosen.missing)


def _require_all(rejects: list[Reject], *, strict: bool) -> None:
    if strict and rejects:
        raise CorpusError(f"{rejects[0].id}: {rejects[0].reason} (--strict)")


def _make_parts(
    names: dict[Clip, Path],
    settings: Settings,
    way: parts.Way,
    *,
    strict: bool,
    progress: bool,
    **how: Any,
) -> dict[str, Reject]:
    """Make the parts that are missing or damaged; return the clips that have none, by id.

    These are no fault of the clips but of the machine.
    """

    def unmade() -> dict[Clip, Path]:
        return {clip: path for clip, path in names.items() if not parts.is_sound(path)}

    todo = unmade()
    if way.fetch(todo.values()):  # of a run before
        todo = unmade()
    calls = [(clip, way.to(path), settings) for clip, path in todo.items()]
    made = parallel.run(way.make, calls, lost=parts.reject_of, **how) if calls else ()
    done, rejected, failed = len(names) - len(calls), 0, {}
    with bar(len(names), initial=done, desc="prep", unit="clip", show=progress) as shown:
        for reject in made:
            if reject:
                _require_all([reject], strict=strict)
                if reject.step == parts.MACHINE:
                    failed[reject.id] = reject
            rejected += reject is not None
            shown.set_postfix(rejected=rejected)
            shown.update()
    way.fetch(todo.values())
    missing = sum(not path.exists() for clip, path in names.items() if clip.id not in failed)
    if missing:
        folder, _, _ = str(way.to(next(iter(names.values())))).rpartition("/")
        raise CorpusError(
            f"{missing} of {len(names)} parts are not in {folder}: do the cluster's workers see "
            "this folder under the same path? if not, give --parts URL"
        )
    return failed
