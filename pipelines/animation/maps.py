"""What the texture stage saw and made, side by side, for a look at how a frame came to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tkit import media
from tkit.face import drawing
from tkit.pipelines.stages.texture.renderer import Rendered


def panels(points: np.ndarray, rendered: Rendered) -> np.ndarray:
    """Landmarks, attention, colour and result of T frames, (T, H, 4 W, 3) uint8.

    Parameters
    ----------
    points : ndarray (T, 68, 2)
        Pixels of the crops.
    """
    size = rendered.images.shape[1]
    lines = np.repeat(drawing.draw(points, size=size)[..., None], 3, axis=-1)
    attention = np.repeat(np.rint(255 * rendered.attention).astype(np.uint8), 3, axis=-1)
    colour = np.rint(rendered.colour).clip(0, 255).astype(np.uint8)
    return np.concatenate([lines, attention, colour, rendered.images], axis=2)


class PanelWriter:
    """Writes one picture a frame into a folder: ``00000.png`` and on."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, points: np.ndarray, rendered: Rendered) -> None:
        """Write the next frames; parameters as of :func:`panels`."""
        for picture in panels(points, rendered):
            media.write_image(self._folder / f"{self._count:05d}.png", picture)
            self._count += 1
