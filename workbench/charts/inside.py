"""A measurement over the steps, one line a layer, one panel a variant."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from workbench.charts.heat import cells
from workbench.charts.layered import Faceted, Layered
from workbench.charts.style import OUTCOMES
from workbench.charts.tables import Filled, Tables
from workbench.charts.training import BROKEN, NAMES, NORMS, ZERO, power_axis, symlog, variants

SHARES = ("saturated_fraction", "dead_fraction", "activation_correlation")  # between 0 and 1


def inside(
    layers: pd.DataFrame, statistic: str, width: int = 260, columns: int = 3, names: Sequence[str] = ()
) -> Filled:
    """The mean over the seeds. Norms have a log axis, on which an exact 0 is a triangle at the lower edge; what is not
    finite is a cross at the upper one."""
    table, names, tables = cells(layers, statistic), variants(layers, names), Tables()
    title = NAMES.get(statistic, statistic)
    last = float(table["step"].max()) if len(table) else 0.0
    depth = int(table["index"].max()) if len(table) else 1
    x = symlog("step", "step", 1.0, last)
    if statistic in NORMS:
        scale, axis = power_axis(table["value"])
        y = alt.Y("value:Q", title=title, scale=scale, axis=axis)
    elif statistic in SHARES:
        y = alt.Y("value:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%"))
    else:
        y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=True))
    ticks = sorted({1, (1 + depth) // 2, depth})
    key = alt.Legend(title="layer (1 is nearest the input)", orient="top", values=ticks, format="d", gradientLength=180)
    tint = alt.Color("index:Q", scale=alt.Scale(scheme="viridis", domain=[1, max(2, depth)]), legend=key)
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("layer:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("value:Q", title=title, format=".3g"),
        alt.Tooltip("state:N"),
    ]
    shown = alt.Chart().transform_filter("datum.state == ''")
    lines = shown.mark_line(point=alt.OverlayMarkDef(size=14, filled=True), strokeWidth=1.3)
    parts = [lines.encode(x=x, y=y, color=tint, detail=alt.Detail("index:O"), tooltip=tooltip)]
    height = 180
    for state, shape, place in ((ZERO, "triangle-down", height - 5), (BROKEN, "cross", 5)):
        if (table["state"] == state).any():
            mark = alt.Chart().transform_filter(f"datum.state == '{state}'")
            paint = alt.value(OUTCOMES["diverged"][0]) if state == BROKEN else tint
            drawn = mark.mark_point(shape=shape, filled=True, size=45, opacity=1)
            parts.append(drawn.encode(x=x, y=alt.value(place), color=paint, tooltip=tooltip))
    there = [name for name in names if name in set(table["variant"])]
    facet = alt.Facet("variant:N", title=None, sort=there, header=alt.Header(labelFontWeight="bold", labelLimit=width))
    data = tables.add("inside", table)
    view = Layered(parts, width=width, height=height)
    count = max(1, min(columns, len(there)))
    panels = Faceted(view, data, facet, count, resolve={"axis": {"x": "independent"}})
    return Filled([panels], tables)
