"""What the numbers of the stages are: a title, a unit, which way is better, one line.

Names that are not here are shown as they are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """A number in words.

    Parameters
    ----------
    title : str
    text : str
        One line.
    unit : str
        Empty for a pure number.
    better : str
        ``higher``, ``lower``, ``closer`` (to the number beside it), or empty where neither is.
    beside : str
        Of what ``evaluate`` returns: the name of the number that it is to be compared with, and
        what that is, e.g. ``"lmd_static: a face that never moves"``.
    """

    title: str
    text: str
    unit: str = ""
    better: str = "lower"
    beside: str = ""


# Stage to what its training logs, by name.
LOGGED: dict[str, dict[str, Meaning]] = {
    "motion": {
        "loss": Meaning("Loss", "what is minimised: the weighted sum of the terms below"),
        "landmark": Meaning("Landmarks", "error of the displacement of mouth and jaw (eq. 3)"),
        "temporal": Meaning("Steps", "the same of the differences of consecutive frames (eq. 4)"),
        "closure": Meaning("Closure", "how far lips are apart where they should meet"),
        "spoken": Meaning("Speech alone", "loss of the face that does not wait for speech"),
        "waiting": Meaning(
            "Waiting", "share of the time in which the picture's own mouth shows", better=""
        ),
    },
    "blink": {
        "loss": Meaning("Loss", "what is minimised: the weighted sum of the terms below"),
        "mmd2": Meaning("Distance", "between generated and real eyes, as distributions (MMD²)"),
        "range": Meaning("Out of range", "how far lids leave the range of real ones"),
        "unrest": Meaning("Unrest", "how far lids move between blinks more than real ones do"),
        "blinks": Meaning("Courses", "distance of whole blinks from real ones (MMD²)"),
    },
    "texture": {
        "texture/loss": Meaning("Loss", "what the generator minimises (eq. 14)"),
        "texture/pixel": Meaning("Pixels", "mean absolute error of the frames, of 0 to 1"),
        "texture/square": Meaning("Squares", "mean squared error of the frames"),
        "texture/adversarial": Meaning(
            "Realism", "what the discriminator says of generated frames (eq. 8); 0 while it is off"
        ),
        "texture/attention": Meaning("Openness", "how much the attention map paints anew"),
        "texture/temporal": Meaning("Flicker", "change of attention and colour between frames"),
        "texture/att_mean": Meaning(
            "Attention", "share of the photo that is kept: 1 keeps it, 0 paints anew", better=""
        ),
        "texture/att_saturated": Meaning(
            "Kept", "share of pixels that are the photo's own", better=""
        ),
        "texture/att_mouth": Meaning("Attention, mouth", "the same in the mouth", better=""),
        "texture/att_elsewhere": Meaning("Attention, elsewhere", "and around it", better=""),
        "texture/att_lowest": Meaning(
            "Attention, least", "of any pixel of a mouth; near 1 the mouth is frozen"
        ),
        "patchgan/loss": Meaning("Discriminator", "its own loss (eq. 8); 0 while it is off"),
    },
}

# Stage to what its evaluation returns, by name, the most telling first.
MEASURED: dict[str, dict[str, Meaning]] = {
    "motion": {
        "lmd": Meaning(
            "Mouth error", "distance of the mouth's landmarks from the true ones", "% IOD",
            beside="lmd_static: a face that never moves",
        ),
        "opening_corr": Meaning(
            "Opening", "correlation of predicted and true mouth opening", better="higher"
        ),
        "closed": Meaning(
            "Closures", "share of p, b and m at which the lips meet", better="closer",
            beside="closed_real: the recordings",
        ),
        "jitter": Meaning(
            "Jitter", "trembling of the mouth from frame to frame", "% IOD", "closer",
            beside="jitter_real: the recordings",
        ),
        "lag_frames": Meaning("Lag", "by which the mouth follows the sound", "frames"),
    },
    "blink": {
        "rate_hz": Meaning("Rate", "blinks a second", "1/s", "closer",
                           beside="rate_real_hz: the recordings"),
        "duration_s": Meaning("Duration", "of a blink at half depth", "s", "closer",
                              beside="duration_s_real: the recordings"),
        "interval_s": Meaning("Interval", "from one blink to the next", "s", "closer",
                              beside="interval_s_real: the recordings"),
        "depth": Meaning("Depth", "share of the open eye that closes", better="closer",
                         beside="depth_real: the recordings"),
        "mmd2": Meaning("Distance", "of generated and real eyes, as distributions (MMD²)",
                        beside="mmd2_static: eyes that never move"),
    },
    "texture": {
        "psnr": Meaning("PSNR", "of frames from true landmarks", "dB", "higher",
                        beside="psnr_static: the first frame held"),
        "psnr_mouth": Meaning("PSNR, mouth", "the same in the mouth", "dB", "higher",
                              beside="psnr_mouth_static: the first frame held"),
        "att_mouth": Meaning("Attention, mouth", "1 keeps the photo, 0 paints anew", better="",
                             beside="att_elsewhere: around the mouth"),
    },
}  # fmt: skip
