"""Learning rates: which settings, pairs of settings or starts lead where."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from workbench import registry
from workbench.charts import basins as basin_charts
from workbench.charts import cells
from workbench.charts import maps as map_charts
from workbench.charts import sweep as charts
from workbench.descent.basins import basins_finding, equally_low, heights
from workbench.descent.map_finding import map_finding
from workbench.descent.surface import Landscape
from workbench.descent.sweep_finding import sweep_finding
from workbench.experiment import Axis, Sweep
from workbench_ui import viewport
from workbench_ui.body import Picture, Result, View, experiment_page
from workbench_ui.grounds import Ground, curves, grounds, limits
from workbench_ui.sweep_tables import basins_table, map_table, sweep_table

Minima = tuple[tuple[float, float], ...]


def axes(result: Result) -> tuple[Sweep, Axis | None]:
    """The sweep that was run, and its second axis if it is a map."""
    sweep = result.experiment.sweep or Sweep()
    return sweep, sweep.second


def over_starts(result: Result) -> bool:
    """Whether both coordinates of the start are varied."""
    first, second = axes(result)
    return second is not None and {first.parameter, second.parameter} == {"start.x", "start.y"}


def logs(result: Result) -> tuple[bool, bool]:
    """Which axes are logarithmic."""
    first, second = axes(result)
    return first.scale == "log", second is not None and second.scale == "log"


@st.cache_data(max_entries=50, show_spinner=False)
def minima_of(surface: str, plugin: str) -> tuple[Minima, list[float]]:
    """The minima of a surface given as JSON, and their values; ``plugin`` only tells its versions apart."""
    place = Landscape(json.loads(surface), registry.current())
    return place.basins, heights(place)


def minima_on(ground: Ground) -> tuple[Minima, list[float], int]:
    """The minima of a surface, the lowest first, their values, and how many of them are equally low."""
    minima, values = minima_of(json.dumps(ground.surface, sort_keys=True), ground.plugin)
    return minima, values, equally_low(values)


def say(result: Result) -> str:
    """The finding, from the records."""
    sweep = result.records["sweep"]
    if sweep.empty:
        return ""
    if over_starts(result):
        said = []
        for ground in grounds(result):
            minima, _, lowest = minima_on(ground)
            said.append(basins_finding(ground.of(sweep), minima, lowest))
        return " ".join(dict.fromkeys(said))
    if axes(result)[1] is not None:
        return map_finding(sweep, curves(result))
    return sweep_finding(sweep, limits(result), logs(result)[0])


def strips(result: Result) -> list[Picture]:
    """One strip per variant."""
    sweep, summary = result.records["sweep"], result.records["summary"]
    if not len(sweep):
        return []
    known = limits(result)
    draw = partial(charts.strips, sweep, summary, known, log=logs(result)[0])
    return [Picture("tolerance", [draw(narrow=viewport.narrow())], charts.described(sweep, known.values()), draw)]


def one_seed(sweep: pd.DataFrame) -> pd.DataFrame:
    """The records of the seed that is looked at: panels for all of them would be too many."""
    seeds = sorted(sweep["seed"].unique().tolist())
    if len(seeds) < 2:
        return sweep
    chosen = st.selectbox("seed", seeds, key="rates.seed", width=120)
    return sweep[sweep["seed"] == chosen]


def shown(sweep: pd.DataFrame, order: list[str]) -> tuple[list[str], str]:
    """The variants that get a panel, and what is said of the others."""
    most = map_charts.PANELS
    note = f" The first {most} of {len(order)} variants are drawn." if len(order) > most else ""
    return order[:most], note


def room(panels: int) -> tuple[int, int]:
    """The width of a panel, and how many stand side by side: three, or four where that fills the row."""
    return viewport.panels(200, 4 if panels % 4 == 0 else 3)


def maps(result: Result) -> list[Picture]:
    """One panel a variant: the plane of the two settings."""
    sweep = result.records["sweep"]
    if not len(sweep):
        return []
    rows = one_seed(sweep)
    order, note = shown(rows, result.order)
    size, columns = room(len(order))
    known = curves(result)
    draw = partial(map_charts.maps, rows, order, known, logs(result))
    text = map_charts.described(rows, known.values()) + note
    return [Picture("map", [draw(columns, size)], text, partial(draw, 3, 240))]


def basins(result: Result) -> list[Picture]:
    """One panel a variant: the plane of the starts."""
    made = []
    size, columns = room(len(result.order))
    rows = one_seed(result.records["sweep"])
    for ground in grounds(result):
        own = ground.of(rows)
        if not len(own):
            continue
        order, note = shown(own, ground.variants)
        draw: Any = partial(basin_charts.basins, own, order, *minima_on(ground), logs(result))
        text = (
            "Every point is a start, its colour the minimum that the descent from there ends at. Circles: the minima."
        )
        text += cells.sampled(len(own)) + note
        made.append(Picture(f"basins{ground.name}", [draw(columns, size)], text, partial(draw, 3, 240)))
    return made


def views(result: Result) -> Mapping[str, View]:
    """What the experiment's axes can be looked at as."""
    if over_starts(result):
        return {"Basins": basins}
    return {"Tolerance": strips} if axes(result)[1] is None else {"Map": maps}


def table(result: Result) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One row a variant, with the numbers that fit the axes."""
    if over_starts(result):
        found = {name: minima_on(ground)[2] for ground in grounds(result) for name in ground.variants}
        return basins_table(result, found)
    return sweep_table(result) if axes(result)[1] is None else map_table(result)


experiment_page(
    "rates",
    default="tolerance",
    sentence="One setting, two, or the start tried over a range, for every optimizer: what converges, how soon, where.",
    finding=say,
    views=views,
    table=table,
)
