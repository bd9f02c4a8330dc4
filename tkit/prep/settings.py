"""The settings of a preparation."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from tkit.errors import ConfigError, UsageError, did_you_mean
from tkit.face.crops import CROP_SIZE
from tkit.speech import ENCODERS
from tkit.store import EncoderInfo
from tkit.tracking import FrontEnds


@dataclass(frozen=True)
class Settings:
    """What decides the prepared data of a clip.

    Parameters
    ----------
    front_ends : FrontEnds
        Landmark back-end and lip segmenter.
    speech : str
        Name of the speech encoder.
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

    front_ends: FrontEnds = field(default_factory=FrontEnds)
    speech: str = "chars29"
    crops: bool = False
    fps: float = 25.0
    max_gap: int = 5
    max_drift: float = 5.0
    speech_weights: str = ""
    window_rate: str = "native"
    crop_size: int = CROP_SIZE

    def __post_init__(self) -> None:
        if self.crop_size < 64 or self.crop_size % 16:
            raise UsageError(f"crop size {self.crop_size} is not a multiple of 16 from 64 on")


def encoder_of(settings: Settings) -> EncoderInfo:
    """Return what a store says of the speech encoder; the user's weights are loaded for it."""
    info = ENCODERS.get(settings.speech).info_with(settings.speech_weights)
    return replace(info, window_rate=settings.window_rate)


def choose(settings: Settings, **choices: Any) -> Settings:
    """Return settings in which some fields, of them or of their front ends, have other values.

    Raises
    ------
    ConfigError
        If there is no such field; the message names the nearest.
    """
    own = {field.name for field in fields(Settings)}
    ends = {field.name for field in fields(FrontEnds)}
    for name in choices:
        if name not in own | ends:
            raise ConfigError(f"unknown setting {name!r}{did_you_mean(name, own | ends)}")
    front_ends = replace(
        choices.get("front_ends", settings.front_ends),
        **{name: value for name, value in choices.items() if name in ends},
    )
    changed = {name: value for name, value in choices.items() if name in own}
    return replace(settings, **changed | {"front_ends": front_ends})
