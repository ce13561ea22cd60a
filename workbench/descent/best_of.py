"""The best of k random trials: what somebody who tries k settings may expect to find.

From the K trials that were made, k are drawn without replacement, in every possible way; each draw has a best
one. Reported is the median of those: the smallest result that at least half of the draws reach. The share of draws
that reach a result is an unbiased estimate of the chance that k new trials would. Drawing with replacement (Dodge
et al. 2019, arXiv:1909.03004) is biased, since a trial drawn twice counts as two (Tang et al. 2020,
arXiv:2004.13705). A median, because a trial may end at 1e120 or not at all, and no mean survives that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

from workbench.descent.outcomes import Floats

EVERY = 64  # up to so many trials each k is computed
MOST = 120  # values of k beyond that, evenly on a log scale
COLUMNS = {"gap": "gap", "steps": "steps_to_tolerance"}
EVEN = 0.5 * (1 + 1e-9)  # half, and what rounding adds to it


@cache
def rank(trials: int, k: int) -> int:
    """Which of all trials, the best being 1, the best of k of them is at least as good as in half of all draws.

    The best of a draw is worse than rank i with probability C(trials - i, k) / C(trials, k).
    """
    if not 1 <= k <= trials:
        raise ValueError(f"k = {k} of {trials} trials cannot be drawn; allowed: 1 to {trials}")
    missed = np.cumprod(1.0 - k / np.arange(trials, k - 1, -1, dtype=np.float64))  # at rank 1, 2, ...
    return int(np.argmax(missed <= EVEN)) + 1


def best_of(results: Sequence[float] | Floats, k: int) -> float:
    """The median of the best of k of these results, lower being better; infinite: at least half the draws have none.

    NaN counts as infinite.
    """
    return float(ordered(results)[rank(len(results), k) - 1])


def ordered(results: Sequence[float] | Floats) -> Floats:
    """From the best to the worst; NaN counts as infinite."""
    every = np.asarray(results, dtype=np.float64)
    return np.sort(np.where(np.isnan(every), np.inf, every))


@cache
def ranks(trials: int) -> list[int]:
    """``rank`` for each of ``sizes``, counted from 0."""
    return [rank(trials, k) - 1 for k in sizes(trials)]


def even_chance(trials: int, good: int) -> int | None:
    """The fewest trials of which at least one is good in half of all draws; None when none is good."""
    if not good:
        return None
    return next(k for k in range(1, trials + 1) if rank(trials, k) <= good)


def sizes(trials: int) -> list[int]:
    """The values of k to look at: all of them, or from the 65th on fewer and fewer."""
    if trials <= EVERY:
        return list(range(1, trials + 1))
    beyond = np.geomspace(EVERY, trials, MOST).round().astype(int).tolist()
    return sorted({*range(1, EVERY + 1), *beyond})


def gaps(trials: pd.DataFrame, lowest: Mapping[str, float]) -> Floats:
    """How far above the lowest value of its surface each trial ended; infinite where it diverged."""
    gap = trials["value"].to_numpy(dtype=np.float64) - trials["variant"].map(lowest).to_numpy(dtype=np.float64)
    lost = (trials["outcome"] == "diverged").to_numpy() | ~np.isfinite(gap)
    return np.where(lost, math.inf, np.maximum(gap, 0.0))


def curves(trials: pd.DataFrame, lowest: Mapping[str, float]) -> pd.DataFrame:
    """The best of k by variant, seed and k: ``gap`` above the lowest value, ``steps`` to tolerance, ``evaluations``.

    ``trials`` is the record, ``lowest`` the lowest value of each variant's surface. ``gap`` and ``steps`` are
    infinite where at least half of the draws have nothing but divergence, or no trial within the tolerance.
    ``evaluations`` of the gradient are those of k average trials.
    """
    parts: list[pd.DataFrame] = []
    table = trials.assign(gap=gaps(trials, lowest))
    for (variant, seed), own in table.groupby(["variant", "seed"], sort=False):
        count = len(own)
        found = {"variant": variant, "seed": seed, "k": sizes(count)}
        found |= {name: ordered(own[key].to_numpy())[ranks(count)] for name, key in COLUMNS.items()}
        parts.append(pd.DataFrame(found | {"evaluations": np.array(sizes(count)) * float(own["evaluations"].mean())}))
    if not parts:
        return pd.DataFrame(columns=["variant", "seed", "k", *COLUMNS, "evaluations"])
    return pd.concat(parts, ignore_index=True)
