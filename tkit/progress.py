"""Show on stderr how far work has come: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

Item = TypeVar("Item")
_quiet = ContextVar("quiet", default=False)

INTERVAL_S = 30.0  # between two lines, at least …
SHARE = 0.05  # … and this share of the time gone, so that a log of days stays short
_LINE = "{desc}: {n_fmt} of {total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_UNTIMED = "{desc}: {n_fmt} of {total_fmt} [{elapsed}, {rate_fmt}{postfix}]"
_ENDLESS = "{desc}: {n_fmt} [{elapsed}, {rate_fmt}{postfix}]"


def bar(
    total: int | None,
    *,
    desc: str,
    unit: str,
    initial: int = 0,
    unit_scale: bool = False,
    timed: bool = True,
    show: bool = True,
) -> tqdm[Any] | Lines:
    """Open what shows the progress of a block of work.

    Parameters
    ----------
    total : int or None
        How much there is to do, with what was done before; None where nobody knows.
    desc, unit : str
        What is done, and the singular of what it is counted in.
    initial : int
        Of it, done before.
    unit_scale : bool
        Write large numbers as 1.2M.
    timed : bool
        Say how long the rest will take. False where something else ends the work before.
    show : bool
        Nothing is written without it, nor in a block of :func:`quiet`.

    Returns
    -------
    tqdm or Lines
        A context with ``update(n)`` and ``set_postfix(**values)``.
    """
    from tqdm import tqdm

    about: dict[str, Any] = {"total": total, "initial": initial, "unit": unit}
    about["unit_scale"] = unit_scale
    if total is not None and not timed:
        about["bar_format"] = _UNTIMED
    show = show and not _quiet.get()
    if show and not sys.stderr.isatty():
        return Lines(prefix=desc, **about)
    return tqdm(desc=desc, file=sys.stderr, dynamic_ncols=True, disable=not show, **about)


def note(text: str, *, show: bool = True) -> None:
    """Say on stderr, in a line, what comes now and may take a while."""
    if show and not _quiet.get():
        print(text, file=sys.stderr, flush=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Show no progress within a block, whoever asks for it; errors are none."""
    before = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(before)


def track(items: Iterable[Item], total: int | None, **about: Any) -> Iterator[Item]:
    """Yield ``items`` and show how many are done; ``about`` is what :func:`bar` takes."""
    with bar(total, **about) as shown:
        for item in items:
            yield item
            shown.update()


class Lines:
    """What a bar tells, in whole lines: rarely while the work goes on, and when it ends.

    Parameters
    ----------
    initial : int
    **about
        What ``tqdm.format_meter`` takes.
    """

    def __init__(self, *, initial: int, **about: Any) -> None:
        self._n = self._told = initial
        form = _ENDLESS if about["total"] is None else _LINE
        self._about: dict[str, Any] = {"initial": initial, "bar_format": form, **about}
        self._start = self._last = time.monotonic()
        self._postfix = ""

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._n > self._told:
            self._write(time.monotonic())

    def update(self, n: int = 1) -> None:
        """Count ``n`` more as done."""
        self._n += n
        now = time.monotonic()
        if now - self._last >= max(INTERVAL_S, SHARE * (now - self._start)):
            self._write(now)

    def set_postfix(self, **values: Any) -> None:
        """Set the named values that the next line ends with."""
        self._postfix = ", ".join(f"{name}={value}" for name, value in values.items())

    def _write(self, now: float) -> None:
        from tqdm import tqdm

        self._last, self._told = now, self._n
        elapsed = now - self._start
        text = tqdm.format_meter(self._n, elapsed=elapsed, postfix=self._postfix, **self._about)
        print(text, file=sys.stderr, flush=True)
