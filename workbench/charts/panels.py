"""One panel a variant: iso-lines, its path, its start, and where it is now."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.charts import play
from workbench.charts.crop import LEAVES, POINT, Box
from workbench.charts.style import INK, QUIET, colors_of, describe_outcome, number, panel_header, titled
from workbench.charts.traces import MOST, digits, traces

STAR = "M0,-1L.24,-.32L.95,-.31L.38,.12L.59,.81L0,.4L-.59,.81L-.38,.12L-.95,-.31L-.24,-.32Z"
MARKS = {"start": "square", "lowest point": STAR, "local minimum": "cross", "leaves the plot": "triangle-up"}
HEIGHTS = ("#3b528b", "#21918c", "#5ec962")  # low to high: the middle of viridis, seen on light and on dark
ROOMY = 480  # pixels that the legends need side by side
HATCH = 0.3  # opacity of where a surface is not defined
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


def cropped(path: pd.DataFrame, box: Box, names: list[str]) -> pa.Table:
    """The rows to draw: panel (a number), line, order, step, until (the step of the next row), x, y, value, at."""
    drawn = traces(path, path["x"].to_numpy(dtype=float), path["y"].to_numpy(dtype=float), box)
    numbers = {name: number for number, name in enumerate(names)}
    panel = path["variant"].map(numbers).to_numpy(dtype=np.int64)
    return drawn.table(
        panel=panel[drawn.row],
        order=np.arange(len(drawn.row)),
        x=drawn.x.round(4),
        y=drawn.y.round(4),
        value=digits(path["value"].to_numpy(dtype=float)[drawn.row]),
        at=drawn.place,
    )


def plot_axes(box: Box) -> tuple[alt.X, alt.Y]:
    """The axes of a plot of the plane."""
    axis = alt.Axis(grid=False, tickCount=5)
    return (
        alt.X("x:Q", title="x", scale=alt.Scale(domain=box[:2], nice=False, zero=False), axis=axis),
        alt.Y("y:Q", title="y", scale=alt.Scale(domain=box[2:], nice=False, zero=False), axis=axis),
    )


def ground(contours: pd.DataFrame, holes: pd.DataFrame | None, axes: tuple[alt.X, alt.Y]) -> list[alt.Chart]:
    """The surface below the paths: iso-lines in the colour of their height, a shade where it is not defined."""
    lines = pa.table(
        {name: contours[name].to_numpy() for name in ("line", "order")}
        | {name: contours[name].to_numpy(dtype=float).round(3) for name in "xy"}
        | {name: digits(contours[name].to_numpy(dtype=float)) for name in ("level", "gap")}
    )
    gaps = sorted(lines["gap"].unique().to_pylist()) or [1.0]
    even = len(gaps) > 2 and math.isclose(gaps[-1] - gaps[-2], gaps[1] - gaps[0], rel_tol=0.01)
    scale = alt.Scale(type="linear" if even else "log", domain=[gaps[0], gaps[-1]], range=list(HEIGHTS), nice=False)
    legend = alt.Legend(
        orient="top",
        direction="horizontal",
        gradientLength=150,
        gradientThickness=8,
        titleLimit=260,
        tickCount=3,
        format=".3~g" if even else "~g",
        values=[gaps[0], gaps[len(gaps) // 2], gaps[-1]] if len(gaps) > 2 else gaps,
        labelOverlap=True,
    )
    layers = []
    if holes is not None and len(holes):
        cells = pa.table({name: holes[name].to_numpy().round(4) for name in holes})
        hole = alt.Chart(cells).mark_rect(color=QUIET, opacity=HATCH, strokeWidth=0, clip=True)
        layers.append(hole.encode(x=axes[0], x2=alt.X2("x2:Q"), y=axes[1], y2=alt.Y2("y2:Q")))
    layers.append(
        alt.Chart(lines)
        .mark_line(strokeWidth=0.9, opacity=0.75, clip=True)
        .encode(
            x=axes[0],
            y=axes[1],
            stroke=alt.Stroke("gap:Q", title="iso-lines: above the lowest", scale=scale, legend=legend),
            detail=alt.Detail("line:N"),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("level:Q", title="value"), alt.Tooltip("gap:Q", title="above the lowest")],
        )
    )
    return layers


def mark_legend(room: int) -> alt.Legend:
    """The legend of the marks: beside that of the heights where ``room`` pixels allow it, else below the plot."""
    if room >= ROOMY:
        return alt.Legend(orient="top", symbolFillColor=INK, symbolStrokeColor=INK, symbolSize=110)
    return alt.Legend(orient="bottom", columns=2, symbolFillColor=INK, symbolStrokeColor=INK, symbolSize=110)


def marked(minima: Minima, lowest: int) -> pd.DataFrame:
    """The minima with what they are called; the first ``lowest`` of them lie lowest."""
    return pd.DataFrame(
        [
            {"x": place[0], "y": place[1], "mark": "lowest point" if index < lowest else "local minimum"}
            for index, place in enumerate(minima)
        ],
        columns=["x", "y", "mark"],
    )


def panels(
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
    """One panel per variant, without a clock of its own: whoever puts it into a picture adds ``play.slider``.

    ``path`` and ``summary`` are records; ``contours`` and ``holes`` as ``workbench.descent.contours`` makes them;
    ``minima`` the known minima, the lowest first (the first ``lowest`` are equally low); ``x`` and ``y`` the domain.
    """
    titles = panel_titles(summary)
    box = box_of(path, x, y)
    names = list(titles)
    rows = cropped(path, box, names)
    x_axis, y_axis = axes = plot_axes(box)
    places = marked(minima, lowest)
    left = LEAVES in rows["at"].unique().to_pylist()
    there = {"start", *places["mark"], *(["leaves the plot"] if left else [])}
    marks = [mark for mark in MARKS if mark in there]
    shape = alt.Shape(
        "mark:N",
        title=None,
        scale=alt.Scale(domain=marks, range=[MARKS[mark] for mark in marks]),
        legend=mark_legend(columns * size),
    )
    color = alt.Color(
        "panel:O", scale=alt.Scale(domain=list(range(len(names))), range=colors_of(len(names))), legend=None
    )
    tooltip = [alt.Tooltip(f"{field}:Q") for field in ("step", "x", "y", "value")]
    layers = ground(contours, holes, axes)
    shown = alt.Chart().transform_filter(play.SHOWN)
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
    layers.append(
        alt.Chart()
        .transform_filter(f"datum.at == 0 && {play.NOW}")
        .mark_circle(size=70, opacity=1, stroke="white", strokeWidth=1)
        .encode(x=x_axis, y=y_axis, color=color, tooltip=tooltip)
    )
    if len(places):
        layers.append(
            alt.Chart(places)
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
    whole = faceted(layers, rows, list(titles.values()), columns, size)
    return titled(whole, title, notes(path, rows, holes, subtitle))


def faceted(layers: Sequence[alt.Chart], rows: pa.Table, titles: list[str], columns: int, size: int) -> alt.FacetChart:
    """The layers once for each panel; a title that is too long for one line takes two."""
    long = max((len(text) for text in titles), default=0) * 7 > size
    labels = [text.rsplit(" · ", 1) if long else text for text in titles]
    header = panel_header(labels, size)
    panel = alt.layer(*layers, width=size, height=round(size * 0.86))
    facet = alt.Facet("panel:O", title=None, header=header)
    return alt.FacetChart(data=rows, spec=panel, facet=facet, columns=columns, spacing=14)


def notes(path: pd.DataFrame, rows: pa.Table, holes: pd.DataFrame | None, first: str) -> list[str]:
    """What must be said beside a picture of paths."""
    found = [first]
    if len(path) > MOST:
        drawn = int((rows["at"].to_numpy() == POINT).sum())
        found.append(f"long paths are thinned: {drawn} of {len(path)} points are drawn")
    if holes is not None and len(holes):
        found.append("shaded: the function is not defined there")
    return found


def variant_fill(names: Sequence[str]) -> str:
    """An expression for the colour of a row's variant, where a scale would put a second legend beside the first."""
    return f"{json.dumps(dict(zip(names, colors_of(len(names)), strict=True)))}[datum.variant]"


def described(contours: pd.DataFrame) -> str:
    """At which heights the iso-lines lie, for a caption."""
    gaps = sorted({float(f"{gap:.3g}") for gap in contours["gap"].unique()})
    if not gaps:
        return ""
    return f"Iso-lines at {', '.join(number(gap) for gap in gaps)} above the lowest value."
