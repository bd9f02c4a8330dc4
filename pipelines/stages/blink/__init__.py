"""Blink stage: learn the motion of the eyes from noise by moment matching.

Sinha et al. 2020, §III-B and eq. 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tkit.pipelines.training.config import Common, option
from tkit.pipelines.training.stage import Meaning, Quantity, Stage, work_of


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


# Of generated eyes; those of real ones are what they should be like.
GENERATED = {
    "rate_hz": Quantity("blinks a second", "1/s", heading="Rate"),
    "duration_s": Quantity("duration of a blink at half depth", "s", heading="Duration"),
    "interval_s": Quantity("from onset to onset", "s", heading="Interval"),
    "depth": Quantity("share of the open eye that a blink closes", heading="Depth"),
    "complete": Quantity("share of complete blinks"),
    "uneven": Quantity("difference of the two eyes"),
    "half_open": Quantity("share of half-open frames between blinks"),
}
NAMES_OF_REAL = {name: f"{name}_real" for name in GENERATED} | {"rate_hz": "rate_real_hz"}

LOGGED = {
    "loss": Meaning("Loss", "what is minimised: the weighted sum of the terms below"),
    "mmd2": Meaning("Distance", "between generated and real eyes, as distributions (MMD²)"),
    "range": Meaning("Out of range", "how far lids leave the range of real ones"),
    "unrest": Meaning("Unrest", "how far lids move between blinks more than real ones do"),
    "blinks": Meaning("Courses", "distance of whole blinks from real ones (MMD²)"),
}
STAGE = Stage(
    name="blink",
    title="noise to the displacement of eyes and brows",
    config=Config,
    **work_of("tkit.pipelines.stages.blink.work"),
    players=("blink",),
    quantities={
        **{
            name: replace(what, better="closer", beside=NAMES_OF_REAL[name])
            for name, what in GENERATED.items()
        },
        **{
            NAMES_OF_REAL[name]: Quantity("... of real eyes", what.unit)
            for name, what in GENERATED.items()
        },
        "rate_speakers_hz": Quantity("real blinks a second, mean of speakers", "1/s"),
        "rate_speakers_low": Quantity("... low end of its 95 % interval", "1/s"),
        "rate_speakers_high": Quantity("... high end", "1/s"),
        "n_blinks": Quantity("generated blinks"),
        "duration_ks": Quantity("distance of the durations (KS)", "", "lower"),
        "interval_ks": Quantity("distance of the intervals (KS)", "", "lower"),
        "depth_ks": Quantity("distance of the depths (KS)", "", "lower"),
        "mmd2": Quantity(
            "distance of generated and real eyes, as distributions (MMD²)",
            "",
            "lower",
            heading="Distance",
            beside="mmd2_static",
        ),
        "mmd2_static": Quantity("... of eyes that never move"),
        "outside": Quantity("share of coordinates outside the training's range", "", "lower"),
    },
    logged=LOGGED,
    released="blink",
    tiny={"batch_size": 4, "sequence": 10, "hidden": 8, "warmup": 5},
)
