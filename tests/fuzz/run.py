"""Fuzz readers for a while, one process each, and print what became of the files.

    python tests/fuzz/run.py --seconds 60 --out fuzzed [TARGET ...]

Without names all are tried but ``onnx``, of which each try takes a process. Ends with 1 if one has
fallen.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "helpers")]


def one(name: str, seconds: float, seed: int, out: Path) -> None:
    """Fuzz one target in this process, and print its line."""
    import warnings

    from fuzzing import fuzz
    from targets import BY_HAND, TARGETS

    warnings.simplefilter("ignore")
    tally = fuzz((TARGETS | BY_HAND)[name], out / name, seed=seed, seconds=seconds)
    counts = tally.counts
    print(
        f"{name:12} {counts.total():8} tried {counts['read']:8} read {counts['refused']:8} refused "
        f"{counts['fallen'] + counts['silent']:5} fallen, slowest {tally.slowest_s:.1f} s",
        flush=True,
    )
    for line in tally.fallen[:20]:
        print(line, flush=True)
    sys.exit(bool(tally.fallen))


def main() -> None:
    """Fuzz the targets that are named, one after the other."""
    from targets import BY_HAND, TARGETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS, *BY_HAND], default=[])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--here", action="store_true", help="in this process")
    args = parser.parse_args()
    out = args.out or Path(tempfile.mkdtemp())
    if args.here:
        one(args.targets[0], args.seconds, args.seed, out)
    fell = 0
    for name in args.targets or TARGETS:
        call = [sys.executable, __file__, name, "--here", "--seconds", str(args.seconds)]
        done = subprocess.run([*call, "--seed", str(args.seed), "--out", str(out)], check=False)
        if done.returncode not in (0, 1):  # the interpreter itself fell
            print(f"{name}: ended with {done.returncode}", flush=True)
        fell += bool(done.returncode)
    sys.exit(bool(fell))


if __name__ == "__main__":
    main()
