"""Landmarks on annotated photos: what lip and lid refinement changes, photo by photo.

    python benchmarks/photos.py FOLDER [FOLDER ...] [--as grey] [--draw OUT]

A folder holds pictures with their 68 points by hand: ``NAME.pts`` beside each picture (300-W's
format, pixels counted from one), or an XML file of dlib's ``imglab`` with 68 parts a box. No
picture comes with tkit: 300-W's, Menpo's and LFPW's are free for research.

For every face: mean distance of mouth, eyes and all points from the annotation over the distance
of the outer corners of the eyes, as tracked and refined, and the share of mouth and lid points that
refinement placed. Each face is tracked by itself, in the picture around it; a face that dlib does
not find there, or finds elsewhere, is named and left out of the means. ``--as`` changes the
pictures before: without colour, darker, blurred, mirrored. ``--draw`` writes each face at least
three times as large as it is seen, tracked points in red, refined ones in green.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from tkit import media, tracking
from tkit.face import geometry
from tkit.tracking import FrontEnds

PICTURES = (".png", ".jpg", ".jpeg", ".ppm")
MARGIN = 0.6  # of the annotated face's larger side, kept around it
LOST = 0.3  # mean error of all points above which another face was tracked
PARTS = {"mouth": geometry.MOUTH, "eyes": geometry.EYES, "all": slice(0, 68)}


@dataclass(frozen=True)
class Photo:
    """A face in a picture (H, W, 3) uint8 RGB and its annotation (68, 2) in pixels."""

    name: str
    picture: np.ndarray
    truth: np.ndarray


def photos(folder: Path) -> Iterator[Photo]:
    """Yield the annotated faces of a folder."""
    for path in sorted(folder.glob("*.pts")):
        text = path.read_text(encoding="utf-8")
        numbers = text[text.index("{") + 1 : text.index("}")].split()
        picture = next(
            path.with_suffix(kind) for kind in PICTURES if path.with_suffix(kind).exists()
        )
        yield _around(path.stem, picture, np.array(numbers, float).reshape(-1, 2) - 1)
    for path in sorted(folder.glob("*.xml")):
        for image in ElementTree.parse(path).iter("image"):
            for number, box in enumerate(image.iter("box")):
                parts = sorted(box.iter("part"), key=lambda part: int(part.attrib["name"]))
                if len(parts) == geometry.N_POINTS:
                    truth = np.array([[part.attrib["x"], part.attrib["y"]] for part in parts])
                    picture = folder / image.attrib["file"]
                    yield _around(f"{picture.stem}#{number}", picture, truth.astype(float))


def _around(name: str, path: Path, truth: np.ndarray) -> Photo:
    picture = media.read_image(path)
    low, high = truth.min(axis=0), truth.max(axis=0)
    margin = MARGIN * (high - low).max()
    left, top = np.maximum(np.floor(low - margin), 0).astype(int)
    right, bottom = np.ceil(high + margin).astype(int) + 1
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    return Photo(name, part, truth - (left, top))


def _grey(photo: Photo) -> Photo:
    light = photo.picture @ np.array([0.299, 0.587, 0.114])
    grey = np.repeat(np.rint(light).astype(np.uint8)[..., None], 3, axis=2)
    return Photo(photo.name, grey, photo.truth)


def _dark(photo: Photo) -> Photo:
    return Photo(photo.name, np.rint(photo.picture * 0.3).astype(np.uint8), photo.truth)


def _blurred(photo: Photo) -> Photo:
    import cv2

    sigma = 0.02 * outer_eyes(photo.truth)
    return Photo(photo.name, cv2.GaussianBlur(photo.picture, (0, 0), sigma), photo.truth)


def _mirrored(photo: Photo) -> Photo:
    width = photo.picture.shape[1]
    turned = np.ascontiguousarray(photo.picture[:, ::-1])
    return Photo(photo.name, turned, geometry.mirror(photo.truth, width=width - 1))


CHANGES: dict[str, Callable[[Photo], Photo]] = {
    "grey": _grey,
    "dark": _dark,
    "blurred": _blurred,
    "mirrored": _mirrored,
}


def outer_eyes(points: np.ndarray) -> float:
    """Distance of the outer corners of the eyes."""
    return float(np.linalg.norm(points[45] - points[36]))


def errors(points: np.ndarray, truth: np.ndarray) -> list[float]:
    """Mean distance of each of ``PARTS`` over that of the outer corners of the eyes."""
    away = np.linalg.norm(points - truth, axis=-1) / outer_eyes(truth)
    return [float(away[part].mean()) for part in PARTS.values()]


def draw(out: Path, photo: Photo, tracked: np.ndarray, refined: np.ndarray) -> None:
    """Write the face large, with tracked and refined points."""
    import cv2

    factor = max(3.0, 900 / max(photo.picture.shape[:2]))
    large = cv2.resize(
        photo.picture[..., ::-1], None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC
    )
    for points, colour in ((tracked, (0, 0, 255)), (refined, (0, 255, 0))):
        for x, y in np.rint((points + 0.5) * factor).astype(int):
            cv2.circle(large, (int(x), int(y)), 3, colour, 1)
    low = np.floor(photo.truth.min(axis=0) * factor).astype(int)
    high = np.ceil(photo.truth.max(axis=0) * factor).astype(int)
    rows, columns = (slice(max(low[axis], 0), high[axis]) for axis in (1, 0))
    cv2.imwrite(str(out / f"{photo.name}.png"), large[rows, columns])


def main() -> None:
    """Track, refine, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--as", dest="change", choices=[*CHANGES], help="change the pictures")
    parser.add_argument("--landmarks", default="dlib68")
    parser.add_argument("--lips", default="lipseg")
    parser.add_argument("--draw", type=Path, metavar="OUT", help="folder for the pictures")
    args = parser.parse_args()
    ends = FrontEnds(landmarks=args.landmarks, lips=args.lips)
    track, segment = ends.track(), ends.segment()
    rows, lost = [], []
    print(f"{'':34}" + "".join(f"{part:>17}" for part in PARTS) + "   placed: mouth  lids")
    for photo in (photo for folder in args.folders for photo in photos(folder)):
        if args.change:
            photo = CHANGES[args.change](photo)
        tracked = track(photo.picture[None])
        if np.isnan(tracked).any() or errors(tracked[0], photo.truth)[-1] > LOST:
            lost.append(photo.name)
            continue
        refined, placed = tracking.refine_lips(photo.picture[None], tracked, segment)
        row = [*zip(errors(tracked[0], photo.truth), errors(refined[0], photo.truth), strict=True)]
        show(photo.name, row, placed[0])
        rows.append(row)
        if args.draw:
            args.draw.mkdir(parents=True, exist_ok=True)
            draw(args.draw, photo, tracked[0], refined[0])
    show(f"mean of {len(rows)}", np.mean(rows, axis=0))
    show("median", np.median(rows, axis=0))
    print(f"not tracked: {' '.join(lost) or 'none'}")


def show(name: str, row: list[tuple[float, float]] | np.ndarray, placed: np.ndarray | None = None):
    """Print the errors of a face, tracked and refined."""
    cells = "".join(f"   {before:.4f} {after:.4f}" for before, after in row)
    if placed is not None:
        lids = placed[[37, 38, 40, 41, 43, 44, 46, 47]].mean()
        cells += f"   {placed[geometry.MOUTH].mean():13.0%} {lids:5.0%}"
    print(f"{name:34}{cells}")


if __name__ == "__main__":
    main()
