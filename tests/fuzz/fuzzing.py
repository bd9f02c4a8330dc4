"""Change files as damage and malice do, hand them to a reader, and say what became of it.

A reader may read what it is given, or refuse it by a :class:`tkit.errors.TkitError` of one line.
Anything else has fallen: another exception, a wait of more than 20 s, 2 GB of memory.
"""

from __future__ import annotations

import random
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tkit.errors import TkitError

LONGEST_S, MOST_BYTES = 20.0, 2 * 2**30
TOKENS = [  # of texts: what changes the meaning of what follows
    b"[", b"]", b"{", b"}", b'"', b"'", b",", b":", b"=", b"\n", b"\0", b"\xff", b"-", b"1e999",
    b"NaN",
    b"null", b"true", b"99999999999999999999", b"\xe2\x80\xae", b"[" * 5000, b'{"a":' * 5000,
]  # fmt: skip


def mutated(data: bytes, rng: random.Random, *, text: bool = False) -> bytes:
    """Return the data with one to four changes of the kinds that damage and malice make."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if not out:
            return bytes(rng.randbytes(8))
        at, size = rng.randrange(len(out)), rng.choice([1, 1, 2, 4, 8, 16, 64])
        kind = rng.randrange(9 if text else 8)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at : at + size] = rng.randbytes(len(out[at : at + size]))
        elif kind == 2:  # sizes and offsets at their limits
            value = rng.choice([0, 1, -1, 2**7, 2**15, 2**31 - 1, 2**31, 2**62, 2**63 - 1])
            width = rng.choice([1, 2, 4, 8])
            out[at : at + width] = (value % 2 ** (8 * width)).to_bytes(
                width, rng.choice(["little", "big"])
            )
        elif kind == 3:
            del out[at : at + size]
        elif kind == 4:
            out[at:at] = out[at : at + size] * rng.choice([1, 2, 100])
        elif kind == 5:
            del out[at:]
        elif kind == 6:  # a piece from elsewhere
            other = rng.randrange(len(out))
            out[at : at + size] = out[other : other + size]
        elif kind == 7:
            out[at : at + size] = bytes([rng.choice([0, 255])]) * len(out[at : at + size])
        else:
            out[at : at + size * rng.randrange(2)] = rng.choice(TOKENS)
    return bytes(out)


@dataclass(frozen=True)
class Target:
    """A reader of files.

    Parameters
    ----------
    name : str
    seeds : callable
        Writes sound files of its kind into an empty folder and returns those to be changed.
    read : callable
        Reads one of them; what it returns is compared where ``checked``.
    text : bool
    checked : bool
        The file has checksums: what is read is what was written, or is refused.
    """

    name: str
    seeds: Callable[[Path], list[Path]]
    read: Callable[[Path], object]
    text: bool = False
    checked: bool = False


@dataclass
class Tally:
    """What became of the files of one target."""

    counts: Counter[str] = field(default_factory=Counter)
    fallen: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


class TooLongError(BaseException):
    """No exception that a reader could take for one of the file's."""


@contextmanager
def limits() -> Iterator[None]:
    """Allow 20 s and 2 GB more than there are now."""

    def stop(*_: object) -> None:
        raise TooLongError

    used = 4096 * int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, before[1]))
    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
        resource.setrlimit(resource.RLIMIT_AS, before)


def fuzz(
    target: Target, folder: Path, *, seed: int = 0, count: int = 0, seconds: float = 0.0
) -> Tally:
    """Try ``count`` changed files, or as many as there is time for.

    A file that made the reader fall is kept in the folder, and named in the tally.
    """
    tally, rng = Tally(), random.Random(f"{target.name} {seed}")
    (folder / "seeds").mkdir(parents=True, exist_ok=True)
    seeds = target.seeds(folder / "seeds")
    good = {path: path.read_bytes() for path in seeds}
    truth = {path: target.read(path) for path in seeds}  # a seed that is refused shows here
    end = time.monotonic() + seconds
    while sum(tally.counts.values()) < count or time.monotonic() < end:
        path = rng.choice(seeds)
        path.write_bytes(data := mutated(good[path], rng, text=target.text))
        start = time.monotonic()
        outcome = _outcome(target, path, truth[path], tally)
        tally.slowest_s = max(tally.slowest_s, time.monotonic() - start)
        tally.counts[outcome] += 1
        if outcome in ("fallen", "silent"):
            kept = folder / f"{outcome}-{len(tally.fallen)}{path.suffix}"
            kept.write_bytes(data)
            tally.fallen.append(f"{outcome} {kept}")
        path.write_bytes(good[path])
    return tally


def _outcome(target: Target, path: Path, truth: object, tally: Tally) -> str:
    try:
        with limits():
            found = target.read(path)
    except TkitError as error:
        if "\n" in str(error) or not str(error).strip():
            tally.fallen.append(f"not one line: {error!r}")
            return "fallen"
        return "refused"
    except BaseException as error:
        tally.fallen.append("".join(traceback.format_exception(error)[-3:]))
        return "fallen"
    return "silent" if target.checked and found != truth else "read"
