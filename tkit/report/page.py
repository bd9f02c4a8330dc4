"""The page of one scoring run: table, clips with a player, curves, blinks, speakers.

Everything that the page shows stands in it, as JSON that its script reads; only videos may lie
beside. Pages are opened from the disk, where a script may fetch nothing.
"""

from __future__ import annotations

import base64
import json
import math
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from tkit import remote
from tkit.errors import Fault, guarded
from tkit.face.drawing import CLOSED_LINES, OPEN_LINES
from tkit.files import atomic_path
from tkit.parsing import plain
from tkit.remote import Place
from tkit.report import CONTROL_ROWS, Report, grid, pages, tables
from tkit.report.series import GRID_PX, NO_POINT, TRUTH, ClipSeries

if TYPE_CHECKING:
    from tkit.report.series.videos import Tiled

WORST = 12  # clips that are shown as videos, unless somebody wants others
MOST_CLIPS = 5_000  # rows of the table of clips; JSON and CSV have all
MOST_FRAMES = 1_000_000  # whose curves a page holds, of all rows: 8 MB
DIGITS = 5  # of a clip's score on the page
NO_VALUE = NO_POINT  # of curves, which are kept as 16-bit numbers
SCALE = {"opening": 1000, "ear": 1000, "error": 100}  # steps of a unit in those
NO_SERIES = (
    "There are no curves of frames: no metric of this run looked at landmarks, or the file of "
    "series that stands beside a report (F.series.npz) is not there."
)
NO_VIDEOS = (
    "There are no videos: tkit report F.json --html PAGE --gt DIR --pred NAME=DIR makes the page "
    "with those of the worst clips."
)


@dataclass(frozen=True)
class Video:
    """The video of one clip as a page shows it.

    Parameters
    ----------
    source : str
        Address relative to the page, or a ``data:`` URI.
    fps : float
    n_frames : int
    rows : dict
        Row to its place in the picture (x, y, width, height), px.
    """

    source: str
    fps: float
    n_frames: int
    rows: Mapping[str, tuple[int, int, int, int]]


@dataclass(frozen=True)
class Shots:
    """The videos of a page by clip, and what is to be said of them."""

    videos: Mapping[str, Video] = field(default_factory=dict)
    said: Sequence[str] = ()


def write(report: Report, path: Path, *, worst: int = WORST, embed: bool = False) -> None:
    """Write the page of a report, with the videos of its worst clips in a folder beside it.

    Parameters
    ----------
    report : Report
        Its ``videos`` say where they are; without them the page has none.
    path : Path
        The page; videos go into ``NAME_videos`` beside it.
    worst : int
        How many clips are shown as videos.
    embed : bool
        Put them inside the page instead.
    """
    shots = film(report, path, worst=worst, embed=embed)
    text = as_html(report, shots)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def folders(path: Path, *, worst: int = WORST, embed: bool = False) -> list[Path]:
    """What :func:`write` makes beside a page: the folder of its videos, if it has one."""
    return [] if embed or not worst else [path.with_name(f"{path.stem}_videos")]


def film(report: Report, path: Path, *, worst: int = WORST, embed: bool = False) -> Shots:
    """Write the videos of the worst clips, all rows of each in one file; see :func:`write`."""
    clips = [clip for clip, _ in ranked(report) if clip in report.videos][:worst]
    if not clips:
        return Shots()
    if embed:
        with tempfile.TemporaryDirectory() as inside:
            return _film(report, clips, Path(inside), embed=True)
    (folder,) = folders(path, worst=worst)
    _clear(folder)  # of the videos of an earlier page
    with ExitStack() as failed:
        failed.callback(_clear, folder)  # without its page a video is of no use
        shots = _film(report, clips, folder, embed=False)
        failed.pop_all()
    return shots


def _clear(folder: Path) -> None:
    for old in folder.glob("[0-9][0-9]*-*.mp4"):
        old.unlink()
    with suppress(OSError):  # there are files of others in it
        folder.rmdir()


def _film(report: Report, clips: list[str], folder: Path, *, embed: bool) -> Shots:
    found, said, n_bytes = {}, [], 0
    for number, clip in enumerate(clips, start=1):
        file = folder / f"{number:02d}-{re.sub(r'[^A-Za-z0-9._-]+', '-', clip)[:60]}.mp4"
        tiled = guarded(_tiled, report.videos[clip], file, name=clip)
        if isinstance(tiled, Fault):
            said.append(f"No video of {plain(clip)}: {plain(tiled.reason)}")
            continue
        n_bytes += file.stat().st_size
        source = quote(f"{folder.name}/{file.name}")
        if embed:
            source = "data:video/mp4;base64," + base64.b64encode(file.read_bytes()).decode()
        found[clip] = Video(source, tiled.fps, tiled.n_frames, tiled.rows)
    if found:
        which = f"The worst {len(found)} of {len(report.videos)} clips can be played"
        if len(found) == len(report.videos):
            which = "All clips can be played"
        is_beside = any(TRUTH in rows for rows in report.videos.values())
        leads = "the ground truth's" if is_beside else "the first row's"
        where = "inside this page" if embed else f"in the folder {plain(folder.name)} beside it"
        said.insert(
            0,
            f"{which}. Their videos lie {where} ({n_bytes / 1e6:.1f} MB): all rows encoded alike, "
            f"at {leads} frame rate, with its sound.",
        )
    return Shots(found, said)


def _tiled(rows: Mapping[str, Place], file: Path) -> Tiled:
    """Write the videos of a clip; those at URLs are fetched for that."""
    from tkit.report.series import videos

    with remote.in_place(rows.values()) as found:
        return videos.tile({row: found[place] for row, place in rows.items()}, file)


def as_html(report: Report, shots: Shots | None = None) -> str:
    """The page of a report as text; without ``shots`` it has no videos."""
    return pages.render("report.html", **content(report, shots or Shots()))


def content(report: Report, shots: Shots, **more: Any) -> dict[str, Any]:
    """What the template ``report.html`` takes; ``more`` is added to the data of the script."""
    said = list(shots.said) or [NO_VIDEOS]
    order = ranked(report)
    if len(order) > MOST_CLIPS:
        said.append(f"The table has the worst {MOST_CLIPS} of {len(order)} clips.")
    return {
        "title": f"Scores under the protocol {report.protocol}",
        "about": _about(report),
        "grid": grid.of_report(report),
        "strata": grid.of_strata(report),
        "notes": tables.notes(report),
        "signatures": tables.signatures(report),
        "comparisons": tables.comparison_lines(report),
        "left_out": tables.summarise(report.rejects),
        "n_scores": len(report.clips),
        "said": said,
        "no_series": "" if report.series else NO_SERIES,
        "data": as_json(data_of(report, shots) | more),
    }


def _about(report: Report) -> str:
    preds = [method for method in report.methods if method not in CONTROL_ROWS]
    clips = {clip.clip for clip in report.clips}
    speakers = {speaker.speaker for speaker in report.speakers}
    counts = ((len(preds), "method"), (len(clips), "clip"), (len(speakers), "speaker"))
    parts = [f"{n} {noun}{'s' * (n != 1)}" for n, noun in counts if n]
    return ", ".join(parts)


def ranked(report: Report) -> list[tuple[str, float]]:
    """Clips, the worst first, and how bad each is: 100 if it were the worst in everything.

    It is the mean, over metrics and predictions, of the share of clips that are better. A metric
    that is to be close to the ground truth's counts where this is known.
    """
    from scipy.stats import rankdata

    truth = {(c.clip, c.metric): c.value for c in report.clips if c.method == TRUTH}
    better = {m: cell.better for cells in report.methods.values() for m, cell in cells.items()}
    groups: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    bad: dict[str, list[float]] = {}
    for score in report.clips:
        bad.setdefault(score.clip, [])
        if score.method in CONTROL_ROWS or math.isnan(score.value):
            continue
        kind, own = better.get(score.metric, "lower"), truth.get((score.clip, score.metric))
        if kind != "closer" or own is not None:
            short = tables.shortfall(score.value, kind, own or 0.0)
            if not math.isnan(short):  # infinitely far from what is infinite
                groups[score.method, score.metric][score.clip] = short
    for scores in groups.values():
        places = (rankdata(list(scores.values())) - 1) / max(len(scores) - 1, 1)
        for clip, place in zip(scores, places, strict=True):
            bad[clip].append(100 * float(place))
    found = [(clip, float(np.mean(values)) if values else 0.0) for clip, values in bad.items()]
    return sorted(found, key=lambda pair: -pair[1])


def data_of(report: Report, shots: Shots) -> dict[str, Any]:
    """What the page's script reads: names are shown by numbers of rows, metrics and clips."""
    order = ranked(report)[:MOST_CLIPS]
    number = {clip: index for index, (clip, _) in enumerate(order)}
    rows, metrics = list(report.methods), report.metrics
    place = {name: index for index, name in enumerate(rows)}
    # The truth has curves, and videos, also where it is no row of the table.
    shown = [*(one.rows for one in report.series.values()), *report.videos.values()]
    is_beside = TRUTH not in place and any(TRUTH in rows for rows in shown)
    names = [*rows, *([TRUTH] if is_beside else [])]
    at = {name: index for index, name in enumerate(names)}
    scores: list[list[list[Any]]] = [[[None] * len(order) for _ in rows] for _ in metrics]
    column = {name: index for index, name in enumerate(metrics)}
    for score in report.clips:
        if score.clip in number and score.method in place and score.metric in column:
            scores[column[score.metric]][place[score.method]][number[score.clip]] = _short(
                score.value
            )
    return {
        "rows": [{"name": plain(name), "kind": _kind(name)} for name in names],
        "metrics": [_metric(report, name) for name in metrics],
        "clips": [plain(clip) for clip, _ in order],
        "rank": [round(bad, 1) for _, bad in order],
        "scores": scores,
        "speakers": _speakers(report, place, column),
        "blinks": _blinks(report.series.values(), at),
        "series": _series(report.series, number, at),
        "videos": {
            number[clip]: _video(video, report.series.get(clip), at)
            for clip, video in shots.videos.items()
            if clip in number
        },
        "face": [[line.tolist(), False] for line in OPEN_LINES]
        + [[line.tolist(), True] for line in CLOSED_LINES],
        "step": GRID_PX,
        "none": NO_VALUE,
        "scale": SCALE,
    }


def as_json(data: Any) -> str:
    """JSON that no HTML parser reads as anything else: nothing in it ends a script."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _kind(row: str) -> str:
    return "truth" if row == TRUTH else "control" if row in CONTROL_ROWS else "pred"


def _metric(report: Report, name: str) -> dict[str, str]:
    cell = next(iter(report.methods.values()))[name]
    return {
        "name": plain(name),
        "label": grid.heading(name, cell).name,
        "better": cell.better,
        "unit": plain(cell.unit),
    }


def _short(value: float) -> float | str | None:
    """A score as JSON has it: infinity is a text."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float(f"{value:.{DIGITS}g}")


def _speakers(
    report: Report, place: Mapping[str, int], column: Mapping[str, int]
) -> list[list[list[Any]]]:
    """Of each metric the means of speakers: row, name, mean, clips."""
    found: list[list[list[Any]]] = [[] for _ in column]
    for one in report.speakers:
        if one.metric in column and one.method in place and math.isfinite(one.value):
            dot = [place[one.method], plain(one.speaker), _short(one.value), one.n]
            found[column[one.metric]].append(dot)
    return found


def _blinks(clips: Any, at: Mapping[str, int]) -> dict[int, list[float]]:
    """Durations of all blinks of each row in which a metric looked for them, seconds."""
    found: dict[int, list[float]] = {}
    for clip in clips:
        for name, row in clip.rows.items():
            if row.durations_s is not None and name in at:
                found.setdefault(at[name], []).extend(round(d, 3) for d in row.durations_s)
    return found


def _series(
    series: Mapping[str, ClipSeries], number: Mapping[str, int], at: Mapping[str, int]
) -> dict[int, Any]:
    """Curves of the worst clips, as many as fit."""
    found, total = {}, 0
    for clip in number:
        if clip not in series:
            continue
        one = series[clip]
        total += sum(len(row.opening) for row in one.rows.values())
        if total > MOST_FRAMES:
            break
        rows = {
            at[name]: [
                *(_numbers(getattr(row, what), SCALE[what]) for what in SCALE),
                [round(onset, 3) for onset in row.onsets_s or ()],
            ]
            for name, row in one.rows.items()
            if name in at
        }
        found[number[clip]] = {"fps": one.fps, "unit": plain(one.error_unit), "rows": rows}
    return found


def _numbers(values: NDArray[np.float32], scale: int) -> str:
    """Numbers as 16-bit ones in base64, empty if there are none."""
    known = np.isfinite(values)
    if not known.any():
        return ""
    steps = np.clip(np.rint(values.astype(np.float64) * scale), -32767, 32767)
    return _encoded(np.where(known, steps, NO_VALUE))


def _encoded(numbers: NDArray[Any]) -> str:
    return base64.b64encode(numbers.astype("<i2").tobytes()).decode()


def _video(video: Video, series: ClipSeries | None, at: Mapping[str, int]) -> dict[str, Any]:
    """A video, and the points of its rows where they are known."""
    points = {}
    for name, row in (series.rows if series else {}).items():
        if row.points is not None and name in at:
            points[at[name]] = [*row.size, _encoded(row.points)]
    return {
        "src": video.source,
        "fps": video.fps,
        "frames": video.n_frames,
        "rows": [[at[name], *place] for name, place in video.rows.items() if name in at],
        "points": points,
    }
