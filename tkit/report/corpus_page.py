"""A prepared corpus to look at: speakers with their points, opening curves, what was rejected.

One self-contained HTML page; pictures are JPEG inside it, points and curves are SVG over them.
"""

from __future__ import annotations

import base64
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tkit.errors import StoreError
from tkit.face import crops, geometry
from tkit.face.drawing import CLOSED_LINES, OPEN_LINES
from tkit.face.overlay import openings
from tkit.files import require_path
from tkit.jobs.watched import StoppedError, watched
from tkit.parsing import plain
from tkit.progress import bar
from tkit.report import pages
from tkit.store import STORE, Row, Store, open_store

SPEAKERS = 100  # shown on one page
CLIPS = 6  # looked at of each speaker, evenly spread: memory and time do not grow with the corpus
STILL_S = 10.0  # without progress, after which a store cannot be read
NAMED = 3  # clips named beside a reason
WIDTH, HEIGHT, LEFT, BOTTOM = 440, 150, 30, 18  # of the curves and their margins, px
MIN_TOP = 0.5  # upper end of the curves' axis, unless an opening is larger
MAX_TOP = 5.0  # and of no mouth larger than this


@dataclass(frozen=True)
class Seen:
    """What the page shows of one speaker.

    Parameters
    ----------
    row : Row
        Of the clips that were looked at, the one whose mouth opens widest.
    values : ndarray (T, 2)
        Its mouth opening, in inter-ocular distances, and mean eye aspect ratio.
    valid : ndarray (T,), bool
    frames : dict of str to int
        What is shown: the frame that shows it.
    """

    row: Row
    values: NDArray[np.float64]
    valid: NDArray[np.bool_]
    frames: dict[str, int]


@dataclass(frozen=True)
class Speaker:
    """One speaker on the page: what is said, caption to picture of a face, and curves, as SVG."""

    name: str
    about: str
    faces: dict[str, str]
    curves: str


def facts(store: Store) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of a whole store, name and text."""
    info, encoder = store.info, store.info.encoder
    n_frames = sum(row.n_frames for row in store.clips)
    yield "corpus", f"{info.corpus}, protocol {info.protocol or 'none'} (tkit {info.tkit})"
    if info.licence:
        yield "licence", info.licence
    if names := sorted({name for row in store.clips for name in row.columns}):
        yield "columns", ", ".join(names)
    yield "landmarks", f"{info.landmarks}, lips: {info.lips}"
    yield (
        "speech",
        f"{encoder.signature}, {encoder.dim} values at {encoder.rate_hz:g} Hz, windows of "
        f"{info.window}",
    )
    yield "crops", "yes" if store.has_crops else "no"
    yield (
        "clips",
        f"{len(store.clips)} of {len(store.speakers)} speakers, {n_frames} frames "
        f"({n_frames / info.fps:.0f} s at {info.fps:g} fps)",
    )
    for split, count in sorted(Counter(row.split or "(none)" for row in store.clips).items()):
        names = sorted({row.speaker for row in store.clips if (row.split or "(none)") == split})
        yield f"  {split}", f"{count} clips of {' '.join(names)}"


def lines(store: Store) -> Iterator[str]:
    """Yield the store as lines of text: facts, filled frames, notes, rejected clips."""
    return map(plain, _lines(store))


def _lines(store: Store) -> Iterator[str]:
    for name, text in facts(store):
        yield f"{name}: {text}"
    valid = store["valid"][:]
    for row in store.clips:
        filled = int((~valid[row.frames]).sum())
        if filled:
            yield f"filled: {row.id}: {filled} of {row.n_frames} frames"
    for remark in store.notes:
        yield f"note: {remark.id}: {remark.text}"
    yield f"rejected: {len(store.rejects)}"
    for reject in store.rejects:
        yield f"  {reject.id} ({reject.step}): {reject.reason}"


@dataclass(frozen=True)
class Looked:
    """What was read of a store: a line to show, or a problem, or progress in bytes.

    Parameters
    ----------
    total : int
        Bytes that there are, in the first of them.
    """

    line: str = ""
    problem: str = ""
    done: int = 0
    total: int = 0


def look_through(path: str | Path) -> Iterator[Looked]:
    """Read a whole store and yield what there is to say of it, and what is broken."""
    with open_store(path) as store:
        yield Looked(total=store.n_bytes)
        yield from (Looked(line=line) for line in lines(store))
        checked = "of every part" if store.is_sealed else "none: written before tkit kept them"
        yield Looked(line=f"checksums: {checked}")
        for found in store.examine():
            yield Looked(problem=plain(found)) if isinstance(found, str) else Looked(done=found)


def check(path: str | Path, *, say: Callable[[str], None]) -> list[str]:
    """Read a whole store, in a process of its own, and return what is broken.

    HDF5 can hang on a damaged file, or crash: the process is ended after :data:`STILL_S` seconds
    without progress. A sound store may take any time.

    Parameters
    ----------
    say : callable
        Receives the lines of text that show the store.

    Raises
    ------
    UsageError
        If there is no such file.
    StoreError
        If it is no store, or HDF5 hangs or crashes on it.
    """
    problems = []
    looked = watched(look_through, require_path(path, STORE), still_s=STILL_S)
    try:
        first = next(looked)
        with bar(first.total, desc="check", unit="B", unit_scale=True) as shown:
            for part in looked:
                shown.update(part.done)
                if part.line:
                    say(part.line)
                if part.problem:
                    problems.append(part.problem)
    except StoppedError as error:
        raise StoreError(f"{path}: damaged, and HDF5 cannot read it: {error}") from error
    return problems


def as_html(store: Store) -> str:
    """Make the page of a store."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in store.clips:
        rows[row.speaker].append(row)
    names = sorted(rows, key=natural)
    return pages.render(
        "corpus.html",
        title=f"The corpus in {store.path.name}",
        facts=facts(store),
        rejects=_reasons((reject.id, reject.step, reject.reason) for reject in store.rejects),
        notes=_reasons((note.id, "", note.text) for note in store.notes),
        has_crops=store.has_crops,
        looked_at=CLIPS,
        speakers=[_speaker(store, name, rows[name]) for name in names[:SPEAKERS]],
        n_speakers=len(names),
    )


def group(reasons: Iterable[tuple[str, str, str]]) -> list[tuple[int, str, str, list[str]]]:
    """Group reasons that differ in numbers alone, most frequent first.

    Parameters
    ----------
    reasons : iterable of (clip id, step, reason)

    Returns
    -------
    list of (count, step, reason of the first clip, clip ids)
    """
    groups: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for clip, step, reason in reasons:
        groups[step, re.sub(r"\d+(\.\d+)?", "#", reason)].append((clip, reason))
    found = [
        (len(members), step, members[0][1], [clip for clip, _ in members])
        for (step, _), members in groups.items()
    ]
    return sorted(found, key=lambda item: -item[0])


def look(store: Store, rows: list[Row]) -> Seen:
    """Choose what to show of one speaker's clips ``rows``."""
    at = np.linspace(0, len(rows) - 1, min(CLIPS, len(rows))).round().astype(int)
    clips = [(rows[index], openings(store["points"][rows[index].frames])) for index in at]
    row, values = max(clips, key=lambda clip: float(clip[1][:, 0].max()))
    frames = {
        "mouth closed": int(values[:, 0].argmin()),
        "mouth open": int(values[:, 0].argmax()),
        "eyes narrowest": int(values[:, 1].argmin()),
    }
    return Seen(row, values, store["valid"][row.frames], frames)


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts ``s2`` before ``s10``."""
    return [(int(part or 0), "") if part.isdigit() else (0, part)
            for part in re.split(r"(\d+)", name)]  # fmt: skip


def _speaker(store: Store, name: str, rows: list[Row]) -> Speaker:
    seen = look(store, rows)
    n_frames = sum(row.n_frames for row in rows)
    filled = sum(int((~store["valid"][row.frames]).sum()) for row in rows)
    splits = ", ".join(sorted({row.split or "no split" for row in rows}))
    about = f"{splits} · {len(rows)} clips, {n_frames} frames, {filled} filled · shown: "
    about += f"{seen.row.id}" + (f" “{seen.row.text}”" if seen.row.text else "")
    faces = {
        f"{what}, {frame / seen.row.fps:.2f} s": _face(store, seen, frame)
        for what, frame in seen.frames.items()
    }
    return Speaker(name, about, faces, curves(seen))


def _face(store: Store, seen: Seen, frame: int) -> str:
    """One frame's crop, if there are crops, and its points as lines and dots; SVG."""
    size, index, jpeg = crops.CROP_SIZE, seen.row.frame_start + frame, ""
    if store.has_crops:
        size = store["crops"].shape[1]
        jpeg = base64.b64encode(_jpeg(store["crops"][index])).decode()
        transform = store["crop_pose"][index]
    else:
        pose = geometry.invert(store["pose"][index])
        transform = geometry.compose(crops.canonical_to_crop(size), pose)
    points = geometry.apply(transform, store["points"][index].astype(np.float64))
    parts = [(line, "") for line in OPEN_LINES] + [(line, "Z") for line in CLOSED_LINES]
    paths = [
        (
            line[0] >= geometry.MOUTH.start,
            f"M{'L'.join(f'{x:.1f} {y:.1f}' for x, y in points[line])}{end}",
        )
        for line, end in parts
    ]
    return pages.render(
        "face.svg",
        size=size,
        jpeg=jpeg,
        filled=not seen.valid[frame],
        lines=paths,
        dots="".join(f"M{x:.1f} {y:.1f}h0" for x, y in points),
    )


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    import cv2

    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def curves(seen: Seen) -> str:
    """Draw mouth opening and eye aspect ratio over time as SVG."""
    count, top = len(seen.values), min(max(MIN_TOP, float(seen.values.max())), MAX_TOP)
    seconds, step = count / seen.row.fps, (WIDTH - LEFT) / count

    def height(value: Any) -> Any:  # a number or an array of them, px from the top
        return (HEIGHT - BOTTOM) * (1 - np.clip(value / top, 0, 1) * 0.97)

    x, y = LEFT + (np.arange(count) + 0.5) * step, height(seen.values)
    times = [
        (LEFT + second / seconds * (WIDTH - LEFT), f"{second:g} s")
        for second in np.arange(0, seconds + 1e-9, max(1, round(seconds / 6)))
    ]
    shown = [
        (("mouth", "eyes")[what.startswith("eyes")], frame) for what, frame in seen.frames.items()
    ]
    return pages.render(
        "curves.svg",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        bottom=BOTTOM,
        gaps=[(f"{x[i] - step / 2:.1f}", f"{step:.2f}") for i in np.flatnonzero(~seen.valid)],
        levels=[
            (f"{height(level):.1f}", f"{level:.1f}")
            for level in np.arange(0, top, 0.1 if top < 0.8 else 0.2)
        ],
        times=[(f"{at:.1f}", "end" if at > WIDTH - 12 else "middle", text) for at, text in times],
        lines={
            name: " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, column, strict=True))
            for name, column in zip(("mouth", "eyes"), y.T, strict=True)
        },
        dots=[
            (name, f"{x[frame]:.1f}", f"{y[frame, int(name == 'eyes')]:.1f}")
            for name, frame in shown
        ],
    )


def _reasons(reasons: Iterable[tuple[str, str, str]]) -> list[list[str]]:
    """Header and rows of the table of reasons; empty if there are none."""
    groups = group(reasons)
    if not groups:
        return []
    steps = any(step for _, step, _, _ in groups)
    rows = [["clips", *(["step"] if steps else []), "reason of the first", "which"]]
    for count, step, reason, clips in groups:
        which = ", ".join(clips[:NAMED]) + (f" and {count - NAMED} more" if count > NAMED else "")
        rows.append([str(count), *([step] if steps else []), reason, which])
    return rows
