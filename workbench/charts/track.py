"""A positive number of every variant over the steps, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from workbench.charts.layered import Layered
from workbench.charts.training import (
    BROKEN,
    ZERO,
    Seeds,
    Width,
    color,
    columns_in,
    dash,
    power_axis,
    several,
    symlog,
)

NEGATIVE = "negative"


def track(
    table: pd.DataFrame,
    title: str,
    names: Sequence[str],
    seeds: Seeds,
    width: Width = "container",
    height: int = 260,
    *,
    level: float | None = None,
    said: str = "",
    limit: pd.DataFrame | None = None,
    room: int = 0,
) -> Layered:
    """``table`` has variant, step, value, low, high and seeds (``over_seeds``).

    ``level``: a dashed grey line, called ``said``. ``limit`` (variant, step, value): a dashed line of each variant,
    with the same name. What has no logarithm is marked: triangles at the lower edge for 0 or less, crosses at the
    upper one for what is not finite. ``room``: pixels of the legend.
    """
    columns = columns_in(names, room) if room else 2
    tint, pattern = color(names, seeds, columns=columns), dash(names, seeds, columns=columns)
    x = symlog("step", "step", 1.0, float(table["step"].max()) if len(table) else 0.0)
    sizes = [table["low"], table["value"], table["high"], pd.Series([] if level is None else [level], dtype="float64")]
    scale, axis = power_axis(pd.concat(sizes + ([limit["value"]] if limit is not None else [])))
    y = alt.Y("value:Q", title=title, scale=scale, axis=axis)
    drawn = table.assign(**{column: table[column].where(table[column] > 0) for column in ("value", "low", "high")})
    above = alt.Chart(drawn)
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("value:Q", title=title, format=".3g"),
        alt.Tooltip("seeds:Q"),
    ]
    parts: list[Any] = []
    if level is not None:
        even = alt.Chart(pd.DataFrame({"value": [level], "said": [said]}))
        parts.append(even.mark_rule(strokeDash=[4, 4], color="gray").encode(y=y, tooltip=alt.Tooltip("said:N")))
        if said:
            label = even.mark_text(align="right", baseline="bottom", dx=-2, dy=-2, color="gray", fontSize=11)
            parts.append(label.encode(x=alt.value(width if isinstance(width, int) else "width"), y=y, text="said:N"))
    if several(seeds):
        band = above.mark_area(opacity=0.15, invalid="break-paths-filter-domains")
        low = alt.Y("low:Q", title=title, scale=scale, axis=axis)
        parts.append(band.encode(x=x, y=low, y2=alt.Y2("high:Q"), color=tint))
    line = above.mark_line(point=alt.OverlayMarkDef(size=18), invalid="break-paths-filter-domains")
    parts.append(line.encode(x=x, y=y, color=tint, strokeDash=pattern, tooltip=tooltip))
    if limit is not None and len(limit):
        edge = alt.Chart(limit.assign(said=said)).mark_line(strokeDash=[5, 4], strokeWidth=1.2, opacity=0.9)
        told = [alt.Tooltip("variant:N"), alt.Tooltip("step:Q"), alt.Tooltip("value:Q", title=said, format=".3g")]
        parts.append(edge.encode(x=x, y=y, color=tint, tooltip=told))
    for state, rows, shape, place in (
        (ZERO, table[table["value"] == 0], "triangle-down", height - 5),
        (NEGATIVE, table[table["value"] < 0], "triangle-down", height - 5),
        (BROKEN, table[table["value"].isna()], "cross", 5),
    ):
        if len(rows):
            mark = alt.Chart(rows.assign(state=state)).mark_point(shape=shape, filled=True, size=50, opacity=1)
            parts.append(mark.encode(x=x, y=alt.value(place), color=tint, tooltip=[*tooltip, alt.Tooltip("state:N")]))
    return Layered(parts, width=width, height=height)
