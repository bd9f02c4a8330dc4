"""Count blinks as the public detector for files does, on drawn traces.

    PYTHONPATH=tests/helpers python tests/data/make_golden_dinoman.py \
        blink-detector/blink/detector.py tests/data/golden_dinoman.json

The file is that of github.com/DinoMan/blink-detector at 325e301, which is not in this repository;
what it imports for pictures is left out. One trace a seed, see ``tests/helpers/traces.py``. Nothing
imports this file.
"""

import json
import sys
import types
from pathlib import Path

import numpy as np
from traces import drawn_trace

N_TRACES = 400


def original(source: str) -> types.SimpleNamespace:
    """Read the class from the detector's file without its imports of pictures and faces."""
    import scipy.signal

    found = {"np": np, "sci": scipy.signal}
    exec(source[source.index("class Detector") :], found)
    return found["Detector"].__new__(found["Detector"])


def main() -> None:
    detector = original(Path(sys.argv[1]).read_text(encoding="utf-8"))
    import scipy.signal

    blinks = []
    for seed in range(N_TRACES):
        ear = drawn_trace(seed).tolist()
        falls, _ = scipy.signal.find_peaks(-np.diff(ear), 0.072, None, 4)
        spans = detector._get_blink_start_end_(falls, ear)
        blinks.append([[int(a), int(b)] for a, b in zip(spans["start"], spans["end"], strict=True)])
    about = "first and last frame of every blink, one list a trace, see make_golden_dinoman.py"
    text = json.dumps({"about": about, "blinks": blinks}, separators=(",", ":"))
    Path(sys.argv[2]).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
