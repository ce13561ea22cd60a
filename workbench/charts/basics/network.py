"""The network of the chain rule as a picture, with what both passes computed."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from workbench.charts.basics.frame import layered
from workbench.charts.basics.places import EDGES, LIFT, SHIFT, beside, line, place
from workbench.charts.basics.unit import BACKWARD, FORWARD, circles
from workbench.charts.style import INK, QUIET

COOL = ("#5ec962", "#21918c", "#3b528b")  # small to large: the middle of viridis, seen on light and on dark


def network(units: pd.DataFrame, weights: pd.DataFrame, chosen: str, narrow: bool = False) -> alt.LayerChart:
    """The network as a picture: in every unit its name, in blue what the forward pass computes, in orange dE by that.

    ``units`` has the columns unit (a key of ``PLACES``), name, forward, backward (texts), tip. ``weights`` has
    name, label, text, value, gradient. The connections that the chain of ``chosen`` runs along are
    shaded. ``narrow``: the input at the top, not at the left.
    """
    along = {chosen, "out", *(["v" + chosen[-1]] if chosen.startswith("w") else [])}
    lines = [line(name, EDGES[name], narrow) for name in EDGES] + [line("out", ("y", "E"), narrow)]
    edges = pd.DataFrame(lines).merge(weights, on="name", how="left")
    edges["thick"] = edges["name"].isin(along)
    edges["size"] = edges["gradient"].abs().where(edges["gradient"] != 0)
    sizes = edges["size"].dropna()
    low, high = (float(sizes.min()), float(sizes.max())) if len(sizes) else (0.1, 1.0)
    nodes = units.assign(
        across=[place(unit, narrow)[0] for unit in units["unit"]],
        down=[place(unit, narrow)[1] for unit in units["unit"]],
    )
    spans = ((-2.1, 2.1), (-3.3, 0.3)) if narrow else ((-0.35, 3.3), (-1.65, 1.65))
    x = alt.X("across:Q", axis=None, scale=alt.Scale(domain=spans[0], nice=False))
    y = alt.Y("down:Q", axis=None, scale=alt.Scale(domain=spans[1], nice=False))
    color = alt.Color(
        "size:Q",
        title="size of ∂E/∂w",
        scale=alt.Scale(type="log", domain=[low, high if high > low else low * 10], range=list(COOL), nice=False),
        legend=alt.Legend(
            orient="bottom", direction="horizontal", gradientLength=180, gradientThickness=8, format=".1g",
            values=[low, high] if high > low else [low], titleLimit=200,
        ),
    )  # fmt: skip
    base = alt.Chart(edges).encode(x=x, y=y, x2="across2:Q", y2="down2:Q")
    tip = [alt.Tooltip("label:N", title="weight"), alt.Tooltip("value:Q"), alt.Tooltip("gradient:Q", format=".4g")]
    named = "isValid(datum.size)"
    layers: list[Any] = [
        base.transform_filter("datum.thick").mark_rule(color=BACKWARD, strokeWidth=11, opacity=0.22, strokeCap="round"),
        base.transform_filter(f"!{named}").mark_rule(color=QUIET, strokeWidth=2, strokeDash=[4, 3]),
        base.transform_filter(named).mark_rule(strokeWidth=3).encode(color=color, tooltip=tip),
    ]
    for align, baseline in dict.fromkeys(zip(edges["align"], edges["baseline"], strict=True)):
        layers.append(
            alt.Chart(edges[(edges["align"] == align) & (edges["baseline"] == baseline) & edges["label"].notna()])
            .mark_text(align=align, baseline=baseline, color=INK, fontSize=12, dx=SHIFT[align], dy=LIFT[baseline])
            .encode(x=alt.X("at:Q", axis=None), y=alt.Y("by:Q", axis=None), text="text:N")
        )
    dots = alt.Chart(nodes).encode(x=x, y=y, tooltip=alt.Tooltip("tip:N", title="unit"))
    layers += circles(dots, 15)
    sides = [beside(across, down, narrow) for across, down in zip(nodes["across"], nodes["down"], strict=True)]
    for side in dict.fromkeys(sides):
        words = alt.Chart(nodes[[each == side for each in sides]]).encode(x=x, y=y)
        for field, ink, (dx, dy) in (("forward:N", FORWARD, side[1]), ("backward:N", BACKWARD, side[2])):
            text = words.mark_text(fontSize=13, fontWeight="bold", color=ink, align=side[0], dx=dx, dy=dy)
            layers.append(text.encode(text=field))
    return layered(*layers, height=470 if narrow else 340)
