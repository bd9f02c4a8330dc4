"""One self-contained HTML page: videos side by side, loss curves, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from tkit.files import atomic_path

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; }
figcaption { color: #555; font-size: .9rem; }
video, img { max-width: 100%; border-radius: 4px; }
.pair video { width: 22rem; } .curves img { width: 19.5rem; }
pre { background: #f5f5f3; padding: 1rem; white-space: pre-wrap;
      overflow-wrap: anywhere; font-size: .85rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
"""


def render(
    *,
    title: str,
    photo: str,
    pairs: Sequence[tuple[str, str, str]],
    curves: Sequence[str],
    table: str,
    quality: Mapping[str, Mapping[str, float]],
) -> str:
    """Make the demo page.

    Parameters
    ----------
    photo : str
        Video of the talking photo, relative to the page like all other paths.
    pairs : sequence of (name, ground truth, prediction)
    curves : sequence of str
        Pictures of the loss curves.
    table : str
        Scores as text.
    quality : mapping
        Stage to its measured numbers.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        "<h2>A photo that speaks</h2>",
        _figure(_video(photo), "one photo and a sentence; blinks from noise"),
        "<h2>Recorded and predicted</h2>",
        "<p>Left the clip, right the prediction from its first frame and its sound.</p>",
    ]
    for name, gt, pred in pairs:
        videos = _figure(_video(gt), f"{name}: ground truth")
        videos += _figure(_video(pred), f"{name}: prediction")
        parts.append(f'<div class="pair">{videos}</div>')
    parts += ["<h2>Scores</h2>", f"<pre>{escape(table)}</pre>"]
    parts += [
        "<p>The honest rows: <b>static</b> repeats the first frame, <b>gt</b> is the ground truth "
        "against itself.</p>",
        "<h2>Stages on the held-out speaker</h2>",
        _numbers(quality),
        "<h2>Training</h2>",
    ]
    images = "".join(f'<img src="{escape(path)}" alt="loss curves">' for path in curves)
    parts.append(f'<div class="curves">{images}</div>')
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def write(path: Path, content: str) -> Path:
    """Write a page and return its path."""
    with atomic_path(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
    return path


def _video(path: str) -> str:
    return f'<video src="{escape(path)}" controls loop preload="auto"></video>'


def _figure(inside: str, caption: str) -> str:
    return f"<figure>{inside}<figcaption>{escape(caption)}</figcaption></figure>"


def _numbers(quality: Mapping[str, Mapping[str, float]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(stage)}</td><td>{escape(name)}</td><td>{value:.4g}</td></tr>"
        for stage, values in quality.items()
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"
