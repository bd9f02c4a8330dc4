"""Fetch a corpus: archives with resume and checksum, unpacked only inside their folder.

An archive comes down beside the corpus as ``.archives/NAME``; what is there of it when a run is
interrupted is kept as ``.archives/NAME.partial``, and the next run asks the server for the rest.
When it is unpacked, an empty ``.archives/NAME.done`` says so and the archive is removed.
"""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from tkit.corpora import CORPORA, Corpus
from tkit.errors import DownloadError, UsageError
from tkit.files import atomic_path, require_path
from tkit.parsing import plain, read_text
from tkit.progress import bar

CHUNK_BYTES = 1 << 20
MOST_PACKED, SMALL_BYTES = 50, 2**26  # bytes of files that a byte of an archive can stand for
_ARCHIVES = ".archives"
_TIMEOUT_S = 60
# What zipfile raises of archives that are damaged, locked or packed in other ways.
_DAMAGED = (
    zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, IndexError,
    OverflowError, zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip
_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}  # by the number of hexadecimal digits

Say = Callable[[str], None]


def download(
    corpus: str,
    root: str | Path,
    *,
    speakers: Sequence[str] = (),
    url: str = "",
    checksums: Mapping[str, str] | None = None,
    keep: bool = False,
    say: Say = print,
) -> list[str]:
    """Fetch and unpack the archives of a corpus into ``root``; what is there already is skipped.

    Parameters
    ----------
    speakers : sequence of str
        Only these; by default all.
    url : str
        Folder on a server to which the names of the archives are appended; by default the corpus'
        own.
    checksums : mapping, optional
        Archive name to ``algorithm:hexadecimal``, from :func:`read_checksums`. Without it only
        the checks inside the archives tell damage.
    keep : bool
        Do not remove the archives.
    say : callable
        Receives a line of progress for each archive.

    Returns
    -------
    list of str
        Names of the archives that were fetched in this run.

    Raises
    ------
    UsageError
        If the corpus cannot be downloaded, a speaker is unknown or a checksum is missing.
    DownloadError
        If the server does not give the file, or what it gives is damaged or unsafe.
    """
    entry: Corpus = CORPORA.get(corpus)
    if entry.archives is None:
        raise UsageError(f"{corpus} cannot be downloaded by tkit; see {entry.url or 'its authors'}")
    names = entry.archives(tuple(speakers))
    unknown = [name for name in names if checksums is not None and name not in checksums]
    if unknown:
        raise UsageError(f"the checksum file has no line for {unknown[0]}")
    folder = Path(root, _ARCHIVES)
    folder.mkdir(parents=True, exist_ok=True)
    fetched = []
    for name in names:
        done = folder / f"{name}.done"
        if done.exists():
            say(f"{name}: already there")
            continue
        checksum = checksums[name] if checksums is not None else None
        count = _fetch_and_unpack(
            f"{(url or entry.download_url).rstrip('/')}/{name}", folder, checksum, Path(root)
        )
        done.touch()
        if not keep:
            Path(folder, name).unlink()
        verified = "checksum right" if checksum else "no checksum known, not verified"
        say(f"{name}: {count} files ({verified})")
        fetched.append(name)
    return fetched


def _fetch_and_unpack(url: str, folder: Path, checksum: str | None, root: Path) -> int:
    """Unpack an archive that an earlier run left, or that is fetched; return the count of files.

    One that cannot be unpacked is removed, and fetched again where it is not new.
    """
    was_there = Path(folder, url.rpartition("/")[2]).exists()
    archive = fetch(url, folder, checksum)
    try:
        return unpack(archive, root)
    except DownloadError as error:
        archive.unlink()
        if not was_there:
            raise DownloadError(f"{error}; it was removed, the next run fetches it anew") from error
    return _fetch_and_unpack(url, folder, checksum, root)


def read_checksums(path: str | Path) -> dict[str, str]:
    """Read lines ``HEX  NAME`` (md5sum, sha256sum) or ``md5:HEX NAME``.

    Returns
    -------
    dict
        Name to ``algorithm:hexadecimal``.

    Raises
    ------
    UsageError
        If a line is neither.
    """
    found = {}
    text = read_text(require_path(path, "checksum file"))
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        digest, _, name = line.strip().partition(" ")
        algorithm, _, digits = digest.rpartition(":")
        algorithm = algorithm or _ALGORITHMS.get(len(digits), "")
        name = name.strip().lstrip("*")  # md5sum marks binary files with a star
        if algorithm not in _ALGORITHMS.values() or not name:
            raise UsageError(f"{path}, line {number}: not 'checksum name' (md5, sha1 or sha256)")
        found[name] = f"{algorithm}:{digits.lower()}"
    return found


# -- fetching ---------------------------------------------------------------------------------


def fetch(url: str, folder: str | Path, checksum: str | None) -> Path:
    """Fetch one file into ``folder``, going on where an interrupted run stopped.

    Parameters
    ----------
    checksum : str or None
        ``algorithm:hexadecimal``; a file that does not fit is removed.

    Returns
    -------
    Path
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    name = url.rpartition("/")[2]
    partial = Path(folder, f"{name}.partial")

    def resume(source: str, output: str, _: Any) -> None:
        _download(source, partial)
        partial.replace(output)

    try:
        path = pooch.retrieve(url, checksum, fname=name, path=folder, downloader=resume)
    except requests.RequestException as error:
        kept = partial.stat().st_size if partial.exists() else 0
        raise DownloadError(
            f"{url}: {_reason(error)}; run the command again to go on ({kept} bytes are kept)"
        ) from error
    except ValueError as error:  # pooch's word for a wrong checksum
        raise DownloadError(
            f"{name} does not have the checksum {checksum} and was removed; run the command again, "
            "and if it happens again, ask where the file or the checksum comes from"
        ) from error
    return Path(path)


def _reason(error: Any) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server says {response.status_code} {response.reason}"
    return f"the connection failed ({type(error).__name__})"


def _download(url: str, partial: Path) -> None:
    """Append what is missing to ``partial``, or start again where the server cannot go on."""
    import requests

    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # sizes and ranges are those of the file itself
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response:
        whole = response.headers.get("Content-Range", "").rpartition("/")[2]
        if have and response.status_code == requests.codes.requested_range_not_satisfiable:
            if whole == str(have):  # it was complete
                return
            partial.unlink()
            return _download(url, partial)
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        with (
            partial.open("ab" if have else "wb") as file,
            bar(total, initial=have, unit="B", unit_scale=True, desc=partial.stem) as shown,
        ):
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                shown.update(len(chunk))
    if total is not None and partial.stat().st_size != total:
        raise requests.ConnectionError(f"{partial.stat().st_size} of {total} bytes came")


# -- unpacking --------------------------------------------------------------------------------


def unpack(archive: str | Path, root: str | Path) -> int:
    """Unpack a zip file below ``root`` and return the number of files.

    Nothing is written unless every member stays inside: no absolute names, no ``..``, no links, no
    way through links that are in ``root`` already.

    Raises
    ------
    DownloadError
        If a member would leave ``root``, or the archive is damaged.
    """
    inside = Path(root).resolve()
    try:
        with zipfile.ZipFile(archive) as file:
            members = [member for member in file.infolist() if not _is_folder(member)]
            _require_size(members, Path(archive))
            targets = [_target(member, inside, Path(archive).name) for member in members]
            for member, target in zip(members, targets, strict=True):
                with _opened(file, member) as source, atomic_path(target) as temporary:
                    _copy(source, temporary)
    except _DAMAGED as error:
        raise DownloadError(f"{archive}: damaged or not a plain zip file ({error})") from error
    return len(members)


def _opened(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    try:
        return file.open(member)
    except OSError as error:  # an offset before the beginning
        raise zipfile.BadZipFile(str(error)) from error


def _is_folder(member: zipfile.ZipInfo) -> bool:
    return member.filename.endswith("/")


def _require_size(members: Sequence[zipfile.ZipInfo], archive: Path) -> None:
    """Refuse an archive that declares far more than videos and texts can be packed to."""
    declared, there = sum(member.file_size for member in members), archive.stat().st_size
    if declared > MOST_PACKED * there + SMALL_BYTES:
        raise DownloadError(
            f"{archive.name}: {there} bytes that declare {declared}; nothing was unpacked"
        )


def _target(member: zipfile.ZipInfo, inside: Path, archive: str) -> Path:
    name = member.filename
    windows = PureWindowsPath(name)
    kind = stat.S_IFMT(member.external_attr >> 16)
    unsafe = (
        PurePosixPath(name).is_absolute()
        or bool(windows.drive or windows.root)
        or ".." in windows.parts
        or kind not in (0, stat.S_IFREG)
        or [part.casefold() for part in windows.parts[:1]]
        in ([], [_ARCHIVES])  # where it is noted what has been unpacked
        or "\0" in name
    )
    target = inside / name
    if unsafe or not target.resolve().is_relative_to(inside):
        raise DownloadError(
            f"{archive}: its member {plain(name)!r} would be written outside {inside} or is a "
            "link; nothing was unpacked"
        )
    return target


def _copy(source: Any, target: Path) -> None:
    import shutil

    with target.open("wb") as file:
        shutil.copyfileobj(source, file, CHUNK_BYTES)
