"""A video as a protocol sees it: cropped, resized, in gray, with the points of its face."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tkit.errors import NoFaceError, ScoreError
from tkit.face import crops, geometry
from tkit.metrics.pictures import to_gray
from tkit.scoring.baselines import SHIFT_PX, Chunk, shifted
from tkit.scoring.protocols import Protocol

if TYPE_CHECKING:
    from tkit.media.frames import Reader
    from tkit.tracking import FrontEnds
    from tkit.tracking.pieces import Tracker

POINTS = ("points", "raw-points", "refined-points")


class View:
    """One video under a protocol: every view of it that is wanted, each made once.

    Parameters
    ----------
    reader : Reader
        Just opened.
    protocol : Protocol
    front_ends : FrontEnds
        Find the points.
    wanted : collection of str
        Of :data:`tkit.metrics.VIEWS`; ``frames`` are always made.
    like : tuple, optional
        (H, W, 3) to resize the frames to.
    again : bool
        Find the points a second time in shifted frames.

    Raises
    ------
    ScoreError
        If the protocol's crop cannot be laid.
    """

    def __init__(
        self,
        reader: Reader,
        protocol: Protocol,
        front_ends: FrontEnds,
        wanted: Collection[str],
        *,
        like: tuple[int, ...] | None = None,
        again: bool = False,
    ) -> None:
        self.reader = reader
        self.cut: tuple[int, int] | None = None  # height and width that are kept, from the top left
        self._protocol, self._ends, self._wanted, self._like = protocol, front_ends, wanted, like
        # Steadied points come first: crops are laid by them.
        self._forms = tuple(form for form in POINTS if form in wanted or form == "points")
        self._has_points = not set(POINTS).isdisjoint(wanted)
        self._shifts = [0.0, SHIFT_PX] if again and self._has_points else [0.0]
        self._trackers: list[Tracker] = []
        self._found: list[np.ndarray] = []
        self._transforms: np.ndarray | None = None
        self.no_points = ""  # why the face's points are of no use, if they are not
        self._at = 0
        self._scale: Any = 1.0  # from points to pixels of the frames returned
        crop = crops.CROPS.get(protocol.crop)
        # A video of the crop's own size is taken for already cropped.
        if crop and reader.shape[:2] != (crop.height, crop.width):
            try:
                self._found = self._track_ahead()
            except NoFaceError as error:
                raise ScoreError(f"cannot be cropped: {error}") from error
            self._transforms = crops.align(self._found[0][:, 0], protocol.crop)
        self._inside = protocol.points_in == "crop"
        if self._has_points and (self._inside or self._transforms is None):
            self._trackers = self._open_trackers()

    def read(self, n_frames: int | None = None) -> Chunk:
        """Return the next frames as the protocol wants them; no frames at the end."""
        own = self.reader.read(n_frames)
        if not len(own):
            return {"frames": own}
        sized = self._sized(own)
        own = own if self.cut is None else sized
        frames = self._framed(sized)
        if not self.no_points:
            try:
                self._push(self._trackers, frames if self._inside else sized)
            except NoFaceError as error:
                self.no_points = str(error)
        chunk = {}
        for view, pictures in (("frames", frames), ("own-frames", own)):
            gray = view.replace("frames", "gray")
            chunk[view] = pictures
            if gray in self._wanted:
                chunk[gray] = to_gray(pictures)
        return {
            view: array for view, array in chunk.items() if view in self._wanted or view == "frames"
        }

    def finish(self) -> tuple[Chunk, Chunk]:
        """Points (T, 68, 2) by view in pixels of the frames returned, and those found again.

        Empty if no metric wants points, or they were not to be found again, or for the reason
        ``no_points``.
        """
        if self._trackers and not self.no_points:
            try:
                self._found = self._tracked(self._trackers)
            except NoFaceError as error:
                self.no_points = str(error)
        if not self._has_points or self.no_points:
            return {}, {}
        first, *again = [self._placed(found) for found in self._found]
        return first, again[0] if again else {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames before they are cropped."""
        height, width = self.cut or (self._like or self.reader.shape)[:2]
        return width, height

    @property
    def own_points(self) -> np.ndarray | None:
        """Steadied points (T, 68, 2) of all frames in pixels of the video, after ``finish``.

        None where they were not looked for, not found, or found in crops.
        """
        there = self._found and not self._inside and not self.no_points
        return self._found[0][:, 0] if there else None

    def _sized(self, frames: np.ndarray) -> np.ndarray:
        if self.cut is not None and frames.shape[1:3] != self.cut:
            return np.ascontiguousarray(frames[:, : self.cut[0], : self.cut[1]])
        if self._like is None:
            return frames
        from tkit.media.pictures import resize

        return resize(frames, self._like[1], self._like[0])

    def _framed(self, frames: np.ndarray) -> np.ndarray:
        """Crop, stretch and resize the next frames."""
        if self._transforms is not None:
            transforms = self._transforms[self._at : self._at + len(frames)]
            frames = crops.cut_named(frames, transforms, self._protocol.crop)
        self._at += len(frames)
        if self._protocol.stretch or self._protocol.resize:
            from tkit.media.pictures import resize, stretch

            if self._protocol.stretch:
                frames = stretch(frames)
            if side := self._protocol.resize:
                self._scale = side / np.array([frames.shape[2], frames.shape[1]])
                frames = resize(frames, side, side)
        return frames

    def _placed(self, found: np.ndarray) -> Chunk:
        """Points (T, F, 68, 2) where they were found to pixels of the frames returned, by view."""
        placed = {}
        for form, points in zip(self._forms, found.swapaxes(0, 1), strict=True):
            if not self._inside:
                if self._transforms is not None:
                    points = geometry.apply(self._transforms, points)
                points = points * self._scale
            placed[form] = points
        return placed

    def _open_trackers(self) -> list[Tracker]:
        from tkit.tracking.pieces import Tracker

        track = _open_track(self._ends, self._forms)
        return [Tracker(track) for _ in self._shifts]

    def _push(self, trackers: list[Tracker], frames: np.ndarray) -> None:
        for tracker, shift in zip(trackers, self._shifts, strict=False):
            tracker.push(shifted(frames, shift))

    def _tracked(self, trackers: list[Tracker]) -> list[np.ndarray]:
        found = zip(trackers, self._shifts, strict=True)
        return [tracker.finish() - shift for tracker, shift in found]

    def _track_ahead(self) -> list[np.ndarray]:
        """Points of all frames: read once more, before cropping."""
        reader, trackers = self.reader.again(), self._open_trackers()
        while len(frames := reader.read()):
            self._push(trackers, self._sized(frames))
        return self._tracked(trackers)


@lru_cache
def _open_track(ends: FrontEnds, forms: tuple[str, ...]) -> Callable[..., np.ndarray]:
    """Open the front ends once a process, to points (T, F, 68, 2) of one detection."""
    from tkit.tracking import refine_lips

    track = ends.track()
    segment = ends.segment() if "refined-points" in forms else None

    def every(frames: np.ndarray) -> np.ndarray:
        found: Chunk = {}
        # Back-ends need not know the keyword where nobody asks for it.
        if "raw-points" in forms:
            found["points"] = track(frames, raw=partial(found.__setitem__, "raw-points"))
        else:
            found["points"] = track(frames)
        if "refined-points" in forms:
            found["refined-points"] = refine_lips(frames, found["points"], segment)[0]
        return np.stack([found[form] for form in forms], axis=1)

    return every


def points_tokens(ends: FrontEnds, view: str) -> list[str]:
    """Signature tokens of points that ``ends`` find, or of pictures cropped by them."""
    tokens = [f"pts:{ends.signature()}"]
    if view == "raw-points":
        return [*tokens, "steady:no"]
    if view == "refined-points":
        return [*tokens, f"lips:{ends.lips_signature()}"]
    return tokens
