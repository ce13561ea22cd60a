"""The best of k trials against every possible draw, and against closed forms."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from workbench.descent.best_of import best_of, curves, even_chance, gaps, rank, sizes
from workbench.records import frame


def by_enumeration(results, k):
    """The smallest result that at least half of all draws reach, by trying them all."""
    best = sorted(min(draw) for draw in itertools.combinations(results, k))
    return best[math.ceil(len(best) / 2) - 1]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_best_of_k_is_that_of_all_draws(count):
    results = np.random.default_rng(count).exponential(size=count).tolist()
    for k in range(1, count + 1):
        assert best_of(results, k) == by_enumeration(results, k)


def test_results_that_tie_or_never_came():
    for results in ([3.0, 3.0, 3.0, 1.0], [math.inf, 2.0, math.inf, math.inf], [math.inf] * 4):
        for k in range(1, 5):
            assert best_of(results, k) == by_enumeration(results, k)


@pytest.mark.parametrize("count", [*range(1, 41), 1000])
def test_ranks_equal_those_of_exact_binomials(count):
    for k in sizes(count):
        exact = next(i for i in range(1, count + 1) if 2 * math.comb(count - i, k) <= math.comb(count, k))
        assert rank(count, k) == exact


def test_one_trial_is_the_median_and_all_trials_are_the_best():
    results = np.random.default_rng(0).normal(size=32)
    assert best_of(results, 1) == np.quantile(results, 0.5, method="inverted_cdf")
    assert best_of(results, 32) == results.min()
    assert best_of(results[:31], 1) == np.median(results[:31])


def test_more_trials_are_never_worse():
    results = np.random.default_rng(1).lognormal(sigma=9, size=200)
    found = [best_of(results, k) for k in sizes(200)]
    assert found == sorted(found, reverse=True)


def test_neither_infinities_nor_numbers_that_are_none_spoil_it():
    clean = [5.0, 4.0, 3.0, 2.0, 1.0, 9.0]
    wild = [5.0, 4.0, 3.0, 2.0, 1.0, 1e120]
    for worst in (math.nan, math.inf):
        assert [best_of([*wild[:-1], worst], k) for k in range(1, 7)] == [best_of(clean, k) for k in range(1, 7)]
    assert [best_of(wild, k) for k in range(1, 7)] == [best_of(clean, k) for k in range(1, 7)]


def test_a_large_supply_of_trials_gives_the_law_of_independent_draws():
    # of many trials with uniform results the best of k has the median 1 - 2^(-1/k)
    results = (np.arange(20_000) + 0.5) / 20_000
    for k in (1, 2, 5, 20):
        assert best_of(results, k) == pytest.approx(1 - 2 ** (-1 / k), abs=1e-4)


def test_how_many_trials_an_even_chance_takes():
    assert even_chance(32, 0) is None
    assert even_chance(32, 32) == 1
    assert even_chance(32, 1) == 16  # 1 of 32: the share of draws that hold it is k / 32
    for good in range(1, 33):
        expected = next(k for k in range(1, 33) if 2 * math.comb(32 - good, k) <= math.comb(32, k))
        assert even_chance(32, good) == expected


def test_what_cannot_be_drawn_is_refused():
    for k in (0, 33):
        with pytest.raises(ValueError, match="of 32 trials cannot be drawn; allowed: 1 to 32"):
            rank(32, k)


def test_many_trials_are_looked_at_more_and_more_coarsely():
    assert sizes(32) == list(range(1, 33))
    many = sizes(10_000)
    assert many[:64] == list(range(1, 65))
    assert many[-1] == 10_000
    assert len(many) <= 184


def trials_of(variant, rows, seed=0):
    keys = ("outcome", "steps_to_tolerance", "value", "evaluations")
    made = [
        {"variant": variant, "seed": seed, "trial": number, **dict(zip(keys, row, strict=True))}
        for number, row in enumerate(rows, start=1)
    ]
    return frame("trials", made, who=True)


def test_curves_are_made_of_each_variant_and_seed():
    table = pd.concat(
        [
            trials_of(
                "A", [("converged", 8, 1.005, 10), ("slow", math.nan, 3.0, 10), ("diverged", math.nan, 1e120, 10)]
            ),
            trials_of("A", [("slow", math.nan, 2.0, 20), ("slow", math.nan, 4.0, 30)], seed=1),
            trials_of("B", [("converged", 5, 7.0, 10)]),
        ]
    )
    found = curves(table, {"A": 1.0, "B": 8.0})
    first = found[(found["variant"] == "A") & (found["seed"] == 0)]
    assert first["k"].tolist() == [1, 2, 3]
    assert first["gap"].tolist() == pytest.approx([2.0, 0.005, 0.005])  # 2 of 3 pairs hold the best one
    assert first["steps"].tolist() == [math.inf, 8, 8]
    assert first["evaluations"].tolist() == [10, 20, 30]
    second = found[(found["variant"] == "A") & (found["seed"] == 1)]
    assert second["evaluations"].tolist() == [25, 50]
    assert second["steps"].tolist() == [math.inf, math.inf]
    assert found[found["variant"] == "B"]["gap"].tolist() == [0.0]  # below what is known counts as reached


def test_a_descent_that_fell_out_of_sight_reached_nothing():
    table = trials_of(
        "A", [("diverged", math.nan, -1e9, 1), ("slow", math.nan, math.nan, 1), ("slow", math.nan, 3.0, 1)]
    )
    assert gaps(table, {"A": 1.0}).tolist() == [math.inf, math.inf, 2.0]


def test_no_trials_give_empty_curves():
    assert curves(frame("trials", [], who=True), {}).empty
