"""Any folder of videos with sound: one clip a file, the sub-folder is the speaker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tkit.clips import Clip, Reject
from tkit.corpora import Corpus
from tkit.errors import CorpusError
from tkit.files import walk
from tkit.media import VIDEO_SUFFIXES
from tkit.parsing import read_text


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield every video below ``root``, in order of relative paths.

    The clip's id is the relative path without suffix. The speaker is the first sub-folder, or the
    file's own name for files directly in ``root``. A ``.txt`` beside a video is its text, a
    ``.wav`` its sound where the video has none inside.
    """
    root = Path(root)
    found: dict[str, Path] = {}
    for folder, names in walk(root):
        for name in names:
            path = folder / name
            if name.startswith(".") or path.suffix.lower() not in VIDEO_SUFFIXES:
                continue
            id_ = path.relative_to(root).with_suffix("").as_posix()
            if id_ in found:
                yield Reject(f"{id_}{path.suffix}", "scan", f"same name as {found[id_].name}")
            else:
                found[id_] = path
    if not found:
        kinds = " ".join(sorted(VIDEO_SUFFIXES))
        raise CorpusError(f"{root}: no videos here ({kinds})")
    for id_, path in sorted(found.items()):
        sound, text = path.with_suffix(".wav"), path.with_suffix(".txt")
        yield Clip(
            id=id_,
            speaker=id_.split("/")[0],
            video=str(path),
            audio=str(sound) if sound.is_file() else "",
            text=_said(read_text(text)) if text.is_file() else "",
        )


def _said(text: str) -> str:
    """What is said; files of LRS2 and LRS3 say more, of which it is the line ``Text:``."""
    first, *_ = text.strip().splitlines() or [""]
    return first[5:].strip() if first.startswith("Text:") else text.strip()


def _example(root: Path) -> None:
    """Write a clip with its text, and two files of one name."""
    (root / "anna").mkdir()
    for name in ("hello.mp4", "twice.mp4", "twice.mkv"):
        (root / "anna" / name).touch()
    (root / "anna" / "hello.txt").write_text("hello there", encoding="utf-8")


CORPUS = Corpus(
    title="Any folder of videos with sound",
    url="",
    licence="that of your videos",
    citation="",
    scan=scan,
    example=_example,
)
