"""Every rater sees every method equally often, and every method stands at every place."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from tkit.study import plan


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_rows_are_latin_and_each_follows_each_equally_often(n):
    rows = np.array(plan.orders(n))
    assert all(sorted(row) == list(range(n)) for row in rows)
    for column in rows.T:
        assert set(Counter(column.tolist()).values()) == {len(rows) // n}
    after = Counter((a, b) for row in rows.tolist() for a, b in pairwise(row))
    assert len(after) == n * (n - 1) and len(set(after.values())) == 1


def test_a_square_of_one_is_one():
    assert plan.orders(1) == [[0]]


def planned(raters, **settings):
    seen = np.zeros(settings.pop("clips"), int)
    every = []
    for number in range(raters):
        rng = np.random.default_rng(number)
        one = plan.for_rater(number, seen=seen.tolist(), rng=rng, **settings)
        for thing in one:
            seen[thing.clip] += 1
        every.append(one)
    return every, seen


@pytest.mark.parametrize("n_methods", [2, 3, 4])
def test_twelve_raters_see_all_methods_and_clips_equally_often(n_methods):
    every, seen = planned(12, clips=6, n_methods=n_methods, n_clips=4, pairwise=False)
    for one in every:
        assert set(Counter(thing.methods for thing in one).values()) == {4}
        assert set(Counter(thing.clip for thing in one).values()) == {n_methods}
        assert len({(thing.methods, thing.clip) for thing in one}) == len(one)
    assert np.ptp(seen) == 0
    first = Counter(one[0].methods for one in every)
    assert set(first.values()) == {12 // n_methods}


def test_pairs_are_shown_in_both_orders_equally_often():
    every, _ = planned(12, clips=6, n_methods=3, n_clips=4, pairwise=True)
    shown = Counter(thing.methods for one in every for thing in one)
    assert len(shown) == 6 and len(set(shown.values())) == 1
    for one in every:
        pairs = Counter(tuple(sorted(thing.methods)) for thing in one)
        assert set(pairs.values()) == {4}


def test_checks_are_spread_and_never_first():
    for seed in range(50):
        places = plan.with_checks(12, 3, np.random.default_rng(seed))
        assert len(places) == 3 and min(places) >= 1 and places == sorted(places)
