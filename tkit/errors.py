"""The errors tkit raises on purpose: what went wrong, where, why, and what to do next.

Everything a user can cause is a child of :class:`TkitError`; the command line prints its message
as one line and exits with ``exit_code``. Any other exception is a bug in tkit.

    TkitError                  the work failed, exit code 1
    ├── UsageError             the call was wrong, exit code 2
    │   ├── UnknownNameError
    │   ├── ConfigError
    │   └── OutputExistsError
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
from collections.abc import Iterable


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
