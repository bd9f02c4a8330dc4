"""Sentences to train the head of ``chars29`` on, from the words and patterns of ``sentences.txt``.

All of it is written for this purpose, in everyday English and that of announcements and telephone
menus in general; no sentence comes from recorded speech, except by the grammar of GRID.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import numpy as np

from tkit.corpora import grid

GRID_SHARE, SAID_SHARE = 0.1, 0.08  # GRID's grammar; whole sentences; the others are drawn
_CHOICE = re.compile(r"\(([^()]*)\)")
_SLOT = re.compile(r"<(\w+)(?::(\w+))?>")
_FORMS = {"s": 1, "ed": 2, "ed2": 3, "ing": 4}


@cache
def lists() -> dict[str, list[str]]:
    """Return the entries of the file by kind: words, or whole lines of a few kinds."""
    found: dict[str, list[str]] = {}
    text = (resources.files("tkit.pipelines.makers.chars29") / "sentences.txt").read_text(
        encoding="utf-8"
    )
    for line in text.splitlines():
        kind, _, rest = line.partition(": ")
        if not line.startswith("#"):
            whole = kind in ("line", "say", "forms")
            found.setdefault(kind, []).extend([rest] if whole else dict.fromkeys(rest.split()))
    return found


@cache
def _irregular() -> dict[str, list[str]]:
    return {line.split()[0]: line.split() for line in lists()["forms"]}


def inflect(word: str, ending: str) -> str:
    """Return a word's form: ``s`` (plural, third person), ``ed`` (past), ``ed2``, ``ing``."""
    known = _irregular().get(word, ())
    if _FORMS[ending] < len(known):
        return known[_FORMS[ending]]
    ends_in_y = re.search("[^aeiou]y$", word)
    if ending == "s":
        if re.search("([sxz]|ch|sh)$", word):
            return word + "es"
        return word[:-1] + "ies" if ends_in_y else word + "s"
    if word in lists()["doubled"] or re.fullmatch("([^aeiou]+|qu)?[aeiou][bdglmnprt]", word):
        word += word[-1]
    if ending == "ing":
        return (word[:-1] if re.search("[^eoy]e$", word) else word) + "ing"
    if ends_in_y:
        return word[:-1] + "ied"
    return word + ("d" if word.endswith("e") else "ed")


def expand(pattern: str, rng: np.random.Generator) -> str:
    """Draw a sentence of a pattern: choices first, from the inside out, then words."""
    while match := _CHOICE.search(pattern):
        chosen = str(rng.choice(match[1].split("|")))
        pattern = pattern[: match.start()] + chosen + pattern[match.end() :]

    def word(match: re.Match[str]) -> str:
        chosen = str(rng.choice(lists()[match[1]]))
        return inflect(chosen, match[2]) if match[2] else chosen

    text = " ".join(_SLOT.sub(word, pattern).split())
    return re.sub(r"\ba(?= [aeiou]\w)", "an", text)


def sentence(rng: np.random.Generator) -> tuple[str, bool]:
    """Draw a sentence, and whether an ``a`` in it is the letter instead of the article."""
    kind = rng.random()
    if kind < GRID_SHARE:
        return " ".join(str(rng.choice(list(slot.values()))) for slot in grid.GRAMMAR), True
    if kind < GRID_SHARE + SAID_SHARE:
        return str(rng.choice(lists()["say"])), False
    pattern = str(rng.choice(lists()["line"]))
    return expand(pattern, rng), "<letter>" in pattern
