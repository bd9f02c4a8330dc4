"""What ``tkit animate`` is asked to make: which picture speaks which sound into which file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tkit import media
from tkit.clips import Clip
from tkit.corpora import CORPORA
from tkit.errors import UsageError
from tkit.store import Store


@dataclass(frozen=True)
class Job:
    """One video to make.

    Parameters
    ----------
    image : Path
        A picture, or a video whose first frame is the picture.
    audio : Path
        Sound or video file.
    out : Path
    n_frames : int
        Frames of the video; 0: as long as the sound.
    """

    image: Path
    audio: Path
    out: Path
    n_frames: int = 0

    def picture(self) -> np.ndarray:
        """Read the picture, (H, W, 3) uint8 RGB."""
        if self.image.suffix.lower() in media.VIDEO_SUFFIXES:
            return next(media.iter_frames(self.image))
        return media.read_image(self.image)


def of_corpus(
    store: str | Path,
    out: Path,
    *,
    root: Path | None = None,
    protocol: str | None = None,
    split: str = "test",
) -> list[Job]:
    """List the clips of a store's corpus: each speaks its own sound from its first frame.

    A clip becomes ``OUT/PATH.mp4`` with its path below ``root``, so that :func:`tkit.scoring.score`
    finds its ground truth there.

    Parameters
    ----------
    root : Path, optional
        Where the corpus lies; by default ``$TKIT_CORPORA/CORPUS``.
    protocol : str, optional
        How it is split; by default as in the store.
    split : str
        Which of its clips.

    Raises
    ------
    UsageError
        If the split is empty, or the corpus is not there.
    """
    with Store(store) as opened:
        entry, rows = CORPORA.get(opened.info.corpus), {row.id: row for row in opened.clips}
        name = opened.info.corpus
    root = root or Path(os.environ.get("TKIT_CORPORA", ""), name)
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder; pass --root DIR, where the corpus {name} lies")
    named = entry.require_split_scheme(protocol) if protocol else ""
    jobs = []
    for clip in entry.scan(root):
        if not isinstance(clip, Clip) or clip.id not in rows:
            continue
        if split != (entry.split_of(clip, named) if named else rows[clip.id].split):
            continue
        path = Path(clip.video).resolve().relative_to(root.resolve()).with_suffix(".mp4")
        sound = Path(clip.audio or clip.video)
        jobs.append(Job(Path(clip.video), sound, out / path, rows[clip.id].n_frames))
    if not jobs:
        raise UsageError(f"{store}: no clip of the split {split!r} is below {root}")
    return jobs
