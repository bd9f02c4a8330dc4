"""Whether eyes that should shut do, and those that should rest stay: of photos, and of real people.

    python benchmarks/eyes.py --mesh face_landmarker.task [--data grid.h5 --root /data/grid]

* *asked*: the eyes of each face are shut as ``tkit animate`` shuts them, its lids asked to meet,
  for four frames between a second of the photo and another; then the points of these frames are
  found again, refined ones and those of the mesh. Eyes are shut if their aspect ratio (EAR, mean of
  both) falls below .40 of the median. Faces: the photos of ``benchmarks/look.py``, those of
  ``--photo``, and the first frames of the val split and of each speaker of the training split.
* *rest*: mean difference round the eyes (of 255) where lids are asked for nothing.
* *real*: of the clips of ``--root`` that are in the store, train and val: frames in which the mesh
  sees a blink shut below .40 of the clip's median, and in what share of these blinks refined
  points do, within two frames; and the other way round.

Of 25 faces (seven photos, one with glasses of its own, seven clips of val, ten training speakers)
the mesh sees all shut and refined points 24, also behind drawn glasses, but not those behind the
real ones, whose eyes they doubt; of 22 real blinks that are full by the mesh refined points see
95 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from look import photos

from tkit import media
from tkit.clips import Clip
from tkit.corpora import CORPORA
from tkit.face import geometry
from tkit.landmarks import LANDMARKERS, Track
from tkit.pipelines.animation.render import look_at
from tkit.pipelines.stages.texture.lids import Lids
from tkit.store import Store
from tkit.tracking import FrontEnds

SHUT = 0.40  # of the open eye
BLINK = 25, 4, 25  # frames of the open eyes, the shut ones and the open ones
NEAR = 2  # frames
OF_SPEAKER = 6  # clips of a speaker at most: one has nearly all


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mesh", required=True, help="face_landmarker.task")
    parser.add_argument("--data", type=Path, help="a store of GRID")
    parser.add_argument("--root", type=Path, help="GRID, of which the store is")
    parser.add_argument("--photo", type=Path, action="append", default=[])
    args = parser.parse_args()
    refined, mesh = FrontEnds().refined(), LANDMARKERS.get("mesh").load(model=args.mesh)
    asked = []
    print(f"{'asked':<16}{'refined':>10}{'mesh':>10}{'rest':>10}")
    for name, photo in faces(args.root, args.photo):
        shut, resting = closed(photo, refined)
        ratios = [lowest(find(blink(photo, shut))) for find in (refined, mesh)]
        asked.append(ratios)
        print(f"{name:<16}" + "".join(f"{x:10.2f}" for x in (*ratios, resting)), flush=True)
    share(f"shut, of {len(asked)}", *(np.array(asked) < SHUT).mean(axis=0))
    if args.data and args.root:
        with Store(args.data) as store:
            seen = [blinks(*pair) for pair in clips(store, args.root, mesh)]
        by_mesh, by_refined = (np.concatenate([pair[k] for pair in seen]) for k in range(2))
        share(f"real, full by the mesh, {len(by_mesh)}", by_mesh.mean(), 1.0)
        share(f"real, full by refined, {len(by_refined)}", 1.0, by_refined.mean())


def share(name: str, refined: float, mesh: float) -> None:
    """Print a line of percentages."""
    print(f"{name:<28}{100 * refined:6.0f} %{100 * mesh:8.0f} %")


def blink(photo: np.ndarray, shut: np.ndarray) -> np.ndarray:
    """A video (T, H, W, 3) of the photo, in which the eyes are shut for a moment."""
    return np.concatenate(
        [np.stack([image] * n) for image, n in zip((photo, shut, photo), BLINK, strict=True)]
    )


def lowest(points: np.ndarray) -> float:
    """Lowest eye aspect ratio of frames (T, 68, 2) beside their median."""
    found = geometry.eye_aspect_ratio(points.astype(np.float64)).mean(axis=-1)
    return float(np.nanmin(found) / np.nanmedian(found))


def faces(root: Path | None, given: list[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield names and photos."""
    yield from photos()
    for path in given:
        yield path.stem, media.read_image(path)
    known = set()
    for clip in of_grid(root) if root else ():
        split = CORPORA.get("grid").split_of(clip, "unseen")
        if split == "val" or (split == "train" and clip.speaker not in known):
            known.add(clip.speaker)
            yield clip.id, media.read_clip(clip.video, max_frames=1).frames[0]


def of_grid(root: Path) -> list[Clip]:
    """The clips of GRID that have a video."""
    return [clip for clip in CORPORA.get("grid").scan(root) if isinstance(clip, Clip)]


def closed(photo: np.ndarray, refined: Track) -> tuple[np.ndarray, float]:
    """The photo with shut eyes, and how far it changes where nothing is asked of them."""
    points = refined(photo[None])[0].astype(np.float64)
    person = look_at(photo, points, canonical=points, size=128)
    wanted = person.points.copy()
    for eye in (geometry.RIGHT_EYE, geometry.LEFT_EYE):
        wanted[eye][[1, 2]] = wanted[eye][[5, 4]]  # upper lids meet the lower ones
    lids = Lids(photo, person.points, person.transform)
    shut, resting = (lids(photo.copy(), asked, person.points) for asked in (wanted, person.points))
    low, high = (f(points[geometry.EYES], axis=0).astype(int) for f in (np.min, np.max))
    part = slice(low[1] - 10, high[1] + 10), slice(low[0] - 10, high[0] + 10)
    return shut, float(abs(resting[part].astype(float) - photo[part]).mean())


def clips(store: Store, root: Path, mesh: Track) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the EAR (T,) of clips, by refined points and by the mesh."""
    videos = {clip.id: clip.video for clip in of_grid(root)}
    count: dict[str, int] = {}
    for row in [*store.select("val"), *store.select("train")]:
        count[row.speaker] = count.get(row.speaker, 0) + 1
        if row.id in videos and count[row.speaker] <= OF_SPEAKER:
            frames = media.read_clip(videos[row.id]).frames[: row.n_frames]
            both = store["points"][row.frames].astype(np.float64), mesh(frames).astype(np.float64)
            yield tuple(geometry.eye_aspect_ratio(points).mean(axis=-1) for points in both)


def blinks(refined: np.ndarray, mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the full blinks by each way, whether the other sees them shut: (B,) bool, twice."""
    shut = [x < SHUT * np.nanmedian(x) for x in (refined, mesh)]
    found = []
    for own, other in ((shut[1], shut[0]), (shut[0], shut[1])):
        spans = geometry.runs(own)
        found.append(np.array([other[max(a - NEAR, 0) : b + NEAR].any() for a, b in spans], bool))
    return found[0], found[1]


if __name__ == "__main__":
    main()
