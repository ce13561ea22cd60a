"""What all charts of trainings share: the variants' colours and legend, tables over seeds, thinning, smoothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts.style import variant_colors, variant_dashes

Width = int | Literal["container"]
Axis = Literal["step", "epoch", "seconds"]
AXES: tuple[Axis, ...] = ("epoch", "step", "seconds")
POINTS = 300  # of one variant's curve: more cannot be told apart on a screen
NORMS = ("weight_norm", "weight_grad_norm", "signal_grad_norm", "update_ratio")  # shown as log10
ZERO = "exactly 0"
BROKEN = "NaN or infinite"
NAMES = {
    "weight_norm": "norm of the weights",
    "weight_grad_norm": "norm of the weights' gradient",
    "signal_grad_norm": "norm of the signal's gradient",
    "update_ratio": "size of the update / size of the weights",
    "activation_mean": "mean activation",
    "activation_std": "spread of the activations",
    "saturated_fraction": "share of saturated activations",
    "dead_fraction": "share of dead units",
    "activation_correlation": "correlation between samples",
}
Seeds = int | Mapping[str, int]  # behind every variant's line, or behind each


def variants(rows: pd.DataFrame, names: Sequence[str] = ()) -> list[str]:
    """``names``, or the variants in the order in which they come: colours are given in this order."""
    return list(names) or [str(name) for name in dict.fromkeys(rows["variant"])]


def seeds_of(rows: pd.DataFrame) -> Seeds:
    """How many seeds stand behind the variants: one number where it is the same for all."""
    pairs = rows[["variant", "seed"]].drop_duplicates()
    counts = {str(name): int(count) for name, count in pairs["variant"].value_counts(sort=False).items()}
    return next(iter(counts.values()), 1) if len(set(counts.values())) < 2 else counts


def several(seeds: Seeds) -> bool:
    """Whether a line is a mean."""
    return seeds > 1 if isinstance(seeds, int) else True


def legend(seeds: Seeds, title: str, columns: int = 2) -> alt.Legend:
    """The legend of the variants: it says how many seeds stand behind a line."""
    many, label = title, "datum.label"
    if isinstance(seeds, Mapping):  # not all are there yet
        many = f"{title} (mean and range of n seeds)"
        label = f"datum.label + ' (n = ' + ({json.dumps(dict(seeds))}[datum.label] || 0) + ')'"
    elif seeds > 1:
        many = f"{title} (mean and range of {seeds} seeds)"
    return alt.Legend(
        title=many, orient="top", columns=columns, labelExpr=label, labelLimit=260, titleLimit=400, symbolOpacity=1,
        symbolType="stroke", symbolStrokeWidth=3,
    )  # fmt: skip


def columns_in(names: Sequence[str], room: int) -> int:
    """How many columns of a legend fit into ``room`` pixels."""
    widest = max((len(name) for name in names), default=1) * 6.5 + 50
    return max(1, int(room // min(widest, 310)))


def columns_beside(names: Sequence[str], room: int, other: int) -> int:
    """``columns_in`` beside a legend of ``other`` pixels; where no three fit, up to two, and it goes elsewhere."""
    beside = columns_in(names, room - other)
    return beside if beside > 2 else min(2, columns_in(names, room))


def color(names: Sequence[str], seeds: Seeds, title: str = "variant", columns: int = 2) -> alt.Color:
    """The colour of each variant; ``columns=0`` leaves the legend to another view."""
    shown = legend(seeds, title, columns) if columns else None
    return alt.Color("variant:N", scale=variant_colors(names), sort=list(names), legend=shown)


def dash(names: Sequence[str], seeds: Seeds, title: str = "variant", columns: int = 2) -> alt.StrokeDash:
    """The dash pattern of each variant: all solid up to the number of colours; its legend joins that of ``color``."""
    shown = legend(seeds, title, columns) if columns else None
    return alt.StrokeDash("variant:N", scale=variant_dashes(names), sort=list(names), legend=shown)


def smoothed(rows: pd.DataFrame, metric: str, smooth: float) -> pd.DataFrame:
    """Each run's values averaged exponentially, ``smooth`` in [0, 1) being the weight of the past.

    A value that is not finite stays as it is: averaging must not hide it.
    """
    if not 0 <= smooth < 1:
        raise ValueError(f"smooth = {smooth:g} is not in [0, 1)")
    if not smooth:
        return rows
    runs = rows.replace([np.inf, -np.inf], np.nan).groupby(["variant", "seed"], sort=False)[metric]
    averaged = runs.transform(lambda values: values.ewm(alpha=1 - smooth).mean())
    return rows.assign(**{metric: averaged.where(np.isfinite(rows[metric]), np.nan)})


def thinned(rows: pd.DataFrame, points: int = POINTS) -> pd.DataFrame:
    """At most about ``points`` steps of each variant, the same ones of all its seeds; the first and all last ones stay.

    The same, because a mean over different seeds at every other step would jump between them.
    """
    steps, kept = rows["step"].to_numpy(), np.zeros(len(rows), dtype=bool)
    last = rows.groupby(["variant", "seed"], sort=False)["step"].transform("max").to_numpy() == steps
    for own in rows.groupby("variant", sort=False).indices.values():
        known = np.unique(steps[own])
        chosen = np.concatenate((known[:: math.ceil(len(known) / points)], steps[own][last[own]]))
        kept[own] = np.isin(steps[own], chosen)
    return rows[kept].reset_index(drop=True)


def over_seeds(rows: pd.DataFrame, metric: str, keys: Sequence[str]) -> pd.DataFrame:
    """Mean, least and largest value over the seeds, and their number; NaN where one seed is not finite."""
    values = rows[metric].astype("float64")  # an empty table has no types
    table = rows.assign(**{metric: values.where(np.isfinite(values), np.nan)})
    table = table.assign(broken=table[metric].isna())
    runs = table.groupby(list(keys), sort=False)
    found = runs[metric].agg(["mean", "min", "max", "size"])
    found.loc[runs["broken"].any(), ["mean", "min", "max"]] = np.nan
    return found.rename(columns={"mean": "value", "min": "low", "max": "high", "size": "seeds"}).reset_index()


def symlog(title: str, field: str, positive: float = 1.0, last: float = 0.0) -> alt.X:
    """A logarithmic axis that begins at 0, linear below ``positive``, its ticks at the powers of ten up to ``last``."""
    ticks = [0.0, *powers(positive, last)]
    return alt.X(
        f"{field}:Q",
        title=title,
        scale=alt.Scale(type="symlog", constant=positive, nice=False),
        axis=alt.Axis(labelOverlap="greedy", values=ticks) if len(ticks) > 2 else alt.Axis(labelOverlap="greedy"),
    )


def powers(low: float, high: float) -> list[float]:
    """The powers of ten from ``low`` to ``high``."""
    if not (0 < low <= high and math.isfinite(high)):
        return []
    return [10.0**power for power in range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)]


def power_axis(values: pd.Series, **more: Any) -> tuple[alt.Scale, alt.Axis]:
    """A logarithmic y axis around the positive finite ones of ``values``; the domain is said outright, because a gap
    would count as 0, which has no logarithm."""
    found = values.to_numpy("float64")
    found = found[np.isfinite(found) & (found > 0)]
    low, high = (float(found.min()), float(found.max())) if len(found) else (0.1, 1.0)
    if high < 10 * low:  # a single tick says nothing of the size
        low, high = low / 2, high * 2
    wide = high > 1e3 * low or low < 1e-3 or high > 1e4
    decades = powers(low, high)
    if high > 1e3 * low:  # no lines between the powers of ten, and of many powers every second or third
        more["values"] = decades[:: -(-len(decades) // 7)]
    axis = alt.Axis(format=".0e" if wide else "~g", tickCount=6, **more)
    return alt.Scale(type="log", domain=[low, high], nice=wide), axis
