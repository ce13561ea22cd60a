"""The parabola of ``backward()``, and its slopes."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.charts.basics.frame import INKS, layered
from workbench.charts.style import PALETTE, QUIET


def tangents(rows: pd.DataFrame) -> alt.LayerChart:
    """The parabola with a tangent at each x, its slope written in its colour; ``rows`` has name, x, square, slope."""
    reach = max(2.0, *(1.25 * abs(value) for value in rows["x"]))
    curve = pd.DataFrame({"x": [reach * step / 50 for step in range(-50, 51)]})
    curve["square"] = curve["x"] ** 2
    half = 0.22 * reach
    lines = pd.DataFrame(
        {
            "name": rows["name"],
            "x": rows["x"] - half,
            "x2": rows["x"] + half,
            "square": rows["square"] - half * rows["slope"],
            "square2": rows["square"] + half * rows["slope"],
        }
    )
    x = alt.X(
        "x:Q", title="x", scale=alt.Scale(domain=[-reach, reach], nice=False), axis=alt.Axis(grid=False, tickCount=9)
    )
    y = alt.Y("square:Q", title="x²", scale=alt.Scale(domain=[-0.15 * reach**2, reach**2], nice=False))
    color = alt.Color(
        "name:N", scale=alt.Scale(domain=list(rows["name"]), range=list(PALETTE[: len(rows)])), legend=None
    )
    said = pd.DataFrame(
        {
            "x": 0.0,  # no tangent ever comes between the two arms of the curve
            "square": [reach**2 * (0.93 - 0.09 * number) for number in range(len(rows))],
            "text": [f"{row.name}: slope {row.slope:.4g}" for row in rows.itertuples(index=False)],
        }
    )
    words = [
        alt.Chart(said.iloc[[number]])
        .mark_text(fontSize=13, fontWeight="bold", color=INKS[number % len(INKS)])
        .encode(x=x, y=y, text="text:N")
        for number in range(len(said))
    ]
    return layered(
        alt.Chart(curve).mark_line(color=QUIET, strokeWidth=2, clip=True).encode(x=x, y=y),
        alt.Chart(lines).mark_rule(strokeWidth=3, clip=True).encode(x=x, x2="x2:Q", y=y, y2="square2:Q", color=color),
        alt.Chart(rows).mark_point(filled=True, size=90, opacity=1).encode(x=x, y=y, color=color),
        *words,
    )
