"""A video as a protocol sees it: cropped, resized, in gray, with the points of its face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from tkit.face import crops, geometry
from tkit.landmarks import LANDMARKERS, Track
from tkit.media.frames import Reader
from tkit.media.pictures import resize, stretch
from tkit.metrics import METRICS, Metric
from tkit.metrics.pictures import to_gray
from tkit.scoring.protocols import Protocol
from tkit.tracking.pieces import Tracker

# The same frames as "rgb" and "gray"; what no metric wants is left out, "rgb" never.
View = dict[str, np.ndarray]

SHIFT_PX = 0.5  # of the frames in which points are found again, right and down


@dataclass(frozen=True)
class Plan:
    """What to measure: the protocol, metric to complete settings, and the honest rows."""

    protocol: Protocol
    metrics: dict[str, dict[str, Any]]
    rows: tuple[str, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        # Entries hold functions; each process looks them up itself.
        return Plan, (self.protocol, self.metrics, self.rows)

    @cached_property
    def entries(self) -> dict[str, Metric]:
        """Metric by name: the registry looks at the disk, which is slow for every chunk."""
        return {name: METRICS.get(name) for name in self.metrics}

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Metric to what it looks at: ``points``, ``gray``, ``rgb`` or ``clip``."""
        found = {}
        for name, settings in self.metrics.items():
            needs = self.entries[name].needs
            gray = needs == "gray" or settings.get("color") == "gray"
            found[name] = needs if needs in ("points", "clip") else "gray" if gray else "rgb"
        return found


class Video:
    """One video under a protocol.

    Parameters
    ----------
    reader : Reader
        Just opened.
    plan : Plan
    like : tuple, optional
        (H, W, 3) to resize the frames to.
    again : bool
        Find the points a second time in shifted frames.
    """

    def __init__(
        self,
        reader: Reader,
        plan: Plan,
        *,
        like: tuple[int, ...] | None = None,
        again: bool = False,
    ) -> None:
        self._plan, self._protocol = plan, plan.protocol
        self._like = like
        self.again: np.ndarray | None = None
        self.reader = reader
        self._wants_points = "points" in plan.kinds.values()
        self._trackers: list[Tracker] = []
        self._shifts = [0.0, SHIFT_PX] if again and self._wants_points else [0.0]
        self._transforms: np.ndarray | None = None
        self._at = 0
        self._scale: Any = 1.0  # from points to pixels of the frames returned
        crop = crops.CROPS.get(self._protocol.crop)
        # A video of the crop's own size is taken for already cropped.
        if crop and self.reader.shape[:2] != (crop.height, crop.width):
            self._points = self._track_all(reader.again())
            self._transforms = crops.align(self._points[0], self._protocol.crop)
        elif self._wants_points:
            self._trackers = self._open_trackers()

    def read(self, n_frames: int | None = None) -> View:
        """Return the next frames as the protocol wants them."""
        frames = self.reader.read(n_frames)
        if self._like is not None and len(frames):
            frames = resize(frames, self._like[1], self._like[0])
        for tracker, shift in zip(self._trackers, self._shifts, strict=False):
            tracker.push(_shifted(frames, shift))
        if not len(frames):
            return {"rgb": frames}
        if self._transforms is not None:
            transforms = self._transforms[self._at : self._at + len(frames)]
            frames = crops.cut_named(frames, transforms, self._protocol.crop)
        self._at += len(frames)
        if self._protocol.stretch:
            frames = stretch(frames)
        if side := self._protocol.resize:
            self._scale = side / np.array([frames.shape[2], frames.shape[1]])
            frames = resize(frames, side, side)
        wants_gray = "gray" in self._plan.kinds.values()
        return {"rgb": frames, "gray": to_gray(frames)} if wants_gray else {"rgb": frames}

    def finish(self) -> np.ndarray | None:
        """Points (T, 68, 2) in pixels of the frames returned; None if no metric wants them."""
        if not self._wants_points:
            return None
        if self._transforms is None:
            found = [tracker.finish() for tracker in self._trackers]
        else:
            found = [geometry.apply(self._transforms, points) for points in self._points]
        if len(found) > 1:
            self.again = found[1] - SHIFT_PX if self._transforms is None else found[1]
        if self.again is not None:
            self.again = self.again * self._scale
        return found[0] * self._scale

    def _open_trackers(self) -> list[Tracker]:
        track = _landmarker(self._protocol.landmarks)
        return [Tracker(track) for _ in self._shifts]

    def _track_all(self, reader: Reader) -> list[np.ndarray]:
        """Points of all frames, in pixels of the file's frames: read once more, before cropping."""
        trackers = self._open_trackers()
        while len(frames := reader.read()):
            if self._like is not None:
                frames = resize(frames, self._like[1], self._like[0])
            for tracker, shift in zip(trackers, self._shifts, strict=True):
                tracker.push(_shifted(frames, shift))
        found = zip(trackers, self._shifts, strict=True)
        return [tracker.finish() - shift for tracker, shift in found]


def _shifted(frames: np.ndarray, shift_px: float) -> np.ndarray:
    """Frames moved right and down by ``shift_px``, bilinear, edges repeated."""
    if not shift_px or not len(frames):
        return frames
    import cv2

    move = np.array([[1.0, 0.0, shift_px], [0.0, 1.0, shift_px]])
    size = frames.shape[2], frames.shape[1]
    return np.stack(
        [cv2.warpAffine(f, move, size, borderMode=cv2.BORDER_REPLICATE) for f in frames]
    )


@lru_cache
def _landmarker(name: str) -> Track:
    """Open a landmark back-end once per process."""
    return LANDMARKERS.get(name).open()
