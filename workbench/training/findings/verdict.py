"""Verdicts: what paired differences over seeds allow to say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.training.findings.finding import half_width
from workbench.training.findings.scores import Metric

LEVEL = 0.05
ALONE = "one seed proves nothing"
EQUAL = "no difference"
UNSURE = "not distinguishable"
EFFECT = ("helps", "harms")  # of a level, against the reference
PAIR = ("better", "worse")  # of a variant, against another one
TOGETHER = ("more together", "less together")  # of two levels, against the sum of their effects
ROUNDING = 1e-12  # of the largest score: smaller differences come from the arithmetic


@dataclass(frozen=True)
class Contrast:
    """The mean of paired differences, half its 95 % interval, and how likely such a mean is without any effect.

    ``half`` and ``p`` are NaN with one seed.
    """

    mean: float
    half: float
    p: float
    seeds: int


def contrast(differences: Sequence[float] | NDArray[np.float64], scale: float = 0.0) -> Contrast:
    """Student's t on paired differences (Student 1908, Biometrika 6), one a seed; there must be one at least.

    Differences below 1e-12 of ``scale`` count as 0. Where all seeds differ by the same amount there is no spread to
    judge by, and Student's p would be 0 whatever happened; then p is that of the exact sign-flip test, 2^(1-n)
    (Fisher 1935, The Design of Experiments, section 21).
    """
    found = np.asarray(differences, dtype="float64")
    found = np.where(np.abs(found) <= ROUNDING * scale, 0.0, found)
    n, mean = len(found), float(found.mean())
    if n < 2:
        return Contrast(mean, math.nan, math.nan, n)
    if float(np.ptp(found)) <= ROUNDING * scale:
        return Contrast(mean, 0.0, 2.0 ** (1 - n) if mean else 1.0, n)
    from scipy.special import stdtr  # type: ignore[import-untyped]  # comes with scikit-learn

    half = half_width(pd.Series(found))
    t = mean / (float(found.std(ddof=1)) / math.sqrt(n))
    return Contrast(mean, half, float(2 * stdtr(n - 1, -abs(t))), n)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for having looked at all of them (Holm 1979, Scandinavian Journal of Statistics 6).

    NaN (one seed) stays NaN and is not counted.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    adjusted, highest = [math.nan] * len(p_values), 0.0
    for rank, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[index] = highest
    return adjusted


def verdict(found: Contrast, adjusted: float, metric: Metric, words: tuple[str, str] = EFFECT) -> str:
    """``helps``, ``harms``, ``likely helps``, ``likely harms``, ``not distinguishable``, ``no difference`` or
    ``one seed proves nothing``.

    ``likely``: the interval of this comparison leaves out 0, but after adjusting for the number of comparisons
    (``adjusted``, see ``holm``) chance cannot be excluded.
    """
    if found.seeds < 2:
        return ALONE
    if found.mean == 0 and found.half == 0:
        return EQUAL
    word = words[0] if (found.mean > 0) == metric.higher else words[1]
    if adjusted <= LEVEL:
        return word
    return f"likely {word}" if found.p <= LEVEL else UNSURE


def said(verdict: str, found: Contrast, metric: Metric) -> str:
    """``helps: +3.2 points (95 % interval 2.1 to 4.3, 3 seeds)``."""
    size = f"{metric.bare(found.mean, '+')}{metric.unit}"
    if found.seeds < 2:
        return f"{size}; {ALONE}"
    low, high = metric.bare(found.mean - found.half), metric.bare(found.mean + found.half)
    tail = f"with {found.seeds} seeds" if verdict == UNSURE else ""
    inside = f"95 % interval {low} to {high}" + ("" if tail else f", {found.seeds} seeds")
    if verdict == EQUAL:
        return f"{EQUAL} with any of {found.seeds} seeds"
    return f"{' '.join(filter(None, (verdict, tail)))}: {size} ({inside})"
