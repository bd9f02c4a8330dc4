"""What every metric says of control rows of real clips: the table of docs/checks.md.

    python -m benchmarks.control_rows --root /data/grid [--clips s22/swwv7a,...] [--side 256]

Rows are made of the clips that are given, or of the first of each speaker below ``--root``: static,
gt, gt-lag3, detector-noise and other-sound as ``tkit score`` has them; noise, of 6 levels on the
pictures, whose points are found anew. Metrics that look through a file of the user's are left out,
unless it is given by ``--set METRIC.PARAM=FILE``. Pictures are the reference crop, of ``--side``
pixels.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path

import numpy as np

from tkit import media, scoring
from tkit.errors import UsageError
from tkit.metrics import METRICS
from tkit.report import Cell
from tkit.scoring import protocols

NOISE = 6  # levels
ROUNDING = 1e-9  # what nothing is at most
ORDER = "gt", "static", "gt-lag3", "noise", "detector-noise", "other-sound"


def prepare(root: Path, names: list[str], folder: Path) -> tuple[Path, Path]:
    """Link the clips into a folder of ground truth and write noisy copies, in full frames."""
    truth, noisy = folder / "gt", folder / "noise"
    for name in names:
        (path,) = (p for p in (root / name).parent.glob(f"{Path(name).name}.*") if p.is_file())
        (truth / name).parent.mkdir(parents=True, exist_ok=True)
        (noisy / name).parent.mkdir(parents=True, exist_ok=True)
        (truth / f"{name}{path.suffix}").symlink_to(path.resolve())
        frames = np.stack(list(media.iter_frames(path)))
        rng = np.random.default_rng(0)
        array = np.clip(frames + rng.normal(0, NOISE, frames.shape), 0, 255).astype(np.uint8)
        np.save(noisy / f"{name}.npy", array)
    return truth, noisy


def measurable(settings: dict[str, dict[str, str]]) -> list[str]:
    """Metrics whose files are there: those that look at the ground truth, or at nothing else."""
    found = []
    for name in METRICS.names():
        metric = METRICS.get(name)
        try:
            metric.require_network(metric.settings(settings.get(name, {})))
        except (UsageError, ImportError):
            continue
        if "source" not in metric.required:
            found.append(name)
    return found


def shown(cell: Cell) -> str:
    """A value in three digits, or why there is none."""
    if cell.value is None:
        return "n/a" if cell.note.startswith(("n/a", "inf")) else "-"
    if math.isinf(cell.value):
        return "inf"
    return f"{cell.value:.3g}" if abs(cell.value) > ROUNDING else "0"


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--clips", default="", help="names below the root, without suffix")
    parser.add_argument("--side", type=int, default=256, choices=(128, 256))
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    names = [name for name in options.clips.split(",") if name]
    if not names:
        folders = sorted(path for path in options.root.glob("s*") if path.is_dir())
        names = [f"{f.name}/{next(p.stem for p in sorted(f.iterdir()))}" for f in folders]
    settings = protocols.read_settings(options.settings)
    metrics = measurable(settings)
    protocol = protocols.Protocol(
        "rows", {name: {} for name in metrics}, crop=f"face{options.side}"
    )
    with tempfile.TemporaryDirectory() as folder:
        truth, noisy = prepare(options.root, names, Path(folder))
        report = scoring.score(
            {"noise": noisy}, truth, protocol=protocol, settings=settings, jobs=options.jobs,
            progress=True,
        )  # fmt: skip
    print(f"{len(names)} clips: {', '.join(names)}\n")
    print("| metric | unit | " + " | ".join(ORDER) + " |")
    print("|---|---|" + "---:|" * len(ORDER))
    for name in metrics:
        cells = {row: report.methods[row][name] for row in ORDER}
        unit = cells["gt"].unit or ""
        print(f"| `{name}` | {unit} | " + " | ".join(shown(cells[row]) for row in ORDER) + " |")


if __name__ == "__main__":
    main()
