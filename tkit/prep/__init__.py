"""Prepare a corpus: clips to landmarks, canonical displacement, speech features and crops.

Each clip is decoded once, by one process, and its result is kept in a part file beside the output;
when all parts are there, one writer puts them into the store in order of clip ids. So the number of
processes changes nothing in the result, an interrupted run goes on where it stopped, and memory
does not grow with the corpus.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from tkit import jobs as parallel
from tkit import media, store, tracking
from tkit.clips import Clip, Reject, Remark, validate
from tkit.corpora import CORPORA, Corpus
from tkit.errors import CorpusError, MediaError, TkitError, UsageError
from tkit.face import crops, geometry
from tkit.face.crops import CROP_SIZE
from tkit.files import atomic_path
from tkit.landmarks import LANDMARKERS
from tkit.prep.neutrals import neutrals
from tkit.speech import ENCODERS, OpenEncoder, open_encoder
from tkit.speech.windows import WINDOW


@dataclass(frozen=True)
class Settings:
    """What decides the prepared data of a clip.

    Parameters
    ----------
    landmarks, speech : str
        Names of the back-ends.
    landmarks_model : str
        Model file for a landmark back-end that brings none (``mesh``).
    lips, lips_model : str
        Name of the lip segmenter (empty for the landmark back-end's own choice, ``none`` for none)
        and a model file for one that brings none (``bisenet``).
    speech_weights : str
        Weight file of the speech encoder; empty for its own.
    window_rate : str
        How speech windows are to be cut in training, see :func:`tkit.speech.windows.windows`.
    crops : bool
        Also store aligned face crops.
    crop_size : int
        Their pixels, a multiple of 16.
    fps : float
        Frame rate of the store.
    max_gap : int
        Longest run of frames without a face (or lost to damage) that is filled.
    max_drift : float
        Largest difference between the lengths of picture and sound, in frames.
    """

    landmarks: str = "dlib68"
    speech: str = "chars29"
    crops: bool = False
    fps: float = 25.0
    max_gap: int = 5
    max_drift: float = 5.0
    landmarks_model: str = ""
    lips: str = ""
    lips_model: str = ""
    speech_weights: str = ""
    window_rate: str = "native"
    crop_size: int = CROP_SIZE

    def __post_init__(self) -> None:
        if self.crop_size < 64 or self.crop_size % 16:
            raise UsageError(f"crop size {self.crop_size} is not a multiple of 16 from 64 on")


@dataclass(frozen=True)
class Summary:
    """What a run of :func:`prepare` did."""

    clips: int
    frames: int
    speakers: int
    splits: dict[str, int]
    rejects: list[Reject]
    notes: list[Remark]


def prepare(
    corpus: str,
    root: str | Path,
    out: str | Path,
    *,
    settings: Settings | None = None,
    protocol: str | None = None,
    jobs: int = 1,
    cluster: str = "",
    fresh: bool = False,
    strict: bool = False,
    progress: bool = False,
) -> Summary:
    """Prepare the corpus below ``root`` into the store ``out``.

    Parameters
    ----------
    corpus : str
        Name in the registry of corpora.
    protocol : str, optional
        Which published split to record; the corpus' default if not given.
    jobs : int
        Processes; the result is the same for any number.
    cluster : str
        Address of a Dask scheduler whose workers see the same folders as this machine, or
        ``local`` for one with ``jobs`` workers here; by default plain processes.
    fresh : bool
        Forget the parts of an interrupted run.
    strict : bool
        Raise at the first rejected clip instead of recording it.

    Raises
    ------
    CorpusError
        If no clip could be prepared, or with ``strict`` if any was rejected.
    """
    settings, out = settings or Settings(), Path(out)
    entry: Corpus = CORPORA.get(corpus)
    protocol = entry.require_protocol(protocol)
    tracking.signature(settings.landmarks, settings.landmarks_model)  # unknown names fail now,
    tracking.lips_signature(*_lips(settings))
    encoder = open_encoder(settings.speech, settings.speech_weights).info  # and missing weights
    encoder = replace(encoder, window_rate=settings.window_rate)
    found = list(entry.scan(Path(root).absolute() if cluster else Path(root)))
    clips = validate(item for item in found if isinstance(item, Clip))
    rejects = [item for item in found if isinstance(item, Reject)]
    parts = Path(f"{out}.parts").absolute()  # workers elsewhere stand in another folder
    if fresh:
        shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True, exist_ok=True)
    names = [parts / _part_name(clip, settings, encoder.signature) for clip in clips]
    todo = [pair for pair in zip(clips, names, strict=True) if not pair[1].exists()]
    done = len(clips) - len(todo)
    for reject in _run(todo, settings, jobs=jobs, cluster=cluster, done=done, progress=progress):
        if strict and reject:
            raise CorpusError(f"{reject.id}: {reject.reason} (--strict)")
    if missing := sum(not name.exists() for name in names):
        raise CorpusError(
            f"{missing} of {len(names)} parts are not in {parts}: do the cluster's workers see "
            "this folder under the same path?"
        )
    built = parts / "store.h5"  # what a killed run leaves of it goes with the parts
    summary = _assemble(built, entry, corpus, protocol, clips, names, rejects, settings, encoder)
    built.replace(out)
    shutil.rmtree(parts)
    return summary


# -- one clip ---------------------------------------------------------------------------------


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
    encode = _encoder(settings.speech, settings.speech_weights)
    sample_rate = ENCODERS.get(settings.speech).sample_rate
    decoded = media.read_clip(clip.video, clip.audio, fps=settings.fps, sample_rate=sample_rate)
    wave = media.require_sound(decoded.wave, Path(clip.video).name)
    _check_drift(decoded, settings)
    wave = wave[: round(decoded.duration_s * sample_rate)]
    track = tracking.open_landmarks(settings.landmarks, settings.landmarks_model)
    segment = tracking.open_lips(*_lips(settings))
    tracked = tracking.track_clip(
        decoded, track, segment, video=clip.video, max_gap=settings.max_gap
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


def _lips(settings: Settings) -> tuple[str, str]:
    """Name and model file of the lip segmenter."""
    return tracking.lips_for(settings.landmarks, settings.lips), settings.lips_model


def _check_drift(decoded: media.Media, settings: Settings) -> None:
    sound_s = len(decoded.wave) / decoded.sample_rate
    drift = abs(sound_s - decoded.duration_s) * settings.fps
    if drift > settings.max_drift:
        raise MediaError(
            f"{len(decoded.frames)} video frames ({decoded.duration_s:.2f} s) but {sound_s:.2f} s "
            f"of sound; pass --max-drift {int(np.ceil(drift))} or drop the clip"
        )


@cache
def _encoder(speech: str, weights: str) -> OpenEncoder:
    """Load the speech encoder once a process."""
    encode = open_encoder(speech, weights)
    _single_threaded()  # now that it has loaded what it needs
    return encode


def _part_name(clip: Clip, settings: Settings, encoder: str) -> str:
    """Name of a clip's part: changes with settings, models and with the files that are read."""
    sidecar = LANDMARKERS.get(settings.landmarks).sidecar
    files = [Path(path) for path in (clip.video, clip.audio) if path]
    files += [Path(clip.video).with_suffix(sidecar)] if sidecar else []
    stats = [path.stat() for path in files if path.exists()]
    model = tracking.signature(settings.landmarks, settings.landmarks_model)
    lips = tracking.lips_signature(*_lips(settings))
    values = asdict(replace(settings, landmarks_model=model, lips=lips, lips_model=""))
    facts = [clip.id, values, encoder, [(stat.st_size, stat.st_mtime_ns) for stat in stats]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32] + ".npz"


def _make_part(clip: Clip, path: Path, settings: Settings) -> Reject | None:
    try:
        arrays = prepare_clip(clip, settings)
        reject = None
    except TkitError as error:
        arrays = {"reason": np.array(str(error))}
        reject = Reject(clip.id, "prep", str(error))
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)
    return reject


def _single_threaded() -> None:
    """Work in parallel across clips alone: so torch gives the same bits for any number of jobs."""
    import cv2

    cv2.setNumThreads(1)
    if "torch" in sys.modules:  # not every encoder needs it
        sys.modules["torch"].set_num_threads(1)


def _run(
    todo: list[tuple[Clip, Path]],
    settings: Settings,
    *,
    jobs: int,
    cluster: str,
    done: int,
    progress: bool,
) -> Iterator[Reject | None]:
    from tqdm import tqdm

    calls = [(clip, path, settings) for clip, path in todo]
    bar = tqdm(
        parallel.run(_make_part, calls, jobs=jobs, cluster=cluster) if calls else (),
        total=done + len(todo),
        initial=done,
        unit="clip",
        disable=not progress,
        desc="prep",
    )
    rejected = 0
    for reject in bar:
        rejected += reject is not None
        bar.set_postfix(rejected=rejected)
        yield reject


# -- the store --------------------------------------------------------------------------------


def _assemble(
    out: Path,
    entry: Corpus,
    corpus: str,
    protocol: str,
    clips: list[Clip],
    parts: list[Path],
    rejects: list[Reject],
    settings: Settings,
    encoder: store.EncoderInfo,
) -> Summary:
    kept: list[tuple[Clip, Path]] = []
    for clip, part in zip(clips, parts, strict=True):
        with np.load(part) as arrays:
            if "reason" in arrays:
                rejects.append(Reject(clip.id, "prep", str(arrays["reason"])))
            else:
                kept.append((clip, part))
    rejects = sorted(rejects, key=lambda reject: reject.id)
    if not kept:
        first = f"; the first: {rejects[0].id}: {rejects[0].reason}" if rejects else ""
        raise CorpusError(f"none of {len(rejects)} clips could be prepared{first}")
    splits = {clip.id: entry.split_of(clip, protocol) for clip, _ in kept}
    own, canonical = neutrals(kept, splits)
    info = store.StoreInfo(
        corpus=corpus,
        protocol=protocol,
        landmarks=tracking.signature(settings.landmarks, settings.landmarks_model),
        lips=tracking.lips_signature(*_lips(settings)),
        fps=settings.fps,
        window=WINDOW,
        encoder=encoder,
    )
    notes: list[Remark] = []
    n_frames, counts = 0, dict.fromkeys(sorted(set(splits.values())), 0)
    with store.create(out, info, crop_size=settings.crops * settings.crop_size) as writer:
        for clip, part in kept:
            with np.load(part) as loaded:
                arrays = dict(loaded)
            notes += [Remark(clip.id, str(text)) for text in arrays.pop("notes")]
            arrays["displacement"], arrays["pose"] = geometry.canonicalise(
                arrays["points"], neutral=own[clip.speaker], canonical=canonical
            )
            split = splits[clip.id]
            writer.add(
                id=clip.id,
                speaker=clip.speaker,
                text=clip.text,
                split=split,
                fps=settings.fps,
                words=clip.words,
                arrays=arrays,
            )
            n_frames += len(arrays["points"])
            counts[split] += 1
        writer.finish(speakers=own, canonical=canonical, rejects=rejects, notes=notes)
    return Summary(len(kept), n_frames, len(own), counts, rejects, notes)
