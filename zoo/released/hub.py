"""Cards as model hubs show them: a README with front matter in YAML, beside the weight file.

The front matter is what Hugging Face reads: licence, tags, and the measured values of
``model-index``. JSON is YAML, so values are written as JSON.
"""

from __future__ import annotations

import json
import shutil
from itertools import groupby
from pathlib import Path
from typing import Any

from tkit.files import atomic_path
from tkit.zoo.released import cards
from tkit.zoo.released.cards import Card

# Beginnings of the licence in a card, and the hub's names for it.
LICENCES = {"CC BY 4.0": "cc-by-4.0", "Apache-2.0": "apache-2.0", "MIT": "mit"}
TAGS = ["talking-face", "lip-sync", "facial-landmarks", "tkit"]


def export(name: str, folder: Path) -> list[Path]:
    """Write what a repository of a model hub holds: README, card and weights; return their paths.

    Parameters
    ----------
    name : str
        In the zoo, or the path of a weight file with its card beside it.
    folder : path
        Is made if it is not there.

    Raises
    ------
    UsageError
        If there are no such weights.
    WeightsError
        If they have no card.
    """
    weights = cards.locate(name)
    card = cards.read_card(cards.card_beside(weights))
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("README.md", "card.toml", weights.name)]
    with atomic_path(paths[0]) as temporary:
        temporary.write_text(readme(card, weights.name), encoding="utf-8")
    cards.write_card(paths[1], card)
    with atomic_path(paths[2]) as temporary:
        shutil.copyfile(weights, temporary)
    return paths


def readme(card: Card, file: str) -> str:
    """A card as the README of a model hub.

    Parameters
    ----------
    card : Card
    file : str
        Name of the weight file beside it.
    """
    rows = [f"| {one.metric} | {one.value:.4g} | {one.split} |" for one in card.scores]
    signatures = dict.fromkeys(one.signature for one in card.scores)
    parts = [
        f"---\n{_yaml(_front_matter(card))}---",
        f"# {card.name}",
        card.intended_use,
        f"## Use\n\n```\npip install talking-face-toolkit\ntkit zoo info {file}\n```",
        f"## Limits\n\n{card.limits}",
        f"## Training\n\nData: {card.data}. Protocol: {card.protocol}.\n\n```\n{card.command}\n```",
        "## Scores\n\n| what | value | split |\n|---|---:|---|\n" + "\n".join(rows),
        "\n".join(f"- `{signature}`" for signature in signatures),
        f"## Licence\n\n{card.licence}. {card.attribution}",
        f"SHA-256 of `{file}`: `{card.sha256}`",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(card: Card) -> dict[str, Any]:
    known = (tag for start, tag in LICENCES.items() if card.licence.startswith(start))
    licence = next(known, "other")
    named = {"license_name": card.licence} if licence == "other" else {}
    results = [
        {
            "task": {"type": "other", "name": card.net},
            "dataset": {"name": split, "type": "other"},
            "metrics": [
                {"type": one.metric, "name": one.metric, "value": one.value} for one in scores
            ],
        }
        for split, scores in groupby(card.scores, key=lambda one: one.split)
    ]
    return {
        "license": licence,
        **named,
        "library_name": "tkit",
        "tags": [*TAGS, card.net],
        "model-index": [{"name": card.name, "results": results}],
    }


def _yaml(values: dict[str, Any]) -> str:
    return "".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()
    )
