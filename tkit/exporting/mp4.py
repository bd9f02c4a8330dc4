"""The clips at the store's frame rate with sound of 16 kHz, flat, and a manifest of them.

``tkit prep folder --manifest OUT/clips.jsonl`` reads it back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tkit.exporting import Format, Sample
from tkit.files import atomic_path
from tkit.media import write_video


def write(samples: Iterator[Sample], folder: Path) -> None:
    """Write one ``.mp4`` for each sample, and the manifest; both from the start in one folder."""
    lines, used = [], set()
    for sample in samples:
        assert sample.media is not None  # noqa: S101  (needs_clips)
        name = sample.name.replace("/", "_")
        while name in used:  # a/b_c and a_b/c
            name += "_"
        used.add(name)
        media = sample.media
        write_video(
            folder / f"{name}.mp4",
            media.frames,
            fps=media.fps,
            wave=media.wave,
            sample_rate=media.sample_rate,
        )
        known = {key: text for key, text in sample.about.items() if isinstance(text, str) and text}
        known |= {"words": sample.about.get("words", []), "video": f"{name}.mp4"}
        lines.append(json.dumps(known) + "\n")
    if not lines:
        return
    with atomic_path(folder / "clips.jsonl") as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


FORMAT = Format(
    title="videos at the store's frame rate and a manifest", write=write, needs_clips=True
)
