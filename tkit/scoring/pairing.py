"""Which prediction belongs to which ground truth, by relative path without suffix; do they fit?"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Generic, TypeVar

from tkit import remote
from tkit.errors import Fault, ScoreError, UsageError
from tkit.files import require_path
from tkit.parsing import read_text
from tkit.remote import Place
from tkit.report import CONTROL_ROWS, Unscored
from tkit.report.series import TRUTH

if TYPE_CHECKING:
    from tkit.media.frames import Reader

FPS_TOLERANCE = 0.005  # relative; containers round their frame rate
Where = TypeVar("Where", bound=Place)
_Files = dict[str, list[Place]]  # by the name of a clip


@dataclass(frozen=True)
class ClipFiles(Generic[Where]):
    """The files of one clip, wherever they lie (``Place``) or on this machine (``Path``).

    Parameters
    ----------
    clip : str
    gt : Place or None
        None in a run without ground truth.
    preds : dict
        Its prediction by each method that has one.
    missing : tuple of str
        Who has none; filled only where the policy scores such methods all the same.
    audio, source : Place, Fault or None
        The sound that lips should fit, and the picture or clip that predictions were made of, if
        the user gives some; a fault says why this clip has none.
    other : Place, Fault or None
        Whose sound is that of another clip, for the control row that is heard with it.
    """

    clip: str
    gt: Where | None
    preds: dict[str, Where] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    audio: Where | Fault | None = None
    source: Where | Fault | None = None
    other: Where | Fault | None = None

    @property
    def places(self) -> list[Where]:
        """All of them."""
        every = [self.gt, *self.preds.values(), self.audio, self.source, self.other]
        return [one for one in every if one is not None and not isinstance(one, Fault)]


def name_methods(given: list[str]) -> dict[str, Place]:
    """Turn ``NAME=DIR`` or ``DIR`` arguments into method name to folder, which may be a URL.

    A folder without a name is called like itself, or ``pred`` where that name is not free.

    Raises
    ------
    UsageError
        If a name is taken twice, or is that of a control row.
    """
    methods: dict[str, Place] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if not equals or "/" in name or Path(text).exists():
            folder, place = text, remote.place_of(text)
            name = remote.name_of(place.resolve() if isinstance(place, Path) else place)
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
        methods[name] = remote.place_of(folder)
    return methods


def pair(
    preds: Mapping[str, Place],
    gt: Place | None,
    *,
    renamed: Mapping[str, str] | None = None,
    missing: str = "reject",
) -> tuple[list[ClipFiles[Place]], list[Unscored]]:
    """Match predictions with the ground truth, or where there is none with each other.

    Parameters
    ----------
    preds : mapping
        Method to folder of videos.
    gt : Place or None
        Folder of videos; their relative paths without suffix are the clips' names. Without it
        those of all predictions are.
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
        If a folder does not exist; :class:`RemoteError` where it is told by a URL.
    ScoreError
        If a folder holds no video, or a method shares no name with the ground truth.
    """
    folders = [(gt, "ground truth")] if gt else []
    for folder, what in [*folders, *((folder, "predictions") for folder in preds.values())]:
        if not remote.is_folder(folder, f"folder of {what}"):
            raise UsageError(f"{folder}: is a file; give the folder of {what}")
    truth = _scan(gt, "ground truth") if gt else {}
    of = {m: _rename(_scan(folder, "predictions"), renamed or {}) for m, folder in preds.items()}
    wanted = truth.keys() if gt else set().union(*of.values())
    found: dict[str, dict[str, Place]] = defaultdict(dict)
    absent: dict[str, list[str]] = defaultdict(list)
    rejects = []
    for method, videos in of.items():
        if gt and not videos.keys() & truth.keys():
            raise ScoreError(_no_match(preds[method], videos, gt, truth))
        for clip in sorted(videos.keys() | wanted):
            reason = _mismatch(videos.get(clip, []), truth.get(clip, []) if gt else None)
            if not reason:
                found[clip][method] = videos[clip][0]
            elif clip not in videos and missing == "static":
                absent[clip].append(method)
            else:
                rejects.append(Unscored(method, clip, reason))
    clips = sorted(found.keys() | absent.keys())
    files = [
        ClipFiles(
            clip, truth[clip][0] if gt else None, found.get(clip, {}), tuple(absent.get(clip, ()))
        )
        for clip in clips
    ]
    return files, rejects


def with_files(
    clips: Iterable[ClipFiles[Place]], *, audio: Place | None = None, source: Place | None = None
) -> list[ClipFiles[Place]]:
    """Add the sound and the source picture of each clip.

    Parameters
    ----------
    audio : Place, optional
        A folder of sound or video files, called like the clips (their path or their name alone),
        or one file for all of them.
    source : Place, optional
        The same of pictures or videos; one of a speaker is called like the speaker.

    Raises
    ------
    UsageError
        If one does not exist; :class:`RemoteError` where it is told by a URL.
    ScoreError
        If a folder holds nothing of the kind.
    """
    from tkit.media import SOUND_SUFFIXES, VIDEO_SUFFIXES
    from tkit.media.frames import PICTURE_SUFFIXES

    sounds = _Beside(audio, "sound", SOUND_SUFFIXES | VIDEO_SUFFIXES)
    pictures = _Beside(
        source, "source picture", PICTURE_SUFFIXES | VIDEO_SUFFIXES | {".npy"}, of_speakers=True
    )
    return [
        replace(files, audio=sounds.of(files.clip), source=pictures.of(files.clip))
        for files in clips
    ]


class _Beside:
    """Files that belong to clips: one for all of them, or those of a folder by their names."""

    def __init__(
        self, given: Place | None, what: str, suffixes: frozenset[str], *, of_speakers: bool = False
    ) -> None:
        self._given, self._what, self._of_speakers = given, what, of_speakers
        self._files: _Files = defaultdict(list)
        self._is_folder = given is not None and remote.is_folder(given, what)
        if given is None or not self._is_folder:
            return
        top = remote.absolute(given)
        for inside, names in remote.walk(top):
            for path in (inside / name for name in names if not name.startswith(".")):
                if path.suffix.lower() in suffixes:
                    self._files[_name_of(path.with_suffix(""))].append(remote.below(top, path))
        if not self._files:
            kinds = " ".join(sorted(suffixes))
            raise ScoreError(f"{given}: no {what} below this folder ({kinds})")

    def of(self, clip: str) -> Place | Fault | None:
        """The file of one clip, a fault that says why there is none, or None if none was given."""
        if self._given is None or not self._is_folder:
            return self._given and remote.absolute(self._given)
        path = PurePosixPath(clip)
        names = [clip, path.name, *([path.parts[0]] if self._of_speakers else [])]
        files = next((self._files[name] for name in names if name in self._files), [])
        if not files:
            return Fault(f"no {self._what} of this name in {self._given}")
        if len(files) > 1:
            named = ", ".join(sorted(map(remote.name_of, files)))
            return Fault(f"{len(files)} files are the {self._what} of this name: {named}")
        return files[0]


def with_other_sounds(clips: Sequence[ClipFiles[Place]]) -> list[ClipFiles[Place]]:
    """Give every clip the sound of the next one, and the last one that of the first."""
    sounds = [files.audio or files.gt for files in clips]
    none = Fault("there is no other clip whose sound could be heard")
    return [
        replace(files, other=none if other == own else other)
        for files, own, other in zip(clips, sounds, [*sounds[1:], *sounds[:1]], strict=True)
    ]


def videos_of(clips: Iterable[ClipFiles[Place]]) -> dict[str, dict[str, Place]]:
    """Clip to the places of its rows, the ground truth first."""
    return {
        files.clip: {**({TRUTH: files.gt} if files.gt else {}), **files.preds} for files in clips
    }


def read_map(path: Place) -> dict[str, str]:
    """Read lines of two columns (tab or comma): name of a prediction, name of its clip.

    Raises
    ------
    UsageError
        If a line has not two columns, or a prediction is named twice.
    """
    names: dict[str, str] = {}
    with remote.in_place([path]) as found:
        text = read_text(require_path(found[path], "map"))
    for number, line in enumerate(text.splitlines(), 1):
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


def _rename(videos: _Files, renamed: Mapping[str, str]) -> _Files:
    found: _Files = defaultdict(list)
    for name, paths in videos.items():
        found[renamed.get(name, name)] += paths
    return dict(found)


def _scan(folder: Place, what: str) -> _Files:
    """Find what is below ``folder``: relative path without suffix to the files of that name.

    Videos, ``.npy`` files, and folders that hold pictures (one clip each).
    """
    from tkit.media import VIDEO_SUFFIXES  # late: a wrong path is answered before FFmpeg is loaded
    from tkit.media.frames import PICTURE_SUFFIXES

    videos: _Files = defaultdict(list)
    top = remote.absolute(folder)
    for inside, files in remote.walk(top):
        paths = [inside / name for name in files if not name.startswith(".")]
        for path in paths:
            if path.suffix.lower() in (*VIDEO_SUFFIXES, ".npy"):
                videos[_name_of(path.with_suffix(""))].append(remote.below(top, path))
        if inside.parts and any(path.suffix.lower() in PICTURE_SUFFIXES for path in paths):
            videos[_name_of(inside)].append(remote.below(top, inside, folder=True))
    if not videos:
        suffixes = " ".join(sorted(VIDEO_SUFFIXES))
        raise ScoreError(
            f"{folder}: no video of the {what} below this folder ({suffixes}, .npy, or folders of "
            "pictures)"
        )
    return dict(videos)


def _mismatch(preds: list[Place], truths: list[Place] | None) -> str:
    """Why a clip cannot be scored, if so; ``truths`` are None in a run without ground truth."""
    if not preds:
        return "no prediction of this name"
    if truths is not None and not truths:
        return "no ground truth of this name"
    for files, what in ((preds, "predictions"), (truths or [], "ground-truth files")):
        if len(files) > 1:
            return f"{len(files)} {what} of this name: {', '.join(map(remote.name_of, files))}"
    return ""


def _no_match(folder: Place, videos: _Files, gt: Place, truth: _Files) -> str:
    bare = {PurePosixPath(name).name for name in truth}
    same = any(PurePosixPath(name).name in bare for name in videos)
    hint = "; only the sub-folders differ" if same else ""
    return (
        f"no prediction in {folder} has the name of a ground-truth clip in {gt}{hint}: "
        f"predictions are called {_examples(videos)}, ground truth {_examples(truth)}; "
        "names are paths below the folder, without suffix"
    )


def _examples(names: _Files) -> str:
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
