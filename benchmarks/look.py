"""Look at talking faces: a contact sheet of ten photos, with mouths and eyes enlarged.

    python benchmarks/look.py --out look.jpg [--root GRID] [--texture W] [--motion W] [--blink W]

Every photo speaks for two seconds and blinks once a second; twelve frames of it stand in a row,
below each its mouth and an eye at three times their size. Seven photos are the astronaut of
scikit-image (NASA, public domain): as she is, and with what is hard drawn on or bent: glasses, a
beard, dark skin, a turned head, an open mouth, a painting. With ``--root`` three people of GRID's
val split come first, each with what the clip really shows below. Pictures that show them are not
to be passed on with tkit.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tkit import media
from tkit.corpora import CORPORA, puppet
from tkit.face import crops, geometry
from tkit.pipelines.animation.jobs import open_studio
from tkit.pipelines.animation.moves import sample_rate
from tkit.pipelines.animation.render import talk
from tkit.seeds import generator, stable_seed
from tkit.tracking import FrontEnds

FPS, SECONDS, SHOWN = 25.0, 2.0, 12
PEOPLE = 3  # of the val split
ENLARGED = 3
# Columns and rows of the reference crop, 128 pixels wide, in which mouth and an eye lie.
MOUTH, EYE = (slice(64, 100), slice(43, 85)), (slice(34, 54), slice(25, 67))


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--root", type=Path, help="GRID, for people of its val split")
    for stage in ("motion", "blink", "texture"):
        parser.add_argument(f"--{stage}")
    args = parser.parse_args()
    weights = {stage: getattr(args, stage) for stage in ("motion", "blink", "texture")}
    studio = open_studio(weights, pose="auto", fps=FPS, blink_rate=1.0)
    rows = []
    for name, photo, wave, truth in cases(args.root, sample_rate(studio.motion)):
        made = list(talk(photo, wave, replace(studio, seed=stable_seed(0, name))))
        for frames in (made, truth):
            if len(frames):
                rows.append(strip(frames, photo))
        print(f"{len(rows):2} {name}" + (", and as it was" if len(truth) else ""), flush=True)
    media.write_image(args.out, np.concatenate(rows))


def cases(
    root: Path | None, rate_hz: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray, list[np.ndarray]]]:
    """Yield name, photo, speech and, where it is known, what was really seen."""
    for name, video in people(root) if root else ():
        clip = media.read_clip(video, sample_rate=rate_hz, max_frames=round(SECONDS * FPS))
        yield name, clip.frames[0], clip.wave[: round(SECONDS * rate_hz)], list(clip.frames)
    with tempfile.TemporaryDirectory() as folder:
        puppet.generate(folder, speakers=1, clips=1)
        wave = media.read_audio(next(puppet.scan(folder)).video, sample_rate=rate_hz)
    wave = np.resize(wave, round(SECONDS * rate_hz))
    for name, photo in photos():
        yield name, photo, wave, []


def photos() -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and photo: the astronaut, and what is drawn upon it."""
    photo = astronaut()
    points = FrontEnds().refined()(photo[None])[0].astype(np.float64)
    yield "astronaut", photo
    for change in (glasses, beard, dark_skin, turned, open_mouth, painting):
        yield change.__name__.replace("_", " "), change(photo, points)


def people(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield a clip of each of three people of the val split."""
    corpus, seen = CORPORA.get("grid"), set()
    for clip in corpus.scan(root):
        known = hasattr(clip, "video") and clip.speaker not in seen
        if known and corpus.split_of(clip, "unseen") == "val" and len(seen) < PEOPLE:
            seen.add(clip.speaker)
            yield clip.speaker, Path(clip.video)


def strip(frames: list[np.ndarray], photo: np.ndarray) -> np.ndarray:
    """Twelve faces in a row, and their mouths and eyes enlarged: (H, W, 3)."""
    import cv2

    points = FrontEnds().refined()(photo[None])
    place = crops.crop_pose(points.astype(np.float64), sigma_frames=0)[0]
    columns = []
    for number in np.linspace(0, len(frames) - 1, SHOWN).astype(int):
        face = crops.cut(frames[number], place)
        parts = [face]
        for part in (MOUTH, EYE):
            large = cv2.resize(
                face[part], None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC
            )
            parts.append(np.pad(large, ((1, 1), (1, 1), (0, 0))))
        columns.append(np.concatenate(parts))
    return np.concatenate(columns, axis=1)


def astronaut() -> np.ndarray:
    """Return a public-domain photo, its face as large as in a clip of GRID."""
    import cv2
    from skimage import data

    face = data.astronaut()[:260, 90:360]
    return cv2.resize(face, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)


def glasses(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Draw dark frames round both eyes, and their bridge and bows."""
    import cv2

    drawn, unit = photo.copy(), geometry.inter_ocular(points)
    width = max(round(0.06 * unit), 1)
    eyes = [points[part].mean(axis=0) for part in (geometry.RIGHT_EYE, geometry.LEFT_EYE)]
    axes = round(0.40 * unit), round(0.30 * unit)
    for eye in eyes:
        cv2.ellipse(drawn, _px(eye), axes, 0, 0, 360, (35, 28, 25), width, cv2.LINE_AA)
    along = (eyes[1] - eyes[0]) / np.linalg.norm(eyes[1] - eyes[0])
    lines = [
        (eyes[0] + 0.4 * unit * along, eyes[1] - 0.4 * unit * along),
        (eyes[0] - 0.4 * unit * along, points[0]), (eyes[1] + 0.4 * unit * along, points[16]),
    ]  # fmt: skip
    for start, stop in lines:
        cv2.line(drawn, _px(start), _px(stop), (35, 28, 25), width, cv2.LINE_AA)
    return drawn


def beard(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Darken cheeks, chin and upper lip by short hairs; the lips stay free."""
    jaw = points[2:15]
    upper = points[[14, 13, 35, 33, 31, 3]] + [0, 0.15 * geometry.inter_ocular(points)]
    share = _filled(photo, np.concatenate([jaw, upper])) - _filled(photo, points[48:60])
    hairs = generator(0, "beard").normal(0, 30, photo.shape[:2])[..., None]
    return _blended(photo, np.array([60, 42, 30]) + hairs, 0.85 * np.clip(share, 0, 1))


def dark_skin(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Multiply the skin of the face by a brown, all but eyes and mouth."""
    unit = geometry.inter_ocular(points)
    brow = points[17:27][::-1] - [0, 0.7 * unit]
    share = _filled(photo, np.concatenate([points[:17], brow]))
    for part in (geometry.RIGHT_EYE, geometry.LEFT_EYE, slice(60, 68)):
        share = share - _filled(photo, points[part])
    return _blended(photo, photo * np.array([0.58, 0.44, 0.38]), np.clip(share, 0, 1))


def turned(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Bend the face as if it were turned by some twenty degrees."""
    unit, middle = geometry.inter_ocular(points), points[27:48].mean(axis=0)

    def come_from(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        across, down = (x - middle[0]) / unit, (y - middle[1]) / unit
        near = np.exp(-((across / 1.3) ** 4) - (down / 1.6) ** 4)
        return x - 0.22 * unit * near * np.cos(np.clip(across, -1.5, 1.5) / 1.1), y

    return _bent(photo, come_from)


def open_mouth(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Lower jaw and lower lip, and darken what opens."""
    unit, seam = geometry.inter_ocular(points), points[60:68].mean(axis=0)
    gap = 0.28 * unit

    def come_from(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        across, down = (x - seam[0]) / unit, (y - seam[1]) / unit
        lower = np.exp(-((across / 0.9) ** 4)) * np.clip(down / 0.25, 0, 1)
        return x, y - gap * lower * np.clip(2.6 - down, 0, 1)

    inner = points[60:68].copy()
    inner[5:8, 1] += 0.8 * gap
    share = _filled(photo, inner)
    return _blended(_bent(photo, come_from), np.array([45, 18, 18]), share)


def painting(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Paint it: flat patches without fine detail."""
    import cv2

    flat = cv2.pyrMeanShiftFiltering(photo, sp=6, sr=28)
    return cv2.edgePreservingFilter(flat, flags=cv2.RECURS_FILTER, sigma_s=8, sigma_r=0.25)


def _px(point: np.ndarray) -> tuple[int, int]:
    x, y = np.rint(point).astype(int)
    return int(x), int(y)


def _filled(photo: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """A polygon with soft edges, (H, W, 1) from 0 to 1."""
    import cv2

    mask = np.zeros(photo.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), 2.0)[..., None]


def _blended(photo: np.ndarray, over: np.ndarray, share: np.ndarray) -> np.ndarray:
    mixed = photo + share * (over - photo)
    return np.rint(mixed).clip(0, 255).astype(np.uint8)


def _bent(
    photo: np.ndarray,
    come_from: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    import cv2

    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]].astype(np.float64)
    there = (part.astype(np.float32) for part in come_from(x, y))
    return cv2.remap(photo, *there, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


if __name__ == "__main__":
    main()
