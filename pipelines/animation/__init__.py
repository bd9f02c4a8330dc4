"""Animation: one still picture and speech to a video of a talking face.

``render`` makes the frames of one picture, of which ``moves`` says what the face does and ``paste``
how the rendered crop goes back into the picture; ``jobs`` makes files of files. Nothing is imported
here, so that what cannot be animated is refused before torch is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tkit.pipelines.training.runs import Trained
    from tkit.tracking import FrontEnds

__all__ = ["MAX_SIDE", "animate"]

MAX_SIDE = 1920  # pixels of a video's longer side that players show


def animate(
    image: str | Path,
    audio: str | Path,
    out: str | Path,
    *,
    motion: str | Path | Trained | None = None,
    blink: str | Path | Trained | None = None,
    texture: str | Path | Trained | None = None,
    pose: str | Path = "auto",
    blink_rate: float | None = None,
    expression: float = 1.0,
    style: str | Path | None = None,
    fps: float = 25.0,
    max_side: int = MAX_SIDE,
    crop: bool = False,
    seed: int = 0,
    speech_weights: str = "",
    front_ends: FrontEnds | None = None,
    debug: str | Path | None = None,
    force: bool = False,
    progress: bool = False,
) -> Path:
    """Make the face of a picture speak: picture and sound to a video.

    Parameters
    ----------
    image : path or URL
        Picture of a face, of any size; of several faces the largest speaks.
    audio : path or URL
        Speech: a sound or video file of any length.
    out : path
        The video, of the size of the picture, with the sound.
    motion, blink, texture : path, str or Trained, optional
        Weight file, run folder, name in the zoo, or a loaded stage; by default ``runs/STAGE``, if
        it is there, else the released weights.
    pose : path, "auto" or "still"
        Movement of the head: as people's do who speak, none, or as in a video (or in points
        (T, 68, 2), ``.npy``).
    blink_rate : float, optional
        Blinks a second; by default as learned.
    expression : float
        How far speech moves the mouth: 0 not at all, 1 as learned.
    style : path, optional
        A video of a few seconds of the person speaking: the mouth moves as far as there.
    fps : float
        Frames a second.
    max_side : int
        Pixels of the picture's longer side above which it is made smaller first, as few players
        show larger videos; 0: never.
    crop : bool
        Write the bare face crop instead of the picture.
    seed : int
        Of the blinks and the head.
    speech_weights : str
        Weight file of the speech encoder that the motion was trained on; empty for its own.
    front_ends : FrontEnds, optional
        What finds the points of the face.
    debug : path, optional
        Also write landmarks, attention, colour and result of every frame into this folder.
    force : bool
        Replace a video that is there.
    progress : bool
        Show it on stderr: a bar on a terminal, elsewhere a line now and then.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    UsageError
        If a file or weights do not exist, or ``out`` does.
    MediaError
        If a file cannot be read, or has no sound.
    NoFaceError
        If the picture shows no face.

    Examples
    --------
    >>> import tempfile, tkit
    >>> from PIL import Image
    >>> from skimage import data
    >>> from tkit.corpora import puppet
    >>> folder = tempfile.mkdtemp()
    >>> Image.fromarray(data.astronaut()[:256, 96:352]).save(f"{folder}/face.png")
    >>> puppet.generate(f"{folder}/puppet", speakers=1, clips=1)
    >>> speech = next(puppet.scan(f"{folder}/puppet")).video
    >>> video = tkit.animate(f"{folder}/face.png", speech, f"{folder}/talking.mp4")
    >>> video.stat().st_size > 10_000
    True
    """
    import warnings

    from tkit.pipelines.animation import jobs
    from tkit.remote import place_of

    todo = jobs.of_files([place_of(image)], [place_of(audio)], Path(out))
    made = jobs.make_all(
        todo,
        {"motion": motion, "blink": blink, "texture": texture},
        jobs.Way(
            there="replace" if force else "refuse",
            debug=Path(debug) if debug else None,
            progress=progress,
        ),
        front_ends=front_ends,
        warn=lambda remark: warnings.warn(remark, stacklevel=4),  # at the caller of animate
        pose=pose,
        fps=fps,
        max_side=max_side,
        seed=seed,
        crop=crop,
        speech_weights=speech_weights,
        blink_rate=blink_rate,
        expression=expression,
        style=Path(style) if style else None,
    )
    list(made)
    return Path(out)
