"""Charts of trainings: loss and accuracy, gradients by layer and step. Records in, ``altair.Chart`` out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts.style import OUTCOMES, QUIET, variant_colors, variant_dashes

Width = int | Literal["container"]
Axis = Literal["step", "epoch"]
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


def variants(rows: pd.DataFrame, names: Sequence[str] = ()) -> list[str]:
    """``names``, or the variants in the order in which they come: colours are given in this order."""
    return list(names) or [str(name) for name in dict.fromkeys(rows["variant"])]


def legend(seeds: int, title: str) -> alt.Legend:
    """The legend of the variants: it says how many seeds stand behind a line."""
    many = f"{title} (mean and range of {seeds} seeds)" if seeds > 1 else title
    return alt.Legend(
        title=many, orient="top", columns=2, labelLimit=260, titleLimit=400, symbolOpacity=1, symbolType="stroke",
        symbolStrokeWidth=3,
    )  # fmt: skip


def color(names: Sequence[str], seeds: int, title: str = "variant") -> alt.Color:
    """The colour of each variant."""
    return alt.Color("variant:N", scale=variant_colors(names), sort=list(names), legend=legend(seeds, title))


def dash(names: Sequence[str], seeds: int, title: str = "variant") -> alt.StrokeDash:
    """The dash pattern of each variant: all solid up to the number of colours; its legend joins that of ``color``."""
    return alt.StrokeDash("variant:N", scale=variant_dashes(names), sort=list(names), legend=legend(seeds, title))


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
    """At most about ``points`` steps of each run; the first and the last stay."""

    def pick(run: pd.DataFrame) -> pd.DataFrame:
        stride = math.ceil(len(run) / points) or 1
        return pd.concat([run.iloc[::stride], run.iloc[-1:]]).drop_duplicates("step")

    parts = [pick(run) for _, run in rows.groupby(["variant", "seed"], sort=False)]
    return pd.concat(parts, ignore_index=True) if parts else rows


def over_seeds(rows: pd.DataFrame, metric: str, keys: Sequence[str]) -> pd.DataFrame:
    """Mean, least and largest value over the seeds, and their number; NaN where one seed is not finite."""
    values = rows[metric].astype("float64")  # an empty table has no types
    table = rows.assign(**{metric: values.where(np.isfinite(values), np.nan)})
    table = table.assign(broken=table[metric].isna())
    found = table.groupby(list(keys), sort=False)[metric].agg(["mean", "min", "max", "size"])
    broken = table.groupby(list(keys), sort=False)["broken"].any()
    found.loc[broken, ["mean", "min", "max"]] = np.nan
    return found.rename(columns={"mean": "value", "min": "low", "max": "high", "size": "seeds"}).reset_index()


def breaks(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Where each run first lost its footing: its last finite value, and the step at which it was not finite."""
    found: list[dict[str, Any]] = []
    for (variant, seed), run in rows.sort_values("step", kind="stable").groupby(["variant", "seed"], sort=False):
        bad = run[~np.isfinite(run[metric])]
        good = run[np.isfinite(run[metric])]
        if len(bad) and len(good):
            last = good.iloc[-1]
            found.append({"variant": variant, "seed": seed, "step": last["step"], "epoch": last["epoch"]})
            found[-1] |= {"value": last[metric], "note": f"diverged at step {bad.iloc[0]['step']}"}
    return pd.DataFrame(found, columns=["variant", "seed", "step", "epoch", "value", "note"])


def forks(curve: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Where branches leave their trunks: the first test row of every variant that does not begin at step 0."""
    begins = curve.groupby("variant")["step"].min()
    tests = curve[(curve["split"] == "test") & curve["variant"].isin(begins.index[begins > 0])]
    first = tests[tests["step"] == tests.groupby("variant")["step"].transform("min")]
    return over_seeds(first, metric, ["variant", "step", "epoch"])


def panel(
    curve: pd.DataFrame,
    metric: Literal["loss", "accuracy"] = "loss",
    by: Axis = "epoch",
    smooth: float = 0.0,
    log: bool = False,
    width: Width = "container",
    height: int = 260,
    names: Sequence[str] = (),
) -> alt.LayerChart:
    """One measure of all variants: training thin, test thick; the mean over the seeds and a band from least to most.

    A cross marks where a run diverged: the last finite value before it, a triangle at the lower edge where the mean
    loss is exactly 0, a ring where a branch begins.
    """
    names = variants(curve, names)
    train = thinned(smoothed(curve[curve["split"] == "train"], metric, smooth))
    rows = pd.concat([train, curve[curve["split"] == "test"]], ignore_index=True)
    table = over_seeds(rows, metric, ["variant", "split", "step", "epoch"])
    nothing = table[table["value"] == 0] if log else table[:0]
    if log:  # a loss that is exactly 0 has no logarithm: it is marked at the lower edge
        table[["value", "low", "high"]] = table[["value", "low", "high"]].where(lambda values: values > 0)
    seeds = int(curve["seed"].nunique())
    scale = alt.Scale(type="log") if log else alt.Scale(zero=False)
    axis = alt.Axis(format="%") if metric == "accuracy" else alt.Axis()
    y_title = "accuracy" if metric == "accuracy" else "loss (cross-entropy)"
    x = alt.X(f"{by}:Q", title=by, scale=alt.Scale(nice=False))
    tint = color(names, seeds)
    wide = alt.StrokeWidth(
        "split:N",
        scale=alt.Scale(domain=["train", "test"], range=[1, 2.5]),
        legend=alt.Legend(title="split", orient="bottom", symbolStrokeColor="gray"),
    )
    base = alt.Chart(table).encode(x=x)
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("split:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("epoch:Q"),
        alt.Tooltip("value:Q", title=metric, format=".4g"),
        alt.Tooltip("seeds:Q"),
    ]
    layers: list[alt.Chart] = []
    if seeds > 1:
        layers.append(
            base.mark_area(opacity=0.15).encode(
                y=alt.Y("low:Q", title=y_title, scale=scale, axis=axis),
                y2=alt.Y2("high:Q"),
                color=tint,
                detail=alt.Detail("split:N"),
            )
        )
    layers.append(
        base.mark_line(invalid="break-paths-filter-domains").encode(
            y=alt.Y("value:Q", title=y_title, scale=scale, axis=axis),
            color=tint,
            strokeDash=dash(names, seeds),
            strokeWidth=wide,
            opacity=alt.condition("datum.split == 'train'", alt.value(0.55), alt.value(1.0)),
            tooltip=tooltip,
        )
    )
    crossed = breaks(curve[curve["split"] == "train"], metric)
    if len(crossed):
        layers.append(
            alt.Chart(crossed)
            .mark_point(shape="cross", angle=45, size=140, filled=True, opacity=1, stroke="white", strokeWidth=0.5)
            .encode(
                x=x,
                y=alt.Y("value:Q"),
                color=tint,
                tooltip=[alt.Tooltip("variant:N"), alt.Tooltip("seed:Q"), alt.Tooltip("note:N")],
            )
        )
    if len(nothing):
        layers.append(
            alt.Chart(nothing)
            .mark_point(shape="triangle-down", filled=True, size=50, opacity=1)
            .encode(x=x, y=alt.value(height - 5), color=tint, tooltip=tooltip)
        )
    if (begun := forks(curve, metric)).size:
        layers.append(
            alt.Chart(begun)
            .mark_point(shape="circle", size=90, filled=False, opacity=1, strokeWidth=2.5)
            .encode(
                x=x,
                y=alt.Y("value:Q"),
                color=tint,
                tooltip=[alt.Tooltip("variant:N"), alt.Tooltip("step:Q", title="forked at")],
            )
        )
    return cast(alt.LayerChart, alt.layer(*layers).properties(width=width, height=height))


def curves(
    curve: pd.DataFrame,
    by: Axis = "epoch",
    smooth: float = 0.0,
    log: bool = False,
    width: int = 420,
    columns: int = 2,
    names: Sequence[str] = (),
) -> alt.ConcatChart:
    """Loss and accuracy of all variants, side by side (``columns=2``) or one above the other (1).

    ``log`` puts the loss on a logarithmic axis; ``smooth`` in [0, 1) averages the training curves. Each
    panel is ``width`` pixels wide; a single ``panel`` can fill its container.
    """
    both = (
        panel(curve, "loss", by, smooth, log, width, names=names),
        panel(curve, "accuracy", by, smooth, False, width, names=names),
    )
    return alt.concat(*both, columns=columns)


def gradient_heat(
    layers: pd.DataFrame,
    statistic: str = "weight_grad_norm",
    width: int = 260,
    columns: int = 3,
    names: Sequence[str] = (),
) -> alt.FacetChart:
    """Layers x measured steps, one panel a variant, one colour scale for all; norms as log10.

    The columns are the measured steps, which lie closer at the start. Over several seeds: the mean. Cells
    that have no logarithm have colours of their own; a cell that was not measured is empty.
    """
    rows = layers[layers["statistic"] == statistic]
    names = variants(layers, names)
    table = over_seeds(rows, "value", ["variant", "step", "index", "layer"])
    logarithmic = statistic in NORMS
    table["state"] = np.select([table["value"].isna(), logarithmic & (table["value"] == 0)], [BROKEN, ZERO], "")
    with np.errstate(divide="ignore"):
        table["shown"] = np.log10(table["value"]) if logarithmic else table["value"]
    table.loc[table["state"] != "", "shown"] = np.nan
    title = NAMES.get(statistic, statistic.replace("_", " "))
    depth = int(table["index"].max()) if len(table) else 1
    y = alt.Y(
        "index:O",
        title="layer",
        axis=alt.Axis(
            labelExpr=f"datum.value == 1 ? '1 (input)' : datum.value == {depth} ? '{depth} (last)' : datum.label"
        ),
    )
    x = alt.X(
        "step:O",
        title="step (as measured: closer at the start)",
        axis=alt.Axis(labelOverlap=True, labelAngle=0, ticks=False),
    )
    bar = alt.Legend(
        title=f"log10 of the {title}" if logarithmic else title, orient="top", gradientLength=220, titleLimit=400
    )
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("layer:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("value:Q", title=title, format=".3g"),
        alt.Tooltip("state:N"),
    ]
    cells = (
        alt.Chart()
        .transform_filter("datum.state == ''")
        .mark_rect()
        .encode(x=x, y=y, color=alt.Color("shown:Q", scale=alt.Scale(scheme="viridis"), legend=bar), tooltip=tooltip)
    )
    parts: list[alt.Chart] = [cells]
    if present := [state for state in (ZERO, BROKEN) if (table["state"] == state).any()]:
        tones = {ZERO: QUIET, BROKEN: OUTCOMES["diverged"][0]}
        scale = alt.Scale(domain=present, range=[tones[state] for state in present])
        key = alt.Legend(title="no logarithm" if logarithmic else "no number", orient="top", symbolType="square")
        special = alt.Chart().transform_filter("datum.state != ''").mark_rect()  # fill: a scale beside that of color
        parts.append(special.encode(x=x, y=y, fill=alt.Fill("state:N", scale=scale, legend=key), tooltip=tooltip))
    height = max(120, min(18 * depth, 420))
    steps = max(1, int(table["step"].nunique()))
    whole = steps * max(1, width // steps)  # cells of whole pixels leave no seams
    layered = alt.layer(*parts, data=table).properties(width=whole, height=height)
    shown = [name for name in names if name in set(table["variant"])]
    facet = alt.Facet("variant:N", title=None, sort=shown, header=alt.Header(labelFontWeight="bold", labelLimit=whole))
    wrapped = layered.facet(facet=facet, columns=max(1, min(columns, len(shown)))).resolve_axis(x="independent")
    return cast(alt.FacetChart, wrapped)


def ratios(layers: pd.DataFrame, statistic: str = "weight_grad_norm") -> pd.DataFrame:
    """First layer's value divided by the last layer's, of every run and measured step."""
    rows = layers[layers["statistic"] == statistic]
    found: list[dict[str, Any]] = []
    for (variant, seed, step), group in rows.groupby(["variant", "seed", "step"], sort=False):
        first, last = group.loc[group["index"].idxmin(), "value"], group.loc[group["index"].idxmax(), "value"]
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append({"variant": variant, "seed": seed, "step": step, "ratio": np.divide(first, last)})
    return pd.DataFrame(found, columns=["variant", "seed", "step", "ratio"])


def gradient_ratio(
    layers: pd.DataFrame,
    statistic: str = "weight_grad_norm",
    width: Width = "container",
    height: int = 260,
    names: Sequence[str] = (),
) -> alt.LayerChart:
    """The first layer's norm over the last layer's, by step: 1 is balance, below 1 the signal vanishes on its way.

    Both axes are logarithmic (steps from 0). Over several seeds the mean and the range. Triangles at the
    lower edge: the ratio is exactly 0, because nothing arrives at the first layer.
    """
    table = over_seeds(ratios(layers, statistic), "ratio", ["variant", "step"])
    names = variants(layers)
    seeds = int(layers["seed"].nunique())
    tint = color(names, seeds)
    x = alt.X("step:Q", title="step", scale=alt.Scale(type="symlog", nice=False), axis=alt.Axis(labelOverlap="greedy"))
    title = f"{NAMES.get(statistic, statistic)}: first / last layer"
    positive = table.loc[table["value"] > 0, ["low", "value", "high"]].to_numpy().ravel()
    positive = [1.0, *positive[positive > 0]]  # the domain is said outright: a gap would count as 0, which has no log
    scale = alt.Scale(type="log", domain=[min(positive), max(positive)], nice=True)
    axis = alt.Axis(format=".0e", tickCount=8)
    above = alt.Chart(
        table.assign(value=table["value"].where(table["value"] > 0), low=table["low"].where(table["low"] > 0))
    )
    nothing = alt.Chart(table[table["value"] == 0])
    even = (
        alt.Chart(pd.DataFrame({"ratio": [1.0]}))
        .mark_rule(strokeDash=[4, 4], color="gray")
        .encode(y=alt.Y("ratio:Q", scale=scale))
    )
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("value:Q", title="ratio", format=".3g"),
        alt.Tooltip("seeds:Q"),
    ]
    parts = [
        even,
        above.mark_area(opacity=0.15, invalid="break-paths-filter-domains").encode(
            x=x, y=alt.Y("low:Q", scale=scale), y2=alt.Y2("high:Q"), color=tint
        ),
        above.mark_line(point=alt.OverlayMarkDef(size=18), invalid="break-paths-filter-domains").encode(
            x=x,
            y=alt.Y("value:Q", title=title, scale=scale, axis=axis),
            color=tint,
            strokeDash=dash(names, seeds),
            tooltip=tooltip,
        ),
    ]
    if (table["value"] == 0).any():
        parts.append(
            nothing.mark_point(shape="triangle-down", filled=True, size=50, opacity=1).encode(
                x=x, y=alt.value(height - 5), color=tint, tooltip=tooltip
            )
        )
    return cast(alt.LayerChart, alt.layer(*parts).properties(width=width, height=height))
