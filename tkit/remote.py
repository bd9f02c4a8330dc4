"""Files at URLs, through fsspec: ``https://``, ``s3://``, ``memory://`` and whatever else it knows.

What works on a file works on one of this machine; so files are fetched before and sent after. What
the usual kinds of URLs need (``aiohttp``, ``s3fs``) is the extra ``remote``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from tkit.errors import RemoteError, UsageError, one_line

# By the modules that raise them, which are loaded with a kind of URL.
RAISED = {"aiohttp": ["ClientError"], "botocore.exceptions": ["BotoCoreError", "ClientError"]}
AT_ONCE = 256  # files that are fetched side by side, where the kind of URL allows it


def is_url(place: str | Path) -> bool:
    """Whether a place is told by a URL.

    Examples
    --------
    >>> is_url("https://host/a.mp4"), is_url("/data/a.mp4"), is_url("C:/a.mp4")
    (True, False, False)
    """
    return "://" in str(place)


def name_of(url: str) -> str:
    """Name of the file at a URL.

    Examples
    --------
    >>> name_of("https://host/some/a%20clip.mp4?version=2")
    'a clip.mp4'
    """
    return PurePosixPath(unquote(urlsplit(url).path)).name or "file"


def beside(url: str, name: str) -> str:
    """URL of another file in the folder of one, or below; a URL or nothing stays what it is.

    Examples
    --------
    >>> beside("https://host/c/clips.jsonl", "anna/one.mp4")
    'https://host/c/anna/one.mp4'
    """
    return name if not name or is_url(name) else f"{url.rpartition('/')[0]}/{name}"


def fetch(url: str, folder: str | Path) -> Path:
    """Copy the file at a URL into a folder, under its own name.

    Raises
    ------
    RemoteError
        If it is not there, or cannot be reached.
    UsageError
        If a package for this kind of URL is missing, or the kind is unknown.
    """
    path = Path(folder) / name_of(url)
    with _told(url):
        system, place = _system(url)
        system.get_file(place, str(path))
    return path


def send(path: str | Path, url: str) -> None:
    """Copy a file to a URL; errors are those of :func:`fetch`."""
    with _told(url):
        system, place = _system(url)
        system.put_file(str(path), place)


def names(url: str) -> set[str]:
    """Names of the files in the folder at a URL; none where there is no such folder."""
    with _told(url):
        system, place = _system(url)
        try:
            found = system.ls(place, detail=False, refresh=True)
        except FileNotFoundError:
            return set()
    return {PurePosixPath(one).name for one in found}


def fetch_some(url: str, paths: Iterable[Path]) -> int:
    """Copy files of a folder at a URL to these paths, by their names; return how many there are."""
    there = names(url)
    wanted = [path for path in paths if path.name in there]
    with _told(url):
        system, place = _system(url)
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            system.get([f"{place}/{path.name}" for path in some], [str(path) for path in some])
    return len(wanted)


def remove(url: str, gone: Sequence[str]) -> None:
    """Remove files of the folder at a URL, and the folder if nothing is left in it."""
    there = names(url)
    with _told(url):
        system, place = _system(url)
        if doomed := [f"{place}/{name}" for name in gone if name in there]:
            system.rm(doomed)
    if not names(url):
        with _told(url):
            try:
                system.rmdir(place)
            except OSError:  # a bucket of which it is the top, or already gone with its files
                return


def require_room(url: str) -> None:
    """Make the folder at a URL and write in it once; errors are those of :func:`fetch`.

    A bucket is not made: one that is not there is more likely misspelt.
    """
    with _told(url):
        system, place = _system(url)
        if system.root_marker:  # else there are no folders, but names with slashes in a bucket
            system.makedirs(place, exist_ok=True)
        try:
            system.pipe_file(f"{place}/.written", b"?")
            system.rm_file(f"{place}/.written")
        except FileNotFoundError as error:
            raise RemoteError(f"{url}: no such folder or bucket; make it first") from error


def _system(url: str) -> tuple[Any, str]:
    """File system of a URL, and the place in it."""
    from fsspec.core import url_to_fs

    system, place = url_to_fs(url.rstrip("/"))
    return system, str(place)


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Make one sentence of what fsspec raises."""
    try:
        yield
    except FileNotFoundError as error:
        raise RemoteError(f"{url}: no such file") from error
    except ImportError as error:
        raise UsageError(
            f"{url}: {one_line(str(error))}; pip install 'talking-face-toolkit[remote]'"
        ) from error
    except ValueError as error:
        raise UsageError(f"{url}: {one_line(str(error))}") from error
    except _failures() as error:
        reason = one_line(str(error)) or type(error).__name__
        raise RemoteError(f"{url}: {reason}", again=True) from error


def _failures() -> tuple[type[BaseException], ...]:
    """What the libraries raise of a server that does not answer, or says no, or of missing keys."""
    kinds = [
        getattr(sys.modules[module], name)
        for module, names in RAISED.items()
        if module in sys.modules
        for name in names
    ]
    return (OSError, TimeoutError, *kinds)
