"""Charts of descents: the paths over the iso-lines, what falls with every step, and both under one clock."""

from __future__ import annotations

import math
from typing import Any, cast

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.charts import play
from workbench.charts.crop import LEAVES, Floats
from workbench.charts.panels import Interval, Minima, panel_titles, panels, variant_fill
from workbench.charts.stack import Stack
from workbench.charts.style import INK, titled, variant_colors, variant_dashes
from workbench.charts.traces import MOST, digits, traces

FAR = 400.0  # decades: farther than any number
LOWEST_GAP = 1e-12  # what a log axis shows of a gap; smaller ones leave the plot at the bottom
VALUE, DISTANCE = "value above the lowest", "distance to the nearest minimum"


def paths(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    contours: pd.DataFrame,
    minima: Minima,
    x: Interval,
    y: Interval,
    columns: int = 3,
    size: int = 220,
    title: str = "",
    subtitle: str = "",
    *,
    holes: pd.DataFrame | None = None,
    lowest: int = 1,
) -> alt.FacetChart:
    """One panel per variant: iso-lines, the path, its start and the lowest point; a slider plays the steps.

    The arguments are those of ``panels.panels``.
    """
    drawn = panels(path, summary, contours, minima, x, y, columns, size, title, subtitle, holes=holes, lowest=lowest)
    return drawn.properties(params=[play.slider(last_of(path))])  # add_params would copy the whole chart several times


def three_views(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    contours: pd.DataFrame,
    minima: Minima,
    x: Interval,
    y: Interval,
    bottom: float,
    columns: int = 3,
    size: int = 220,
    title: str = "",
    *,
    tolerance: float | None = None,
    holes: pd.DataFrame | None = None,
    lowest: int = 1,
    narrow: bool = False,
) -> Stack:
    """The panels, and under them the value above ``bottom`` and the distance to the nearest minimum by step.

    One slider plays all three. ``narrow`` puts the two line charts below each other.
    """
    above = panels(path, summary, contours, minima, x, y, columns, size, title, holes=holes, lowest=lowest)
    room = columns * (size + 14) - 14
    width = room if narrow else max(120, (room - 90) // 2)
    gaps = path["value"].to_numpy(dtype=float) - bottom
    plain = [
        curves(path, summary, gaps, VALUE, tolerance, None, width=width, height=150),
        curves(path, summary, nearest(path, minima), DISTANCE, None, None, width=width, height=150),
    ]
    below = Stack(plain, across=not narrow, spacing=12 if narrow else 20)
    return Stack([above, below], params=[play.slider(last_of(path))], spacing=18)


def last_of(path: pd.DataFrame) -> int:
    """The last step of the longest path."""
    return int(path["step"].max()) if len(path) else 0


def nearest(path: pd.DataFrame, minima: Minima) -> Floats:
    """How far each row of a path is from the minimum that is nearest to it; without minima not a number."""
    if not len(minima):
        return np.full(len(path), np.nan)
    at = path[["x", "y"]].to_numpy(dtype=float)[:, None]
    away = at - np.asarray(minima, dtype=float)
    found: Floats = np.hypot(away[..., 0], away[..., 1]).min(axis=1)
    return found


def values(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    lowest: float,
    tolerance: float | None = None,
    title: str = "",
    narrow: bool = False,
) -> alt.LayerChart:
    """How far above the lowest value each variant is at each step, on a log axis."""
    return by_step(path, summary, path["value"].to_numpy(dtype=float) - lowest, VALUE, tolerance, title, narrow)


def distance(
    path: pd.DataFrame, summary: pd.DataFrame, minima: Minima, title: str = "", narrow: bool = False
) -> alt.LayerChart:
    """How far from the nearest of the ``minima`` each variant is at each step, on a log axis."""
    label = DISTANCE if len(minima) != 1 else f"distance to ({minima[0][0]:.3g}, {minima[0][1]:.3g})"
    return by_step(path, summary, nearest(path, minima), label, None, title, narrow)


def by_step(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    heights: Floats,
    label: str,
    tolerance: float | None,
    title: str,
    narrow: bool = False,
) -> alt.LayerChart:
    """``curves`` as a picture of their own, with a slider.

    ``narrow`` puts the legend above the plot, where a screen has no room beside it.
    """
    legend = (
        alt.Legend(orient="top", columns=2, labelLimit=150, symbolStrokeWidth=3)
        if narrow
        else alt.Legend(orient="right", labelLimit=260, symbolStrokeWidth=3)
    )
    clock = [play.slider(last_of(path))]
    whole = curves(path, summary, heights, label, tolerance, legend, width="container", height=320, params=clock)
    notes = [f"long paths are thinned: at most {MOST} of {len(path)} points are drawn"] if len(path) > MOST else []
    return titled(whole, title, notes)


def curves(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    heights: Floats,
    label: str,
    tolerance: float | None,
    legend: alt.Legend | None,
    **more: Any,
) -> alt.LayerChart:
    """One line per variant on a log axis; lines that leave the plot end in a mark at its border.

    A rule and points stand at the step of the clock, which whoever puts them into a picture adds. ``more`` are
    properties of the chart: given at once they save a copy of it.
    """
    table = path[["variant", "seed", "step"]].assign(height=heights)
    names = list(panel_titles(summary))
    axes, box = log_axes(table, label)
    shown = step_rows(table, box)
    base = alt.Chart().encode(x=axes[0], y=axes[1])
    tooltip = [alt.Tooltip("variant:N"), alt.Tooltip("step:Q"), alt.Tooltip("height:Q", title=label)]
    fill = alt.Fill("fill:N", scale=None)
    layers: list[Any] = [
        base.mark_line(strokeWidth=2).encode(
            color=alt.Color("variant:N", title=None, scale=variant_colors(names), legend=legend),
            strokeDash=alt.StrokeDash("variant:N", title=None, scale=variant_dashes(names), legend=legend),
            detail=alt.Detail("line:N"),
            tooltip=tooltip,
        ),
        base.transform_filter("datum.mark != null")
        .transform_calculate(fill=variant_fill(names))
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            fill=fill,
            shape=alt.Shape(
                "mark:N",
                title=None,
                scale=alt.Scale(domain=["leaves the plot"], range=["triangle-up"]),
                legend=legend and alt.Legend(orient=legend.orient, symbolFillColor=INK, symbolStrokeColor=INK),
            ),
            tooltip=[alt.Tooltip("variant:N"), alt.Tooltip("step:Q", title="leaves the plot at step")],
        ),
    ]
    if tolerance is not None and 10 ** box[2] < tolerance < 10 ** box[3]:
        rule = alt.Chart(pa.table({"height": [tolerance], "text": [f"tolerance {tolerance:g}"]}))
        layers.append(rule.mark_rule(color=INK, strokeDash=[4, 3]).encode(y=axes[1]))
        layers.append(
            rule.mark_text(align="right", baseline="bottom", color=INK, dy=-2).encode(
                y=axes[1], x=alt.value("width"), text=alt.Text("text:N")
            )
        )
    layers.append(alt.Chart(pa.table({"clock": [0]})).mark_rule(color=INK).encode(x=play.now_at()))
    layers.append(
        base.transform_filter(f"datum.mark == null && {play.NOW}")
        .transform_calculate(fill=variant_fill(names))
        .mark_circle(size=55, opacity=1, stroke="white", strokeWidth=1)
        .encode(fill=fill, tooltip=tooltip)
    )
    return cast(alt.LayerChart, alt.layer(*layers, data=shown, **more))


Limits = tuple[float, float, float, float]


def log_axes(table: pd.DataFrame, label: str) -> tuple[tuple[alt.X, alt.Y], Limits]:
    """The axes, and their ends: steps, and decades of the height; what shoots up beyond all bounds leaves the plot."""
    heights, steps = table["height"].to_numpy(), table["step"].to_numpy()
    start = float(heights[(steps == 0) & ~np.isnan(heights)].max(initial=-np.inf))
    finite = heights[np.isfinite(heights) & (heights > LOWEST_GAP)]
    top = min(float(finite.max(initial=1.0)), 1e4 * start if start > 0 else 1e4)
    bottom = max(float(finite.min(initial=top / 10)), LOWEST_GAP)
    last = float(steps.max(initial=1))
    box = (0.0, last, math.log10(bottom) - 0.1, math.log10(top) + 0.1)
    x = alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, box[1]], nice=False))
    y = alt.Y(
        "height:Q",
        title=label,
        scale=alt.Scale(type="log", domain=[10 ** box[2], 10 ** box[3]], nice=False),
        axis=alt.Axis(format="~e", tickCount=8),
    )
    return (x, y), box


def step_rows(table: pd.DataFrame, box: Limits) -> pa.Table:
    """The rows to draw: variant, line, step, until (the step of the next row), height, mark."""
    steps, heights = (table[name].to_numpy(dtype=float) for name in ("step", "height"))
    drawn = traces(table, steps, logarithms(heights), box)
    return drawn.table(
        variant=table["variant"].to_numpy(dtype=object)[drawn.row],
        step=drawn.x.round(2),  # also between two steps, where a line leaves the plot
        height=digits(10**drawn.y),
        mark=pa.array(["leaves the plot" if place == LEAVES else None for place in drawn.place], pa.string()),
    )


def logarithms(heights: Floats) -> Floats:
    """Decades; of what no log axis has: nothing left is far below, infinity far above, NaN stays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(heights > 0, np.log10(heights), -np.inf)
    return np.where(np.isnan(heights), np.nan, np.clip(found, -FAR, FAR))
