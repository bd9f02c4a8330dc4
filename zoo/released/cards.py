"""Cards: one TOML file beside each released weight file, saying what it is and may be used for.

This module reads no weights and needs no torch, so listing the zoo is quick.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from tkit.errors import UsageError, WeightsError
from tkit.files import atomic_path, sha256_of
from tkit.parsing import from_toml, toml_of

SUFFIXES = ".safetensors", ".onnx"  # of weights; what runs without torch is released as ONNX


@dataclass(frozen=True)
class Reported:
    """One number of a card: what was measured, on what, and its signature."""

    metric: str
    value: float
    split: str
    signature: str


@dataclass(frozen=True)
class Card:
    """What a weight file is.

    Parameters
    ----------
    name, net : str
        Name in the zoo and of the network.
    sha256 : str
        Of the weight file, in hexadecimal.
    data, protocol : str
        Corpus, speakers and front ends it was trained on; the named split.
    licence, attribution : str
        Under which the weights may be used, and who must be named.
    intended_use, limits : str
    command : str
        Which made the file.
    scores : tuple of Reported
    """

    name: str
    net: str
    sha256: str
    data: str
    protocol: str
    licence: str
    attribution: str
    intended_use: str
    limits: str
    command: str
    scores: tuple[Reported, ...] = ()

    def problems(self) -> list[str]:
        """Return what a card must not miss before its weights are released, one phrase each."""
        texts = {key: value for key, value in asdict(self).items() if key != "scores"}
        found = [f"{key} is empty" for key, value in texts.items() if not value.strip()]
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            found.append("sha256 is not 64 hexadecimal digits")
        if not self.scores:
            found.append("there are no scores")
        return found


def read_card(path: str | Path) -> Card:
    """Read a card; :class:`WeightsError` if it is not one."""
    path = Path(path)
    try:
        values = from_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a card ({error})") from error
    try:
        scores = tuple(_checked(Reported, score) for score in values.pop("scores", ()))
        return dataclasses.replace(_checked(Card, values), scores=scores)
    except (TypeError, AttributeError) as error:
        raise WeightsError(f"{path}: not a card ({error})") from error


def _checked(kind: type, values: dict[str, Any]) -> Any:
    """Make a card or score; TypeError for missing, unknown or ill-typed fields."""
    for key, value in values.items():
        wanted = (int, float) if key == "value" else str
        if not isinstance(value, wanted):
            raise TypeError(f"{key} is {value!r}")
    return kind(**values)


def write_card(path: str | Path, card: Card) -> None:
    """Write a card as TOML."""
    with atomic_path(path) as temporary:
        temporary.write_text(toml_of(asdict(card)), encoding="utf-8")


def released() -> dict[str, Path]:
    """Return the released weight files that came with the package: name to path."""
    folder = Path(str(resources.files("tkit.zoo.released")))
    found = (path for suffix in SUFFIXES for path in folder.glob(f"*{suffix}"))
    return {path.stem: path for path in sorted(found)}


def card_path(name: str) -> Path:
    """Return where the card of a released weight file lies."""
    return Path(str(resources.files("tkit.zoo.released"))) / f"{name}.toml"


def card_beside(path: Path) -> Path:
    """Return where the card of a weight file lies: a released one's by its name, else a run's."""
    is_released = path in released().values()
    return card_path(path.stem) if is_released else path.with_name("card.toml")


def locate(name_or_path: str | Path) -> Path:
    """Return the weight file of a path or of a released name; :class:`UsageError` if none."""
    path = Path(name_or_path)
    if path.is_file():
        return path
    names = released()
    if str(name_or_path) in names:
        return names[str(name_or_path)]
    there = ", ".join(names) or "none"
    raise UsageError(f"{name_or_path}: no such weight file or released name (there are: {there})")


def verify(name: str) -> list[str]:
    """Return what is wrong with a released weight file and its card, one phrase each."""
    try:
        card = read_card(card_path(name))
    except WeightsError as error:
        return [str(error)]
    found = card.problems()
    if card.name != name:
        found.append(f"the card is of {card.name!r}")
    actual = sha256_of(locate(name))
    if card.sha256 != actual:
        found.append(f"the card says sha256 {card.sha256[:8]}…, the file has {actual[:8]}…")
    return found
