"""Texture stage: learn to render frames from landmark images (Sinha et al. 2020, §III-C).

A sample is two consecutive frames of a clip and an identity frame of the same speaker, from another
clip or from another time of the same one. All see the same random shift, scale, turn, mirroring and
colours, so that other identities than the training speakers' work.
"""

from __future__ import annotations

from dataclasses import dataclass

from tkit.pipelines.training.config import Common, option
from tkit.pipelines.training.stage import Meaning, Quantity, Stage, work_of


@dataclass(frozen=True)
class Config(Common):
    """Settings of the texture stage; the paper's are the experiment ``paper-texture``."""

    batch_size: int = option(4, "Pairs of frames in a batch; 8 are the paper's 16 frames.", low=1)
    lr: float = option(6e-4, "Learning rate of Adam; the paper's is 1e-4.", low=0)
    beta1: float = option(0.5, "First momentum of Adam.", low=0)
    ema: float = option(
        0.998, "Release the average of the weights, decaying so; 0: the last.", low=0
    )
    width: int = option(32, "Channels of the generator's first layer; the paper's are 64.", low=1)
    blocks: int = option(6, "Residual blocks of the generator.", low=0)
    landmark_width: int = option(16, "Channels of the landmark features.", low=1)
    fold: int = option(
        2, "Side of the pixel squares folded into channels; the paper's is 1.", low=1
    )
    carried: bool = option(True, "Carry the identity image along with the landmarks.")
    skips: bool = option(True, "Join encoder and decoder at equal resolutions.")
    norm: bool = option(False, "Instance norm in the generator, as the paper's.")
    patch_width: int = option(32, "Channels of the discriminator's first layer.", low=1)
    patch_layers: int = option(
        3, "Strided layers of the discriminator; 3: 70-pixel patches.", low=1
    )
    pixel_weight: float = option(50.0, "Weight of the pixel loss.", low=0)
    square_weight: float = option(1000.0, "Weight of the squared error; the paper has none.", low=0)
    colour_weight: float = option(
        0.5,
        "Share of both that the bare colour map pays, too: without it the map of a saturated "
        "attention learns nothing more; the paper has none.",
        low=0,
    )
    adversarial_weight: float = option(0.0, "Weight of the adversarial loss.", low=0)
    bicubic: bool = option(
        False, "Carry the identity image as sharply in training as in use; slow on a CPU."
    )
    mouth_judged: bool = option(False, "The discriminator decides about the mouth alone.")
    edge_weight: float = option(
        0.0, "Weight of the edges inside the lips; the paper has no such term.", low=0
    )
    regular_weight: float = option(
        3.0, "Weight of the attention and temporal losses; the paper's is 0.2.", low=0
    )
    attention_focus: bool = option(
        True, "Attention opens as much more cheaply at mouth and eyes as pixels count there."
    )
    hold_out: int = option(
        10, "Keep every n-th clip of each speaker out of training; 0: none.", low=0
    )
    same_clip: float = option(0.8, "Share of identity frames from the clip itself.", low=0)
    focus: float = option(4.0, "Pixel loss at mouth and eyes beside that elsewhere.", low=1)
    colour_jitter: float = option(0.2, "Largest change of gain and brightness, as a share.", low=0)
    shift: float = option(0.03, "Largest shift, in crop sizes.", low=0)
    scale: float = option(0.05, "Largest change of scale, as a share.", low=0)
    stretch: float = option(
        0.0, "Largest change of width and height against each other, as a share.", low=0
    )
    turn_deg: float = option(5.0, "Largest turn in the picture plane, in degrees.", low=0)
    mirror: bool = option(True, "Mirror every other sample.")
    balance_speakers: bool = option(True, "Draw every speaker equally often.")
    blink_share: float = option(
        0.2, "Share of the samples with shut eyes: few frames have them.", low=0
    )
    eval_frames: int = option(25, "Frames of each clip that are measured, evenly spaced.", low=2)


LOGGED = {
    "texture/loss": Meaning("Loss", "what the generator minimises (eq. 14)"),
    "texture/pixel": Meaning("Pixels", "mean absolute error of the frames, of 0 to 1"),
    "texture/square": Meaning("Squares", "mean squared error of the frames"),
    "texture/adversarial": Meaning(
        "Realism", "what the discriminator says of generated frames (eq. 8); 0 while it is off"
    ),
    "texture/edges": Meaning(
        "Edges", "how far edges inside the lips are from the true ones; 0 while nobody asks"
    ),
    "texture/attention": Meaning("Openness", "how much the attention map paints anew"),
    "texture/temporal": Meaning("Flicker", "change of attention and colour between frames"),
    "texture/att_mean": Meaning(
        "Attention", "share of the photo that is kept: 1 keeps it, 0 paints anew", better=""
    ),
    "texture/att_saturated": Meaning("Kept", "share of pixels that are the photo's own", better=""),
    "texture/att_mouth": Meaning("Attention, mouth", "the same in the mouth", better=""),
    "texture/att_elsewhere": Meaning("Attention, elsewhere", "and around it", better=""),
    "texture/att_lowest": Meaning(
        "Attention, least", "of any pixel of a mouth; near 1 the mouth is frozen"
    ),
    "patchgan/loss": Meaning("Discriminator", "its own loss (eq. 8); 0 while it is off"),
}
STAGE = Stage(
    name="texture",
    title="landmark images and one identity image to frames",
    config=Config,
    **work_of("tkit.pipelines.stages.texture.work", "watch", "pictures"),
    steady=True,
    players=("texture", "patchgan"),
    quantities={
        "psnr": Quantity(
            "face crops from true landmarks", "dB", "higher", of_clips=True, heading="PSNR",
            beside="psnr_static",
        ),
        "psnr_static": Quantity("... of the first frame held", "dB", of_clips=True),
        "psnr_mouth": Quantity(
            "inside the mouth box", "dB", "higher", of_clips=True, heading="PSNR, mouth",
            beside="psnr_mouth_static",
        ),
        "psnr_mouth_static": Quantity("... of the first frame held", "dB", of_clips=True),
        "att_mouth": Quantity(
            "attention: share kept of the photo, at the mouth", of_clips=True,
            heading="Attention, mouth", beside="att_elsewhere",
        ),
        "att_elsewhere": Quantity("... around the mouth", of_clips=True),
        "att_mean": Quantity("... of the whole crop", of_clips=True),
        "att_saturated": Quantity("... pixels that keep all of the photo", of_clips=True),
    },
    logged=LOGGED,
    released="texture",
    weights="texture-lite",
    tiny={
        "width": 4, "blocks": 1, "landmark_width": 2, "patch_width": 4, "batch_size": 1,
        "hold_out": 0, "eval_frames": 2, "adversarial_weight": 0.5,
    },
)  # fmt: skip
