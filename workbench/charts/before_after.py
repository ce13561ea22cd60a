"""What a cure did: loss and one measurement, before and after, in one picture, and the same in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts.curves import judged, loss_title
from workbench.charts.layered import Layered
from workbench.charts.ratio import ratios
from workbench.charts.stack import Stack
from workbench.charts.style import colors_of, number
from workbench.charts.tables import Filled, Tables
from workbench.charts.training import NAMES, NORMS, columns_in, over_seeds, power_axis, thinned, variants
from workbench.words import percent

GRADIENTS = ("signal_grad_norm", "weight_grad_norm")
SHARES = ("saturated_fraction", "dead_fraction")
POINTS = 200  # of a curve
START, END = "at the first look", "at the last look"


def telling(wanted: str, layers: pd.DataFrame) -> str:
    """The measurement to show: the one that a diagnosis names, else the signal's gradient.

    Empty when ``layers`` has no rows of any.
    """
    there = set(layers["statistic"].unique())
    return next((statistic for statistic in (wanted, *GRADIENTS, *NAMES) if statistic in there), "")


def before_after(
    curve: pd.DataFrame,
    layers: pd.DataFrame,
    shown: Sequence[str],
    statistic: str,
    room: int = 900,
    names: Sequence[str] = (),
) -> Filled:
    """Loss by step beside ``statistic`` by layer, of the variants ``shown`` (before, after), in ``room`` pixels.

    Means over the seeds. ``names`` are all variants of the page in their order, which decides the colours; an empty
    ``statistic`` leaves the loss alone. Dashed lines are measured at the first look, solid ones at the last.
    """
    names = variants(curve, names)
    shades = colors_of(len(names))
    scale = alt.Scale(domain=list(shown), range=[shades[names.index(name)] for name in shown])
    across = statistic != "" and room >= 640
    width = (room // 2 if across else room) - 90
    legend = alt.Legend(
        title=None, orient="top", labelLimit=300, columns=columns_in(shown, room),
        symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1,
    )  # fmt: skip
    tint = alt.Color("variant:N", scale=scale, sort=list(shown), legend=legend)
    tables = Tables()
    parts = [losses(curve[curve["variant"].isin(shown)], tint, width, tables)]
    if statistic:
        parts.append(profiles(layers[layers["variant"].isin(shown)], statistic, tint, width, tables))
    shared = {"scale": {"color": "shared"}}  # one legend for both
    rows = [parts] if across else [[part] for part in parts]
    made = [Stack(row, across=True, spacing=24, resolve=shared) for row in rows]
    return Filled(made, tables, spacing=24, resolve=shared)


def losses(curve: pd.DataFrame, tint: alt.Color, width: int, tables: Tables) -> Layered:
    """Thin the training batches, thick the test split."""
    parted = [thinned(curve[curve["split"] == "train"], POINTS), curve[curve["split"] == "test"]]
    table = over_seeds(pd.concat(parted), "loss", ["variant", "split", "step"])
    table["value"] = table["value"].where(table["value"] > 0)  # 0 has no logarithm
    scale, axis = power_axis(table["value"])
    x = alt.X("step:Q", scale=alt.Scale(nice=False))
    y = alt.Y("value:Q", title=loss_title(curve), scale=scale, axis=axis)
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("split:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("value:Q", format=".4g"),
    ]
    base = alt.Chart(tables.add("losses", table)).encode(x=x, y=y, color=tint, tooltip=tooltip)
    line: dict[str, Any] = {"invalid": "break-paths-filter-domains"}
    thin = base.transform_filter("datum.split == 'train'").mark_line(strokeWidth=1, opacity=0.55, **line)
    thick = base.transform_filter("datum.split == 'test'").mark_line(strokeWidth=2.5, **line)
    return Layered([thin, thick], width=width, height=240)


def profiles(layers: pd.DataFrame, statistic: str, tint: alt.Color, width: int, tables: Tables) -> Layered:
    """The measurement by layer at the first and the last look of each variant; triangles at the edge: exactly 0."""
    table = ends(layers, statistic)
    title = NAMES.get(statistic, statistic)
    axis: dict[str, Any] = {"title": title}
    if statistic in NORMS:
        axis["scale"], axis["axis"] = power_axis(table["value"])
    elif statistic in SHARES:
        axis["scale"], axis["axis"] = alt.Scale(domain=[0, 1]), alt.Axis(format="%")
    x = alt.X(
        "index:Q",
        title="layer (1 is nearest the input)",
        axis=alt.Axis(tickMinStep=1, format="d"),
        scale=alt.Scale(nice=False, padding=8),
    )
    dash = alt.StrokeDash(
        "look:N",
        scale=alt.Scale(domain=[START, END], range=[[4, 3], [1, 0]]),
        legend=None,  # the note under the picture says it; there is no room for two legends on a narrow screen
    )
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("layer:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("value:Q", title=title, format=".3g"),
    ]
    base = alt.Chart(tables.add("looks", table)).encode(x=x, color=tint, tooltip=tooltip)
    lines = base.mark_line(point=alt.OverlayMarkDef(size=30, filled=True)).encode(
        y=alt.Y("value:Q", **axis), strokeDash=dash, strokeWidth=alt.value(1.8)
    )
    if statistic not in NORMS:
        return Layered([lines], width=width, height=240)
    parts: list[Any] = [lines.transform_filter("datum.value > 0")]
    if (table["value"] == 0).any():
        mark = base.transform_filter("datum.value === 0").mark_point(shape="triangle-down", filled=True, size=50)
        parts.append(mark.encode(y=alt.value(235)))
    return Layered(parts, width=width, height=240)


def ends(layers: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """``statistic`` at the first and the last measured step of each variant, mean over the seeds, with ``look``."""
    rows = layers[(layers["statistic"] == statistic) & (layers["index"] > 0)]
    table = over_seeds(rows, "value", ["variant", "step", "index", "layer"])
    steps = table.groupby("variant")["step"]
    first, last = table["step"] == steps.transform("min"), table["step"] == steps.transform("max")
    return pd.concat([table[first].assign(look=START), table[last & ~first].assign(look=END)], ignore_index=True)


def before_after_said(records: Mapping[str, pd.DataFrame], before: str, after: str, statistic: str, cure: str) -> str:
    """``Batch norm: layer 1's gradient goes from 3.2e-08 to 0.4 times the last layer's ...`` and the accuracy.

    Means over the seeds that both have; the gradient at the first look, shares of units at the last.
    """
    summary, curve, layers = (records[name] for name in ("summary", "curve", "layers"))
    both = [name for name in (before, after) if (curve["variant"] == name).any()]
    if len(both) < 2:
        return f"{after}: no records yet."
    shared = set(curve.loc[curve["variant"] == before, "seed"]) & set(curve.loc[curve["variant"] == after, "seed"])
    curve, layers, summary = (table[table["seed"].isin(shared)] for table in (curve, layers, summary))
    facts = [fact for fact in (change(layers, before, after, statistic), reached(curve, before, after)) if fact]
    seeds = f" ({len(shared)} seeds)" if len(shared) > 1 else "; one seed proves nothing"
    unfinished = [name for name in both if not (summary["variant"] == name).any()]
    so_far = " so far" if unfinished else ""
    return f"{cure[:1].upper()}{cure[1:]}: {' and '.join(facts)}{so_far}{seeds}."


def change(layers: pd.DataFrame, before: str, after: str, statistic: str) -> str:
    """What became of the measurement, in words; empty where one of the two has none."""
    layers = layers[layers["statistic"] == statistic]
    found = [describe(layers[layers["variant"] == name], statistic) for name in (before, after)]
    if any(math.isnan(value) for value in found):
        return ""
    if statistic in GRADIENTS:
        whose = "gradient" if statistic == "signal_grad_norm" else "weights' gradient"
        from_to = f"from {number(found[0], 2)} to {number(found[1], 2)}"
        return f"layer 1's {whose} goes {from_to} times the last layer's at the start"
    if statistic in SHARES:
        from_to = f"from {percent(found[0])} to {percent(found[1])}"
        return f"the {NAMES[statistic]} goes {from_to} in the worst layer at the end"
    if statistic == "update_ratio":
        return f"the largest update goes from {number(found[0], 2)} to {number(found[1], 2)} of the size of the weights"
    name = NAMES.get(statistic, statistic)
    return f"the {name} of layer 1 goes from {number(found[0], 2)} to {number(found[1], 2)} at the end"


def describe(own: pd.DataFrame, statistic: str) -> float:
    """One number for one variant: gradients as first over last layer at the first look; else see ``change``."""
    if statistic in GRADIENTS:
        return mean(ratios(own[own["step"] == own["step"].min()], statistic)["ratio"])
    if statistic == "update_ratio":
        return mean(own.groupby("seed")["value"].max())
    rows = own[own["step"] == own.groupby("seed")["step"].transform("max")]
    if statistic in SHARES:
        return mean(rows.groupby("seed")["value"].max())
    return mean(rows.loc[rows["index"] == 1, "value"])


def reached(curve: pd.DataFrame, before: str, after: str) -> str:
    """Test accuracy (or, without one, loss) of the last look at the test split."""
    metric = "accuracy" if judged(curve) else "loss"
    rows = (
        curve[curve["split"] == "test"]
        .sort_values("step", kind="stable")
        .drop_duplicates(["variant", "seed"], keep="last")
    )
    found = [mean(rows.loc[rows["variant"] == name, metric]) for name in (before, after)]
    if metric == "loss":
        return f"test loss goes from {number(found[0])} to {number(found[1])}"
    return f"test accuracy from {percent(found[0])} to {percent(found[1])}"


def mean(values: pd.Series) -> float:
    """The mean over seeds, in double precision; NaN where there are none, or one of them is NaN."""
    found = values.to_numpy("float64")
    return float(found.mean()) if len(found) and not np.isnan(found).any() else math.nan
