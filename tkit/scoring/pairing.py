"""Which prediction belongs to which ground truth, by relative path without suffix; do they fit?"""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING

from tkit.errors import ScoreError, UsageError
from tkit.files import require_path
from tkit.parsing import read_text
from tkit.report import CONTROL_ROWS, Unscored
from tkit.report.series import TRUTH

if TYPE_CHECKING:
    from tkit.media.frames import Reader

FPS_TOLERANCE = 0.005  # relative; containers round their frame rate


@dataclass(frozen=True)
class ClipFiles:
    """The ground truth of one clip, its prediction by each method that has one, and who has none.

    ``missing`` is filled only where the policy scores such methods all the same.
    """

    clip: str
    gt: Path
    preds: dict[str, Path] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def name_methods(given: list[str]) -> dict[str, Path]:
    """Turn ``NAME=DIR`` or ``DIR`` arguments into method name to folder.

    A folder without a name is called like itself, or ``pred`` where that name is not free.

    Raises
    ------
    UsageError
        If a name is taken twice, or is that of a control row.
    """
    methods: dict[str, Path] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if not equals or "/" in name or Path(text).exists():
            folder = text
            name = Path(text).resolve().name
            name = "pred" if name in ("", *CONTROL_ROWS) else name
        if not name or not folder:
            raise UsageError(f"--pred {text}: give NAME=DIR or DIR")
        if name in CONTROL_ROWS:
            raise UsageError(
                f"--pred {text}: {name!r} is the name of a row that is always computed"
            )
        if name in methods:
            raise UsageError(
                f"two predictions are called {name!r}; name them: --pred other={folder}"
            )
        methods[name] = Path(folder)
    return methods


def pair(
    preds: Mapping[str, Path],
    gt: Path,
    *,
    renamed: Mapping[str, str] | None = None,
    missing: str = "reject",
) -> tuple[list[ClipFiles], list[Unscored]]:
    """Match predictions with the ground truth.

    Parameters
    ----------
    preds : mapping
        Method to folder of videos.
    gt : Path
        Folder of videos; their relative paths without suffix are the clips' names.
    renamed : mapping, optional
        Name of a prediction to the clip it is of, where they differ.
    missing : {"reject", "static"}
        ``static``: a clip that a method has not predicted is listed under ``missing``.

    Returns
    -------
    clips : list of ClipFiles
        Those with at least one prediction, sorted by name.
    rejects : list of Unscored
        Predictions without ground truth, ground truth without prediction, ambiguous names.

    Raises
    ------
    UsageError
        If a folder does not exist.
    ScoreError
        If a folder holds no video, or a method shares no name with the ground truth.
    """
    for folder, what in ((gt, "ground truth"), *((f, "predictions") for f in preds.values())):
        if not require_path(folder, f"folder of {what}").is_dir():
            raise UsageError(f"{folder}: is a file; give the folder of {what}")
    truth = _scan(gt, "ground truth")
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    absent: dict[str, list[str]] = defaultdict(list)
    rejects = []
    for method, folder in preds.items():
        videos = _rename(_scan(folder, "predictions"), renamed or {})
        if not videos.keys() & truth.keys():
            raise ScoreError(_no_match(folder, videos, gt, truth))
        for clip in sorted(videos.keys() | truth.keys()):
            reason = _mismatch(videos.get(clip, []), truth.get(clip, []))
            if not reason:
                found[clip][method] = videos[clip][0]
            elif clip not in videos and missing == "static":
                absent[clip].append(method)
            else:
                rejects.append(Unscored(method, clip, reason))
    clips = sorted(found.keys() | absent.keys())
    files = [ClipFiles(c, truth[c][0], found.get(c, {}), tuple(absent.get(c, ()))) for c in clips]
    return files, rejects


def videos_of(clips: Iterable[ClipFiles]) -> dict[str, dict[str, Path]]:
    """Clip to the paths of its rows, the ground truth first."""
    return {files.clip: {TRUTH: files.gt, **files.preds} for files in clips}


def read_map(path: Path) -> dict[str, str]:
    """Read lines of two columns (tab or comma): name of a prediction, name of its clip.

    Raises
    ------
    UsageError
        If a line has not two columns, or a prediction is named twice.
    """
    names: dict[str, str] = {}
    for number, line in enumerate(read_text(require_path(path, "map")).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        line = unicodedata.normalize("NFC", line)
        columns = [part.strip() for part in line.split("\t" if "\t" in line else ",")]
        if len(columns) != 2 or not all(columns):
            raise UsageError(f"{path}, line {number}: give two columns, prediction and clip")
        if columns[0] in names:
            raise UsageError(f"{path}, line {number}: {columns[0]} is named twice")
        names[columns[0]] = columns[1]
    return names


def _name_of(path: PurePath) -> str:
    """Name of a clip: an accent is part of its letter, where Macs write it behind; all of UTF-8."""
    name = unicodedata.normalize("NFC", path.as_posix())
    return name.encode("utf-8", "backslashreplace").decode()


def _rename(videos: dict[str, list[Path]], renamed: Mapping[str, str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for name, paths in videos.items():
        found[renamed.get(name, name)] += paths
    return dict(found)


def _scan(folder: Path, what: str) -> dict[str, list[Path]]:
    """Find what is below ``folder``: relative path without suffix to the files of that name.

    Videos, ``.npy`` files, and folders that hold pictures (one clip each).
    """
    from tkit.media import VIDEO_SUFFIXES  # late: a wrong path is answered before FFmpeg is loaded
    from tkit.media.frames import PICTURE_SUFFIXES

    videos: dict[str, list[Path]] = defaultdict(list)
    seen = set()
    top = folder.absolute()  # worker processes may stand in another folder
    for place, folders, files in os.walk(top, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        paths = [Path(place, name) for name in sorted(files) if not name.startswith(".")]
        for path in paths:
            if path.suffix.lower() in (*VIDEO_SUFFIXES, ".npy"):
                videos[_name_of(path.relative_to(top).with_suffix(""))].append(path)
        if Path(place) != top and any(path.suffix.lower() in PICTURE_SUFFIXES for path in paths):
            videos[_name_of(Path(place).relative_to(top))].append(Path(place))
    if not videos:
        suffixes = " ".join(sorted(VIDEO_SUFFIXES))
        raise ScoreError(
            f"{folder}: no video of the {what} below this folder ({suffixes}, .npy, or folders of "
            "pictures)"
        )
    return dict(videos)


def _mismatch(preds: list[Path], truths: list[Path]) -> str:
    if not preds:
        return "no prediction of this name"
    if not truths:
        return "no ground truth of this name"
    for files, what in ((preds, "predictions"), (truths, "ground-truth files")):
        if len(files) > 1:
            return f"{len(files)} {what} of this name: {', '.join(path.name for path in files)}"
    return ""


def _no_match(
    folder: Path, videos: dict[str, list[Path]], gt: Path, truth: dict[str, list[Path]]
) -> str:
    bare = {PurePosixPath(name).name for name in truth}
    same = any(PurePosixPath(name).name in bare for name in videos)
    hint = "; only the sub-folders differ" if same else ""
    return (
        f"no prediction in {folder} has the name of a ground-truth clip in {gt}{hint}: "
        f"predictions are called {_examples(videos)}, ground truth {_examples(truth)}; "
        "names are paths below the folder, without suffix"
    )


def _examples(names: dict[str, list[Path]]) -> str:
    first = sorted(names)[:2]
    return " ".join(first) + (" …" if len(names) > len(first) else "")


def unlike(
    *, pred: Reader, gt: Reader, same_size: bool = True, same_fps: bool = True, spare: int = 0
) -> str:
    """Why two opened videos cannot be compared frame by frame; empty if they can.

    Parameters
    ----------
    spare : int
        Pixels that widths and heights may differ by, where sizes must be the same.
    """
    if pred.channels != gt.channels:
        return f"frames of {pred.channels} channels, ground truth has {gt.channels}"
    apart = max(abs(a - b) for a, b in zip(pred.shape, gt.shape, strict=True))
    if same_size and apart > spare:
        hint = "; --size cut compares the pixels that both have" if apart == 1 else ""
        return f"pictures of {pred.size}, ground truth has {gt.size}{hint}"
    if not same_fps or not (pred.is_video and gt.is_video):  # others have no rate to compare
        return ""
    if not pred.fps or not gt.fps:
        return f"the {'ground truth' if pred.fps else 'prediction'} states no frame rate"
    if abs(pred.fps - gt.fps) > FPS_TOLERANCE * gt.fps:
        return (
            f"{pred.fps:.6g} frames a second, ground truth has {gt.fps:.6g}; --fps nearest takes "
            "what is shown at its times"
        )
    return ""


def unequal(*, pred: Reader, gt: Reader) -> str:
    """Why two videos read side by side did not end together; empty if they did."""
    if gt.problem:
        return f"ground truth: {gt.problem}"
    pred.skip_to_end()
    if pred.problem:
        return pred.problem
    if pred.count != gt.count:
        shorter = min(pred.count, gt.count)
        hint = (
            f"; --length cut compares the first {shorter}"
            if pred.count + gt.count - 2 * shorter == 1
            else ""
        )
        return f"{pred.count} frames, ground truth has {gt.count}{hint}"
    return ""
