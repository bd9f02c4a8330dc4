"""Files at URLs, through fsspec: ``https://``, ``s3://``, ``memory://`` and whatever else it knows.

What works on a file works on one of this machine; so files are fetched before and sent after. What
the usual kinds of URLs need (``aiohttp``, ``s3fs``) is the extra ``remote``.

A place is a path of this machine or a URL, told apart by its type; :func:`place_of` makes one of
what a user gives. The URL of a folder that is used as one file, as the pictures of a clip are, ends
in a slash.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tkit import files
from tkit.errors import Fault, RemoteError, TkitError, UsageError, guarded, one_line

Place = Path | str

# By the modules that raise them, which are loaded with a kind of URL.
RAISED = {"aiohttp": ["ClientError"], "botocore.exceptions": ["BotoCoreError", "ClientError"]}
AT_ONCE = 256  # files that are fetched side by side, where the kind of URL allows it
# What kinds of URLs call the facts that change with a file.
VERSION = """size etag ETag Content-MD5 Digest Last-Modified LastModified last_modified mtime modify
    modificationTime created updated md5Hash sha""".split()
NOT_FOUND = 404


def is_url(place: str | Path) -> bool:
    """Whether a place is told by a URL.

    Examples
    --------
    >>> is_url("https://host/a.mp4"), is_url("/data/a.mp4"), is_url("C:/a.mp4")
    (True, False, False)
    """
    return "://" in str(place)


def place_of(given: str | Path) -> Place:
    """Make a place of what a user gives.

    Examples
    --------
    >>> place_of("s3://bucket/clips/"), place_of("clips").name
    ('s3://bucket/clips', 'clips')
    """
    if not is_url(given):
        return Path(given)
    kind, _, rest = str(given).partition("://")
    return f"{kind}://{rest.rstrip('/')}"


def name_of(place: Place) -> str:
    """Name of a file or folder.

    Examples
    --------
    >>> name_of("https://host/some/a%20clip.mp4?version=2"), name_of("s3://bucket/100%25.mp4")
    ('a clip.mp4', '100%25.mp4')
    """
    if isinstance(place, Path):
        return place.name
    path = unquote(urlsplit(place).path) if _is_web(place) else place.partition("://")[2]
    return PurePosixPath(path).name or "file"


def below(top: Place, inside: PurePath, *, folder: bool = False) -> Place:
    """A file in a tree, by its path in that, or a folder that is used as one.

    Examples
    --------
    >>> below("https://host/c", PurePosixPath("anna/a clip.mp4"))
    'https://host/c/anna/a%20clip.mp4'
    """
    if isinstance(top, Path):
        return top / inside
    path = inside.as_posix()
    tail = f"/{quote(path) if _is_web(top) else path}" if inside.parts else ""
    return f"{top}{tail}{'/' * folder}"


def beside(url: str, name: str) -> str:
    """URL of another file in the folder of one, or below; a URL or nothing stays what it is.

    Examples
    --------
    >>> beside("https://host/c/clips.jsonl", "anna/one.mp4")
    'https://host/c/anna/one.mp4'
    """
    return name if not name or is_url(name) else f"{folder_of(url)}/{name}"


def inside(folder: Place, file: str) -> str:
    """Path of a file below a folder; empty if it lies elsewhere.

    Examples
    --------
    >>> inside("https://host/c", "https://host/c/anna/a%20clip.mp4")
    'anna/a clip.mp4'
    """
    if isinstance(folder, Path):
        path = Path(file).absolute()
        tops = [top for top in (folder.absolute(), folder.resolve()) if path.is_relative_to(top)]
        return "" if is_url(file) or not tops else path.relative_to(tops[0]).as_posix()
    rest = file.removeprefix(f"{folder}/")
    return "" if rest == file else unquote(rest) if _is_web(folder) else rest


def folder_of(place: Place) -> Place:
    """Folder of a file."""
    return place.parent if isinstance(place, Path) else place.rpartition("/")[0]


def absolute(place: Place) -> Place:
    """A place as worker processes understand it, which may stand in another folder."""
    return place.absolute() if isinstance(place, Path) else place


def is_folder(place: Place, what: str) -> bool:
    """Whether a place is a folder, not a file; at a web server, whether it is a page of links.

    Raises
    ------
    MissingPathError
        If there is no such ``what``; :class:`RemoteError` at a URL, also if it cannot be reached.
    """
    if isinstance(place, Path):
        return files.require_path(place, what).is_dir()
    with _told(place, what):
        system, inside = _system(place)
        about = system.info(inside)
    return about["type"] == "directory" or about.get("mimetype") == "text/html"


def walk(folder: Place) -> Iterator[tuple[PurePath, list[str]]]:
    """Yield every folder of a tree, by its path below it, with the names of its files, in order."""
    if isinstance(folder, Path):
        for here, names in files.walk(folder):
            yield here.relative_to(folder), names
    else:
        yield from _walk(folder, PurePosixPath())


def _walk(top: str, inside: PurePosixPath) -> Iterator[tuple[PurePath, list[str]]]:
    listed = _listed(str(below(top, inside)))
    folders = [name for name, about in listed.items() if about["type"] == "directory"]
    yield inside, [name for name in listed if name not in folders]
    for name in folders:
        yield from _walk(top, inside / name)


def version(url: str) -> list[str]:
    """What is another where a file, or one of those in a folder, has changed.

    Kinds of URLs tell of different things: size, time, checksum. Errors are those of :func:`fetch`.
    """
    return [text for about in _facts(url) for text in (str(about["name"]), *_version(about))]


def size(place: Place) -> int:
    """Bytes of a file, or of the files in a folder; 0 where a server does not say it."""
    if isinstance(place, Path):
        return sum(one.stat().st_size for one in (place.iterdir() if place.is_dir() else [place]))
    return sum(about.get("size") or 0 for about in _facts(place))


@contextmanager
def here(places: Iterable[Place]) -> Iterator[dict[Place, Path | Fault]]:
    """Paths of files and folders for the length of a block; what lies at a URL is fetched, once.

    A fault says why something cannot be fetched.

    Raises
    ------
    UsageError
        If a package for a kind of URL is missing, or the kind is unknown.
    """
    found: dict[Place, Path | Fault] = {}
    with ExitStack() as stack:
        for place in dict.fromkeys(places):
            if isinstance(place, Path):
                found[place] = place
            else:
                made = tempfile.TemporaryDirectory(prefix="tkit-fetched-")
                found[place] = guarded(fetch, place, stack.enter_context(made))
        yield found


@contextmanager
def in_place(places: Iterable[Place]) -> Iterator[dict[Place, Path]]:
    """As :func:`here` of places that are all needed; and what is raised in the block tells of them.

    Raises
    ------
    RemoteError
        If one cannot be fetched.
    UsageError
        If a package for a kind of URL is missing, or the kind is unknown.
    """
    with here(places) as found:
        paths = {}
        for place, path in found.items():
            if isinstance(path, Fault):
                raise RemoteError(path.reason, again=path.machine)
            paths[place] = path
        with telling(paths):
            yield paths


@contextmanager
def telling(found: Mapping[Place, Path]) -> Iterator[None]:
    """Let errors of a block tell of places, not of the paths where they are for a while."""
    try:
        yield
    except TkitError as error:
        error.args = (said(str(error), found), *error.args[1:])
        raise


def said(text: str, found: Mapping[Place, Path | Fault]) -> str:
    """A text with places in it, not the paths where they are for a while."""
    for place, path in found.items():
        text = text.replace(str(path), str(place)) if isinstance(path, Path) else text
    return text


def fetch(url: str, folder: str | Path) -> Path:
    """Copy the file at a URL, or a folder of files, into a folder, under its own name.

    Raises
    ------
    RemoteError
        If it is not there, or cannot be reached.
    UsageError
        If a package for this kind of URL is missing, or the kind is unknown.
    """
    path = Path(folder) / name_of(url)
    if url.endswith("/"):
        path.mkdir()
        names = [name for name, about in _listed(url).items() if about["type"] != "directory"]
        fetch_named(url, [path / name for name in names])
        return path
    with _told(url):
        system, place = _system(url)
        system.get_file(place, str(path))
    return path


def send(path: str | Path, url: str) -> None:
    """Copy a file to a URL, in a folder that is made; errors are those of :func:`fetch`."""
    with _told(url):
        system, place = _system(url)
        _make_folder(system, str(folder_of(place)))
        system.put_file(str(path), place)


def read(url: str) -> bytes | None:
    """Content of a file at a URL, None if there is none; else errors are those of :func:`fetch`."""
    with _told(url):
        system, inside = _system(url)
        try:
            return bytes(system.cat_file(inside))
        except FileNotFoundError:
            return None


def write(url: str, content: bytes) -> None:
    """Write a file at a URL; errors are those of :func:`fetch`."""
    with _told(url):
        system, inside = _system(url)
        system.pipe_file(inside, content)


def names(url: str) -> set[str]:
    """Names of the files in the folder at a URL; none where there is no such folder."""
    try:
        return set(_listed(url))
    except RemoteError as error:
        if error.again:
            raise
        return set()


def fetch_some(url: str, paths: Iterable[Path]) -> int:
    """Copy files of a folder at a URL to these paths, by their names; return how many there are."""
    there = names(url)
    wanted = [path for path in paths if path.name in there]
    fetch_named(url, wanted)
    return len(wanted)


def fetch_named(url: str, paths: Sequence[Path]) -> None:
    """Copy files of a folder at a URL to these paths, by their names; errors as :func:`fetch`."""
    with _told(url):
        system, place = _system(url)
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            inside = [str(below(place, PurePath(path.name))) for path in some]
            system.get(inside, [str(path) for path in some])


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
        _make_folder(system, place)
        try:
            system.pipe_file(f"{place}/.written", b"?")
            system.rm_file(f"{place}/.written")
        except FileNotFoundError as error:
            raise RemoteError(f"{url}: no such folder or bucket; make it first") from error


def _system(url: str) -> tuple[Any, str]:
    """File system of a URL, and the place in it; what it remembers of listings is forgotten."""
    from fsspec.core import url_to_fs

    system, inside = url_to_fs(place_of(url))
    system.invalidate_cache()
    return system, str(inside)


def _make_folder(system: Any, place: str) -> None:
    """Make a folder, but in a bucket, which has none, only names with slashes."""
    if system.root_marker:
        system.makedirs(place, exist_ok=True)


def _is_web(url: str) -> bool:
    """Whether names are quoted in a URL."""
    return url.rpartition("::")[2].startswith(("http://", "https://"))


def _listed(url: str) -> dict[str, dict[str, Any]]:
    """What lies in a folder: its names, in order, and what the file system says of each."""
    with _told(url, "folder"):
        system, inside = _system(url)
        entries = system.ls(inside, detail=True)
    found = {}
    for entry in entries:
        folder, _, name = str(entry["name"]).rstrip("/").replace("/./", "/").rpartition("/")
        # Pages lead elsewhere, too, and to themselves in another order; so do folders of buckets.
        if folder.rpartition("://")[2] != inside.rpartition("://")[2]:
            continue
        if _is_web(url):
            name = "" if {"?", "#"} & set(name) else unquote(name)
        if name not in ("", ".", "..") and not {"/", "\0"} & set(name):
            found[name] = entry
    return dict(sorted(found.items()))


def _facts(url: str) -> list[dict[str, Any]]:
    """What the file system says of a file, or of each of those in a folder."""
    with _told(url):
        system, inside = _system(url)
        if not url.endswith("/"):
            return [system.info(inside)]
        listed = [about for about in _listed(url).values() if about["type"] != "directory"]
        # A page of links says nothing of what they lead to.
        return [about if _version(about) else system.info(about["name"]) for about in listed]


def _version(about: Mapping[str, Any]) -> list[str]:
    return [str(about[name]) for name in VERSION if about.get(name) is not None]


@contextmanager
def _told(url: str, what: str = "file") -> Iterator[None]:
    """Make one sentence of what fsspec raises."""
    try:
        yield
    except ImportError as error:
        raise UsageError(
            f"{url}: {one_line(str(error))}; pip install 'talking-face-toolkit[remote]'"
        ) from error
    except ValueError as error:
        raise UsageError(f"{url}: {one_line(str(error))}") from error
    except NotImplementedError as error:
        raise UsageError(f"{url}: nothing can be listed or written there") from error
    except _failures() as error:
        raise _failed(url, error, what) from error


def _failed(url: str, error: BaseException, what: str) -> RemoteError:
    if isinstance(error, FileNotFoundError):
        # Of a server that was asked about a file: whatever it was, which stands behind.
        cause = error.__cause__ if _is_web(url) else None
        if cause is None or getattr(cause, "status", 0) == NOT_FOUND:
            return RemoteError(f"{url}: no such {what}")
        error = cause
    reason = one_line(str(error)) or type(error).__name__
    return RemoteError(f"{url}: {reason}", again=True)


def _failures() -> tuple[type[BaseException], ...]:
    """What the libraries raise of a server that does not answer, or says no, or of missing keys."""
    kinds = [
        getattr(sys.modules[module], name)
        for module, names in RAISED.items()
        if module in sys.modules
        for name in names
    ]
    return (OSError, TimeoutError, *kinds)
