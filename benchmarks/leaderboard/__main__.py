"""Our board, from GRID's clips to the page, with one command.

    python -m benchmarks.leaderboard --root /data/grid --out board
        [--method wav2lip=VIDEOS ...] [--protocol tkit --protocol sinha2020] [--jobs 2]

Every clip of the split's speakers that are below ``--root`` is animated from its first frame and
its sound by each of our ``METHODS``, scored under each protocol beside the methods whose videos are
given, and all reports become one board: ``board.html``, ``board.md``, ``board.tex``. What is there
already is not made again. Test speakers are for the last number of a paper: the default is ``val``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tkit.corpora import CORPORA

# What is put on the board, and the options of tkit animate that make it.
METHODS = {"tkit": [], "tkit-large": ["--texture", "texture-paper"]}
PROTOCOLS = ["tkit", "sinha2020"]
FORMATS = {"html": "html", "md": "md", "tex": "latex"}
EYES = "psnr,ssim,cpbd,lmd,mouth-opening,blink-rate,blink-duration"  # of the protocol tkit


def tkit(*args: str | Path) -> None:
    command = [sys.executable, "-m", "tkit", *map(str, args)]
    print("$ tkit", *map(str, args), flush=True)
    subprocess.run(command, check=True)


def links(root: Path, folder: Path, split: str, scheme: str) -> Path:
    """A folder with the clips of the split's speakers alone: no others are prepared."""
    speakers = CORPORA.get("grid").split_schemes[scheme][split]
    for kind in ("", "alignments"):
        for speaker in sorted(speakers):
            there, here = root / kind / speaker, folder / kind / speaker
            if there.is_dir() and not here.exists():
                here.parent.mkdir(parents=True, exist_ok=True)
                here.symlink_to(there.resolve(), target_is_directory=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help="GRID on disk")
    parser.add_argument("--out", type=Path, default=Path("board"))
    parser.add_argument("--method", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("--protocol", action="append", default=[])
    parser.add_argument("--split", default="val")
    parser.add_argument("--scheme", default="unseen", help="split scheme of the corpus")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    grid = links(args.root, args.out / "grid", args.split, args.scheme)
    store = args.out / "grid.h5"
    if not store.exists():
        tkit("prep", "grid", "--root", grid, "--out", store, "--jobs", args.jobs)
    folders = dict(pair.split("=", 1) for pair in args.method)
    for name, options in METHODS.items():
        folders[name] = args.out / "preds" / name
        if not folders[name].exists():
            split = ["--corpus", store, "--root", grid, "--split", args.split]
            tkit("animate", *split, "--out", folders[name], *options)
    given = [text for name, folder in folders.items() for text in ("--pred", f"{name}={folder}")]
    reports = []
    for protocol in args.protocol or PROTOCOLS:
        report = args.out / f"{protocol}.json"
        reports.append(report)
        if not report.exists():
            metrics = ["--metrics", EYES] if protocol == "tkit" else []
            tkit("score", *given, "--gt", grid, "--protocol", protocol, *metrics, "--jobs",
                 args.jobs, "--resume", args.out / "kept", "--json", report, "--html",
                 report.with_suffix(".html"))  # fmt: skip
    for suffix, kind in FORMATS.items():
        board = args.out / f"board.{suffix}"
        tkit("leaderboard", *reports, "--format", kind, "--out", board, "--force")
    print(f"open {(args.out / 'board.html').resolve()}")


if __name__ == "__main__":
    main()
