"""The parts of all clips to one store, in order of clip ids."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tkit import store
from tkit.clips import Clip, Reject, Remark
from tkit.errors import CorpusError
from tkit.face import geometry
from tkit.prep.neutrals import neutrals
from tkit.prep.parts import MACHINE, read_part


@dataclass(frozen=True)
class Summary:
    """What a preparation did: counts, what was left out, and what should be known of the rest."""

    clips: int
    frames: int
    speakers: int
    splits: dict[str, int]
    rejects: list[Reject]
    notes: list[Remark]

    @property
    def failed(self) -> list[Reject]:
        """The rejects that are no fault of the clip's but of the machine."""
        return [reject for reject in self.rejects if reject.step == MACHINE]


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
        Sorted by id.
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
        first = f"; the first: {rejects[0].id}: {rejects[0].reason}" if rejects else ""
        raise CorpusError(f"none of {len(rejects)} clips could be prepared{first}")
    own, canonical = neutrals(kept, splits)
    notes: list[Remark] = []
    n_frames = 0
    with store.create(out, info, crop_size=crop_size) as writer:
        for clip, part in kept:
            arrays = read_part(part)
            notes += [Remark(clip.id, str(text)) for text in arrays.pop("notes")]
            arrays["displacement"], arrays["pose"] = geometry.canonicalise(
                arrays["points"], neutral=own[clip.speaker], canonical=canonical
            )
            writer.add(clip, arrays, split=splits[clip.id], fps=info.fps)
            n_frames += len(arrays["points"])
        writer.finish(speakers=own, canonical=canonical, rejects=rejects, notes=notes)
    counts = Counter(splits[clip.id] for clip, _ in kept)
    return Summary(len(kept), n_frames, len(own), dict(sorted(counts.items())), rejects, notes)
