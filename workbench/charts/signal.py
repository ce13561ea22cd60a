"""Signals of untrained networks from layer to layer: what was measured, and what theory expects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from workbench.charts.layered import Layered
from workbench.charts.stack import Stack
from workbench.charts.training import BROKEN, ZERO, Seeds, color, columns_beside, dash, power_axis, several

SIDE = 100  # pixels that a panel's axis and the gap beside it take
KINDS = 190  # those of the legend that tells measured from theory
NARROW = 640
TITLES = {
    "forward": "second moment of the activations",
    "backward": "norm of the signal's gradient",
}
HEADINGS = {"forward": "forward: input to output →", "backward": "backward: ← output to input"}


def signal(start: pd.DataFrame, names: Sequence[str], seeds: Seeds, room: int = 1000) -> Stack:
    """Forward and backward, one panel each in ``room`` pixels: points are measured (range over the seeds as a bar),
    lines are theory.

    ``start``: as ``workbench.training.signal.at_start`` makes it. Triangles at the lower edge: exactly 0; crosses at
    the upper one: not finite.
    """
    across = room >= NARROW
    width = (room // 2 if across else room) - SIDE
    columns = columns_beside(names, room, SIDE + KINDS)
    parts = [
        panel(start[start["direction"] == direction], direction, names, seeds, width, columns) for direction in TITLES
    ]
    shared = {"scale": {"color": "shared", "strokeDash": "shared", "shape": "shared"}}
    rows = [parts] if across else [[part] for part in parts]
    return Stack([Stack(row, across=True, spacing=20, resolve=shared) for row in rows], spacing=10, resolve=shared)


def panel(
    rows: pd.DataFrame, direction: str, names: Sequence[str], seeds: Seeds, width: int, columns: int, height: int = 280
) -> Layered:
    """One direction."""
    scale, axis = power_axis(pd.concat([rows["low"], rows["measured"], rows["high"], rows["theory"]]))
    depth = int(rows["index"].max()) if len(rows) else 1
    first = int(rows["index"].min()) if len(rows) else 1
    x = alt.X(
        "index:Q",
        title="layer (1 is nearest the input)",
        scale=alt.Scale(domain=[first, depth], nice=False, padding=8),
        axis=alt.Axis(tickMinStep=1, format="d"),
    )
    title = TITLES[direction]
    y = alt.Y("measured:Q", title=title, scale=scale, axis=axis)
    tint, pattern = color(names, seeds, columns=columns), dash(names, seeds, columns=columns)
    kinds = alt.Legend(
        title=None, orient="top" if columns > 2 else "bottom", symbolStrokeColor="gray", symbolFillColor="gray"
    )
    shape = alt.Shape(
        "kind:N", scale=alt.Scale(domain=["measured", "theory"], range=["circle", "stroke"]), legend=kinds
    )
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("layer:N"),
        alt.Tooltip("measured:Q", format=".4g"),
        alt.Tooltip("theory:Q", format=".4g"),
    ]
    theory = rows[rows["theory"] > 0]
    seen = rows[rows["measured"] > 0]
    lines = alt.Chart(theory).mark_line(strokeWidth=2, opacity=0.75)
    expected = alt.Y("theory:Q", title=title, scale=scale, axis=axis)
    parts: list[Any] = [lines.encode(x=x, y=expected, color=tint, strokeDash=pattern, tooltip=tooltip)]
    if several(seeds):
        bars = alt.Chart(seen[seen["low"] > 0]).mark_rule(strokeWidth=1.4)
        parts.append(bars.encode(x=x, y=alt.Y("low:Q", scale=scale), y2=alt.Y2("high:Q"), color=tint))
    thin = alt.Chart(seen[~seen["variant"].isin(theory["variant"])])
    parts.append(thin.mark_line(strokeWidth=0.8, strokeDash=[2, 2]).encode(x=x, y=y, color=tint))
    points = alt.Chart(seen.assign(kind="measured")).mark_point(size=42, filled=True, opacity=0.9)
    parts.append(points.encode(x=x, y=y, color=tint, shape=shape, tooltip=tooltip))
    for state, found, mark, place in (
        (ZERO, rows[rows["measured"] == 0], "triangle-down", height - 5),
        (BROKEN, rows[rows["measured"].isna()], "cross", 5),
    ):
        if len(found):
            drawn = alt.Chart(found.assign(state=state)).mark_point(shape=mark, size=50, filled=True, opacity=1)
            parts.append(drawn.encode(x=x, y=alt.value(place), color=tint, tooltip=[*tooltip, alt.Tooltip("state:N")]))
    heading = alt.TitleParams(HEADINGS[direction], anchor="start", fontSize=12, fontWeight="normal")
    return Layered(parts, width=width, height=height, title=heading.to_dict())
