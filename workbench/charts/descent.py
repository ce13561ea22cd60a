"""Charts of descents: the paths over the iso-lines, and what falls with every step."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

import altair as alt
import pandas as pd

from workbench.charts.crop import Box, crop, thin
from workbench.charts.style import (
    INK,
    QUIET,
    colors_of,
    counted,
    describe_outcome,
    titled,
    variant_colors,
    variant_dashes,
)

MOST = 2000  # points of all paths in one chart
STAR = "M0,-1L.24,-.32L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.32Z"
MARKS = {"start": "square", "lowest point": STAR, "local minimum": "cross", "leaves the plot": "triangle-up"}
PLACES = {"point": 0, "leaves": 1, "returns": 2}  # as the charts' data spell them, to stay small
LOWEST_GAP = 1e-12  # what a log axis shows of a gap; smaller ones leave the plot at the bottom
Interval = tuple[float, float]
Minima = Sequence[tuple[float, float]]


def panel_titles(summary: pd.DataFrame) -> dict[str, str]:
    """``SGD · converged, 43 steps`` for each variant, in order; with several seeds how many had each outcome."""
    titles = {}
    for name, rows in summary.groupby("variant", sort=False):
        if len(rows) == 1:
            row = rows.iloc[0]
            words = describe_outcome(str(row["outcome"]), int(row["steps"]))
        else:
            counts = rows["outcome"].value_counts()
            words = ", ".join(f"{count} of {len(rows)} {word}" for word, count in counts.items())
        titles[str(name)] = f"{name} · {words}"
    return titles


def box_of(path: pd.DataFrame, x: Interval, y: Interval) -> Box:
    """The domain that is drawn: that of the surface, widened to the starts."""
    starts = path[path["step"] == 0]
    xs, ys = [*x, *starts["x"].tolist()], [*y, *starts["y"].tolist()]
    return min(xs), max(xs), min(ys), max(ys)


def cropped(path: pd.DataFrame, box: Box, names: list[str]) -> pd.DataFrame:
    """The rows to draw: panel (a number), line, order, step, x, y, value, at; thinned to ``MOST`` in all."""
    groups = list(path.groupby(["variant", "seed"], sort=False))
    rows: list[dict[str, Any]] = []
    for (name, seed), whole in groups:
        chosen = whole.iloc[thin(len(whole), max(10, MOST // max(1, len(groups))))]
        steps, values = chosen["step"].tolist(), chosen["value"].tolist()
        line = list(zip(chosen["x"].tolist(), chosen["y"].tolist(), strict=True))
        for order, point in enumerate(crop(line, box)):
            value = values[point.row]
            rows.append(
                {
                    "panel": names.index(str(name)),
                    "line": f"{seed} {point.piece}",
                    "order": order,
                    "step": steps[point.row],
                    "x": round(point.x, 4),
                    "y": round(point.y, 4),
                    "value": float(f"{value:.4g}") if math.isfinite(value) else None,
                    "at": PLACES[point.place],
                }
            )
    return pd.DataFrame(rows, columns=["panel", "line", "order", "step", "x", "y", "value", "at"])


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
) -> alt.FacetChart:
    """One panel per variant: iso-lines, the path, its start and the lowest point; a slider plays the steps.

    ``path`` and ``summary`` are records; ``contours`` as ``workbench.descent.contours`` makes them;
    ``minima`` the known minima, the lowest first; ``x`` and ``y`` the domain to draw.
    """
    titles = panel_titles(summary)
    box = box_of(path, x, y)
    names = list(titles)
    rows = cropped(path, box, names)
    last = int(path["step"].max()) if len(path) else 0
    step = alt.param("step", value=last, bind=alt.binding_range(min=0, max=max(1, last), step=1, name="up to step "))
    axis = alt.Axis(grid=False, tickCount=5)
    x_axis = alt.X("x:Q", title="x", scale=alt.Scale(domain=box[:2], nice=False, zero=False), axis=axis)
    y_axis = alt.Y("y:Q", title="y", scale=alt.Scale(domain=box[2:], nice=False, zero=False), axis=axis)
    used = (True, len(minima) > 0, len(minima) > 1, bool((rows["at"] == PLACES["leaves"]).any()))
    marks = [mark for mark, is_used in zip(MARKS, used, strict=True) if is_used]
    shape = alt.Shape(
        "mark:N",
        title=None,
        scale=alt.Scale(domain=marks, range=[MARKS[mark] for mark in marks]),
        legend=alt.Legend(orient="top", symbolFillColor=INK, symbolStrokeColor=INK, symbolSize=110),
    )
    color = alt.Color(
        "panel:O", scale=alt.Scale(domain=list(range(len(names))), range=colors_of(len(names))), legend=None
    )
    tooltip = [alt.Tooltip(f"{field}:Q") for field in ("step", "x", "y", "value")]

    lines = contours[["line", "order", "x", "y", "level"]].round({"x": 3, "y": 3})
    lines["level"] = [float(f"{level:.4g}") for level in lines["level"]]
    background = (
        alt.Chart(lines)
        .mark_line(color=QUIET, strokeWidth=0.8, opacity=0.6, clip=True)
        .encode(
            x=x_axis,
            y=y_axis,
            detail=alt.Detail("line:N"),
            order=alt.Order("order:Q"),
            tooltip=alt.Tooltip("level:Q", title="value"),
        )
    )
    lowest = pd.DataFrame(
        [
            {"x": place[0], "y": place[1], "mark": "local minimum" if index else "lowest point"}
            for index, place in enumerate(minima)
        ]
    )
    layers: list[alt.Chart] = [background.properties(name="iso_lines")]  # altair needs the name when it concatenates
    shown = alt.Chart().transform_filter("datum.step <= step")
    layers.append(
        shown.mark_line(strokeWidth=1.6, opacity=0.85).encode(
            x=x_axis, y=y_axis, color=color, detail=alt.Detail("line:N"), order=alt.Order("order:Q")
        )
    )
    layers.append(
        shown.transform_filter("datum.at == 0")
        .mark_circle(size=14, opacity=0.9)
        .encode(x=x_axis, y=y_axis, color=color, tooltip=tooltip)
    )
    if len(lowest):
        layers.append(
            alt.Chart(lowest)
            .mark_point(filled=True, size=100, color=INK, stroke="white", strokeWidth=0.8, opacity=1)
            .encode(x=x_axis, y=y_axis, shape=shape)
        )
    layers.append(
        alt.Chart()
        .transform_filter("datum.step == 0 && datum.at == 0")
        .transform_calculate(mark="'start'")
        .mark_point(filled=True, size=60, color=INK, stroke="white", strokeWidth=0.8, opacity=1)
        .encode(x=x_axis, y=y_axis, shape=shape, tooltip=tooltip)
    )
    layers.append(
        shown.transform_filter("datum.at == 1")
        .transform_calculate(mark="'leaves the plot'")
        .mark_point(filled=True, size=60, opacity=1)
        .encode(
            x=x_axis, y=y_axis, color=color, shape=shape, tooltip=alt.Tooltip("step:Q", title="leaves the plot at step")
        )
    )
    drawn = len(rows[rows["at"] == PLACES["point"]])
    notes = [subtitle]
    if len(path) > MOST:
        notes.append(f"long paths are thinned: {drawn} of {len(path)} points are drawn")
    long = max((len(text) for text in titles.values()), default=0) * 7 > size
    labels = [text.rsplit(" · ", 1) if long else text for text in titles.values()]
    header = alt.Header(
        labelExpr=f"{json.dumps(labels, ensure_ascii=False)}[datum.value]",
        labelFontSize=12,
        labelFontWeight="bold",
        labelAnchor="start",
        labelLimit=size + 20,
    )
    panels = (
        alt.layer(*layers, data=rows)
        .properties(width=size, height=round(size * 0.86))
        .facet(
            facet=alt.Facet("panel:O", title=None, header=header),
            columns=columns,
            spacing=14,
        )
        .properties(params=[step.param])  # add_params would copy the whole chart several times
    )
    return titled(panels, title, notes)


def values(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    lowest: float,
    tolerance: float | None = None,
    title: str = "",
    narrow: bool = False,
) -> alt.LayerChart:
    """How far above the lowest value each variant is at each step, on a log axis."""
    gaps = [value - lowest for value in path["value"]]
    return by_step(path, summary, gaps, "value above the lowest", tolerance, title, narrow)


def distance(
    path: pd.DataFrame, summary: pd.DataFrame, to: tuple[float, float], title: str = "", narrow: bool = False
) -> alt.LayerChart:
    """How far from the point ``to`` each variant is at each step, on a log axis."""
    away = [math.hypot(x - to[0], y - to[1]) for x, y in zip(path["x"], path["y"], strict=True)]
    return by_step(path, summary, away, f"distance to ({to[0]:.3g}, {to[1]:.3g})", None, title, narrow)


def by_step(
    path: pd.DataFrame,
    summary: pd.DataFrame,
    heights: Iterable[float],
    label: str,
    tolerance: float | None,
    title: str,
    narrow: bool = False,
) -> alt.LayerChart:
    """One line per variant on a log axis; lines that leave the plot end in a mark at its border.

    ``narrow`` puts the legend above the plot, where a screen has no room beside it.
    """
    table = path[["variant", "seed", "step"]].assign(height=list(heights))
    titles = panel_titles(summary)
    names = list(titles)
    colors = dict(zip(names, colors_of(len(names)), strict=True))
    start = table.loc[table["step"] == 0, "height"].max()
    finite = [height for height in table["height"] if math.isfinite(height) and height > LOWEST_GAP]
    top = min(max([*finite, 1.0]), 1e4 * start if start > 0 else 1e4)
    bottom = max(min([*finite, top / 10]), LOWEST_GAP)
    box = (0.0, float(max(1, table["step"].max())), math.log10(bottom) - 0.1, math.log10(top) + 0.1)
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
                    "height": float(f"{10**point.y:.4g}"),
                    "mark": "leaves the plot" if point.place == "leaves" else None,
                    "color": colors[str(name)],
                }
            )
    shown = pd.DataFrame(rows, columns=["variant", "line", "step", "height", "mark", "color"])
    x = alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, box[1]], nice=False))
    y = alt.Y(
        "height:Q",
        title=label,
        scale=alt.Scale(type="log", domain=[10 ** box[2], 10 ** box[3]], nice=False),
        axis=alt.Axis(format="~e", tickCount=8),
    )
    legend = (
        alt.Legend(orient="top", columns=2, labelLimit=150, symbolStrokeWidth=3)
        if narrow
        else alt.Legend(orient="right", labelLimit=260, symbolStrokeWidth=3)
    )
    dash = alt.StrokeDash("variant:N", title=None, scale=variant_dashes(names), legend=legend)
    base = alt.Chart(shown).encode(x=x, y=y)
    layers: list[Any] = [
        base.mark_line(strokeWidth=2).encode(
            color=alt.Color("variant:N", title=None, scale=variant_colors(names), legend=legend),
            strokeDash=dash,
            detail=alt.Detail("line:N"),
            tooltip=[alt.Tooltip("variant:N"), alt.Tooltip("step:Q"), alt.Tooltip("height:Q", title=label)],
        ),
        base.transform_filter("datum.mark != null")
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            fill=alt.Fill("color:N", scale=None),
            shape=alt.Shape(
                "mark:N",
                title=None,
                scale=alt.Scale(domain=["leaves the plot"], range=["triangle-up"]),
                legend=alt.Legend(orient="top" if narrow else "right", symbolFillColor=INK, symbolStrokeColor=INK),
            ),
            tooltip=[alt.Tooltip("variant:N"), alt.Tooltip("step:Q", title="leaves the plot at step")],
        ),
    ]
    if tolerance is not None and 10 ** box[2] < tolerance < 10 ** box[3]:
        rule = alt.Chart(pd.DataFrame({"height": [tolerance], "text": [f"tolerance {tolerance:g}"]}))
        layers.append(rule.mark_rule(color=INK, strokeDash=[4, 3]).encode(y=y))
        layers.append(
            rule.mark_text(align="right", baseline="bottom", color=INK, dy=-2).encode(
                y=y, x=alt.value("width"), text=alt.Text("text:N")
            )
        )
    notes = [f"{counted(len(shown), 'point')} of {len(path)} drawn"] if len(path) > MOST else []
    chart = cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=320))
    return titled(chart, title, notes)


def far(height: float) -> float:
    """A height that no log axis has: nothing left is far below, infinity far above, NaN stays."""
    if math.isnan(height):
        return math.nan
    return 400.0 if height > 0 else -400.0
