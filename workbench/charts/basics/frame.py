"""What the charts of the small lessons have in common: their width, legend, colours and log axes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

import altair as alt

from workbench.basics.written import raised
from workbench.charts.style import PALETTE

HEIGHT = 300
INKS = ("#0a7fc4", "#cf5b00", "#008f68")  # the first colours of the palette for words: 4:1 on light and on dark
ZEROS = 4  # of a power of ten that is still written out
Ways = Sequence[str]
Side = Literal["left", "center", "right"]


def layered(*layers: Any, height: int = HEIGHT) -> alt.LayerChart:
    """The layers as one chart as wide as the page lets it be."""
    return cast(alt.LayerChart, alt.layer(*layers).properties(width="container", height=height))


def above(columns: int = 2) -> alt.Legend:
    """A legend above the plot, in rows that a narrow screen has room for."""
    return alt.Legend(
        orient="top", columns=columns, title=None, labelLimit=200, symbolOpacity=1, symbolType="circle", symbolSize=70,
        symbolStrokeWidth=0, columnPadding=14, rowPadding=2,
    )  # fmt: skip


def decades(values: Iterable[float]) -> list[float]:
    """The powers of ten between sizes, at most eight of them, evenly from 1 on: where a log axis gets a line."""
    sizes = [value for value in values if value > 0 and math.isfinite(value)]
    if not sizes:
        return [1.0]
    low, high = math.floor(math.log10(min(sizes)) + 1e-9), math.ceil(math.log10(max(sizes)) - 1e-9)
    step = max(1, math.ceil((high - low) / 7))
    return [10.0**power for power in range(math.ceil(low / step) * step, high + 1, step)]


def across(field: str, title: str, **more: Any) -> alt.X:
    """An x axis from the first value to the last, without lines, and with about ten numbers."""
    axis = alt.Axis(grid=False, tickCount=10, **more)
    return alt.X(f"{field}:Q", title=title, scale=alt.Scale(nice=False), axis=axis)


def log_axis(values: Iterable[float]) -> alt.Axis:
    """An axis with a line at powers of ten, as sentences write them: 0.01, 100; 10⁻⁷ where some have many zeros."""
    lines = decades(values)
    powers = [round(math.log10(line)) for line in lines]
    if max(map(abs, powers)) <= ZEROS:
        return alt.Axis(format="~g", values=lines)
    said = {f"1e{power:+d}": f"10{raised(power)}" if power else "1" for power in powers}
    return alt.Axis(format="~e", values=lines, labelExpr=f"{json.dumps(said, ensure_ascii=False)}[datum.label]")


def two(names: Ways, field: str = "way") -> alt.Color:
    """The colours of a few ways, the first one blue, the second orange; the legend stands above."""
    legend = above()
    return alt.Color(
        f"{field}:N", scale=alt.Scale(domain=list(names), range=list(PALETTE[: len(names)])), legend=legend
    )
