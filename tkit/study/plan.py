"""Who sees what and when: every rater every method equally often, each at every place.

Williams 1949, "Experimental designs balanced for the estimation of residual effects of treatments":
rows of a Latin square in which each treatment also follows each other one equally often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise as neighbours

import numpy as np


@dataclass(frozen=True)
class Planned:
    """One thing to be judged: a video, or two of the same clip, by method and clip.

    Parameters
    ----------
    methods : tuple of int
        One, or two in the order in which they are shown.
    clip : int
    """

    methods: tuple[int, ...]
    clip: int


def orders(n: int) -> list[list[int]]:
    """Rows of a balanced Latin square of ``n``, two squares if ``n`` is odd.

    Examples
    --------
    >>> orders(4)
    [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]]
    """
    first = [(place + 1) // 2 if place % 2 else (n - place // 2) % n for place in range(n)]
    square = [[(value + shift) % n for value in first] for shift in range(n)]
    return square + [row[::-1] for row in square] if n % 2 and n > 1 else square


def pairs(n_methods: int) -> list[tuple[int, int]]:
    """All pairs of two methods."""
    return [(a, b) for a in range(n_methods) for b in range(a + 1, n_methods)]


def for_rater(
    number: int,
    *,
    n_methods: int,
    seen: Sequence[int],
    n_clips: int,
    pairwise: bool,
    rng: np.random.Generator,
) -> list[Planned]:
    """What one rater sees: ``n_clips`` clips by every method, or by every pair of methods.

    Parameters
    ----------
    number : int
        Of the rater: one after the other, they take the rows of the square.
    n_methods : int
    seen : sequence of int
        How often each clip has been given to raters; those seen least are taken.
    n_clips : int
        Of this rater, at most ``len(seen)``.
    pairwise : bool
        Pairs of methods are compared; each is shown in both orders equally often.
    rng : Generator
        Of what is equal.
    """
    tired = np.lexsort([rng.random(len(seen)), np.asarray(seen)])
    clips = rng.permutation(tired[:n_clips])
    things: list[tuple[int, ...]] = [(method,) for method in range(n_methods)]
    if pairwise:
        things = list(pairs(n_methods))
    rows = orders(len(things))
    planned = []
    for block in range(n_clips):
        for thing in rows[(number + block) % len(rows)]:
            clip = int(clips[(block + thing) % n_clips])
            turned = pairwise and (number // len(rows) + block + thing) % 2
            shown = things[thing][::-1] if turned else things[thing]
            planned.append(Planned(shown, clip))
    return planned


def with_checks(n_trials: int, n_checks: int, rng: np.random.Generator) -> list[int]:
    """Before which trials attention is checked: spread over the study, never at its start."""
    edges = np.linspace(1, n_trials, n_checks + 1)
    return [int(rng.integers(int(low), max(int(high), int(low) + 1)))
            for low, high in neighbours(edges)]  # fmt: skip
