"""The parts of all clips to one store, in order of clip ids."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tkit import store
from tkit.clips import Clip, Reject, Remark
from tkit.corpora import CORPORA
from tkit.errors import CorpusError, Fault, guarded
from tkit.face import geometry
from tkit.prep.neutrals import neutrals
from tkit.prep.parts import MACHINE, read_part, reject_of
from tkit.prep.settings import Settings
from tkit.speech.windows import WINDOW


@dataclass(frozen=True)
class Summary:
    """What a preparation did: counts, what was left out, and what should be known of the rest.

    ``missing``: what a list of clips names and was not on disk.
    """

    clips: int
    frames: int
    speakers: int
    splits: dict[str, int]
    rejects: list[Reject]
    notes: list[Remark]
    missing: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[Reject]:
        """The rejects that are no fault of the clip's but of the machine."""
        return [reject for reject in self.rejects if reject.step == MACHINE]


def info_of(
    corpus: str, scheme: str, settings: Settings, encoder: store.EncoderInfo
) -> store.StoreInfo:
    """What the store of a corpus says of itself."""
    entry = CORPORA.get(corpus)
    return store.StoreInfo(
        corpus=corpus,
        protocol=scheme,
        landmarks=settings.front_ends.signature(),
        lips=settings.front_ends.lips_signature(),
        fps=settings.fps,
        window=WINDOW,
        encoder=encoder,
        licence=entry.licence,
        citation=entry.citation,
    )


def usable(parts: list[tuple[Clip, Path]]) -> tuple[list[tuple[Clip, Path]], list[Reject]]:
    """Split clips into those whose part holds arrays, with the part, and those it refuses."""
    kept, rejects = [], []
    for clip, part in parts:
        if reason := read_part(part, "reason"):
            rejects.append(Reject(clip.id, "prep", str(reason["reason"])))
        else:
            kept.append((clip, part))
    return kept, rejects


def assemble(
    out: Path,
    info: store.StoreInfo,
    kept: list[tuple[Clip, Path]],
    rejects: list[Reject],
    *,
    splits: dict[str, str],
    crop_size: int,
) -> Summary:
    """Write the store.

    Parameters
    ----------
    kept : list of (Clip, Path)
        Clips with their parts.
    rejects : list of Reject
    splits : dict
        Clip id to split; empty for a clip in none.
    crop_size : int
        Pixels of the crops; 0 without crops.

    Raises
    ------
    CorpusError
        If there is no clip to write.
    """
    if not kept:
        raise CorpusError(_none(rejects))
    own, canonical = neutrals(kept, splits)
    notes: list[Remark] = []
    used: list[Clip] = []
    refused = list(rejects)
    n_frames = 0
    with store.create(out, info, crop_size=crop_size) as writer:
        for clip, part in kept:
            arrays = read_part(part)
            remarks = arrays.pop("notes")
            placed = _placed(clip, arrays["points"], own[clip.speaker], canonical)
            if isinstance(placed, Fault):
                refused.append(reject_of(placed, clip))
                continue
            arrays["displacement"], arrays["pose"] = placed
            writer.add(clip, arrays, split=splits[clip.id], fps=info.fps)
            notes += [Remark(clip.id, str(text)) for text in remarks]
            used.append(clip)
            n_frames += len(arrays["points"])
        if not used:
            raise CorpusError(_none(refused))
        names = {clip.speaker for clip in used}
        speakers = {
            name: neutral
            for name, neutral in sorted(own.items())
            if name in names and not isinstance(neutral, Fault)
        }
        refused.sort(key=lambda reject: reject.id)
        writer.finish(speakers=speakers, canonical=canonical, rejects=refused, notes=notes)
    counts = Counter(splits[clip.id] for clip in used)
    return Summary(len(used), n_frames, len(speakers), dict(sorted(counts.items())), refused, notes)


def _placed(
    clip: Clip, points: np.ndarray, neutral: np.ndarray | Fault, canonical: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | Fault:
    """Displacement and pose of a clip; a fault where they, or its speaker's neutral, are none."""
    if isinstance(neutral, Fault):
        return neutral
    name = Path(clip.video).name
    return guarded(geometry.canonicalise, points, neutral=neutral, canonical=canonical, name=name)


def _none(rejects: list[Reject]) -> str:
    least = min(rejects, key=lambda reject: reject.id, default=None)
    first = f"; the first: {least.id}: {least.reason}" if least else ""
    return f"none of {len(rejects)} clips could be prepared{first}"
