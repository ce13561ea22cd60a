"""Maps of two settings: one panel per variant, coloured by where each pair led, shaded by how soon it converged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.charts import cells
from workbench.charts import sweep as strips
from workbench.charts.cells import Row
from workbench.charts.style import INK, OUTCOMES, outcome_colors, titled
from workbench.charts.sweep import FAST, LATE, LIMIT, LIMIT_COLOR, LIMIT_DASHES, LOCAL, speeds
from workbench.descent.limits import LimitCurve
from workbench.descent.map_finding import best_cell, disagreement, percent

SHADES = 32
POINTS = 120  # of a limit's line
BEST = "fewest steps"
PANELS = 24  # of one picture


def shades() -> list[str]:
    """The colours from ``FAST`` to ``LATE``."""
    ends = [np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) for color in (FAST, LATE)]
    between = np.linspace(ends[0], ends[1], SHADES).round().astype(int)
    return ["#" + "".join(f"{channel:02x}" for channel in color) for color in between]


def palette() -> list[str]:
    """All colours of a map: the shades of what converged, then the outcomes."""
    return [*shades(), *(color for color, _ in OUTCOMES.values())]


def color_numbers(records: pd.DataFrame, quickest: float, slowest: float) -> NDArray[np.int64]:
    """The place of each record's colour in the palette, from 1."""
    words = list(OUTCOMES)
    outcomes = pd.Categorical(records["outcome"], categories=words).codes.astype(np.int64)
    steps = np.clip(records["steps_to_tolerance"].to_numpy(dtype=np.float64), quickest, slowest)
    with np.errstate(invalid="ignore"):
        share = np.log(steps / quickest) / math.log(slowest / quickest)
    shade = np.where(np.isfinite(share), share, 0.0) * (SHADES - 1)
    converged = outcomes == words.index("converged")
    return np.where(converged, 1 + shade.round().astype(np.int64), 1 + SHADES + outcomes)


def maps(
    sweep: pd.DataFrame,
    order: Sequence[str],
    curves: Mapping[str, LimitCurve | None] | None = None,
    log: tuple[bool, bool] = (False, False),
    columns: int = 3,
    size: int = 240,
    title: str = "",
    subtitle: str = "",
) -> Any:
    """One panel per variant (and seed), in ``order``: across the first setting, up the second.

    ``sweep`` are records of a map; ``curves`` the limits that theory knows (``workbench.descent.limits.limit_curve``),
    drawn over the measured colours; ``log`` says of each axis whether it is logarithmic. None without records.
    """
    drawn = cells.panels(sweep, order)
    if not drawn:
        return None
    quickest, slowest = speeds(sweep)
    colors = palette()
    grids = [cells.grid(rows, log) for _, rows in drawn]
    ends = cells.domains(grids)
    names = (str(sweep["parameter"].iloc[0]), str(sweep["parameter_2"].iloc[0]))
    axes = cells.plot_axes(names, ends, log)
    hovered = cells.HOVERED if len(sweep) <= cells.HOVERED else cells.SAMPLES
    rows: list[Row] = []
    titles: list[list[str]] = []
    for panel, ((name, records), grid) in enumerate(zip(drawn, grids, strict=True)):
        curve = (curves or {}).get(str(records["variant"].iloc[0]))
        own = [grid.picture(color_numbers(records, quickest, slowest), colors)]
        own += grid.hover(records, ("outcome", "steps_to_tolerance", "setting", "setting_2"), hovered // len(drawn))
        own += line(curve) if curve is not None else []
        best = best_cell(records)
        if best is not None:
            own.append({"mark": "best", "what": BEST, "x": best.first, "y": best.second, "steps": best.steps})
        rows += [{"panel": panel} | row for row in own]
        titles.append(heading(name, records, curve))
    there = set(sweep["outcome"])
    others = [outcome for outcome in OUTCOMES if outcome in there and outcome != "converged"]
    corner = {"panel": 0, "x": ends[0][0], "y": ends[1][0]}
    rows += [{"mark": "key", "outcome": outcome} | corner for outcome in others]
    if "converged" in there:
        rows.append({"mark": "speed", "steps": quickest} | corner)
    layers = [cells.image(axes), cells.hovering(axes, tooltips(names))]
    narrow = columns == 1
    three = {"columns": 3} if narrow else {}
    layers += [ramp(axes, quickest, slowest, narrow)] if "converged" in there else []
    layers += [cells.key("outcome", others, outcome_colors(others).range, "not converged", **three)] if others else []
    kinds = list(dict.fromkeys(row["kind"] for row in rows if row["mark"] == "limit"))
    layers += limits(axes, kinds, narrow) if kinds else []
    layers += [best_marks(axes, names, narrow)] if "converged" in there else []
    return titled(cells.faceted(layers, rows, titles, columns, size), title, [subtitle])


def heading(name: str, records: pd.DataFrame, curve: LimitCurve | None) -> list[str]:
    """A panel's name, what it holds, and how far theory is from it."""
    share = percent(float((records["outcome"] == "converged").mean()))
    lines = [name, f"{share} converge"]
    if (best := best_cell(records)) is not None:
        lines.append(f"fewest: {best.steps:g} steps at {cells.pair(best.first, best.second)}")
    if curve is not None and not curve.local:
        wrong, counted = disagreement(records, curve)
        lines.append(
            f"{percent(wrong / counted)} disagree with the limit" if wrong else "every cell agrees with the limit"
        )
    return lines


def line(curve: LimitCurve) -> list[Row]:
    """A limit as points of a line."""
    kept = np.unique(np.linspace(0, len(curve.settings) - 1, POINTS).round().astype(int))
    made: list[Row] = []
    for setting, rate in zip(curve.settings[kept].tolist(), curve.rates[kept].tolist(), strict=True):
        if math.isfinite(rate):
            x, y = (rate, setting) if curve.rate_first else (setting, rate)
            kind = LOCAL if curve.local else LIMIT
            made.append({"mark": "limit", "kind": kind, "at": setting, "x": cells.short(x), "y": cells.short(y)})
    return made


def limits(axes: Row, kinds: list[str], narrow: bool) -> list[alt.Chart]:
    """The lines of the limits, on a light border that keeps them visible on every colour."""
    base = alt.Chart().transform_filter("datum.mark == 'limit'").encode(**axes, order=alt.Order("at:Q"))
    dash = alt.StrokeDash(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=kinds, range=[LIMIT_DASHES[kind] for kind in kinds]),
        legend=None if narrow else strips.limit_legend(),
    )
    return [
        base.mark_line(color="white", strokeWidth=4, opacity=0.9, clip=True),
        base.mark_line(color=LIMIT_COLOR, strokeWidth=2.2, clip=True).encode(strokeDash=dash),
    ]


def ramp(axes: Row, quickest: float, slowest: float, narrow: bool) -> Any:
    """The legend of the speeds."""
    drawn = alt.Chart().transform_filter("datum.mark == 'speed'").mark_square(opacity=0)
    return drawn.encode(
        **axes,
        color=alt.Color(
            "steps:Q",
            title="converged: steps to tolerance",
            scale=alt.Scale(type="log", domain=[quickest, slowest], range=[FAST, LATE]),
            legend=strips.ramp(quickest, slowest, narrow, gradientOpacity=1),
        ),
    )


def best_marks(axes: Row, names: tuple[str, str], narrow: bool) -> Any:
    """A ring around the cell with the fewest steps."""
    drawn = alt.Chart().transform_filter("datum.mark == 'best'")
    return drawn.mark_point(size=110, strokeWidth=2, stroke="white", filled=True, fill=INK, opacity=1).encode(
        **axes,
        shape=alt.Shape(
            "what:N",
            title=None,
            scale=alt.Scale(domain=[BEST], range=["diamond"]),
            legend=None if narrow else alt.Legend(orient="top", symbolFillColor=INK, symbolStrokeColor=INK),
        ),
        tooltip=[
            alt.Tooltip("steps:Q", title="fewest steps"),
            alt.Tooltip("x:Q", title=cells.axis_title(names[0]), format=".4~g"),
            alt.Tooltip("y:Q", title=cells.axis_title(names[1]), format=".4~g"),
        ],
    )


def tooltips(names: tuple[str, str]) -> list[alt.Tooltip]:
    """What a cell says."""
    return [
        alt.Tooltip("outcome:N"),
        alt.Tooltip("steps_to_tolerance:Q", title="steps to tolerance"),
        alt.Tooltip("setting:Q", title=cells.axis_title(names[0]), format=".4~g"),
        alt.Tooltip("setting_2:Q", title=cells.axis_title(names[1]), format=".4~g"),
    ]


def described(sweep: pd.DataFrame, curves: Iterable[LimitCurve | None] = ()) -> str:
    """How a map is read, for a caption."""
    names = [cells.axis_title(str(sweep[column].iloc[0])) for column in ("parameter", "parameter_2")]
    text = (
        f"Across: {names[0]}, up: {names[1]}. Green: converged, the darker the sooner. The diamond marks the "
        "fewest steps; above each panel stand the two settings that take them."
    )
    return text + strips.lines_told(strips.kinds_of(curves)) + cells.sampled(len(sweep))
