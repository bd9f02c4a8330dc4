"""Figures of reports (matplotlib, drawn without a screen)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tkit.files import atomic_path

SMOOTHING = 15  # logged values that a loss curve is averaged over


def losses(path: Path, rows: Iterable[tuple[int, str, float]], *, title: str) -> None:
    """Draw the loss curves of a run.

    Parameters
    ----------
    path : Path
        Picture to write; the suffix chooses the format.
    rows : iterable of (step, name, value)
    """
    from matplotlib.figure import Figure

    series: dict[str, list[tuple[int, float]]] = {}
    for step, name, value in rows:
        series.setdefault(name, []).append((step, value))
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axes = figure.subplots()
    for name, pairs in series.items():
        steps, values = np.array(pairs).T
        width = min(SMOOTHING, len(values))
        mean = np.convolve(values, np.ones(width) / width, mode="valid")
        axes.plot(steps[width - 1 :], mean, label=name, linewidth=1.3)
    positive = all(value > 0 for pairs in series.values() for _, value in pairs)
    axes.set(title=title, xlabel="step", yscale="log" if positive and series else "linear")
    if series:
        axes.legend(fontsize="small", frameon=False, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata={"Date": None} if path.suffix == ".svg" else None)
