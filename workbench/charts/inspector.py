"""What moves one descent, step by step: the point, the gradient, the move, and all that the optimizer keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import cast

import altair as alt
import pandas as pd

from workbench.charts import play
from workbench.charts.crop import Box
from workbench.charts.panels import MARKS, Interval, Minima, box_of, ground, mark_legend, marked, plot_axes
from workbench.charts.stack import Stack
from workbench.charts.style import INK

DIGITS = 4
ARROW = 46  # pixels: directions are compared, lengths stand in the table
ROW = 21  # pixels a line of the table
TABLE = 380  # pixels, where there is room beside the plot
DOWNHILL, MOVE = "minus the gradient", "move"
FIRST = ("point", "value", "gradient", "move", "lr")


def kept(state: pd.DataFrame) -> list[str]:
    """What the optimizer keeps, in the order in which it was recorded."""
    return [str(name) for name in dict.fromkeys(state["name"]) if name not in ("gradient", "move")]


def steps_of(path: pd.DataFrame, state: pd.DataFrame) -> tuple[pd.DataFrame, list[str], list[bool]]:
    """One row a step, the names of the table's lines, and which of them have two coordinates.

    Line ``n`` has the columns ``xn`` and ``yn``; of a plain number only ``xn``. The state is the one after the
    move; ``lr`` is the rate of this move.
    """
    gradient = state[state["name"] == "gradient"].set_index("step")
    places = path.set_index("step")
    steps = gradient.index
    made = pd.DataFrame({"step": steps}, index=steps)
    names = [*FIRST, *kept(state)]
    both = []
    rates = places["lr"].set_axis(places.index - 1)
    for line, name in enumerate(names):
        if name == "point":
            x, y = places["x"], places["y"]
        elif name in ("value", "lr"):
            x, y = (rates if name == "lr" else places["value"]), pd.Series(dtype="float64")
        else:
            own = state[state["name"] == name].drop_duplicates("step").set_index("step")
            x, y = own["x"], own["y"]
        both.append(name in ("point", "gradient", "move") or bool(y.notna().any()))
        made[f"x{line}"] = rounded(x.reindex(steps))
        if both[-1]:
            made[f"y{line}"] = rounded(y.reindex(steps))
    return made.reset_index(drop=True), names, both


def rounded(numbers: pd.Series[float]) -> list[float | None]:
    """To the digits that are shown; nothing for what is not finite."""
    return [float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None for number in numbers]


def inspector(
    path: pd.DataFrame,
    state: pd.DataFrame,
    contours: pd.DataFrame,
    minima: Minima,
    x: Interval,
    y: Interval,
    color: str,
    size: int = 420,
    *,
    holes: pd.DataFrame | None = None,
    lowest: int = 1,
    narrow: bool = False,
) -> Stack:
    """The plot of one descent with two arrows, and a table of all numbers, at the step of the clock.

    It begins at step 0, where a move can be checked by hand.

    ``path`` and ``state`` are the records of one variant with one seed; the rest is as in ``panels.panels``.
    Raises ``ValueError`` when ``state`` is empty: descents of very many steps do not record it.
    """
    if not len(state):
        raise ValueError("this descent has not recorded what moved it")
    rows, names, both = steps_of(path, state)
    plot = plotted(rows, box_of(path, x, y), contours, minima, color, size, holes, lowest)
    table = tabled(rows, names, both, size + 30 if narrow else TABLE)
    last = int(rows["step"].max())
    return Stack([plot, table], across=not narrow, params=[play.slider(last, 0)], spacing=18 if narrow else 30)


def plotted(
    rows: pd.DataFrame,
    box: Box,
    contours: pd.DataFrame,
    minima: Minima,
    color: str,
    size: int,
    holes: pd.DataFrame | None,
    lowest: int,
) -> alt.LayerChart:
    """The path so far, the point, and an arrow each for the gradient and the move."""
    height = round(size * 0.86)
    axes = plot_axes(box)
    x, y = (cast(alt.X, under(axes[0], "x0")), cast(alt.Y, under(axes[1], "y0")))
    layers = ground(contours, holes, axes)
    near = f"inrange(datum.x0, {span(box[0], box[1])}) && inrange(datum.y0, {span(box[2], box[3])})"
    base = alt.Chart().transform_filter(near).encode(x=x, y=y)
    order = alt.Order("step:Q")
    layers.append(base.mark_line(color=color, strokeWidth=1, opacity=0.35, clip=True).encode(order=order))
    so_far = base.transform_filter(play.SHOWN)
    layers.append(so_far.mark_line(color=color, strokeWidth=1.8, clip=True).encode(order=order))
    layers.append(so_far.mark_circle(color=color, size=12, opacity=0.9, clip=True))
    places = marked(minima, lowest)
    if len(places):
        shapes = [MARKS[mark] for mark in dict.fromkeys(places["mark"])]
        layers.append(
            alt.Chart(places)
            .mark_point(filled=True, size=100, color=INK, stroke="white", strokeWidth=0.8, opacity=1, clip=True)
            .encode(
                x=axes[0],
                y=axes[1],
                shape=alt.Shape(
                    "mark:N",
                    title=None,
                    scale=alt.Scale(domain=list(dict.fromkeys(places["mark"])), range=shapes),
                    legend=mark_legend(size),
                ),
            )
        )
    now = arrows(base.transform_filter(f"datum.step == {play.STEP}"), box, size, height)
    arrow_colors = alt.Color(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=[DOWNHILL, MOVE], range=[INK, color]),
        legend=alt.Legend(
            orient="bottom", direction="vertical", labelLimit=size, symbolType="triangle-right", symbolSize=60
        ),
    )
    layers.append(
        now.mark_rule(strokeWidth=2.5, clip=True).encode(x2=alt.X2("tip_x:Q"), y2=alt.Y2("tip_y:Q"), color=arrow_colors)
    )
    layers.append(
        now.mark_point(filled=True, shape="triangle", size=90, opacity=1, clip=True).encode(
            x=cast(alt.X, under(axes[0], "tip_x")),
            y=cast(alt.Y, under(axes[1], "tip_y")),
            angle=alt.Angle("angle:Q", scale=None),
            color=arrow_colors,
        )
    )
    point = base.transform_filter(f"datum.step == {play.STEP}")
    layers.append(point.mark_circle(color=color, size=80, opacity=1, stroke="white", strokeWidth=1, clip=True))
    return cast(alt.LayerChart, alt.layer(*layers, data=rows, width=size, height=height))


def under(axis: alt.X | alt.Y, field: str) -> alt.X | alt.Y:
    """The same axis for another field."""
    other = axis.copy(deep=False)
    other["shorthand"] = f"{field}:Q"
    return other


def span(low: float, high: float) -> str:
    """The interval in which points are handed to the drawing: beyond the plot, but not at infinity."""
    room = high - low
    return f"[{low - room}, {high + room}]"


def arrows(now: alt.Chart, box: Box, width: int, height: int) -> alt.Chart:
    """Two rows, one for each arrow, of one length in pixels: kind, tip_x, tip_y, angle (degrees, clockwise from up)."""
    across, up = width / (box[1] - box[0]), height / (box[3] - box[2])  # pixels a unit
    gradient, move = FIRST.index("gradient"), FIRST.index("move")
    return now.transform_fold([f"x{gradient}", f"x{move}"], as_=["of", "dx"]).transform_calculate(
        kind=f"datum.of == 'x{gradient}' ? {json.dumps(DOWNHILL)} : {json.dumps(MOVE)}",
        right=f"{across} * (datum.of == 'x{gradient}' ? -datum.x{gradient} : datum.x{move})",
        rise=f"{up} * (datum.of == 'x{gradient}' ? -datum.y{gradient} : datum.y{move})",
    ).transform_filter("hypot(datum.right, datum.rise) > 0").transform_calculate(
        tip_x=f"datum.x0 + datum.right * {ARROW} / hypot(datum.right, datum.rise) / {across}",
        tip_y=f"datum.y0 + datum.rise * {ARROW} / hypot(datum.right, datum.rise) / {up}",
        angle="atan2(datum.right, datum.rise) * 180 / PI",
    )  # fmt: skip


def tabled(rows: pd.DataFrame, names: Sequence[str], both: Sequence[bool], width: int) -> alt.LayerChart:
    """The numbers of the clock's step, one line a name, x and y below each other; "-" where there is none."""
    line = alt.Y("line:Q", axis=None, scale=alt.Scale(domain=[-1.6, len(names) - 0.4], reverse=True, nice=False))
    at = alt.X("at:Q", axis=None, scale=alt.Scale(domain=[0, width], nice=False))
    cells: list[str | alt.FieldName] = [
        f"{part}{n}" for n, pair in enumerate(both) for part in ("x", "y") if part == "x" or pair
    ]
    counts = [n for n, pair in enumerate(both) if n >= len(FIRST) and not pair]  # such as Adam's step
    integer = f"indexof({counts}, datum.line) >= 0 && datum.number == floor(datum.number)"
    digits = f"format(datum.number, {integer} ? 'd' : '.{DIGITS}g')"
    numbers = (
        alt.Chart(rows)
        .transform_filter(f"datum.step == {play.STEP}")
        .transform_fold(cells, as_=["cell", "number"])
        .transform_calculate(
            line="+slice(datum.cell, 1)",
            at=f"slice(datum.cell, 0, 1) == 'x' ? {width - 110} : {width}",
            text=f"isValid(datum.number) ? {digits} : '-'",
        )
        .mark_text(align="right", color=INK, font="monospace", fontSize=13)
        .encode(x=at, y=line, text=alt.Text("text:N"))
    )
    texts = [{"line": n, "at": 0, "text": name} for n, name in enumerate(names)]
    labels = (
        alt.Chart(pd.DataFrame(texts))
        .mark_text(align="left", color=INK, font="monospace", fontSize=13)
        .encode(x=at, y=line, text=alt.Text("text:N"))
    )
    heads = pd.DataFrame({"line": [-1, -1], "at": [width - 110, width], "text": ["x", "y"]})
    head = alt.Chart(heads).mark_text(align="right", color=INK, fontSize=13, fontWeight="bold")
    clock = (
        alt.Chart(pd.DataFrame({"line": [-1], "at": [0]}))
        .transform_calculate(text=f"'step ' + {play.STEP}")
        .mark_text(align="left", color=INK, fontSize=13, fontWeight="bold")
    )
    whole = alt.layer(
        numbers,
        labels,
        head.encode(x=at, y=line, text=alt.Text("text:N")),
        clock.encode(x=at, y=line, text=alt.Text("text:N")),
        alt.Chart(pd.DataFrame({"line": [-0.5]})).mark_rule(color=INK, opacity=0.5).encode(y=line),
    )
    height = ROW * (len(names) + 1)
    return cast(alt.LayerChart, whole.properties(width=width, height=height, view=alt.ViewConfig(stroke=None)))
