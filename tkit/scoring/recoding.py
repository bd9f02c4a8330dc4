"""Re-encodings of predictions: how far an encoder alone moves each score.

A score that an encoder moves as far as two methods are apart does not tell these apart. Predictions
are decoded and written anew as H.264, from the quality that tkit writes in (crf 18) over ffmpeg's
own (23) to one that pages on the web have (28), and measured as they were.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tkit.errors import Fault, MediaError, guarded
from tkit.report import Recoded
from tkit.scoring.measuring import Measured, Plan, measure_clip
from tkit.scoring.pairing import ClipFiles
from tkit.scoring.seen import DEFAULT_FPS
from tkit.scoring.summary import summarise

FINEST, USUAL, COARSEST = 18, 23, 28  # x264's constant rate factor; 6 more halve the size
MOST = COARSEST - FINEST + 1


def factors(number: int) -> tuple[int, ...]:
    """As many constant rate factors as are wanted, evenly apart; at most :data:`MOST`."""
    if number == 1:
        return (USUAL,)
    step = (COARSEST - FINEST) / max(number - 1, 1)
    return tuple(round(FINEST + place * step) for place in range(number))


def name_of(method: str, crf: int) -> str:
    """What the predictions of a method are called once re-encoded; no method can be called so."""
    return f"{method}\t{crf}"


def measure(files: ClipFiles[Path], plan: Plan) -> Measured:
    """Measure one clip, and its predictions re-encoded as the plan says."""
    measured = measure_clip(files, plan)
    if not plan.recode or measured.machine:
        return measured
    with TemporaryDirectory(prefix="tkit-recoded-") as folder:
        written = {
            name_of(method, crf): guarded(_write, path, Path(folder), crf, plan, name=path.name)
            for method, path in files.preds.items()
            for crf in plan.recode
        }
        preds = {name: path for name, path in written.items() if not isinstance(path, Fault)}
        again = replace(files, preds=preds, missing=())
        found = measure_clip(again, replace(plan, rows=(), recode=())) if preds else Measured("")
    measured.stats |= found.stats
    measured.machine |= found.machine
    return measured


def _write(path: Path, folder: Path, crf: int, plan: Plan) -> Path:
    """Write one prediction anew, with its own sound where no other is heard."""
    from tkit import media
    from tkit.media.frames import Reader

    reader, wave = Reader(path), None
    if reader.is_video and "gt" not in plan.given:
        try:
            wave = media.read_audio(path)
        except MediaError:
            wave = None  # it has none, then or now
    new = folder / f"{len(list(folder.iterdir()))}.mp4"

    def frames() -> Iterator[np.ndarray]:
        while len(part := reader.read()):
            yield from part

    media.write_video(new, frames(), fps=reader.fps or DEFAULT_FPS, wave=wave, crf=crf)
    return new


def parted(clips: Iterable[Measured], plan: Plan, preds: Iterable[str]) -> list[Measured]:
    """Take what is of re-encodings out of the clips; return it, as clips of methods so called."""
    names = {name_of(method, crf) for method in preds for crf in plan.recode}
    found = []
    for clip in clips:
        stats = {name: clip.stats.pop(name) for name in list(clip.stats) if name in names}
        found.append(Measured(clip.clip, stats))
    return found


def of_clips(clips: list[Measured], plan: Plan, preds: list[str]) -> list[Recoded]:
    """The least and the largest score of each method over its re-encodings, from their clips."""
    if not plan.recode:
        return []
    names = [name_of(method, crf) for method in preds for crf in plan.recode]
    cells = summarise(replace(plan, rows=()), names, clips, [], seed=0).methods
    found = []
    for method in preds:
        for metric in plan.metrics:
            scores = [cells[name_of(method, crf)][metric] for crf in plan.recode]
            values = [cell.value for cell in scores if cell.value is not None]
            if len(values) < len(scores) or not all(map(math.isfinite, values)):
                continue  # some could not be measured: the spread would be of fewer
            crfs, n_clips = ", ".join(map(str, plan.recode)), min(cell.n for cell in scores)
            low, high, unit = min(values), max(values), scores[0].unit
            found.append(Recoded(method, metric, low, high, unit, n_clips, f"x264 at crf {crfs}"))
    return found
