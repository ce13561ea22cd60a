"""Basins: one panel per variant, coloured by the minimum that a descent from each start reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.charts import cells
from workbench.charts.cells import Row
from workbench.charts.style import OUTCOMES, QUIET, number, titled
from workbench.descent.basins import place, shares
from workbench.descent.map_finding import percent

# Okabe and Ito's colours for the colour-blind (2008), without those near the red of what diverged, and two more
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#871eff", "#a6761d", "#f0e442")
OTHER = "#c9bde8"  # minima beyond those
NAMED = len(COLORS)
TINY = 1e-12  # a minimum's value that rounding leaves of 0
NONE, DIVERGED = "no minimum within the steps", "diverged"


def words(minima: Sequence[tuple[float, float]], values: Sequence[float], lowest: int) -> list[str]:
    """What each colour means: ``1 (0, -0.291), f = -9.09``; the last word is that of the minima beyond the colours."""
    known = []
    for index, (point, value) in enumerate(zip(minima, values, strict=True), start=1):
        told = number(0 if abs(value) < TINY else value)
        known.append(f"{index} {place(point)}, f = {told}{' (lowest)' if index <= lowest else ''}")
    return known[:NAMED] + ([f"{NAMED + 1} to {len(known)}: other minima"] if len(known) > NAMED else [])


def color_numbers(records: pd.DataFrame, kinds: int) -> NDArray[np.int64]:
    """The place of each record's colour: 1 to ``kinds`` for the minima, then none, then diverged."""
    minimum = records["minimum"].to_numpy(dtype=np.int64)
    lost = (records["outcome"] == "diverged").to_numpy()
    return np.where(minimum > 0, np.minimum(minimum, kinds), np.where(lost, kinds + 2, kinds + 1))


def basins(
    sweep: pd.DataFrame,
    order: Sequence[str],
    minima: Sequence[tuple[float, float]],
    values: Sequence[float],
    lowest: int = 1,
    log: tuple[bool, bool] = (False, False),
    columns: int = 3,
    size: int = 240,
    title: str = "",
    subtitle: str = "",
) -> Any:
    """One panel per variant (and seed), in ``order``: across the start's x, up its y.

    ``sweep`` are records of a map of start.x and start.y; ``minima`` and ``values`` are the surface's, the lowest
    first, the first ``lowest`` of them equally low. None without records.
    """
    drawn = cells.panels(sweep, order)
    if not drawn:
        return None
    swap = str(sweep["parameter"].iloc[0]) == "start.y"
    grids = [cells.grid(rows, log, swap) for _, rows in drawn]
    ends = cells.domains(grids)
    axes = cells.plot_axes(("start.x", "start.y"), ends, log[::-1] if swap else log)
    known = words(minima, values, lowest)
    legend = [*known, NONE, DIVERGED]
    colors = [*COLORS[: min(len(minima), NAMED)], *([OTHER] if len(minima) > NAMED else []), QUIET]
    colors.append(OUTCOMES["diverged"][0])
    hovered = cells.HOVERED if len(sweep) <= cells.HOVERED else cells.SAMPLES
    rows: list[Row] = []
    titles: list[list[str]] = []
    there: set[int] = set()
    for panel, ((name, records), grid) in enumerate(zip(drawn, grids, strict=True)):
        numbers = color_numbers(records, len(known))
        there |= set(np.unique(numbers).tolist())
        own = [grid.picture(numbers, colors)]
        asked = ("outcome", "minimum", "setting", "setting_2", "steps_to_tolerance")
        own += grid.hover(records, asked, hovered // len(drawn))
        for index, (x, y) in enumerate(minima, start=1):
            if ends[0][0] <= x <= ends[0][1] and ends[1][0] <= y <= ends[1][1]:
                own.append({"mark": "minimum", "number": str(index), "x": x, "y": y, "at": place((x, y))})
        rows += [{"panel": panel} | row for row in own]
        found = shares(records, lowest)
        aim = f"one of the {lowest} lowest" if lowest > 1 else "the lowest"
        titles.append([name, f"{percent(found.lowest)} reach {aim}" if len(minima) else "no minimum is known"])
    shown = [index for index in range(len(legend)) if index < len(known) or index + 1 in there]
    rows += [{"panel": 0, "mark": "key", "reached": legend[index]} for index in shown]
    layers = [
        cells.image(axes),
        cells.hovering(axes, tooltips(swap)),
        cells.key(
            "reached", [legend[i] for i in shown], [colors[i] for i in shown], columns=min(2, columns), labelLimit=240
        ),
        *marks(axes),
    ]
    return titled(cells.faceted(layers, rows, titles, columns, size), title, [subtitle])


def marks(axes: Row) -> list[alt.Chart]:
    """The minima, numbered."""
    base = alt.Chart().transform_filter("datum.mark == 'minimum'").encode(**axes)
    tooltip = [alt.Tooltip("number:N", title="minimum"), alt.Tooltip("at:N")]
    return [
        base.mark_circle(size=210, color="white", opacity=0.95, stroke="#1b2730", strokeWidth=1, clip=True).encode(
            tooltip=tooltip
        ),
        base.mark_text(color="#1b2730", fontSize=10.5, fontWeight="bold", clip=True).encode(text=alt.Text("number:N")),
    ]


def tooltips(swap: bool) -> list[alt.Tooltip]:
    """What a cell says."""
    first, second = ("y", "x") if swap else ("x", "y")
    return [
        alt.Tooltip("outcome:N"),
        alt.Tooltip("minimum:N", title="minimum reached (0: none)"),
        alt.Tooltip("steps_to_tolerance:Q", title="steps to tolerance"),
        alt.Tooltip("setting:Q", title=f"start {first}", format=".4~g"),
        alt.Tooltip("setting_2:Q", title=f"start {second}", format=".4~g"),
    ]
