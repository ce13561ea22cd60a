"""The residual shortcut: one block, many layers, all paths."""

from __future__ import annotations

import math
from collections.abc import Mapping

import altair as alt
import pandas as pd

from workbench.charts.basics.frame import Ways, across, layered, log_axis, two
from workbench.charts.basics.unit import BACKWARD, FORWARD, circles
from workbench.charts.style import PALETTE, QUIET


def block(texts: Mapping[str, str]) -> alt.LayerChart:
    """One residual block with its numbers: ``texts`` has x, f, y, one (d by the shortcut), branch, sum."""
    lines = pd.DataFrame(
        [(0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 2.2, 0.0), (2.2, 0.0, 3.0, 0.0),
         (0.45, 0.0, 0.45, 1.0), (0.45, 1.0, 2.2, 1.0), (2.2, 1.0, 2.2, 0.0)],
        columns=["x", "y", "x2", "y2"],
    )  # fmt: skip
    lines["kind"] = ["branch", "branch", "both", "shortcut", "shortcut", "shortcut"]
    dots = pd.DataFrame({"x": [0.0, 1.3, 2.2, 3.0], "y": [0.0] * 4, "name": ["x", "c·f", "+", "y"]})
    words = pd.DataFrame(
        [(0.0, -0.36, texts["x"], "f"), (1.3, -0.36, texts["f"], "f"), (3.0, -0.36, texts["y"], "f"),
         (1.3, 1.2, texts["one"], "b"), (1.3, 0.42, texts["branch"], "b"), (2.62, 0.42, texts["sum"], "b")],
        columns=["x", "y", "text", "way"],
    )  # fmt: skip
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.4, 3.4], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.65, 1.45], nice=False))
    spots = alt.Chart(dots).encode(x=x, y=y)
    color = alt.Color("way:N", scale=alt.Scale(domain=["f", "b"], range=[FORWARD, BACKWARD]), legend=None)
    return layered(
        alt.Chart(lines)
        .mark_rule(strokeWidth=3, color=QUIET, strokeCap="round")
        .encode(x=x, y=y, x2="x2:Q", y2="y2:Q"),
        *circles(spots, 14),
        alt.Chart(words).mark_text(fontSize=13, fontWeight="bold").encode(x=x, y=y, text="text:N", color=color),
        height=210,
    )


def by_layer(rows: pd.DataFrame, ways: Ways, metric: str, title: str, log: bool = False) -> alt.LayerChart:
    """A number after every layer, with and without the shortcut; ``rows`` has layer, way, signal, product.

    On a log axis sizes are drawn, and an exact 0 ends its line; so does whatever is not finite.
    """
    shown = rows.assign(value=rows[metric].abs() if log else rows[metric])
    shown = shown[shown["value"].abs() < math.inf]
    if log:
        shown = shown[shown["value"] > 0]
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    axis = log_axis(shown["value"]) if log else alt.Axis()
    x = across("layer", "layer", tickMinStep=1)
    base = alt.Chart(shown).encode(x=x, y=alt.Y("value:Q", title=title, scale=scale, axis=axis), color=two(ways))
    tip = [alt.Tooltip("way:N"), alt.Tooltip("layer:Q"), alt.Tooltip(f"{metric}:Q", title=title, format=".4~g")]
    return layered(
        base.mark_line(strokeWidth=2.5),
        base.mark_point(filled=True, size=28, opacity=1).encode(tooltip=tip),
        height=260,
    )


def path_shares(rows: pd.DataFrame) -> alt.LayerChart:
    """What the paths through k branches add to the gradient; ``rows`` has branches, paths, share."""
    tip = [
        alt.Tooltip("branches:Q", title="branches on the way"),
        alt.Tooltip("paths:Q", title="paths", format=",.0f"),
        alt.Tooltip("share:Q", title="they add", format=".4~g"),
    ]
    x = alt.X("branches:O", title="branches on the way", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    y = alt.Y("share:Q", title="adds to the gradient")
    bars = alt.Chart(rows).mark_bar(color=PALETTE[0], cornerRadiusEnd=2).encode(x=x, y=y, tooltip=tip)
    return layered(bars, height=260)
