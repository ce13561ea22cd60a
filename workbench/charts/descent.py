"""Charts of descents: the paths over the iso-lines, what falls with every step, and both under one clock."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, cast

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts import play
from workbench.charts.crop import crop, thin
from workbench.charts.panels import MOST, Interval, Minima, panel_titles, panels, variant_fill
from workbench.charts.stack import Stack
from workbench.charts.style import INK, titled, variant_colors, variant_dashes

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
    gaps = [value - bottom for value in path["value"]]
    plain = [
        curves(path, summary, gaps, VALUE, tolerance, None).properties(width=width, height=150),
        curves(path, summary, nearest(path, minima), DISTANCE, None, None).properties(width=width, height=150),
    ]
    below = Stack(plain, across=not narrow, spacing=12 if narrow else 20)
    return Stack([above, below], params=[play.slider(last_of(path))], spacing=18)


def last_of(path: pd.DataFrame) -> int:
    """The last step of the longest path."""
    return int(path["step"].max()) if len(path) else 0


def nearest(path: pd.DataFrame, minima: Minima) -> list[float]:
    """How far each row of a path is from the minimum that is nearest to it; without minima not a number."""
    if not len(minima):
        return [math.nan] * len(path)
    at = path[["x", "y"]].to_numpy(dtype=float)[:, None]
    away = at - np.asarray(minima, dtype=float)
    return [float(distance) for distance in np.hypot(away[..., 0], away[..., 1]).min(axis=1)]


def values(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    lowest: float,
    tolerance: float | None = None,
    title: str = "",
    narrow: bool = False,
) -> alt.LayerChart:
    """How far above the lowest value each variant is at each step, on a log axis."""
    return by_step(path, summary, [value - lowest for value in path["value"]], VALUE, tolerance, title, narrow)


def distance(
    path: pd.DataFrame, summary: pd.DataFrame, minima: Minima, title: str = "", narrow: bool = False
) -> alt.LayerChart:
    """How far from the nearest of the ``minima`` each variant is at each step, on a log axis."""
    label = DISTANCE if len(minima) != 1 else f"distance to ({minima[0][0]:.3g}, {minima[0][1]:.3g})"
    return by_step(path, summary, nearest(path, minima), label, None, title, narrow)


def by_step(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    heights: Iterable[float],
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
    drawn = curves(path, summary, heights, label, tolerance, legend)
    whole = drawn.properties(width="container", height=320, params=[play.slider(last_of(path))])
    notes = [f"long paths are thinned: at most {MOST} of {len(path)} points are drawn"] if len(path) > MOST else []
    return titled(whole, title, notes)


def curves(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    heights: Iterable[float],
    label: str,
    tolerance: float | None,
    legend: alt.Legend | None,
) -> alt.LayerChart:
    """One line per variant on a log axis; lines that leave the plot end in a mark at its border.

    A rule and points stand at the step of the clock, which whoever puts them into a picture adds.
    """
    table = path[["variant", "seed", "step"]].assign(height=list(heights))
    names = list(panel_titles(summary))
    axes, box = log_axes(table, label)
    shown = step_rows(table, box)
    base = alt.Chart(shown).encode(x=axes[0], y=axes[1])
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
        rule = alt.Chart(pd.DataFrame({"height": [tolerance], "text": [f"tolerance {tolerance:g}"]}))
        layers.append(rule.mark_rule(color=INK, strokeDash=[4, 3]).encode(y=axes[1]))
        layers.append(
            rule.mark_text(align="right", baseline="bottom", color=INK, dy=-2).encode(
                y=axes[1], x=alt.value("width"), text=alt.Text("text:N")
            )
        )
    layers.append(alt.Chart(pd.DataFrame({"clock": [0]})).mark_rule(color=INK).encode(x=play.now_at()))
    layers.append(
        base.transform_filter(f"datum.mark == null && {play.NOW}")
        .transform_calculate(fill=variant_fill(names))
        .mark_circle(size=55, opacity=1, stroke="white", strokeWidth=1)
        .encode(fill=fill, tooltip=tooltip)
    )
    return cast(alt.LayerChart, alt.layer(*layers))


Limits = tuple[float, float, float, float]


def log_axes(table: pd.DataFrame, label: str) -> tuple[tuple[alt.X, alt.Y], Limits]:
    """The axes, and their ends: steps, and decades of the height; what shoots up beyond all bounds leaves the plot."""
    start = table.loc[table["step"] == 0, "height"].max()
    finite = [height for height in table["height"] if math.isfinite(height) and height > LOWEST_GAP]
    top = min(max([*finite, 1.0]), 1e4 * start if start > 0 else 1e4)
    bottom = max(min([*finite, top / 10]), LOWEST_GAP)
    last = float(max(1, table["step"].max())) if len(table) else 1.0
    box = (0.0, last, math.log10(bottom) - 0.1, math.log10(top) + 0.1)
    x = alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, box[1]], nice=False))
    y = alt.Y(
        "height:Q",
        title=label,
        scale=alt.Scale(type="log", domain=[10 ** box[2], 10 ** box[3]], nice=False),
        axis=alt.Axis(format="~e", tickCount=8),
    )
    return (x, y), box


def step_rows(table: pd.DataFrame, box: Limits) -> pd.DataFrame:
    """The rows to draw: variant, line, step, until (the step of the next row), height, mark."""
    groups = list(table.groupby(["variant", "seed"], sort=False))
    rows: list[dict[str, Any]] = []
    for (name, seed), whole in groups:
        chosen = whole.iloc[thin(len(whole), max(10, MOST // max(1, len(groups))))]
        steps = chosen["step"].tolist()
        line = [
            (float(step), math.log10(height) if height > 0 and math.isfinite(height) else far(height))
            for step, height in zip(steps, chosen["height"].tolist(), strict=True)
        ]
        for point in crop(line, box):
            rows.append(
                {
                    "variant": str(name),
                    "line": f"{seed} {point.piece}",
                    "step": round(point.x, 2),
                    "until": steps[point.row + 1] if point.row + 1 < len(steps) else None,
                    "height": float(f"{10**point.y:.4g}"),
                    "mark": "leaves the plot" if point.place == "leaves" else None,
                }
            )
    columns = ["variant", "line", "step", "until", "height", "mark"]
    return pd.DataFrame(rows, columns=columns).astype({"until": "Int64"})


def far(height: float) -> float:
    """A height that no log axis has: nothing left is far below, infinity far above, NaN stays."""
    if math.isnan(height):
        return math.nan
    return 400.0 if height > 0 else -400.0
