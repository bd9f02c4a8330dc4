"""A prepared corpus to look at: speakers with their points, opening curves, what was rejected.

One self-contained HTML page; pictures are JPEG inside it, points and curves are SVG over them.
"""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import numpy as np

from tkit.face import crops, geometry
from tkit.face.drawing import CLOSED_LINES, OPEN_LINES
from tkit.face.overlay import openings
from tkit.report.pages import table_of
from tkit.store import Row, Store

SPEAKERS = 100  # shown on one page
CLIPS = 6  # looked at of each speaker, evenly spread: memory and time do not grow with the corpus
NAMED = 3  # clips named beside a reason
WIDTH, HEIGHT, LEFT, BOTTOM = 440, 150, 30, 18  # of the curves and their margins, px
MIN_TOP = 0.5  # upper end of the curves' axis, unless an opening is larger

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c1f23; background: #fff; }
h1 { font-size: 1.5rem; margin-bottom: .6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin: 0; } .about { color: #596068; font-size: .85rem; margin: 0 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: 0; }
dt { color: #596068; } dd { margin: 0; overflow-wrap: anywhere; }
.speaker { display: flex; flex-wrap: wrap; gap: .8rem; align-items: flex-start;
           border-top: 1px solid #e2e5e9; padding: 1rem 0; }
.speaker header { flex: 1 0 100%; } figure { margin: 0; } svg { display: block; }
figcaption { color: #596068; font-size: .8rem; text-align: center; }
.face { width: 200px; height: 200px; border-radius: 4px; background: #20242a; }
.face path { fill: none; stroke: #fff; stroke-opacity: .75; stroke-width: .5; }
.face path.lips { stroke: #ff5a5a; stroke-opacity: 1; }
.face path.points { stroke-width: 1.2; stroke-linecap: round; stroke-opacity: 1; }
.face.filled path.points { stroke: #ffc800; }
.curves { max-width: 100%; } .curves text { font-size: 10px; fill: #596068; }
.curves .grid { stroke: #e2e5e9; } .curves polyline { fill: none; stroke-width: 1.6; }
.mouth { stroke: #d93636; } .eyes { stroke: #2f7fd6; } .curves .gap { fill: #fff0bf; }
circle.mouth { fill: #d93636; } circle.eyes { fill: #2f7fd6; }
.key { font-weight: 600; } b.mouth { color: #d93636; } b.eyes { color: #2f7fd6; }
table { border-collapse: collapse; } td, th { padding: .3rem 1.2rem .3rem 0; text-align: left;
  border-bottom: 1px solid #e2e5e9; vertical-align: top; } th { color: #596068; font-weight: 500; }
"""


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
    values: np.ndarray
    valid: np.ndarray
    frames: dict[str, int]


def render(store: Store, facts: Iterable[tuple[str, str]]) -> str:
    """Make the page of a store.

    Parameters
    ----------
    facts : iterable of (name, text)
        What is said of the whole store, at the top.
    """
    title = f"The corpus in {store.path.name}"
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts)
    parts = [f"<h1>{escape(title)}</h1>", f"<dl>{lines}</dl>"]
    parts += ["<h2>Rejected clips</h2>", _reasons((r.id, r.step, r.reason) for r in store.rejects)]
    if store.notes:
        notes = _reasons((note.id, "", note.text) for note in store.notes)
        parts += ["<h2>Notes on used clips</h2>", notes]
    parts += ["<h2>Speakers</h2>", _explain(store), *_speakers(store)]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


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


def _explain(store: Store) -> str:
    pictures = "" if store.has_crops else " The store has no crops, so the points stand alone."
    return (
        '<p class="about">Of each speaker the clip in which the mouth opens widest, of up to '
        f'{CLIPS} looked at. <b class="mouth key">Mouth</b>: opening of the inner lips in '
        'inter-ocular distances; <b class="eyes key">eyes</b>: mean eye aspect ratio; dots mark '
        f"the frames shown, yellow the frames whose points were filled.{pictures}</p>"
    )


def _speakers(store: Store) -> list[str]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in store.clips:
        rows[row.speaker].append(row)
    names = sorted(rows, key=_natural)
    cards = [_card(store, name, rows[name]) for name in names[:SPEAKERS]]
    if len(names) > SPEAKERS:
        cards.append(f"<p>The first {SPEAKERS} of {len(names)} speakers are shown.</p>")
    return cards


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts ``s2`` before ``s10``."""
    return [(int(part or 0), "") if part.isdigit() else (0, part)
            for part in re.split(r"(\d+)", name)]  # fmt: skip


def _card(store: Store, speaker: str, rows: list[Row]) -> str:
    seen = look(store, rows)
    n_frames = sum(row.n_frames for row in rows)
    filled = sum(int((~store["valid"][row.frames]).sum()) for row in rows)
    splits = ", ".join(sorted({row.split or "no split" for row in rows}))
    about = f"{splits} · {len(rows)} clips, {n_frames} frames, {filled} filled · shown: "
    about += f"{seen.row.id}" + (f" “{seen.row.text}”" if seen.row.text else "")
    figures = [
        f"<figure>{_face(store, seen.row, frame, filled=not seen.valid[frame])}"
        f"<figcaption>{what}, {frame / seen.row.fps:.2f} s</figcaption></figure>"
        for what, frame in seen.frames.items()
    ]
    return (
        f'<section class="speaker"><header><h3>{escape(speaker)}</h3>'
        f'<p class="about">{escape(about)}</p></header>'
        f"{''.join(figures)}<figure>{curves(seen)}</figure></section>"
    )


def _face(store: Store, row: Row, frame: int, *, filled: bool) -> str:
    """One frame's crop, if there are crops, and its points as lines and dots."""
    size, index, picture = crops.CROP_SIZE, row.frame_start + frame, ""
    if store.has_crops:
        size = store["crops"].shape[1]
        data = base64.b64encode(_jpeg(store["crops"][index])).decode()
        # Whole coordinates are the centres of pixels, so the picture begins half a pixel earlier.
        picture = f'<image x="-.5" y="-.5" width="{size}" height="{size}" '
        picture += f'href="data:image/jpeg;base64,{data}"/>'
        transform = store["crop_pose"][index]
    else:
        pose = geometry.invert(store["pose"][index])
        transform = geometry.compose(crops.canonical_to_crop(size), pose)
    points = geometry.apply(transform, store["points"][index].astype(np.float64))
    lines = [(line, False) for line in OPEN_LINES] + [(line, True) for line in CLOSED_LINES]
    drawn = ""
    for line, closed in lines:
        lips = line[0] >= geometry.MOUTH.start
        way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points[line]) + ("Z" if closed else "")
        drawn += f'<path{" class=lips" if lips else ""} d="M{way}"/>'
    dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
    return (
        f'<svg class="face{" filled" if filled else ""}" viewBox="-.5 -.5 {size} {size}">'
        f'{picture}{drawn}<path class="points" d="{dots}"/></svg>'
    )


def _jpeg(picture: np.ndarray) -> bytes:
    import cv2

    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def curves(seen: Seen) -> str:
    """Draw mouth opening and eye aspect ratio over time as SVG."""
    count, top = len(seen.values), max(MIN_TOP, float(seen.values.max()))
    x = LEFT + (np.arange(count) + 0.5) / count * (WIDTH - LEFT)
    y = (HEIGHT - BOTTOM) * (1 - np.clip(seen.values / top, 0, 1) * 0.97)
    step = (WIDTH - LEFT) / count
    parts = [
        f'<rect class="gap" x="{x[i] - step / 2:.1f}" y="0" width="{step:.2f}" '
        f'height="{HEIGHT - BOTTOM}"/>'
        for i in np.flatnonzero(~seen.valid)
    ]
    for level in np.arange(0, top, 0.1 if top < 0.8 else 0.2):
        at = (HEIGHT - BOTTOM) * (1 - level / top * 0.97)
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 3:.1f}" text-anchor="end">{level:.1f}</text>')
    seconds = count / seen.row.fps
    for second in np.arange(0, seconds + 1e-9, max(1, round(seconds / 6))):
        at = LEFT + second / seconds * (WIDTH - LEFT)
        anchor = "end" if at > WIDTH - 12 else "middle"
        parts.append(
            f'<text x="{at:.1f}" y="{HEIGHT - 4}" text-anchor="{anchor}">{second:g} s</text>'
        )
    for column, name in enumerate(("mouth", "eyes")):
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y[:, column], strict=True))
        parts.append(f'<polyline class="{name}" points="{line}"/>')
    for what, frame in seen.frames.items():
        column = int(what.startswith("eyes"))
        parts.append(f'<circle class="{("mouth", "eyes")[column]}" r="3" cx="{x[frame]:.1f}" '
                     f'cy="{y[frame, column]:.1f}"/>')  # fmt: skip
    return (
        f'<svg class="curves" width="{WIDTH}" viewBox="0 -4 {WIDTH} {HEIGHT + 4}">'
        f"{''.join(parts)}</svg>"
    )


def _reasons(reasons: Iterable[tuple[str, str, str]]) -> str:
    groups = group(reasons)
    if not groups:
        return "<p>None.</p>"
    steps = any(step for _, step, _, _ in groups)
    rows = [["clips", *(["step"] if steps else []), "reason of the first", "which"]]
    for count, step, reason, clips in groups:
        which = ", ".join(clips[:NAMED]) + (f" and {count - NAMED} more" if count > NAMED else "")
        rows.append([str(count), *([step] if steps else []), reason, which])
    return table_of(rows)
