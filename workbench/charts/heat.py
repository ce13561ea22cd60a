"""A measurement by layer and step: one cell each, one panel a variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts import cursor
from workbench.charts.layered import Faceted, Layered
from workbench.charts.style import OUTCOMES, QUIET
from workbench.charts.tables import Filled, Tables
from workbench.charts.training import BROKEN, NAMES, NORMS, ZERO, over_seeds, variants


def cells(layers: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """Variant, step, until (the variant's next measured step), index, layer, value, shown (log10 of a norm), state.

    The mean over the seeds. ``state`` says why there is nothing to show: ``ZERO`` has no logarithm.
    """
    rows = layers[(layers["statistic"] == statistic) & (layers["index"] > 0)]  # 0: no layer, but the whole network
    keys = ["variant", "step", "index", "layer"]
    if rows.duplicated(keys).any():
        table = over_seeds(rows, "value", keys)
    else:  # one seed: nothing to average
        values = rows["value"].astype("float64")
        table = rows[keys].assign(value=values.where(np.isfinite(values), np.nan))
    logarithmic = statistic in NORMS
    table["state"] = np.select([table["value"].isna(), logarithmic & (table["value"] == 0)], [BROKEN, ZERO], "")
    with np.errstate(divide="ignore"):
        table["shown"] = np.log10(table["value"]) if logarithmic else table["value"]
    table.loc[table["state"] != "", "shown"] = np.nan
    table["until"] = cursor.until(table)
    return table[["variant", "step", "until", "index", "layer", "value", "shown", "state"]]


def gradient_heat(
    layers: pd.DataFrame,
    statistic: str = "weight_grad_norm",
    width: int = 260,
    columns: int = 3,
    names: Sequence[str] = (),
    height: int = 0,
) -> Filled:
    """Layers x measured steps, one panel a variant, one colour scale for all; norms as log10.

    The columns are the measured steps, which lie closer at the start. Over several seeds: the mean. Cells
    that have no logarithm have colours of their own; a cell that was not measured is empty. ``height`` of a panel in
    pixels, 0: as the number of layers needs it.
    """
    table, names, tables = cells(layers, statistic), variants(layers, names), Tables()
    return Filled([heat_map(table, statistic, width, columns, names, tables, height=height)], tables)


def heat_map(
    table: pd.DataFrame,
    statistic: str,
    width: int,
    columns: int,
    names: Sequence[str],
    tables: Tables,
    listens: bool = False,
    height: int = 0,
) -> Faceted:
    """``gradient_heat`` of its ``cells``, a part of a picture with these ``tables``; ``listens``: and with a cursor."""
    logarithmic = statistic in NORMS
    title = NAMES.get(statistic, statistic.replace("_", " "))
    depth = int(table["index"].max()) if len(table) else 1
    y = alt.Y(
        "index:O",
        title="layer",
        axis=alt.Axis(
            labelExpr=f"datum.value == 1 ? '1 (input)' : datum.value == {depth} ? '{depth} (last)' : datum.label",
            labelOverlap=True,
        ),
    )
    x = alt.X(
        "step:O",
        title="step (as measured: closer at the start)",
        axis=alt.Axis(labelOverlap=True, labelAngle=0, ticks=False),
    )
    bar = alt.Legend(
        title=f"log10 of the {title}" if logarithmic else title, orient="top", gradientLength=220, titleLimit=400
    )
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("layer:N"),
        alt.Tooltip("step:Q"),
        alt.Tooltip("value:Q", title=title, format=".3g"),
        alt.Tooltip("state:N"),
    ]
    felt = alt.Chart().transform_calculate(hover="datum.step") if listens else alt.Chart()
    measured = (
        felt.transform_filter("datum.state == ''")
        .mark_rect()
        .encode(x=x, y=y, color=alt.Color("shown:Q", scale=alt.Scale(scheme="viridis"), legend=bar), tooltip=tooltip)
    )
    parts: list[alt.Chart] = [measured]
    if present := [state for state in (ZERO, BROKEN) if (table["state"] == state).any()]:
        tones = {ZERO: QUIET, BROKEN: OUTCOMES["diverged"][0]}
        scale = alt.Scale(domain=present, range=[tones[state] for state in present])
        place: Literal["top", "bottom"] = (
            "top" if columns * width > 480 else "bottom"
        )  # beside the other if there is room
        key = alt.Legend(title="no logarithm" if logarithmic else "no number", orient=place, symbolType="square")
        special = felt.transform_filter("datum.state != ''").mark_rect()  # fill: a scale beside that of color
        parts.append(special.encode(x=x, y=y, fill=alt.Fill("state:N", scale=scale, legend=key), tooltip=tooltip))
    if listens:
        frame = (
            alt.Chart().transform_filter(cursor.NOW).transform_aggregate(rows="count()", groupby=["variant", "step"])
        )
        parts.append(frame.mark_rect(fill=None, stroke="white", strokeWidth=3).encode(x=x))
        parts.append(frame.mark_rect(fill=None, stroke="#1b2730", strokeWidth=1).encode(x=x))
    height = height or max(120, min(18 * depth, 420))
    steps = max(1, int(table["step"].nunique()))
    whole = steps * max(1, width // steps)  # cells of whole pixels leave no seams
    layered = Layered(parts, width=whole, height=height)
    shown = [name for name in names if name in set(table["variant"])]
    header = alt.Header(labelFontWeight="bold", labelLimit=whole)
    facet = alt.Facet("variant:N", title=None, sort=shown, header=header)
    data = tables.add(f"layers {statistic}", table)
    return Faceted(layered, data, facet, max(1, min(columns, len(shown))), resolve={"axis": {"x": "independent"}})
