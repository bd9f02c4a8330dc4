"""One clip of a preparation: its arrays, and the part file that keeps them until all are there.

Behind the arrays of a part stands their SHA-256; a part that has changed is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tkit import __version__, media, remote
from tkit.clips import Clip, Reject
from tkit.errors import Fault, MediaError, StoreError, guarded
from tkit.face import crops
from tkit.files import atomic_path, sha256_of
from tkit.parsing import is_sealed, seal
from tkit.prep.settings import Settings
from tkit.speech import ENCODERS, OpenEncoder
from tkit.tracking import track_clip

MACHINE = "machine"  # the step of clips that could not be used for no fault of their own


def prepare_clip(clip: Clip, settings: Settings) -> dict[str, np.ndarray]:
    """Decode one clip and return its arrays.

    Returns
    -------
    dict
        ``points`` (T, 68, 2) float32 px, ``valid`` (T,) bool, ``placed`` (T, 68) bool, ``speech``
        (N, D) float32, ``notes`` (any number) str and, with crops, ``crops`` (T, size, size, 3)
        uint8 and ``crop_pose`` (T, 2, 3) float64.

    Raises
    ------
    TkitError
        With the reason why this clip cannot be used.
    """
    encode = encoder(settings.speech, settings.speech_weights)
    sample_rate = ENCODERS.get(settings.speech).sample_rate
    decoded = media.read_clip(clip.video, clip.audio, fps=settings.fps, sample_rate=sample_rate)
    wave = media.require_sound(decoded.wave, Path(clip.video).name)
    _check_drift(decoded, settings)
    wave = wave[: round(decoded.duration_s * sample_rate)]
    ends = settings.front_ends
    tracked = track_clip(
        decoded, ends.track(), ends.segment(), video=clip.video, max_gap=settings.max_gap
    )
    points = tracked.points
    arrays: dict[str, np.ndarray] = {
        "points": points,
        "valid": tracked.valid,
        "placed": tracked.placed,
        "speech": encode(wave),
        "notes": np.array(tracked.notes, np.str_),
    }
    if settings.crops:
        size = settings.crop_size
        arrays["crop_pose"] = crops.crop_pose(points, size=size)
        arrays["crops"] = crops.cut_all(decoded.frames, arrays["crop_pose"], size=size)
    return arrays


def _check_drift(decoded: media.Media, settings: Settings) -> None:
    sound_s = len(decoded.wave) / decoded.sample_rate
    drift = abs(sound_s - decoded.duration_s) * settings.fps
    if drift > settings.max_drift:
        raise MediaError(
            f"{len(decoded.frames)} video frames ({decoded.duration_s:.2f} s) but {sound_s:.2f} s "
            f"of sound; pass --max-drift {int(np.ceil(drift))} or drop the clip"
        )


@cache
def encoder(speech: str, weights: str) -> OpenEncoder:
    """Load the speech encoder once a process."""
    encode = ENCODERS.get(speech).load(weights)
    _single_threaded()  # now that it has loaded what it needs
    return encode


def part_name(clip: Clip, settings: Settings, encoder: str) -> str:
    """Name of a clip's part: changes with tkit, settings, models, and the files that are read."""
    ends = settings.front_ends
    urls = [path for path in (clip.video, clip.audio) if remote.is_url(path)]
    files = [Path(path) for path in (clip.video, clip.audio) if path and path not in urls]
    sidecar = ends.landmarker.sidecar
    files += [Path(clip.video).with_suffix(sidecar)] if sidecar and clip.video not in urls else []
    stats = (path.stat() for path in files if os.path.exists(path))  # noqa: PTH110  (never raises)
    state = [(stat.st_size, stat.st_mtime_ns) for stat in stats]
    values = asdict(settings) | {"front_ends": [ends.signature(), ends.lips_signature()]}
    facts = [__version__, clip.id, values, encoder, state, *urls]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32] + ".npz"


def make_part(clip: Clip, path: Path, settings: Settings) -> Reject | None:
    """Prepare one clip and write its part; return why it cannot be used, if it cannot.

    A clip that cannot be used has a part, too, with the reason; not where the machine failed, so
    that a resumed run tries it again.
    """
    arrays = guarded(_prepare_here, clip, settings, name=Path(clip.video).name)
    if isinstance(arrays, Fault):
        reject = reject_of(arrays, clip)
        if arrays.machine:
            return reject
        arrays = {"reason": np.array(reject.reason)}
    else:
        reject = None
    content: dict[str, Any] = dict(arrays)
    with atomic_path(path) as temporary:
        np.savez(temporary, **content)
        about = seal(sha256_of(temporary))
        with temporary.open("ab") as file:  # readers of zip files do not mind what stands behind
            file.write(about)
    return reject


def send_part(clip: Clip, url: str, settings: Settings) -> Reject | None:
    """Do as :func:`make_part` where the part is to lie at a URL."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, remote.name_of(url))
        reject = make_part(clip, path, settings)
        if path.exists():
            sent = guarded(remote.send, path, url)
            reject = reject_of(sent, clip) if isinstance(sent, Fault) else reject
    return reject


class Way:
    """The way of parts from those who make them to their folder: straight, or over a URL.

    Parameters
    ----------
    url : str
        Of a folder, or nothing.
    paths : iterable of Path
        The parts.
    fresh : bool
        Forget those of a run before.

    Raises
    ------
    RemoteError
        If nothing can be written there.
    """

    def __init__(self, url: str, paths: Iterable[Path], *, fresh: bool) -> None:
        self._url, self._names = url.rstrip("/"), [path.name for path in paths]
        self.make: Callable[..., Reject | None] = send_part if url else make_part
        if url:
            remote.require_room(url)
        if fresh:
            self.clear()

    def to(self, path: Path) -> Path | str:
        """Where a part is written."""
        return f"{self._url}/{path.name}" if self._url else path

    def fetch(self, paths: Iterable[Path]) -> int:
        """Bring parts to their folder, as far as they are there; return how many."""
        return remote.fetch_some(self._url, paths) if self._url else 0

    def clear(self) -> None:
        """Remove what lies on the way."""
        if self._url:
            remote.remove(self._url, self._names)


def _prepare_here(clip: Clip, settings: Settings) -> dict[str, np.ndarray]:
    """Prepare a clip; what of it lies at URLs is on this machine as long as that takes."""
    files = [remote.place_of(file) for file in (clip.video, clip.audio) if file]
    with remote.in_place(files) as found:
        video, *sound = [found[file] for file in files]
        if remote.is_url(clip.video) and (sidecar := settings.front_ends.landmarker.sidecar):
            remote.fetch(clip.video.rpartition(".")[0] + sidecar, video.parent)
        here = replace(clip, video=str(video), audio="".join(map(str, sound)))
        return prepare_clip(here, settings)


def reject_of(fault: Fault, clip: Clip, *_: Any) -> Reject:
    """Name the step of a clip that failed: ``prep``, or ``machine`` for faults of the machine."""
    return Reject(clip.id, MACHINE if fault.machine else "prep", fault.reason)


def read_part(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read some arrays of a part, or all, as far as it has them.

    Raises
    ------
    StoreError
        If it is damaged: half a file, flipped bits.
    """
    try:
        with np.load(path) as arrays:
            return {name: arrays[name] for name in names or arrays if name in arrays}
    except (OSError, ValueError, EOFError, LookupError, zipfile.BadZipFile, zlib.error) as error:
        raise StoreError(f"{path}: damaged ({error}); run again to make it again") from error


def is_sound(path: Path) -> bool:
    """Whether a part is there and as it was written."""
    try:
        return is_sealed(path)
    except OSError:
        return False


def _single_threaded() -> None:
    """Work in parallel across clips alone: so torch gives the same bits for any number of jobs."""
    import cv2

    cv2.setNumThreads(1)
    if "torch" in sys.modules:  # not every encoder needs it
        sys.modules["torch"].set_num_threads(1)
