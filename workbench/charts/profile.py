"""A measurement from layer to layer at one step: where along the way it fades or grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from workbench.charts import cursor
from workbench.charts.heat import cells
from workbench.charts.layered import Layered
from workbench.charts.tables import Filled, Tables
from workbench.charts.training import (
    BROKEN,
    NAMES,
    NORMS,
    ZERO,
    Seeds,
    color,
    columns_in,
    power_axis,
    seeds_of,
    variants,
)


def profile(
    table: pd.DataFrame,
    statistic: str,
    width: int,
    height: int,
    names: Sequence[str],
    seeds: Seeds,
    tables: Tables,
    columns: int = 2,
) -> Layered:
    """The ``cells`` of a heat map, one line a variant over the layers, at the step of the picture's cursor.

    Norms have a log axis. It spans all steps, so it stands still while the cursor moves. Triangles at the lower edge:
    exactly 0; crosses at the upper one: not finite. Only inside a picture that has these ``tables`` and a ``Cursor``.
    """
    axis: dict[str, Any] = {"title": NAMES.get(statistic, statistic)}
    if statistic in NORMS:
        axis["scale"], axis["axis"] = power_axis(table["value"])
    elif len(finite := table["value"].dropna()):
        axis["scale"] = alt.Scale(domain=[min(0.0, float(finite.min())), float(finite.max())], nice=True)
    indices = sorted(table["index"].unique()) or [1]
    x = alt.X(
        "index:Q",
        title="layer (1 is nearest the input)",
        scale=alt.Scale(domain=[indices[0], indices[-1]], nice=False, padding=8),
        axis=alt.Axis(tickMinStep=1, format="d"),
    )
    tint = color(names, seeds, columns=columns)
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("layer:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("value:Q", title=NAMES.get(statistic, statistic), format=".3g"),
    ]
    now = alt.Chart(tables.add(f"layers {statistic}", table)).transform_filter(cursor.NOW)
    parts: list[alt.Chart] = [
        now.transform_filter("datum.state == ''")
        .mark_line(point=alt.OverlayMarkDef(size=28, filled=True), strokeWidth=1.6)
        .encode(x=x, y=alt.Y("value:Q", **axis), color=tint, tooltip=tooltip)
    ]
    for state, shape, place in ((ZERO, "triangle-down", height - 5), (BROKEN, "cross", 5)):
        if (table["state"] == state).any():
            mark = now.transform_filter(f"datum.state == '{state}'").mark_point(shape=shape, filled=True, size=50)
            parts.append(mark.encode(x=x, y=alt.value(place), color=tint, tooltip=[*tooltip[:3], "state:N"]))
    title = alt.TitleParams(alt.expr(f"'at step ' + {cursor.CURSOR}"), anchor="start", fontSize=12)
    return Layered(parts, width=width, height=height, title=title.to_dict())


def profile_at_start(layers: pd.DataFrame, statistic: str, room: int = 1000, names: Sequence[str] = ()) -> Filled:
    """The profile of untrained networks, a picture of its own, ``room`` pixels wide."""
    names, tables = variants(layers, names), Tables()
    table = cells(layers[layers["step"] == 0], statistic)
    width = min(room, 760) - 110
    view = profile(table, statistic, width, 280, names, seeds_of(layers), tables, columns_in(names, room))
    return Filled([view], tables, params=[cursor.Cursor(0)])
