"""Studies of tiny drawn videos, and raters who answer them without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from tkit import media
from tkit.study import material

METHODS = {"ours~zq": 60, "theirs~zq": 120, "third~zq": 180}  # names that occur in no page
SECONDS, FPS = 0.4, 25


def write_methods(root: Path, *, clips: int = 4, size: int = 64) -> dict[str, Path]:
    """Write gray videos, each method of its own shade, in two folders of clips."""
    time_s = np.arange(round(SECONDS * 16000)) / 16000
    wave = (0.3 * np.sin(2 * np.pi * 300 * time_s)).astype(np.float32)
    for method, shade in METHODS.items():
        for clip in range(clips):
            frame = np.full((size, size, 3), shade, np.uint8)
            frame[:8, : 8 * (clip + 1)] = 255
            path = root / method / ("grid~zq" if clip % 2 else "tcd~zq") / f"clip{clip}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            media.write_video(path, [frame] * round(SECONDS * FPS), wave=wave)
    return {method: root / method for method in METHODS}


def write_study(root: Path, *, clips: int = 4, **asked):
    """Make a study of them and return its book."""
    settings = material.settings_of(**asked)
    return material.new(write_methods(root, clips=clips), root / "study", settings=settings)


def shade(path: Path) -> str:
    """The method of a video, which only its pixels tell; a check of attention ends in black."""
    frames = list(media.iter_frames(path))
    if frames[-1][32, 5].max() < 40:
        return "check"
    return min(METHODS, key=lambda name: abs(METHODS[name] - int(frames[0][40, 40, 0])))


def field(page: str, name: str) -> str:
    """The value of a hidden field of a page."""
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def videos(page: str) -> list[str]:
    """Addresses of the videos of a page."""
    return re.findall(r'<video src="([^"]*)"', page)
