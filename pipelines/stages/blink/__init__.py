"""Blink stage: learn the motion of the eyes from noise by moment matching.

Sinha et al. 2020, §III-B and eq. 5.
"""

from __future__ import annotations

from dataclasses import dataclass

from tkit.pipelines.training.config import Common, option
from tkit.pipelines.training.stage import Stage, work_of


@dataclass(frozen=True)
class Config(Common):
    """Settings of the blink stage; the paper's are the experiment ``paper-blink``."""

    batch_size: int = option(128, "Sequences in a batch, real and generated each.", low=2)
    lr: float = option(3e-3, "Learning rate of Adam.", low=0)
    sequence: int = option(25, "Frames in a sequence (T); the paper's are 75.", low=2)
    centre: bool = option(True, "Take displacement about its median over the clip.")
    fit_lids: bool = option(True, "Take the motion of lids in heights of the person's open eyes.")
    mirror: bool = option(True, "Mirror half of the faces.")
    noise: int = option(10, "Gaussian numbers a frame.", low=1)
    hidden: int = option(64, "Units of the recurrent layer.", low=1)
    warmup: int = option(25, "Frames generated before those that count.", low=0)
    gaps: int = option(75, "Frames since a blink that the hazard tells apart; 0: no hazard.", low=0)
    begin_weight: float = option(
        1.0, "Weight of the beginnings of blinks in a sequence, beside the motion.", low=0
    )
    blink_weight: float = option(
        1.0, "Weight of the MMD of blinks alone, from their beginnings on.", low=0
    )
    quiet_weight: float = option(
        10.0, "Weight of motion between blinks beyond that of real eyes.", low=0
    )
    kernel_widths: tuple[float, ...] = option(
        (0.25, 0.5, 1.0, 2.0), "Widths of the MMD kernels, in RMS distances of real sequences."
    )
    range_weight: float = option(1.0, "Weight of the min-max regularisation.", low=0)
    pca_variance: float = option(0.99, "Share of the variance that the PCA basis holds.", low=0)
    pca_init: bool = option(True, "Start the last layer as the PCA basis.")
    balance_speakers: bool = option(True, "Draw speakers by the power below, not clips alike.")
    balance_power: float = option(
        0.5, "Power of the number of clips by which a speaker is drawn.", low=0
    )


STAGE = Stage(
    name="blink",
    title="noise to the displacement of eyes and brows",
    config=Config,
    **work_of("tkit.pipelines.stages.blink.work"),
    players=("blink",),
    released="blink",
    tiny={"batch_size": 4, "sequence": 10, "hidden": 8, "warmup": 5},
)
