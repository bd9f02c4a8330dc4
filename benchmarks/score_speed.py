"""Throughput of ``tkit score``: CPU seconds a clip of all metrics without networks, two methods.

    python -m benchmarks.score_speed --gt grid/ --pred a=out/a --pred b=out/b [--clips 40]

Metrics of whole sets and those that look through a network are left out, and so are control rows.
Clips are measured one after the other in one process; what 600 of them would take on two cores is
extrapolated, and the most memory said.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path

from tkit import scoring
from tkit.metrics import METRICS
from tkit.scoring import measuring, pairing, protocols
from tkit.scoring.pairing import name_methods

WANTED = 600  # clips
CORES = 2


def weight_free() -> list[str]:
    """Metrics that look through no network, those of ffmpeg's filters included."""
    found = []
    for name in METRICS.names():
        metric = METRICS.get(name)
        network = metric.family.network
        if "source" not in metric.required and (network is None or network.name == "ffmpeg"):
            found.append(name)
    return found


def cpu_s() -> float:
    """CPU time of this process and of the programs that it has run."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def main() -> None:
    """Print a line now and then, and the extrapolation."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gt", type=Path, required=True)
    parser.add_argument("--pred", action="append", required=True)
    parser.add_argument("--clips", type=int, default=40)
    options = parser.parse_args()
    names = weight_free()
    protocol = protocols.change(protocols.load("tkit"), metrics=names, missing_face="drop")
    plan = scoring.plan_of(protocol, rows=())
    files, _ = pairing.pair(name_methods(options.pred), options.gt)
    measuring.measure_clip(files[0], plan)  # loads models and compiled code
    files, start = files[: options.clips], cpu_s()
    print(f"{len(names)} metrics: {', '.join(names)}", flush=True)
    for done, clip in enumerate(files, 1):
        measuring.measure_clip(clip, plan)
        if done % 5 == 0 or done == len(files):
            each = (cpu_s() - start) / done
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            minutes = each * WANTED / CORES / 60
            print(
                f"{done} clips: {each:.2f} s of CPU a clip, {WANTED} clips on {CORES} cores "
                f"{minutes:.1f} min, at most {peak:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
