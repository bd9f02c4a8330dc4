"""Motion stage: learn the displacement of jaw and mouth from speech.

Sinha et al. 2020, §III-A and eq. 2-4.
"""

from __future__ import annotations

from dataclasses import dataclass

from tkit.pipelines.training.config import Common, option
from tkit.pipelines.training.stage import Meaning, Quantity, Stage, work_of


@dataclass(frozen=True)
class Config(Common):
    """Settings of the motion stage; the paper's are the experiment ``paper-motion``."""

    steps: int = option(1200, "Steps of training.", low=0)
    batch_size: int = option(16, "Sequences in a batch.", low=1)
    lr: float = option(2e-3, "Learning rate of Adam.", low=0)
    ema: float = option(
        0.999, "Release the average of the weights, decaying so; 0: the last.", low=0
    )
    sequence: int = option(50, "Consecutive frames in a sequence.", low=2)
    window: int = option(20, "Rows of speech features that one frame hears.", low=1)
    widths: tuple[int, ...] = option((64,), "Channels of the convolutions over a window.")
    kernel: int = option(5, "Rows that they take together.", low=1)
    stride: int = option(1, "Rows by which they go on; 2 halves the window.", low=1)
    context: tuple[int, ...] = option((1, 2, 4, 8), "Spacing of the convolutions over frames.")
    channels: int = option(64, "Channels of the convolutions over frames.", low=1)
    dropout: float = option(0.3, "Share of their outputs that is dropped.", low=0)
    waits: bool = option(True, "Show the mouth of the picture while the person waits to speak.")
    waiting_weight: float = option(0.01, "Weight of the share of frames spent waiting.", low=0)
    spoken_weight: float = option(1.0, "Weight of the loss of a face that never waits.", low=0)
    points: str = option("speech", "Points that move.", choices=("speech", "all"))
    pca_variance: float = option(0.99, "Share of the variance that the PCA basis holds.", low=0)
    pca_init: bool = option(True, "Start the last layer as the PCA basis.")
    loss: str = option("shape", "shape: distances of the mouth about its centre; squared: eq. 2.",
                       choices=("shape", "squared"))  # fmt: skip
    landmark_weight: float = option(1.0, "Weight of the loss on displacement.", low=0)
    temporal_weight: float = option(0.5, "Weight of the loss on first differences.", low=0)
    mouth_weight: float = option(1.0, "Weight of a mouth point beside one of the jaw.", low=0)
    width_weight: float = option(
        0.02, "Weight of a width that does not follow the real one.", low=0
    )
    closure_weight: float = option(0.5, "Weight of the opening where the lips are shut.", low=0)
    one_scale: bool = option(True, "Standardise the features alike, not each column by itself.")
    feature_noise: float = option(
        0.8, "Gaussian noise on the features in training, in standard deviations.", low=0
    )
    voices: float = option(0.2, "Highest shift of the voice, as a logarithm (logmel only).", low=0)
    snr_db: float = option(5.0, "Speech over noise at worst; 0: no noise (logmel only).", low=0)
    masks: bool = option(True, "Hide stretches of rows and columns of the features.")
    speed: float = option(0.1, "Largest change of the speed of speech.", low=0)
    mirror: bool = option(True, "Mirror half of the faces.")
    balance_speakers: bool = option(True, "Draw speakers by the power below, not clips alike.")
    balance_power: float = option(
        0.25, "Power of the number of clips by which a speaker is drawn.", low=0
    )


LOGGED = {
    "loss": Meaning("Loss", "what is minimised: the weighted sum of the terms below"),
    "landmark": Meaning("Landmarks", "error of the displacement of mouth and jaw (eq. 3)"),
    "temporal": Meaning("Steps", "the same of the differences of consecutive frames (eq. 4)"),
    "width": Meaning("Width", "how far the mouth's width is from following the real one (0 to 2)"),
    "closure": Meaning("Closure", "how far lips are apart where they should meet"),
    "spoken": Meaning("Speech alone", "loss of the face that does not wait for speech"),
    "waiting": Meaning(
        "Waiting", "share of the time in which the picture's own mouth shows", better=""
    ),
}
STAGE = Stage(
    name="motion",
    title="speech to the displacement of jaw and mouth",
    config=Config,
    **work_of("tkit.pipelines.stages.motion.work"),
    players=("motion",),
    quantities={
        "lmd": Quantity(
            "distance of the mouth's points",
            "% IOD",
            "lower",
            of_clips=True,
            heading="Mouth error",
            beside="lmd_static",
        ),
        "lmd_static": Quantity("... of the person's neutral face", "% IOD", of_clips=True),
        "lmd_mean_pose": Quantity("... of the mean mouth of speech", "% IOD", of_clips=True),
        "lmd_picture": Quantity("... of the clip's first frame", "% IOD", of_clips=True),
        "opening_corr": Quantity(
            "correlation of mouth opening", "", "higher", of_clips=True, heading="Opening"
        ),
        "opening_spread": Quantity("spread of mouth opening over the real one"),
        "width_corr": Quantity(
            "correlation of mouth width", "", "higher", of_clips=True, heading="Width"
        ),
        "width_spread": Quantity("spread of mouth width over the real one"),
        "closed": Quantity(
            "share of p, b and m with closed lips",
            "",
            "closer",
            heading="Closures",
            beside="closed_real",
        ),
        "closed_real": Quantity("... of the real mouth"),
        "jitter": Quantity(
            "tremble of the mouth",
            "% IOD",
            "closer",
            of_clips=True,
            heading="Jitter",
            beside="jitter_real",
        ),
        "jitter_real": Quantity("... of the real mouth", "% IOD", of_clips=True),
        "lag_frames": Quantity(
            "largest lag of a clip behind its speech", "frames", "lower", heading="Lag"
        ),
        "lmd_ratio": Quantity("lmd over that of the neutral face", "", "lower"),
        "lmd_ratio_mean_pose": Quantity("lmd over that of the mean mouth", "", "lower"),
    },
    logged=LOGGED,
    released="motion",
    steady=True,
    needs_speech=True,
    tiny={"batch_size": 2, "sequence": 5, "widths": (8, 8), "channels": 8},
)
