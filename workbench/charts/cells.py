"""The cells of a map: where they lie on the axes, and how they become one picture a panel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.charts.png import data_uri, png
from workbench.charts.style import number, panel_header

Floats = NDArray[np.float64]
Row = dict[str, Any]
HOVERED = 4000  # cells that tell their numbers; of more, samples do
SAMPLES = 1600  # so many then, in all panels together
UNEVEN = 512  # pixels of an axis whose settings are not evenly spaced


@dataclass(frozen=True)
class Axis:
    """One axis of a panel: its settings, ascending, and whether they are log-spaced."""

    settings: Floats
    log: bool

    @property
    def scaled(self) -> Floats:
        """The settings as the eye sees them."""
        found: Floats = np.log(self.settings) if self.log else self.settings
        return found

    @property
    def borders(self) -> Floats:
        """Where the cells begin and end, as the eye sees it: half way to the neighbours, as far beyond the ends."""
        at = self.scaled
        if len(at) == 1:
            return np.array([-0.5, 0.5]) * max(abs(float(at[0])), 1.0) + float(at[0])
        middle = (at[1:] + at[:-1]) / 2
        return np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])

    def real(self, at: Floats) -> Floats:
        """Back from what the eye sees to settings."""
        found: Floats = np.exp(at) if self.log else at
        return found

    def pixels(self) -> NDArray[np.int64]:
        """The cell that each of evenly spaced pixels shows: one pixel a cell where the cells are even."""
        borders = self.borders
        sizes = np.diff(borders)
        even = len(sizes) == 1 or np.allclose(sizes, sizes[0], rtol=1e-6, atol=0)
        count = len(self.settings) if even else UNEVEN
        middles = borders[0] + (np.arange(count) + 0.5) * (borders[-1] - borders[0]) / count
        return np.asarray(np.clip(np.searchsorted(borders, middles) - 1, 0, len(self.settings) - 1))

    def pieces(self, most: int) -> list[tuple[int, int]]:
        """The cells in at most so many groups of neighbours: (first, behind the last)."""
        count = len(self.settings)
        size = math.ceil(count / max(1, most))
        return [(start, min(start + size, count)) for start in range(0, count, size)]


@dataclass(frozen=True)
class Grid:
    """The cells of one panel: ``across`` and ``up`` are its axes, ``rows`` the record at [up, across], -1: none yet."""

    across: Axis
    up: Axis
    rows: NDArray[np.int64]

    def picture(self, colors: NDArray[Any], palette: Sequence[str]) -> Row:
        """The panel as an image row: ``colors`` has a number for each record, from 1 (0 is transparent)."""
        shown = self.rows[np.ix_(self.up.pixels(), self.across.pixels())][::-1]  # pictures begin at the top
        indices = np.where(shown < 0, 0, colors[shown])
        ends = [axis.real(axis.borders[[0, -1]]) for axis in (self.across, self.up)]
        (x, x2), (y, y2) = ([float(end) for end in pair] for pair in ends)
        return {"mark": "image", "url": data_uri(png(indices, palette)), "x": x, "x2": x2, "y": y, "y2": y2}

    def hover(self, records: pd.DataFrame, columns: Sequence[str], most: int) -> list[Row]:
        """Invisible rectangles that tell their numbers; when there are more cells than ``most``, of a sample."""
        cells = len(self.across.settings) * len(self.up.settings)
        side = max(len(self.across.settings), len(self.up.settings)) if cells <= most else max(1, math.isqrt(most))
        sides = []
        for axis in (self.across, self.up):
            borders = [short(border) for border in axis.real(axis.borders)]
            sides.append([((first + end) // 2, borders[first], borders[end]) for first, end in axis.pieces(side)])
        made: list[Row] = []
        chosen: list[int] = []
        for above, low, high in sides[1]:
            for at, left, right in sides[0]:
                if (row := int(self.rows[above, at])) >= 0:
                    made.append({"mark": "hover", "x": left, "x2": right, "y": low, "y2": high})
                    chosen.append(row)
        for name, values in records[list(columns)].take(chosen).items():
            for row_made, value in zip(made, values.tolist(), strict=True):
                row_made[str(name)] = told(value)
        return made


def grid(records: pd.DataFrame, log: tuple[bool, bool], swap: bool = False) -> Grid:
    """Lay the records of one panel out; ``swap``: the second axis goes across."""
    names = ("setting_2", "setting") if swap else ("setting", "setting_2")
    (at, across), (above, up) = (pd.factorize(records[name].to_numpy(dtype=np.float64), sort=True) for name in names)
    rows = np.full((len(up), len(across)), -1, dtype=np.int64)
    rows[above, at] = np.arange(len(records))
    logs = log[::-1] if swap else log
    return Grid(Axis(across, logs[0]), Axis(up, logs[1]), rows)


def short(value: float) -> float:
    """A number short enough for a chart's data."""
    return float(f"{value:.6g}")


def told(value: Any) -> Any:
    """What a tooltip says."""
    if isinstance(value, float):
        return short(value) if math.isfinite(value) else None
    return value


def sampled(count: int) -> str:
    """What must be said of the numbers under the pointer."""
    return "" if count <= HOVERED else " The pointer tells the numbers of a sample of the cells."


def axis_title(parameter: str) -> str:
    """``learning rate``, ``start x``, ``weight decay``."""
    return "learning rate" if parameter == "lr" else parameter.replace(".", " ").replace("_", " ")


def domains(grids: Sequence[Grid]) -> tuple[list[float], list[float]]:
    """What all panels show: from the lowest to the highest setting of each axis."""
    found = []
    for axes in ([one.across for one in grids], [one.up for one in grids]):
        low, high = min(axis.settings[0] for axis in axes), max(axis.settings[-1] for axis in axes)
        if low == high:
            ends = axes[0].real(axes[0].borders)
            low, high = ends[0], ends[-1]
        found.append([float(low), float(high)])
    return found[0], found[1]


def plot_axes(names: tuple[str, str], ends: tuple[list[float], list[float]], log: tuple[bool, bool]) -> Row:
    """The encoding of x and y; ``names`` are the parameters."""
    made: Row = {}
    for channel, field, name, domain, logs in zip((alt.X, alt.Y), "xy", names, ends, log, strict=True):
        scale = alt.Scale(type="log" if logs else "linear", domain=domain, nice=False, zero=False)
        axis = alt.Axis(grid=False, tickCount=4 if logs else 5, labelFlush=True, format="~g", labelOverlap=True)
        made[field] = channel(f"{field}:Q", title=axis_title(name), scale=scale, axis=axis)
    return made


def image(axes: Row) -> Any:
    """The panels' pictures, one pixel a cell."""
    drawn = alt.Chart().transform_filter("datum.mark == 'image'").mark_image(aspect=False, clip=True, smooth=False)
    return drawn.encode(**axes, x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"), url=alt.Url("url:N"))


def hovering(axes: Row, tooltip: list[alt.Tooltip]) -> Any:
    """The rectangles that tell their numbers."""
    drawn = alt.Chart().transform_filter("datum.mark == 'hover'").mark_rect(opacity=0, clip=True)
    return drawn.encode(**axes, x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"), tooltip=tooltip)


def key(field: str, domain: Sequence[str], colors: Sequence[str], title: str | None = None, **legend: Any) -> Any:
    """A legend of colours: rows whose mark is ``key`` carry it, unseen."""
    drawn = alt.Chart().transform_filter("datum.mark == 'key'").mark_square(opacity=0)
    scale = alt.Scale(domain=list(domain), range=list(colors))
    return drawn.encode(
        fill=alt.Fill(
            f"{field}:N",
            title=title,
            scale=scale,
            legend=alt.Legend(orient="top", symbolOpacity=1, symbolType="square", symbolStrokeWidth=0, **legend),
        )
    )


def faceted(layers: Sequence[alt.Chart], rows: list[Row], titles: list[list[str]], columns: int, size: int) -> Any:
    """The layers once for each panel, under titles of several lines."""
    header = panel_header(titles, size, labelLineHeight=15)
    data: Any = {"values": rows}  # not a table: most rows have few of the columns
    whole = alt.layer(*layers, data=data).properties(width=size, height=round(size * 0.86))
    return whole.facet(facet=alt.Facet("panel:O", title=None, header=header), columns=columns, spacing=14)


def panels(sweep: pd.DataFrame, order: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """The records of each panel with its name, in the order of the variants; several seeds are several panels."""
    seeds = sweep["seed"].nunique()
    found = []
    for name in order:
        for seed, rows in sweep[sweep["variant"] == name].groupby("seed"):
            found.append((name + (f", seed {seed}" if seeds > 1 else ""), rows))
    return found


def pair(first: float, second: float) -> str:
    """Two settings as a person writes them."""
    return f"{number(first)}, {number(second)}"
