"""Decoded sound to mono at the rates that are wanted, piece by piece."""

from __future__ import annotations

from typing import Any

import av
import numpy as np

from tkit.errors import MediaError
from tkit.media.clock import Joints, Stamps

SILENCE_PEAK = 10 ** (-60 / 20)  # sound whose peak stays below -60 dBFS counts as silent
LOUDEST = 16.0  # times full scale; above, floats are meant as integers
HOLE_S = 0.05  # time stamps may be so far off; what is more is missing, or there twice
BLOCK_S = 0.2  # of sound handed on at once: frames of it are short, and each costs the same
HEARD_S = 0.5  # of sound, after which is decided whether its channels cancel
CANCELS = 0.05  # so little of the power of the channels is left in their sum
# Shares of the loudspeakers (ITU-R BS.775, table 2; the effects channel is left out), divided by
# their sum: sound that all channels have keeps its loudness. But the two of stereo are added with
# equal power, as FFmpeg does: so GRID was heard by everybody, and our weights were trained.
SHARES = {"FC": 1.0, "FL": 0.5**0.5, "FR": 0.5**0.5, "LFE": 0.0}
OTHERS = 0.5


class Sound:
    """Mono sound of one stream at one or more rates.

    A hole in the time stamps is filled with silence, what is there twice is left out, and the
    format may change. Channels are added; if they cancel, the loudest is taken.

    Parameters
    ----------
    rates : int
        In Hz.
    name : path
        Of the file, for messages.
    joints : Joints, optional
        Of the file, where its picture is read, too.
    """

    def __init__(self, *rates: int, name: Any, joints: Joints | None = None) -> None:
        self.start_s: float | None = None  # time stamp of the first sample
        self._rates, self._name, self._stamps = rates, name, Stamps(joints or Joints())
        self._end_s = 0.0  # where the next frame should begin
        self._block: list[np.ndarray] = []  # samples (C, n) as they are stored
        self._resamplers: list[av.AudioResampler] = []
        self._kind: tuple[str, int] = ("", 0)  # layout and rate of what comes in
        self._mix = np.ones((1, 1), np.float32)  # what of each channel goes into each of the mix
        self._waiting: list[np.ndarray] = []  # until it is known whether the channels cancel
        self._power: np.ndarray | None = None  # of the channels and their mean; None: decided

    def add(self, frame: Any) -> list[np.ndarray]:
        """Take a decoded frame; return what is now known, (n,) float32 for each rate.

        Raises
        ------
        MediaError
            If its samples cannot be sound, or its time stamps jump.
        """
        parts: list[list[np.ndarray]] = []
        if (frame.layout.name, frame.sample_rate) != self._kind:
            parts.append(self.finish())
            self._begin(frame)
        twice, hole = self._placed(frame)
        if hole:
            parts.append(self._heard())
            silence = np.zeros((len(frame.layout.channels), hole), np.float32)
            parts.append(self._resampled(self._mixed(silence)))
        self._block.append(_samples(frame)[:, twice:])
        if sum(part.shape[1] for part in self._block) >= BLOCK_S * frame.sample_rate:
            parts.append(self._heard())
        return _joined(parts, len(self._rates))

    def finish(self) -> list[np.ndarray]:
        """Return the rest."""
        if not self._resamplers:
            return _joined([], len(self._rates))
        parts = [self._heard(), self._resampled(self._decide())]
        parts.append([_drained(resampler, None) for resampler in self._resamplers])
        self._resamplers = []
        return _joined(parts, len(self._rates))

    def _heard(self) -> list[np.ndarray]:
        """Hand on what was collected."""
        if not self._block:
            return _joined([], len(self._rates))
        channels = _scaled(np.concatenate(self._block, axis=1))
        self._block = []
        self._require_sound(channels)
        return self._resampled(self._mixed(channels))

    def _begin(self, frame: Any) -> None:
        """Make ready for another format."""
        self._kind = frame.layout.name, frame.sample_rate
        self._mix = _mix([channel.name for channel in frame.layout.channels])
        count = self._mix.shape[1]
        self._power = np.zeros(count + 1) if count > 1 else None
        self._resamplers = [
            av.AudioResampler(format="flt", layout="mono", rate=rate) for rate in self._rates
        ]

    def _placed(self, frame: Any) -> tuple[int, int]:
        """How many samples of a frame were there before, and how many are missing before it."""
        twice, hole = 0, 0
        stamp_s = self._end_s if frame.time is None else frame.time
        if self.start_s is None:
            self.start_s = self._end_s = stamp_s
        end_s = self._end_s
        time_s = self._stamps.time_s(stamp_s, last_s=end_s, next_s=end_s, may_begin=True)
        step_s = time_s - end_s
        self._stamps.require_steady(step_s, self._name, "the sound", end_s - self.start_s)
        if step_s > HOLE_S:
            hole = round(step_s * frame.sample_rate)
        elif step_s < -HOLE_S:
            twice = min(round(-step_s * frame.sample_rate), frame.samples)
        self._end_s += (hole + frame.samples - twice) / frame.sample_rate
        return twice, hole

    def _require_sound(self, channels: np.ndarray) -> None:
        """Look at the newest samples (C, n)."""
        peak = float(np.abs(channels).max(initial=0.0))
        if peak <= LOUDEST:
            return
        first = int(np.argmin((np.abs(channels) <= LOUDEST).all(axis=0)))
        time_s = self._end_s - (self.start_s or 0.0) - (channels.shape[1] - first) / self._kind[1]
        what = "is no number" if not np.isfinite(peak) else f"is {peak:.4g} times full scale"
        raise MediaError(
            f"{self._name}: the sound {what} at {time_s:.2f} s; floats lie in -1 to 1: write it "
            "anew"
        )

    def _mixed(self, channels: np.ndarray) -> np.ndarray:
        """Channels (C, n) to one or two; nothing while it is not known whether they cancel."""
        if self._power is None:
            return self._mix @ channels
        if not self._waiting and np.abs(channels).max(initial=0.0) < SILENCE_PEAK:
            return self._mix @ channels
        self._waiting.append(channels)
        mono = (self._mix @ channels).sum(axis=0)
        self._power += [*np.einsum("cn,cn->c", channels, channels), mono @ mono]
        if sum(part.shape[1] for part in self._waiting) < HEARD_S * self._kind[1]:
            return self._mix @ channels[:, :0]
        return self._decide()

    def _decide(self) -> np.ndarray:
        """Whether the channels cancel; return what waited for it."""
        waiting, self._waiting = self._waiting, []
        if self._power is not None and waiting:
            *each, total = self._power
            if total < CANCELS * float(self._mix.sum(axis=0) ** 2 @ each):
                loudest = np.arange(len(each)) == int(np.argmax(each))
                self._mix = (loudest / len(self._mix) ** 0.5 * np.ones_like(self._mix)).astype("f4")
        self._power = None
        nothing = np.zeros((self._mix.shape[1], 0), np.float32)
        return self._mix @ np.concatenate([nothing, *waiting], axis=1)

    def _resampled(self, mixed: np.ndarray) -> list[np.ndarray]:
        if not mixed.size:
            return _joined([], len(self._rates))
        layout = "mono" if len(mixed) == 1 else "stereo"
        made = []
        for resampler in self._resamplers:
            frame = av.AudioFrame.from_ndarray(mixed, format="fltp", layout=layout)
            frame.sample_rate = self._kind[1]
            made.append(_drained(resampler, frame))
        return made


def _mix(names: list[str]) -> np.ndarray:
    """What of each channel is heard, (1, C); of stereo the channels as they are, (2, 2)."""
    if len(names) == 2:
        return np.eye(2, dtype=np.float32)
    shares = np.array([SHARES.get(name, OTHERS) for name in names])
    if not shares.any():
        shares[:] = 1
    return (shares / shares.sum()).astype(np.float32)[None]


def _samples(frame: Any) -> np.ndarray:
    """Samples of a decoded frame as they are stored, (C, n)."""
    samples: np.ndarray = frame.to_ndarray()
    if frame.format.is_planar:
        return samples
    return samples.reshape(-1, len(frame.layout.channels)).T


def _scaled(samples: np.ndarray) -> np.ndarray:
    """As float32; integers to -1 to 1."""
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) / np.float32(2.0 ** (8 * samples.dtype.itemsize - 1))
    return samples.astype(np.float32, copy=False)


def _drained(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> np.ndarray:
    parts = [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _joined(parts: list[list[np.ndarray]], count: int) -> list[np.ndarray]:
    nothing = np.zeros(0, np.float32)
    return [np.concatenate([nothing, *(part[index] for part in parts)]) for index in range(count)]
