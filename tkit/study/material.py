"""The videos of a study: encoded alike, of one height and rate, with no name in or on them."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tkit import media
from tkit.errors import NoSoundError, OutputExistsError, UsageError
from tkit.files import writing
from tkit.media.frames import Reader
from tkit.progress import track
from tkit.remote import Place, is_url
from tkit.scoring import pairing
from tkit.seeds import generator
from tkit.study.book import CONSENT, PREFERENCE, VIDEOS, Book, Settings, Video

CRF = 15  # H.264's constant quality: nobody shall rate the compression
SOUND_HZ = 48_000
GT = "gt"  # name of the ground truth among the methods
SCORES = range(11)  # 0 to 10, as in the paper's Table III
CARD_S = (1.0, 3.0)  # seconds of a check of attention that show a face, and its instruction
QUESTIONS = {"realism": "How realistic is this talking face?"}
ENDS = ("not at all", "completely")
COMPARED = "Which of the two talking faces looks more real?"
ORDER = ("the first", "the second")  # what a comparison is answered with, and "no difference"
CONSENT_TEXT = """\
You will watch short videos of talking faces, with sound, and say what you think of each. Some of
the videos were made by a computer.

Your answers are kept under a random number, without your name or address. You may stop at any time
and come back later; what you have answered until then is kept. There is no right or wrong: what
counts is your impression.

Please use headphones, if you have some, and watch every video to its end.
"""


def new(
    methods: Mapping[str, Place],
    out: Path,
    *,
    gt: Path | None = None,
    settings: Settings,
    height: int = 0,
    fps: float = 25.0,
    progress: bool = False,
) -> Book:
    """Make a study of the clips that all methods have.

    Parameters
    ----------
    methods : mapping
        Name to folder of videos, arrays or folders of pictures.
    out : Path
        The folder of the study.
    gt : Path, optional
        Folder of the ground truth: rated like a method, and its sound is heard in all videos.
    settings : Settings
        Of which ``n_clips`` is cut to the clips there are, 0: all of them.
    height : int
        Of all videos, in pixels; by default that of the lowest one.
    fps : float
        Of all videos.
    progress : bool
        Show it on stderr.

    Raises
    ------
    UsageError
        If there is no clip of which all methods have a video, or a video has no sound.
    OutputExistsError
        If ``out`` is there: answers are never replaced.
    """
    if os.path.lexists(out):
        raise OutputExistsError(
            f"{out} is already there; a study is never replaced, give another --out"
        )
    clips = common_clips(methods, gt)
    settings = replace(settings, n_clips=min(settings.n_clips or len(clips), len(clips)))
    height = height or min(Reader(path).shape[0] for files in clips.values()
                           for path in files.values())  # fmt: skip
    height -= height % 2
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:40]}."))
    try:
        with writing(out, part):
            (part / VIDEOS).mkdir()
            (part / CONSENT).write_text(CONSENT_TEXT, encoding="utf-8")
            made = list(_videos(clips, part / VIDEOS, settings, height, fps, progress))
            for path in (part / VIDEOS).iterdir():
                os.utime(path, (0, 0))  # or a date would tell which ones were made together
            Book.make(part, settings, made)
            part.chmod(0o755)
            part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Book(out)


def common_clips(methods: Mapping[str, Place], gt: Path | None) -> dict[str, dict[str, Path]]:
    """Clip to the video of each method, the ground truth among them, of clips that all have."""
    every = {**methods, **({GT: gt} if gt else {})}
    for folder in methods.values():
        if is_url(folder):
            raise UsageError(f"{folder}: give a folder of this machine; a study reads none at URLs")
    if len(every) < 2:
        raise UsageError("one method alone: give a second --pred, or --gt")
    found, _ = pairing.pair(methods, gt or next(iter(methods.values())))
    clips: dict[str, dict[str, Path]] = {}
    for files in found:
        if files.preds.keys() == methods.keys():
            truth = {GT: files.gt} if gt and files.gt else {}
            clips[files.clip] = {name: Path(path) for name, path in (files.preds | truth).items()}
    if not clips:
        raise UsageError(f"no clip that all of {', '.join(every)} have a video of")
    return clips


def _videos(
    clips: Mapping[str, Mapping[str, Path]],
    folder: Path,
    settings: Settings,
    height: int,
    fps: float,
    progress: bool,
) -> Iterator[Video]:
    """Write all videos, one clip after the other, then those that check attention."""
    total = sum(map(len, clips.values())) + len(_checks(settings))
    shown = track(range(total), total, desc="study", unit="video", show=progress)
    step = iter(shown)
    waves: dict[str, np.ndarray] = {}
    for clip, files in clips.items():
        waves[clip] = sound_of(clip, files)
        for method, path in files.items():
            next(step)
            name = _name()
            count = media.write_video(
                folder / name, _frames(path, height, fps),
                fps=fps, wave=waves[clip], sample_rate=SOUND_HZ, crf=CRF,
            )  # fmt: skip
            yield Video(name, method, clip, count / fps)
    rng = generator(0, settings.key, "checks")
    for due, words in _checks(settings):
        next(step)
        name, clip = _name(), sorted(clips)[rng.integers(len(clips))]
        paths = list(clips[clip].values())
        frames = _card(paths[rng.integers(len(paths))], words, height, fps)
        count = media.write_video(
            folder / name, frames, fps=fps, wave=waves[clip], sample_rate=SOUND_HZ, crf=CRF
        )
        yield Video(name, None, clip, count / fps, due)
    next(step, None)


def sound_of(clip: str, files: Mapping[str, Path]) -> np.ndarray:
    """The sound of all videos of a clip: the ground truth's, else of the first that has any.

    It begins with the first frame, at ``SOUND_HZ``.
    """
    first = {GT: files[GT]} if GT in files else {}
    for path in (first | dict(files)).values():
        if path.suffix.lower() in media.VIDEO_SUFFIXES:
            # One frame a second is kept: it is the sound that is wanted, beside its picture.
            wave = media.read_clip(path, fps=1.0, sample_rate=SOUND_HZ).wave
            try:
                return media.require_sound(wave, path)
            except NoSoundError:
                continue
    raise UsageError(f"{clip}: none of its videos has sound; give --gt, whose sound will be heard")


def _frames(path: Path, height: int, fps: float) -> Iterator[np.ndarray]:
    import cv2

    reader = Reader(path, fps=fps)
    width = 2 * round(height * reader.shape[1] / reader.shape[0] / 2)
    smaller = height < reader.shape[0]
    while len(frames := reader.read()):
        for frame in frames:
            if frame.shape[:2] != (height, width):
                how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
                frame = cv2.resize(frame, (width, height), interpolation=how)
            yield frame


def _checks(settings: Settings) -> list[tuple[float, str]]:
    """The answers that a check can ask for, and the words that ask."""
    if not settings.n_checks:
        return []
    if settings.pairwise:
        return [(float(place), f"Please answer: {words}") for place, words in enumerate(ORDER)]
    # Not 0, 5 and 10, which people give without looking.
    scores = [score for score in SCORES if score % 5]
    return [(float(score), f"Please answer: {score}") for score in scores[: settings.n_checks]]


def _card(path: Path, words: str, height: int, fps: float) -> Iterator[np.ndarray]:
    """Begin like any video, then show words."""
    from PIL import Image, ImageDraw, ImageFont

    face_s, card_s = CARD_S
    last = None
    for index, frame in enumerate(_frames(path, height, fps)):
        if index >= face_s * fps:
            break
        last = frame
        yield frame
    if last is None:
        return
    card = Image.new("RGB", last.shape[1::-1], "#101418")
    draw = ImageDraw.Draw(card)
    lines = words.replace(": ", ":\n")
    size = max(card.width // 10, 8)
    font = ImageFont.load_default(size)
    draw.multiline_text(
        (card.width / 2, card.height / 2), lines, "white", font, anchor="mm", align="center"
    )
    for _ in range(round(card_s * fps)):
        yield np.asarray(card)


def _name() -> str:
    return f"{secrets.token_hex(12)}.mp4"


def settings_of(
    *,
    title: str = "Talking faces",
    questions: Sequence[str] = (),
    pairwise: bool = False,
    n_clips: int = 0,
    n_checks: int = 2,
) -> Settings:
    """What a study asks, from what is typed.

    Parameters
    ----------
    questions : sequence of str
        ``NAME=TEXT``; by default the paper's one, realism.
    """
    asked = dict(QUESTIONS)
    if pairwise and questions:
        raise UsageError(
            "--question: of two videos one question is asked, which one looks more real"
        )
    if questions:
        asked = {}
    for text in questions:
        name, equals, words = text.partition("=")
        if not equals or not name.isidentifier() or not words.strip() or name in asked:
            raise UsageError(f"--question {text}: give NAME=TEXT, each NAME one word and once")
        asked[name] = words.strip()
    return Settings(
        title=title,
        questions={PREFERENCE: COMPARED} if pairwise else asked,
        ends=ENDS,
        pairwise=pairwise,
        n_clips=n_clips,
        n_checks=n_checks,
        key=secrets.token_hex(32),
    )
