"""What ``tkit animate`` makes: which picture speaks which sound into which file, and how."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit import jobs as parallel
from tkit import media, remote
from tkit.clips import Clip, leads_out, read_manifest
from tkit.corpora import CORPORA, Corpus, default_root, scanned
from tkit.errors import Fault, NoFaceError, TkitError, UsageError, guarded
from tkit.files import already_there, claimed, refuse_overwrite, require_path
from tkit.landmarks import Track
from tkit.media.frames import pictures
from tkit.media.pictures import fit
from tkit.parsing import read_array
from tkit.pipelines.animation.studio import Studio
from tkit.progress import track
from tkit.remote import Place
from tkit.seeds import stable_seed
from tkit.store import open_store

if TYPE_CHECKING:
    from tkit.pipelines.training.runs import Trained
    from tkit.tracking import FrontEnds

CRF = 8  # H.264's constant quality: such videos are measured, and compression shall not count
FARTHEST_PX = 1e6  # from the corner of a picture that a point of a face can lie
SOUND_SUFFIXES = media.SOUND_SUFFIXES | set(".opus .aiff .aif .wma".split())
SOUND_HZ = 48000  # of the sound track: what the ear gets is not the encoder's 16 kHz


@dataclass(frozen=True)
class Job:
    """One video to make, of files that may lie at URLs; it may go to one itself.

    Parameters
    ----------
    image : Place
        A picture, or a video whose first frame is the picture.
    audio : Place
        Sound or video file.
    out : Place
    n_frames : int
        Frames of the video; 0: as long as the sound.
    name : str
        Path below the folder of all videos, without suffix; empty for one that is made by itself.
    """

    image: Place
    audio: Place
    out: Place
    n_frames: int = 0
    name: str = ""

    @property
    def blinks_as(self) -> str:
        """What the seed is mixed with: the names of picture and sound, one video or many."""
        return self.name or f"{_stem(self.image)}_{_stem(self.audio)}"

    def is_newer(self) -> bool:
        """Whether the video, which is there, is from after its picture and sound came to be.

        Of what lies at URLs nobody knows.
        """
        inputs = [one for one in (self.image, self.audio) if isinstance(one, Path) and one.exists()]
        if not isinstance(self.out, Path):
            return True
        made = self.out.stat().st_mtime_ns
        return made >= max((path.stat().st_mtime_ns for path in inputs), default=0)

    @contextmanager
    def at_hand(self) -> Iterator[Job]:
        """The same with files of this machine, for the length of a block; what it makes is sent."""
        with remote.in_place([self.image, self.audio]) as found:
            job = replace(self, image=found[self.image], audio=found[self.audio])
            if isinstance(self.out, Path):
                yield job
                return
            with tempfile.TemporaryDirectory(prefix="tkit-made-") as folder:
                made = Path(folder, remote.name_of(self.out))
                yield replace(job, out=made)
                remote.send(made, self.out)

    def picture(self) -> np.ndarray:
        """Read the picture of a job that is at hand, (H, W, 3) uint8 RGB."""
        image = Path(self.image)
        if image.suffix.lower() in media.VIDEO_SUFFIXES:
            return next(media.iter_frames(image))
        return media.read_image(image)


def open_studio(
    weights: Mapping[str, str | Path | Trained | None],
    *,
    front_ends: FrontEnds | None = None,
    pose: str | Path = "still",
    style: Path | None = None,
    **settings: Any,
) -> Studio:
    """Load the stages and what finds faces.

    Parameters
    ----------
    weights : mapping
        ``motion``, ``blink`` and ``texture`` to a loaded stage, a weight file, a run folder or a
        name in the zoo; None for ``runs/STAGE``, if it is there, else the released weights.
    front_ends : FrontEnds, optional
    pose : path, "still" or "auto"
        Movement of the head: none, by itself, or as :func:`read_head` reads it.
    style : path, optional
        A video of the person, whose habit :func:`read_style` measures.
    **settings
        Other fields of :class:`Studio`.
    """
    from tkit.pipelines.training import runs
    from tkit.tracking import FrontEnds

    stages: dict[str, Any] = {
        name: given if isinstance(given, runs.Trained) else runs.load(name, given)
        for name, given in weights.items()
    }
    landmarker = (front_ends or FrontEnds()).refined()
    if str(pose) == "auto":
        settings["sway"] = 1.0
    elif str(pose) != "still":
        settings["head"] = read_head(Path(pose), landmarker)
    studio = Studio(**stages, landmarker=landmarker, **settings)
    if style is None:
        return studio
    return replace(studio, habit=read_style(style, studio))


def of_files(images: Iterable[Place], audios: Iterable[Place], out: Place) -> list[Job]:
    """List the videos in which every picture speaks every sound; folders and patterns give theirs.

    One picture and one sound become the file ``out``, more of them ``OUT/PICTURE_SOUND.mp4``.

    Raises
    ------
    UsageError
        If two pictures or two sounds have the same name, ``out`` is no name of a video, or a folder
        or pattern gives no file.
    """
    pairs = list(product(_files(images, pictures, "picture"), _files(audios, _sounds, "sound")))
    if len(pairs) == 1:
        if PurePath(remote.name_of(out)).suffix.lower() not in media.WRITTEN_SUFFIXES:
            kinds = " ".join(sorted(media.WRITTEN_SUFFIXES))
            raise UsageError(f"{out}: not the name of a video that tkit writes ({kinds})")
        return [Job(*pairs[0], out)]
    names = [f"{_stem(image)}_{_stem(audio)}" for image, audio in pairs]
    if len(set(names)) < len(names):
        raise UsageError("two pictures or two sounds have the same name: their videos would, too")
    named = zip(pairs, names, strict=True)
    return [Job(*pair, _video(out, name), name=name) for pair, name in named]


def _stem(place: Place) -> str:
    return PurePath(remote.name_of(place)).stem


def _video(out: Place, name: str) -> Place:
    return remote.below(out, PurePath(f"{name}.mp4"))


def _files(given: Iterable[Place], inside: Callable[[Path], list[Path]], what: str) -> list[Place]:
    """Files themselves, those that patterns name, and those in folders, by their names."""
    found: list[Place] = []
    for path in given:
        if not isinstance(path, Path):
            found.append(path)
            continue
        named = [path]
        if not path.exists() and any(sign in str(path) for sign in "*?["):
            root = Path(path.anchor)
            named = sorted(root.glob(str(path.relative_to(root))))
            if not named:
                raise UsageError(f"{path}: no {what} is named so")
        for one in named:
            several = inside(one) if one.is_dir() else [one]
            if not several:
                raise UsageError(f"{one}: no {what}s in this folder")
            found += several
    return found


def _sounds(folder: Path) -> list[Path]:
    kinds = media.VIDEO_SUFFIXES | SOUND_SUFFIXES
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in kinds)


def of_corpus(
    store: str | Path,
    out: Place,
    *,
    root: Place | None = None,
    manifest: Place | None = None,
    split_scheme: str | None = None,
    split: str = "test",
) -> list[Job]:
    """List the clips of a store's corpus: each speaks its own sound from its first frame.

    A clip becomes ``OUT/PATH.mp4`` with its path below ``root``, or below the folder of the
    manifest, so that :func:`tkit.scoring.score` finds its ground truth there.

    Parameters
    ----------
    root : Place, optional
        Where the corpus lies; by default ``$TKIT_CORPORA/CORPUS``.
    manifest : Place, optional
        The list of its clips instead, as in prep.
    split_scheme : str, optional
        How it is split; by default as in the store.
    split : str
        Which of its clips.

    Raises
    ------
    UsageError
        If the split is empty, or the corpus is not there.
    """
    with open_store(store) as opened:
        corpus, rows = opened.info.corpus, {row.id: row for row in opened.clips}
    entry = CORPORA.get(corpus)
    named = entry.require_split_scheme(split_scheme) if split_scheme else ""
    root = root or default_root(corpus)
    if not manifest and isinstance(root, Path) and not root.is_dir():
        raise UsageError(f"{root}: no such folder; pass --root DIR, where the corpus {corpus} lies")
    jobs = []
    for clip, name in _clips(entry, root, manifest):
        if clip.id not in rows:
            continue
        if split != (entry.split_of(clip, named) if named else rows[clip.id].split):
            continue
        video, sound = remote.place_of(clip.video), remote.place_of(clip.audio or clip.video)
        jobs.append(Job(video, sound, _video(out, name), rows[clip.id].n_frames, name))
    if not jobs:
        where = f"in {manifest}" if manifest else f"below {root}"
        raise UsageError(f"{store}: no clip of the split {split!r} is {where}")
    if len({job.out for job in jobs}) < len(jobs):
        raise UsageError(f"{manifest or root}: two clips have one name: their videos would, too")
    return jobs


def _clips(entry: Corpus, root: Place, manifest: Place | None) -> Iterator[tuple[Clip, str]]:
    """Clips of a corpus and what their videos are called: like their paths, or else their ids."""
    listed = read_manifest(manifest) if manifest else scanned(entry, root)
    top = remote.folder_of(manifest) if manifest else root
    for clip in (clip for clip in listed if isinstance(clip, Clip)):
        inside = remote.inside(top, clip.video)
        yield clip, clip.id if leads_out(inside) else PurePath(inside).with_suffix("").as_posix()


def look_at_inputs(jobs: Iterable[Job], front_ends: FrontEnds, max_side: int = 0) -> list[str]:
    """Refuse what cannot be animated before torch is loaded, which takes seconds.

    Faces are looked for by dlib, if it is what ``front_ends`` find them by; another back-end finds
    its own later.

    Parameters
    ----------
    max_side : int
        Pixels of a picture's longer side above which it is made smaller; 0: never.

    Returns
    -------
    list of str
        Of each picture that is made smaller, its size; of each that shows several faces, which of
        them will speak.

    Raises
    ------
    MediaError
        If a file cannot be read, or has no sound.
    NoFaceError
        If a picture shows no face.
    """
    from tkit.landmarks.dlib68 import find_faces

    jobs, remarks = list(jobs), []
    front_ends.check()
    looking = front_ends.landmarks == "dlib68"
    for image in dict.fromkeys(job.image for job in jobs):
        with remote.in_place([image]) as found:
            picture = media.read_image(found[image])
        small = fit(picture, max_side)
        if small is not picture:
            was, now = (f"{w} x {h}" for h, w, _ in (picture.shape, small.shape))
            remarks.append(f"{image}: {was} pixels, made {now} first (--max-side 0 keeps them)")
        faces = find_faces(small) if looking else []
        if looking and not faces:
            raise NoFaceError(
                f"{image}: no face found; use a picture that shows one from the front"
            )
        if len(faces) > 1:
            x, y, _ = faces[0].round().astype(int)
            remarks.append(f"{image}: {len(faces)} faces; the largest speaks, at x {x}, y {y}")
    for audio in dict.fromkeys(job.audio for job in jobs):
        with remote.in_place([audio]) as found:
            media.require_audible(found[audio])
    return remarks


def read_head(path: Path, landmarker: Track) -> np.ndarray:
    """Read the movement of a head, (T, 2, 3), from a video or from points that were found in one.

    Parameters
    ----------
    path : Path
        A video, or points (T, 68, 2) in pixels in a ``.npy`` file.
    landmarker : callable
        An opened landmark back-end, for a video.

    Raises
    ------
    UsageError
        If the file does not exist, or does not hold such points.
    NoFaceError
        If the face is lost for long.
    """
    from tkit import tracking
    from tkit.pipelines.animation.head import head_moves

    if path.suffix == ".npy":
        return head_moves(_read_points(require_path(path, "file of points")))
    clip = media.read_clip(require_path(path, "video"))
    return head_moves(tracking.track_clip(clip, landmarker, video=str(path), max_gap=10).points)


def read_style(video: Path, studio: Studio) -> np.ndarray:
    """Measure how far somebody moves the mouth in a video (2,), beside what is heard there.

    Raises
    ------
    UsageError
        If the file does not exist, is shorter than a second or nobody speaks in it.
    MediaError
        If it cannot be read, or has no sound.
    NoFaceError
        If the face is lost for long.
    """
    from tkit import tracking
    from tkit.pipelines.animation.moves import Voice, sample_rate
    from tkit.pipelines.animation.speech import Speech
    from tkit.pipelines.stages.motion import habit

    rate_hz = sample_rate(studio.motion)
    media.require_audible(require_path(video, "video"))
    clip = media.read_clip(video, sample_rate=rate_hz)
    points = tracking.track_clip(clip, studio.landmarker, video=str(video), max_gap=10).points

    def hear(picture: np.ndarray) -> np.ndarray:
        voice = Voice(studio.motion, picture=picture, speech_weights=studio.speech_weights)
        speech = Speech([clip.wave], rate_hz=rate_hz, fps=clip.fps, n_frames=len(points))
        return np.concatenate([moved for _, moved in voice.parts(speech)])

    canonical = studio.motion.weights.module.canonical.numpy(force=True).astype(np.float64)
    return habit.of_person(points.astype(np.float64), hear, canonical=canonical, fps=clip.fps)


def _read_points(path: Path) -> np.ndarray:
    """Read points (T, 68, 2) of a face."""
    try:
        points = read_array(path)
    except (ValueError, OSError) as error:
        raise UsageError(f"{path}: not an array that can be read ({error})") from error
    is_face = points.ndim == 3 and len(points) and points.shape[1:] == (68, 2)
    if not is_face or points.dtype.kind not in "fiu" or not (np.abs(points) < FARTHEST_PX).all():
        raise UsageError(f"{path}: not points (T, 68, 2) as tkit landmarks writes them")
    return np.asarray(points, np.float64)


@dataclass(frozen=True)
class Way:
    """How videos are made; they are the same in any way.

    Parameters
    ----------
    there : str
        What becomes of videos that are there: ``refuse``; ``replace``; or ``keep``, to go on with
        an interrupted run, those that are not older than their picture and sound.
    jobs : int
        Processes of this machine.
    cluster : str
        Address of a Dask scheduler, whose workers see the same folders or URLs, or ``local``.
    debug : Path, optional
        As :func:`make` takes it.
    progress : bool
        Show it on stderr: a bar on a terminal, elsewhere a line now and then.
    """

    there: str = "refuse"
    jobs: int = 1
    cluster: str = ""
    debug: Path | None = None
    progress: bool = False


def make_all(
    jobs: Sequence[Job],
    weights: Mapping[str, str | Path | Trained | None],
    way: Way | None = None,
    *,
    front_ends: FrontEnds | None = None,
    warn: Callable[[str], None],
    tell: Callable[[str], None] | None = None,
    **settings: Any,
) -> Iterator[tuple[Job, int | Fault]]:
    """Make videos; nothing is loaded before all inputs have been looked at.

    Of several, one that cannot be made does not keep the others from being made, and each is made
    by one thread, so that any number of processes gives the same bytes. Each says in its metadata
    what it was made with (:mod:`tkit.pipelines.animation.mark`).

    Parameters
    ----------
    weights : mapping
        As :func:`open_studio` takes them.
    way : Way, optional
    front_ends : FrontEnds, optional
    warn : callable
        Receives what may surprise: which of several faces will speak.
    tell : callable, optional
        Receives which weights are used.
    **settings
        Pose, and fields of :class:`Studio`, for :func:`open_studio`.

    Yields
    ------
    Job, int or Fault
        What has been made, and the number of its frames, or why it could not be made.

    Raises
    ------
    OutputExistsError
        If a video is there and that is to be refused, or another run is making it.
    OutputError
        If a video cannot be written.
    TkitError
        If none could be made.
    UsageError
        If one that is to be kept was made with other weights or settings.
    MediaError, NoFaceError
        As :func:`look_at_inputs` does.
    """
    from tkit.pipelines.animation.mark import mark, require_same
    from tkit.tracking import FrontEnds

    way, front_ends = way or Way(), front_ends or FrontEnds()
    there = _there(jobs, force=way.there != "refuse")
    if way.debug:
        refuse_overwrite(way.debug, force=True, folder=True)
    kept = {job.out for job in jobs if way.there == "keep" and job.out in there and job.is_newer()}
    todo = [job for job in jobs if job.out not in kept]
    # Clips of a corpus, whose frames are counted, were looked at by tkit prep.
    new = [job for job in todo if not job.n_frames]
    for remark in look_at_inputs(new, front_ends, settings.get("max_side", 0)):
        warn(remark)
    studio = open_studio(weights, front_ends=front_ends, **settings)
    points = {"landmarks": front_ends.signature(), "lips": front_ends.lips_signature()}
    comment = mark({**studio.facts(), **points})
    for video in sorted(kept, key=str):
        with remote.in_place([video]) as found:
            require_same(found[video], comment)
    if tell:
        for name in weights:
            tell(f"{name}: {getattr(studio, name).weights.path}")
        if kept:
            tell(f"{len(kept)} video{'s are' if len(kept) > 1 else ' is'} kept")
    about: dict[str, Any] = {
        "debug": way.debug, "comment": comment, "progress": way.progress,
    }  # fmt: skip
    if len(jobs) == 1:
        for job in todo:
            with _claimed(job.out):
                yield job, make(job, studio, **about)
        return
    faults = []
    opening = {"front_ends": front_ends, **settings}
    for job, made in zip(todo, _side_by_side(todo, studio, opening, way, about), strict=True):
        if isinstance(made, Fault):
            faults.append(f"{job.name}: {made.reason}")
        yield job, made
    if todo and len(faults) == len(jobs):
        raise TkitError(f"none of {len(jobs)} videos could be made; the first: {faults[0]}")


def _there(jobs: Iterable[Job], *, force: bool) -> set[Place]:
    """Videos that are there; all can be written, and replaced if that is allowed (``force``)."""
    jobs = list(jobs)
    far = {job.out: str(remote.folder_of(job.out)) for job in jobs if isinstance(job.out, str)}
    if far:
        remote.require_room(next(iter(far.values())))
    names = {folder: remote.names(folder) for folder in set(far.values())}
    found: set[Place] = {out for out, folder in far.items() if remote.name_of(out) in names[folder]}
    if found and not force:
        raise already_there(min(map(str, found)))
    for job in jobs:
        if isinstance(job.out, Path) and refuse_overwrite(job.out, force=force).exists():
            found.add(job.out)
    return found


def _claimed(out: Place) -> AbstractContextManager[None]:
    """Keep a video for this run; at URLs there are no marks of others."""
    return claimed(out) if isinstance(out, Path) else nullcontext()


def _side_by_side(
    jobs: Sequence[Job],
    studio: Studio,
    settings: Mapping[str, Any],
    way: Way,
    about: dict[str, Any],
) -> Iterator[int | Fault]:
    """Make videos in processes, which open the same studio by themselves, or in this one."""
    if way.jobs == 1 and not way.cluster:
        yield from (_one_of_many(job, studio, about) for job in jobs)
        return
    stages = {name: getattr(studio, name) for name in ("motion", "blink", "texture")}
    opening = {name: _moved(value) for name, value in settings.items()}
    opening["weights"] = {name: _moved(stage.weights.path) for name, stage in stages.items()}
    about = about | {"debug": _moved(way.debug), "progress": False}
    yield from parallel.run(
        _elsewhere,
        [(_moved_job(job), opening, about) for job in jobs],
        jobs=way.jobs,
        cluster=way.cluster,
        ordered=True,
        lost=lambda fault, *_: fault,
    )


def _one_of_many(job: Job, studio: Studio, about: Mapping[str, Any]) -> int | Fault:
    """Make one video by one thread, as several sum up in another order."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _claimed(job.out):
            return guarded(make, job, studio, name=remote.name_of(job.audio), **about)
    finally:
        torch.set_num_threads(threads)


# What a process opened its studio with, and the studio: every job of a run asks for the same.
_OPENED: list[tuple[dict[str, Any], Studio]] = []


def _elsewhere(job: Job, opening: dict[str, Any], about: Mapping[str, Any]) -> int | Fault:
    """Make one video in a process that opens the studio for its first one."""
    if not _OPENED or _OPENED[0][0] != opening:
        _OPENED[:] = [(opening, open_studio(**opening))]
    return _one_of_many(job, _OPENED[0][1], about)


def _moved_job(job: Job) -> Job:
    return replace(job, image=_moved(job.image), audio=_moved(job.audio), out=_moved(job.out))


def _moved(value: Any) -> Any:
    """Return a path as it reads in other folders; anything else as it is."""
    return value.absolute() if isinstance(value, Path) else value


def make(
    job: Job,
    studio: Studio,
    *,
    debug: Path | None = None,
    comment: str = "",
    progress: bool = False,
) -> int:
    """Make one video with its sound, and return the number of its frames.

    Parameters
    ----------
    debug : Path, optional
        Also write what the texture stage saw and made, one picture a frame, into this folder (of a
        job that has a name, into the folder of this name below it).
    comment : str
        What the file says of itself.
    progress : bool
        Show it on stderr: a bar on a terminal, elsewhere a line now and then.
    """
    from tkit.pipelines.animation.maps import PanelWriter
    from tkit.pipelines.animation.moves import sample_rate
    from tkit.pipelines.animation.render import talk
    from tkit.pipelines.animation.speech import Speech

    with job.at_hand() as here:
        picture, audio = fit(here.picture(), studio.max_side), here.audio
        fps, rate_hz = studio.fps, sample_rate(studio.motion)
        media.require_audible(audio)
        heard = media.SoundPieces(audio, rate_hz)
        speech = Speech(heard, rate_hz=rate_hz, fps=fps, n_frames=job.n_frames)
        studio = replace(studio, seed=stable_seed(studio.seed, job.blinks_as))
        watch = PanelWriter(debug / job.name) if debug else None
        frames = talk(picture, speech, studio, watch=watch)
        total = job.n_frames or round(media.stated_length_s(audio) * fps) or None
        shown = track(frames, total, desc=_stem(job.out), unit="frame", show=progress)
        ear = iter(media.SoundPieces(audio, SOUND_HZ))
        return media.write_video(
            here.out, shown, fps=fps, wave=ear, sample_rate=SOUND_HZ, crf=CRF, comment=comment
        )
