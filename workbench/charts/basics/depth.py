"""An activation's slope, and what many layers leave of a gradient."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd

from workbench.charts.basics.frame import INKS, Side, Ways, above, across, layered, log_axis, two
from workbench.charts.style import INK, PALETTE


def slope_curve(rows: pd.DataFrame, here: Mapping[str, float]) -> alt.LayerChart:
    """An activation and its derivative, with a point on each at z; ``rows`` has z, what, value.

    ``here`` has z, f(z) and f'(z).
    """
    names = ["f(z)", "f'(z)"]
    points = pd.DataFrame({"z": [here["z"]] * 2, "what": names, "value": [here[name] for name in names]})
    points["text"] = [f"{name} = {value:.4g}" for name, value in zip(names, points["value"], strict=True)]
    x = across("z", "z")
    y = alt.Y("value:Q", title=None)
    color = two(names, "what")
    marks = alt.Chart(points).encode(x=x, y=y)
    z = here["z"]
    edge = abs(z) > 0.6 * float(rows["z"].max())  # near an edge both numbers stand on the inner side
    inner: Side = "left" if z < 0 else "right"
    sides: dict[str, Side] = {
        "f(z)": inner if edge else "right",
        "f'(z)": inner if edge else "right" if z < 0 else "left",
    }
    words = [
        marks.transform_filter(alt.datum.what == name)
        .mark_text(align=side, dx=10 if side == "left" else -10, dy=-11, fontSize=12, fontWeight="bold", color=ink)
        .encode(text="text:N")
        for (name, side), ink in zip(sides.items(), INKS, strict=False)
    ]
    return layered(
        alt.Chart(points.iloc[:1]).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=x),
        alt.Chart(rows).mark_line(strokeWidth=2.5).encode(x=x, y=y, color=color),
        marks.mark_point(filled=True, size=90, opacity=1).encode(color=color),
        *words,
    )


def left_over(rows: pd.DataFrame, ways: Ways) -> alt.LayerChart:
    """What N layers leave of a gradient, on a log axis; ``rows`` has layers, way, left. An exact 0 ends its line."""
    shown = rows[rows["left"] > 0]
    x = across("layers", "layers", tickMinStep=1)
    y = alt.Y(
        "left:Q", title="share of the gradient that is left", scale=alt.Scale(type="log", nice=False),
        axis=log_axis(shown["left"]),
    )  # fmt: skip
    dashes = alt.Scale(domain=list(ways), range=[[1, 0], [1, 0], [5, 4]])
    legend = above()
    base = alt.Chart(shown).encode(
        x=x,
        y=y,
        color=alt.Color(
            "way:N", scale=alt.Scale(domain=list(ways), range=[PALETTE[0], PALETTE[1], INK]), legend=legend
        ),
        strokeDash=alt.StrokeDash("way:N", scale=dashes, legend=None),
    )
    tip = [alt.Tooltip("way:N"), alt.Tooltip("layers:Q"), alt.Tooltip("left:Q", format=".3~g")]
    return layered(
        base.mark_line(strokeWidth=2.5),
        base.mark_point(filled=True, size=28, opacity=1).encode(tooltip=tip, strokeDash=alt.value([1, 0])),
    )
