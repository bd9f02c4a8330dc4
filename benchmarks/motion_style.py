"""What a few seconds of a person tell of how far the mouth moves (``tkit animate --style``).

    python benchmarks/motion_style.py --store grid.h5 --people runs/people

People whom the network never saw: those of val by the released motion stage, those of the training
split by the folds of ``benchmarks/motion_people.py`` in PEOPLE that were trained without them. No
second is both seen and scored:

* *another clip*: every clip of a person from every other one;
* *its beginning*: the rest of a clip from its first 1.5 s;
* *all others*: the rest of a clip from the mean of what all the other clips of the person tell,
  which is what a beginning of any length could come to.

Each is shown beside the mouth as it is heard. **goes**: spread of the opening beside the real one,
geometric mean over the clips of a person. **in**: share of clips in which it is .85 to 1.2.
**opening**, **width**: deviation of the spread from the real one (root mean square of the
logarithm). **/static**: mouth distance beside that of the neutral face. The last line of each is
the mean over people.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tkit.pipelines.stages.motion import evaluation, habit, work
from tkit.pipelines.training import runs
from tkit.store import Row, Store

BEGINNING_S = 1.5
INSIDE = 0.85, 1.2
MOST = 24  # clips of a person
COLUMNS = "goes", "in", "opening", "width", "/static"
Modules = Iterator[tuple[str, Any, list[Row]]]


class Clip:
    """A clip beside what is heard of it."""

    def __init__(self, module: Any, store: Store, row: Row) -> None:
        self.module, self.store, self.row = module, store, row
        self.gt = store["points"][row.frames].astype(np.float64)
        self.moved = self._hear(work.first_frame(store, row), row.n_frames)
        self.habit = self.tell(row.n_frames)

    def _hear(self, picture: np.ndarray, n_frames: int) -> np.ndarray:
        info, row = self.store.info.encoder, self.row
        heard = self.store["speech"][row.rows][: round(n_frames / row.fps * info.rate_hz)]
        return work.predict(
            self.module, heard, n_frames, fps=row.fps, encoder=info, picture=picture
        )  # fmt: skip

    def tell(self, n_frames: int) -> np.ndarray:
        """Habit of the person (2,), from so many frames."""
        canonical = self.module.canonical.numpy().astype(np.float64)
        return habit.of_person(
            self.gt[:n_frames], lambda picture: self._hear(picture, n_frames),
            canonical=canonical, fps=self.row.fps,
        )  # fmt: skip

    def measure(self, reach: Any, start: int = 0) -> np.ndarray:
        """Ratios of the spread of opening and width, distance of the mouth and of the neutral."""
        faces = np.stack([self.moved * reach, np.zeros_like(self.moved)])
        pred, still = work.on_clip(self.module, self.store, self.row, faces)[:, start:]
        gt = self.gt[start:]
        spreads = [
            evaluation.spread(pred=signal(pred), gt=signal(gt))
            for signal in (evaluation.opening, evaluation.width)
        ]
        return np.array(
            [*spreads, *(evaluation.distance(pred=face, gt=gt).mean() for face in (pred, still))]
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--motion", default="motion")
    args = parser.parse_args()
    with Store(args.store) as store:
        tables: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
        for speaker, module, rows in people(store, args.people, args.motion):
            chosen = rows[:: -(-len(rows) // MOST)]
            clips = [Clip(module, store, row) for row in chosen]
            for way, found in ways(clips):
                tables[way][speaker] = summary(np.array(found))
    for way, table in tables.items():
        names = "".join(f"{name:>9}" for name in COLUMNS)
        print(f"\n{way:16}{names}  as heard{names}")
        for speaker, cells in [*table.items(), ("mean", np.mean(list(table.values()), axis=0))]:
            told, heard = ("".join(f"{cell:9.3f}" for cell in half) for half in cells)
            print(f"{speaker:16}{told}{'':10}{heard}")


def people(store: Store, folder: Path, released: str) -> Modules:
    """Everybody of val and of the training split, with a module that never saw them."""
    everyone = {row.speaker for row in store.select("train")}
    val = store.select("val")
    chosen = [(runs.load("motion", released), {row.speaker for row in val}, val)]
    for fold in sorted(folder.glob("without-*")):
        left_out = everyone & set(fold.name.split("-"))
        chosen.append((runs.load("motion", fold), left_out, store.select("train")))
    for trained, speakers, rows in chosen:
        for speaker in sorted(speakers):
            own = [row for row in rows if row.speaker == speaker]
            yield speaker, trained.weights.module, own


def ways(clips: list[Clip]) -> Iterator[tuple[str, list[np.ndarray]]]:
    """What each way of telling finds of a person: (2, 4) a clip, as told and as heard."""
    n = round(BEGINNING_S * clips[0].row.fps)
    yield (
        "its beginning",
        [np.stack([clip.measure(reach, n) for reach in (clip.tell(n), 1)]) for clip in clips],
    )
    if len(clips) == 1:
        return
    others = {clip: [other.habit for other in clips if other is not clip] for clip in clips}
    yield (
        "all others",
        [
            np.stack(
                [clip.measure(np.exp(np.log(others[clip]).mean(axis=0)), n), clip.measure(1, n)]
            )
            for clip in clips
        ],
    )
    yield (
        "another clip",
        [
            np.stack([clip.measure(reach), clip.measure(1)])
            for clip in clips
            for reach in others[clip]
        ],
    )


def summary(found: np.ndarray) -> np.ndarray:
    """Columns of the table (2, 5) of what was measured (n, 2, 4)."""
    opening, width, distance, static = np.moveaxis(found, -1, 0)
    inside = (opening >= INSIDE[0]) & (opening <= INSIDE[1])
    deviations = [np.sqrt((np.log(signal) ** 2).mean(axis=0)) for signal in (opening, width)]
    return np.stack(
        [
            np.exp(np.log(opening).mean(axis=0)),
            inside.mean(axis=0),
            *deviations,
            distance.mean(axis=0) / static.mean(axis=0),
        ],
        axis=-1,
    )


if __name__ == "__main__":
    main()
