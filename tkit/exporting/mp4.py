"""The clips at the store's frame rate with sound of 16 kHz, flat, and a manifest of them.

``tkit prep folder --manifest OUT/clips.jsonl`` reads it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tkit.clips import Clip, Word, columns, write_manifest
from tkit.exporting import Format, Sample
from tkit.media import write_video


def write(samples: Iterator[Sample], folder: Path) -> None:
    """Write one ``.mp4`` for each sample, and the manifest; both from the start in one folder."""
    clips: list[Clip] = []
    used: set[str] = set()
    for sample in samples:
        assert sample.media is not None  # noqa: S101  (needs_clips)
        name = sample.name.replace("/", "_")
        while name in used:  # a/b_c and a_b/c
            name += "_"
        used.add(name)
        path, media = folder / f"{name}.mp4", sample.media
        write_video(
            path, media.frames, fps=media.fps, wave=media.wave, sample_rate=media.sample_rate
        )
        texts = {key: text for key, text in sample.about.items() if isinstance(text, str)}
        id_, speaker, text, split = map(texts.pop, ("id", "speaker", "text", "split"))
        words = tuple(Word(**word) for word in sample.about.get("words", ()))
        clips.append(
            Clip(id_, speaker, str(path), "", text, words, split=split, columns=columns(**texts))
        )
    if clips:
        write_manifest(folder / "clips.jsonl", clips)


FORMAT = Format(
    title="videos at the store's frame rate and a manifest", write=write, needs_clips=True
)
