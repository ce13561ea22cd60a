"""How wide the range of settings is that a variant tolerates, in decades."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.descent.outcomes import Flags, Floats


@dataclass(frozen=True)
class Stretch:
    """An unbroken stretch of converging settings, from ``low`` to ``high``, ``decades`` = log10(high / low) wide.

    ``more``: it touches an end of what was tried, so it may be wider. Without any: NaN, NaN and 0 decades.
    """

    low: float
    high: float
    decades: float
    more: bool


@dataclass(frozen=True)
class Tolerance:
    """A variant's tolerance over its seeds: the median of the decades, the least and the most; ``low`` and ``high``
    are those of the only seed, NaN with several. ``more``: some seed's stretch may be wider."""

    variant: str
    decades: float
    least: float
    most: float
    seeds: int
    low: float
    high: float
    more: bool


def edges(settings: Floats, log: bool) -> Floats:
    """Where each of the ascending settings begins and ends: half way to its neighbours (count + 1 numbers)."""
    if len(settings) == 1:
        return np.array([settings[0], settings[0]])
    scaled = np.log(settings) if log else settings
    middle = (scaled[1:] + scaled[:-1]) / 2
    return np.concatenate([settings[:1], np.exp(middle) if log else middle, settings[-1:]])


def stretch(settings: Floats, converged: Flags, log: bool) -> Stretch:
    """The stretch of converging settings that is longest in decades; the settings ascend.

    A setting of 0 or below is in no decade: it bounds its neighbour, and is in no stretch itself. So on a linear axis
    from 0 a stretch begins at the earliest half way between 0 and the first setting above it.
    """
    borders = edges(settings, log)
    good = converged & (settings > 0)
    found = Stretch(math.nan, math.nan, 0.0, False)
    positive = np.flatnonzero(settings > 0)
    for first, last in runs(good):
        low, high = float(borders[first]), float(borders[last + 1])
        decades = math.log10(high / low)
        if decades > found.decades or math.isnan(found.low):
            touches = first == positive[0] or last == len(settings) - 1
            found = Stretch(low, high, decades, bool(touches))
    return found


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every unbroken run of true values."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(end) - 1) for start, end in zip(turns[::2], turns[1::2], strict=True)]


def in_decades(sweep: pd.DataFrame) -> bool:
    """Whether the settings of a sweep can be spoken of in decades: none is below 0, and it is no position."""
    return bool(len(sweep)) and bool((sweep["setting"] >= 0).all()) and not is_start(str(sweep["parameter"].iloc[0]))


def is_start(parameter: str) -> bool:
    """Whether an axis is a coordinate of the start."""
    return parameter.startswith("start.")


def tolerances(sweep: pd.DataFrame, log: bool = False) -> dict[str, Tolerance]:
    """Each variant's tolerance, from records of sweeps over one setting; ``log``: the settings are log-spaced.

    With several seeds the interval is the range over the seeds, the least to the most; with one there is none.
    """
    found = {}
    codes, names = pd.factorize(sweep["variant"])  # plain arrays: pages ask for this several times in one script
    every = sweep["setting"].to_numpy(dtype=np.float64)
    good = (sweep["outcome"] == "converged").to_numpy(dtype=bool)
    seeds = sweep["seed"].to_numpy()
    for code, variant in enumerate(names):
        each = []
        for seed in np.unique(seeds[codes == code]):
            own = np.flatnonzero((codes == code) & (seeds == seed))
            own = own[np.argsort(every[own], kind="stable")]
            each.append(stretch(every[own], good[own], log))
        decades = [one.decades for one in each]
        alone = each[0] if len(each) == 1 else Stretch(math.nan, math.nan, 0.0, False)
        found[str(variant)] = Tolerance(
            str(variant),
            float(np.median(decades)),
            min(decades),
            max(decades),
            len(each),
            alone.low,
            alone.high,
            any(one.more for one in each),
        )
    return found
