"""What the page works with: loaded stages, chosen photos and sounds, frames as they are made.

All that does not depend on the sliders is done when a photo or a sound is chosen, so that a press
has only to draw: the face is found, the first seconds of speech are heard.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import wave as wavefile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tkit import media
from tkit.errors import MediaError, UsageError
from tkit.media.pictures import fit
from tkit.pipelines.animation import jobs, moves
from tkit.pipelines.animation.mark import mark
from tkit.pipelines.animation.render import Sitter
from tkit.pipelines.animation.speech import Speech
from tkit.pipelines.animation.studio import Studio
from tkit.pipelines.stages.texture.renderer import Rendered

FPS = 25.0
MAX_SIDE = 640  # pixels of a photo here; tkit animate takes more
MAX_SOUND_S = 120.0
KEPT = 4  # photos, sounds and videos each; older ones are removed
FIRST = 1  # frames that are made together at first: nobody waits for more
SOUND_HZ = 48_000
QUALITY = 88  # of JPEG
Kept = TypeVar("Kept")


@dataclass
class Sound:
    """Speech for the encoder, and for the ear in a WAV file that a browser plays."""

    wave: np.ndarray
    ear: np.ndarray
    file: Path

    @property
    def n_frames(self) -> int:
        """Of a video as long as the sound."""
        return max(round(len(self.ear) / SOUND_HZ * FPS), 1)


@dataclass(frozen=True)
class Choices:
    """The sliders: expression 0 to 2, blinks a second (None: as learned), sway of the head."""

    expression: float = 1.0
    blink_rate: float | None = None
    sway: float = 0.0

    @classmethod
    def of(cls, given: dict[str, Any]) -> Choices:
        """Read what a page sends; :class:`UsageError` if it is out of range."""
        limits = {"expression": 2.0, "blink_rate": 1.0, "sway": 1.0}
        values: dict[str, Any] = {}
        for name, most in limits.items():
            value = given.get(name, getattr(cls, name))
            as_learned = value is None and name == "blink_rate"
            if not as_learned and not (isinstance(value, int | float) and 0 <= value <= most):
                raise UsageError(f"{name}: give a number from 0 to {most:g}")
            values[name] = value
        return cls(**values)


class Stopped(Exception):  # noqa: N818  (nothing is wrong)
    """Nobody wants the rest of a video."""


class Mouth:
    """The mouth of one face that says one sound, heard once and remembered."""

    def __init__(self, sitter: Sitter, sound: Sound, studio: Studio) -> None:
        rate_hz = moves.sample_rate(studio.motion)
        self.speech = Speech([sound.wave], rate_hz=rate_hz, fps=FPS, n_frames=sound.n_frames)
        self._parts = self._cut(sitter.voice(studio).parts(self.speech))
        self._known: list[tuple[int, np.ndarray]] = []
        self._lock = threading.Lock()

    @staticmethod
    def _cut(parts: Iterator[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
        for start, moved in parts:
            if start == 0:
                yield 0, moved[:FIRST]
                start, moved = FIRST, moved[FIRST:]
            if len(moved):
                yield start, moved

    def parts(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the parts from the first one on; what is not known yet is heard now."""
        at = 0
        while True:
            with self._lock:
                if at == len(self._known):
                    part = next(self._parts, None)
                    if part is None:
                        return
                    self._known.append(part)
            yield self._known[at]
            at += 1


class Booth:
    """Stages that are loaded, and the photos and sounds that were chosen last.

    Parameters
    ----------
    weights : dict
        As :func:`tkit.pipelines.animation.jobs.open_studio` takes them.
    """

    def __init__(self, weights: dict[str, str | Path | None]) -> None:
        self._studio = jobs.open_studio(weights, fps=FPS)
        self.folder = Path(tempfile.mkdtemp(prefix="tkit-app-"))
        self.photos: OrderedDict[str, Sitter] = OrderedDict()
        self.sounds: OrderedDict[str, Sound] = OrderedDict()
        self.videos: OrderedDict[str, Path] = OrderedDict()
        self._mouths: OrderedDict[tuple[str, str], Mouth] = OrderedDict()
        self._speaking = threading.Lock()

    def warm_up(self) -> None:
        """Speak once, so that what is made ready at a first use is ready."""
        from skimage import data

        self._keep(self.photos, "warm", Sitter(data.astronaut()[:256, 96:352], self._studio))
        hum = np.sin(np.arange(SOUND_HZ) / 30).astype(np.float32)
        rate_hz = moves.sample_rate(self._studio.motion)
        self._keep(self.sounds, "warm", Sound(hum[:rate_hz], hum, self.folder / "warm.wav"))
        choices = Choices(blink_rate=0.3, sway=1.0)
        self.speak("warm", "warm", choices, lambda *_: None, threading.Event())
        for kept in (self.photos, self.sounds, self._mouths):
            kept.clear()
        self.videos.popitem()[1].unlink()

    def close(self) -> None:
        """Remove all files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def take_photo(self, path: Path) -> tuple[str, Sitter]:
        """Find the face in a picture file, and remember it.

        Raises
        ------
        MediaError, NoFaceError
        """
        image = fit(media.read_image(path), MAX_SIDE)
        height, width = (side - side % 2 for side in image.shape[:2])
        sitter = Sitter(np.ascontiguousarray(image[:height, :width]), self._studio)
        return self._keep(self.photos, _name(), sitter), sitter

    def take_sound(self, path: Path) -> tuple[str, Sound]:
        """Decode a sound or video file, and remember it.

        Raises
        ------
        MediaError
            If it cannot be read, is silent or longer than ``MAX_SOUND_S``.
        """
        rate_hz = moves.sample_rate(self._studio.motion)
        waves: list[list[np.ndarray]] = []
        heard = 0
        for pieces in media.stream_audio(path, rate_hz, SOUND_HZ):
            waves.append(pieces)
            heard += len(pieces[0])
            if heard > MAX_SOUND_S * rate_hz:
                raise MediaError(f"{path}: longer than {MAX_SOUND_S:.0f} s; tkit animate takes any")
        wave, ear = (np.concatenate(parts) for parts in zip(*waves, strict=True))
        media.require_sound(wave, path)
        name = _name()
        sound = Sound(wave, ear, self.folder / f"{name}.wav")
        with wavefile.open(str(sound.file), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SOUND_HZ)
            file.writeframes(np.rint(ear.clip(-1, 1) * 32767).astype("<i2").tobytes())
        return self._keep(self.sounds, name, sound), sound

    def listen(self, photo: str, sound: str) -> Mouth:
        """Hear the first seconds of a sound for a face, unless that was done.

        Raises
        ------
        UsageError
            If one of them is not remembered any more.
        """
        if photo not in self.photos or sound not in self.sounds:
            raise UsageError("choose the photo and the sound again")
        if (photo, sound) not in self._mouths:
            mouth = Mouth(self.photos[photo], self.sounds[sound], self._studio)
            self._keep(self._mouths, (photo, sound), mouth)
        mouth = self._mouths[photo, sound]
        next(mouth.parts(), None)
        return mouth

    def speak(
        self,
        photo: str,
        sound: str,
        choices: Choices,
        show: Callable[[int, bytes, bytes], None],
        stop: threading.Event,
    ) -> str:
        """Make a video, showing each frame at once, and return the name under which it is kept.

        Parameters
        ----------
        photo, sound : str
            From :meth:`take_photo` and :meth:`take_sound`.
        choices : Choices
        show : callable
            Receives number, picture and attention map (JPEG both) of each frame.
        stop : Event
            Set when nobody wants the rest.

        Raises
        ------
        Stopped
            After ``stop`` was set.
        """
        mouth = self.listen(photo, sound)
        sitter, heard = self.photos[photo], self.sounds[sound]
        studio = replace(
            self._studio,
            expression=choices.expression,
            blink_rate=choices.blink_rate,
            sway=choices.sway,
        )
        maps: list[np.ndarray] = []

        def watch(points: np.ndarray, rendered: Rendered) -> None:
            maps.extend(rendered.attention)

        def shown() -> Iterator[np.ndarray]:
            frames = sitter.frames(mouth.parts(), mouth.speech, studio, watch=watch)
            for number, frame in enumerate(frames):
                if stop.is_set():
                    raise Stopped
                gray = np.rint(255 * maps.pop(0)).astype(np.uint8)
                show(number, jpeg(frame), jpeg(gray))
                yield frame

        name = _name()
        path = self.folder / f"{name}.mp4"
        with self._speaking:  # one video at a time: each takes all cores
            media.write_video(
                path, shown(), fps=FPS, wave=heard.ear, sample_rate=SOUND_HZ, crf=jobs.CRF,
                comment=mark(studio.facts()),
            )  # fmt: skip
        self._keep(self.videos, name, path)
        return name

    def _keep(self, kept: OrderedDict[Any, Kept], name: Any, value: Kept) -> Any:
        kept[name] = value
        while len(kept) > KEPT:
            _, old = kept.popitem(last=False)
            for path in (old, getattr(old, "file", None)):
                if isinstance(path, Path):
                    path.unlink(missing_ok=True)
        return name


def jpeg(image: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 RGB, or (H, W, 1), as JPEG."""
    import cv2

    if image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise MediaError("a frame cannot be written as JPEG")
    return bytes(data)


def _name() -> str:
    return secrets.token_urlsafe(12)
