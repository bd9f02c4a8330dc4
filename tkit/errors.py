"""The errors tkit raises on purpose: what went wrong, where, why, and what to do next.

Everything a user can cause is a child of :class:`TkitError`; the command line prints its message
as one line and exits with ``exit_code``. Any other exception is a bug in tkit.

Where many clips are worked on, one must not end the work on the others: :func:`guarded` is the one
place where whatever a clip raises becomes a :class:`Fault`, a reason in one line.

    TkitError                  the work failed, exit code 1
    ├── UsageError             the call was wrong, exit code 2
    │   ├── UnknownNameError
    │   ├── ConfigError
    │   ├── OutputExistsError
    │   └── MissingPathError
    ├── OutputError
    ├── ClusterError
    ├── RemoteError
    ├── CorpusError
    ├── MediaError
    │   └── NoSoundError
    ├── DownloadError
    ├── NoFaceError
    ├── StoreError
    ├── WeightsError
    └── ScoreError
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")

# What the system says of itself, not of the file that was being read.
_MACHINE_ERRNOS = frozenset(
    {errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE}
)
# How libraries say it whose errors have no type of their own for it (torch, OpenCV).
_MACHINE_WORDS = "can't allocate memory", "failed to allocate", "out of memory"
_LONGEST = 300  # characters of a stranger's message; some print whole tables


class TkitError(Exception):
    """The work failed; the message is one line for the user."""

    exit_code = 1


class UsageError(TkitError):
    """The call itself was wrong: a missing path, an unknown name, options that clash."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A registry has no entry of this name."""


class ConfigError(UsageError):
    """A configuration names an unknown field or gives a value of the wrong type."""


class OutputExistsError(UsageError):
    """The output is already there and ``--force`` was not given."""


class MissingPathError(UsageError):
    """A path does not exist; a file that vanished while clips are worked on is a clip's fault."""


class OutputError(TkitError):
    """An output cannot be written: no permission, no room, a folder in its place."""


class ClusterError(TkitError):
    """A cluster is gone: its scheduler, or all of its workers."""


class RemoteError(TkitError):
    """A file at a URL is not there, or cannot be reached: then trying ``again`` may help."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


class CorpusError(TkitError):
    """A corpus folder does not look like the corpus it should be."""


class MediaError(TkitError):
    """A picture, video or sound file cannot be read or written."""


class NoSoundError(MediaError):
    """The file has no sound, or its sound is silent."""


class DownloadError(TkitError):
    """A file cannot be fetched, or is not what it should be."""


class NoFaceError(TkitError):
    """No face was found where one is needed."""


class StoreError(TkitError):
    """An HDF5 store is damaged, of another schema, or does not fit the task."""


class WeightsError(TkitError):
    """A weight file is damaged, unknown, or belongs to another network or front end."""


class ScoreError(TkitError):
    """Predictions and ground truth cannot be compared as they are."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return ``"; did you mean NEAREST?"`` for an unknown name, or nothing if none is near."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def one_line(text: str) -> str:
    """Return a text on one line, what no terminal should be sent written as escapes."""
    words = " ".join(text.split())
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in words
    )


@dataclass(frozen=True)
class Fault:
    """Why a clip gave no result.

    Parameters
    ----------
    reason : str
        One line; with the type and a request for a report where the fault is none of ours.
    machine : bool
        The machine failed, not the clip: no memory, a dead worker. Trying again may help.
    """

    reason: str
    machine: bool = False


def guarded(
    function: Callable[..., Result], *args: Any, name: str = "", **settings: Any
) -> Result | Fault:
    """Call a function that works on one clip, and return why it failed, if it does.

    The one broad ``except`` of the house. What concerns the whole run is raised: a wrong usage, a
    damaged model, an output that cannot be written, Ctrl-C.

    Parameters
    ----------
    name : str
        File that is worked on, for faults that do not say it themselves.
    """
    try:
        return function(*args, **settings)
    except MissingPathError as error:
        return Fault(one_line(str(error)))
    except (UsageError, OutputError, WeightsError, ClusterError):
        raise
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # panics of Rust libraries are no children of Exception
        return fault_of(error, name)


def fault_of(error: BaseException, name: str = "") -> Fault:
    """Say in one line what an exception tells of the clip ``name`` or of the machine."""
    if isinstance(error, TkitError):
        cause = error.__cause__
        failed = cause is not None and _of_machine(cause, str(cause))
        unreached = isinstance(error, RemoteError) and error.again
        return Fault(one_line(str(error)), failed or unreached)
    kind, said = type(error).__name__, one_line(str(error))[:_LONGEST]
    what = ": ".join(part for part in (name, kind, said) if part)
    if _of_machine(error, said):
        return Fault(f"{what} (a fault of the machine, not of the file: try again)", machine=True)
    return Fault(f"{what} (not foreseen: please report it, with the file if you may)")


def _of_machine(error: BaseException, said: str) -> bool:
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno in _MACHINE_ERRNOS)
        or any(words in said.lower() for words in _MACHINE_WORDS)
    )
