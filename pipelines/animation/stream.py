"""The mouth while the speech is still coming: frames as soon as enough rows were heard."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from tkit.errors import UsageError
from tkit.face import geometry
from tkit.pipelines.animation.speech import Speech
from tkit.speech import OpenEncoder
from tkit.speech.windows import centre_rows, rows_at
from tkit.store import EncoderInfo
from tkit.zoo.nets.motion import Motion, picture_tensor


class MouthStream:
    """Predicts frames from feature rows that come piece by piece.

    Together the pieces are what :func:`tkit.pipelines.stages.motion.work.predict` gives for the
    whole speech.

    Parameters
    ----------
    module : Motion
    fps : float
        Rate of the frames that are wanted.
    encoder : EncoderInfo
        Says when the rows are.
    picture : ndarray (68, 2), optional
        Displacement of the face in the picture, as for
        :func:`tkit.pipelines.stages.motion.work.predict`.

    Raises
    ------
    UsageError
        If the windows are cut at video rate, whose rows depend on rows that come later.
    """

    def __init__(
        self,
        module: Motion,
        *,
        fps: float,
        encoder: EncoderInfo,
        picture: np.ndarray | None = None,
    ) -> None:
        if encoder.window_rate != "native":
            raise UsageError("speech windows at video rate cannot be streamed; use native ones")
        self.module, self.fps, self.encoder = module, fps, encoder
        self._size = module.config.window
        self._rows = np.zeros((0, encoder.dim), np.float32)
        self._first_row = 0  # of those kept, counted from the beginning of the speech
        self._n_frames = 0  # that were given out
        self._state: list[Tensor] | None = None
        self._picture = picture_tensor(picture, module)

    @property
    def look_ahead_s(self) -> float:
        """Seconds of speech after a frame's middle that the network waits for, at most.

        To it comes what the encoder itself hears after the middle of a row.
        """
        rows_after = self._size - self._size // 2 - 1
        return (rows_after + 0.5) / self.encoder.rate_hz  # a frame's row is at most half a row off

    @property
    def n_kept(self) -> int:
        """Rows that are kept for frames to come: some, however long the speech is."""
        return len(self._rows)

    def push(self, rows: np.ndarray, *, again: int = 0) -> np.ndarray:
        """Take the next rows (n, D); return the displacement (t, 68, 2) of frames now known.

        Parameters
        ----------
        again : int
            Of the rows, how many were given before and are now known better.
        """
        kept = self._rows[: max(len(self._rows) - again, 0)]
        rows = np.asarray(rows, np.float32)[max(again - len(self._rows), 0) :]
        self._rows = np.concatenate([kept, rows])
        heard = self._first_row + len(self._rows)
        # A frame is ready when the last row of its window is there; this many surely are not.
        upper = self._n_frames + math.ceil(len(self._rows) / self.encoder.rate_hz * self.fps) + 2
        last = self._centres(upper) - self._size // 2 + self._size - 1
        return self._advance(int((last < heard).sum()))

    def finish(self, n_frames: int) -> np.ndarray:
        """Return the frames up to ``n_frames`` that are missing; the last row is repeated."""
        return self._advance(max(n_frames - self._n_frames, 0))

    def _centres(self, upper: int) -> np.ndarray:
        """Rows in the middle of the frames from the next one to ``upper``."""
        encoder = self.encoder
        every = centre_rows(upper, fps=self.fps, rate_hz=encoder.rate_hz, offset_s=encoder.offset_s)
        return every[self._n_frames :]

    @torch.inference_mode()
    def _advance(self, n: int) -> np.ndarray:
        found = np.zeros((n, geometry.N_POINTS, 2), np.float32)
        if not n or not len(self._rows):
            return found
        starts = self._centres(self._n_frames + n) - self._size // 2 - self._first_row
        index = np.clip(starts[:, None] + np.arange(self._size), 0, len(self._rows) - 1)
        device = self.module.canonical.device
        moved, self._state = self.module.advance(
            torch.from_numpy(self._rows[index]).to(device), self._state, self._picture
        )
        self._n_frames += n
        keep = max(int(starts[-1]), 0)  # the next window begins later
        self._rows, self._first_row = self._rows[keep:], self._first_row + keep
        found[:] = moved.cpu().numpy()
        return found


def mouth_of(
    module: Motion,
    rows: Iterable[np.ndarray],
    speech: Speech,
    *,
    encoder: EncoderInfo,
    picture: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """Yield the displacement (t, 68, 2) of all frames of a speech, the next ones at a time.

    Parameters
    ----------
    module : Motion
    rows : iterable of ndarray (n, D)
        What the encoder makes of ``speech`` while it is gone through.
    speech : Speech
        Says how many frames there are, once it has been heard.
    encoder : EncoderInfo
        Says when the rows are, and at which rate windows of them are cut.
    picture : ndarray (68, 2), optional
        As of :class:`MouthStream`.
    """
    if encoder.window_rate == "video":
        size = module.config.window
        rows = _at_video_rate(rows, speech, encoder=encoder, size=size)
        # Row k + size // 2 is that of frame k.
        encoder = replace(
            encoder, rate_hz=speech.fps, offset_s=(0.5 - size // 2) / speech.fps,
            window_rate="native",
        )  # fmt: skip
    mouth = MouthStream(module, fps=speech.fps, encoder=encoder, picture=picture)
    made = 0
    for part in rows:
        moved = mouth.push(part)
        if speech.n_frames is not None:
            moved = moved[: speech.n_frames - made]
        made += len(moved)
        yield moved
        if made == speech.n_frames:
            return
    yield mouth.finish(speech.n_frames or made)


def _at_video_rate(
    rows: Iterable[np.ndarray], speech: Speech, *, encoder: EncoderInfo, size: int
) -> Iterator[np.ndarray]:
    """Yield the rows of :func:`tkit.speech.windows.video_windows`, which are one a frame."""

    def places(start: int, stop: int) -> np.ndarray:
        middle_s = (np.arange(start, stop) + 0.5) / speech.fps
        return (middle_s - encoder.offset_s) * encoder.rate_hz - first

    kept, first, made = np.zeros((0, encoder.dim), np.float32), 0, 0
    yield np.zeros((size // 2, encoder.dim), np.float32)
    for part in rows:
        kept = np.concatenate([kept, part])
        upper = made + math.ceil(len(kept) / encoder.rate_hz * speech.fps) + 2
        wanted = places(made, min(upper, speech.n_frames or upper))
        wanted = wanted[wanted < len(kept) - 1]  # the row after is there, too
        yield rows_at(wanted, kept)
        made += len(wanted)
        behind = max(int(places(made, made + 1)[0]) - 1, 0)
        kept, first = kept[behind:], first + behind
    if len(kept):
        yield rows_at(places(made, max(speech.n_frames or 0, made)), kept)
    yield np.zeros((size - size // 2, encoder.dim), np.float32)


class SpeechStream:
    """Predicts frames from sound that comes piece by piece, with any encoder.

    Encoders that hear far ahead are given what there is: with every piece the last seconds are
    encoded again, and the rows of frames that are still to come replace those of before. A frame
    never waits for more than :attr:`look_ahead_s` of sound.

    Parameters
    ----------
    module : Motion
    encode : OpenEncoder
        Whose row k is centred at ``k / rate_hz`` seconds.
    sample_rate : int
        Of the sound, in Hz.
    fps : float
    context_s : float
        Sound before now that is encoded with every piece.
    picture : ndarray (68, 2), optional
        Displacement of the face in the picture, as for
        :func:`tkit.pipelines.stages.motion.work.predict`.
    """

    def __init__(
        self,
        module: Motion,
        encode: OpenEncoder,
        *,
        sample_rate: int,
        fps: float,
        context_s: float = 2.0,
        picture: np.ndarray | None = None,
    ) -> None:
        self.encode = encode
        self.mouth = MouthStream(module, fps=fps, encoder=encode.info, picture=picture)
        self._hop = round(sample_rate / encode.info.rate_hz)
        self._context = round(context_s * encode.info.rate_hz) * self._hop
        self._wave = np.zeros(0, np.float32)
        self._start = 0  # row of the first sample that is kept
        self._given = 0  # rows that were given to the mouth

    @property
    def look_ahead_s(self) -> float:
        """Seconds of sound after a frame's middle that it waits for, at most."""
        return self.mouth.look_ahead_s

    @property
    def n_kept(self) -> int:
        """Samples of sound that are kept: some seconds, however long the speech is."""
        return len(self._wave)

    def push(self, wave: np.ndarray) -> np.ndarray:
        """Take the next samples (n,) of sound; return the displacement of frames now known."""
        self._wave = np.concatenate([self._wave, np.asarray(wave, np.float32)])
        whole = len(self._wave) // self._hop  # a row needs the sound up to its centre
        ready = self._start + whole + 1
        if ready <= self._given or not whole:
            return np.zeros((0, geometry.N_POINTS, 2), np.float32)
        rows = self.encode(self._wave[: whole * self._hop])[: whole + 1]
        moved = self.mouth.push(rows, again=self._given - self._start)
        self._given = ready
        forget = max(whole - self._context // self._hop, 0)
        self._wave, self._start = self._wave[forget * self._hop :], self._start + forget
        return moved

    def finish(self, n_frames: int) -> np.ndarray:
        """Return the frames up to ``n_frames`` that are missing."""
        return self.mouth.finish(n_frames)
