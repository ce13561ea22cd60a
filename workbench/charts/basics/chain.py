"""The gradients of the chain rule by size."""

from __future__ import annotations

import altair as alt
import pandas as pd

from workbench.charts.basics.frame import layered, log_axis, two
from workbench.charts.style import INK


def gradient_sizes(weights: pd.DataFrame) -> alt.LayerChart:
    """|dE/dw| of every weight on a log axis, one row each, in the colour of its layer; an exact 0 is said in words.

    ``weights`` has label, layer, gradient, said (the gradient in words).
    """
    rows = weights.assign(size=weights["gradient"].abs().where(weights["gradient"] != 0))
    sizes = rows["size"].dropna()
    low, high = (float(sizes.min()), float(sizes.max())) if len(sizes) else (0.1, 1.0)
    rows["low"] = low / 3
    scale = alt.Scale(type="log", domain=[low / 3, high * 8], nice=False)
    x = alt.X("size:Q", title="size of the gradient |∂E/∂w|", scale=scale, axis=log_axis([low, high]))
    y = alt.Y("label:N", title=None, sort=list(rows["label"]), axis=alt.Axis(labelFontSize=13, ticks=False))
    base = alt.Chart(rows).encode(y=y)
    some = base.transform_filter("isValid(datum.size)")
    color = two(list(dict.fromkeys(rows["layer"])), "layer")
    return layered(
        some.mark_rule(strokeWidth=3, opacity=0.5).encode(x=x, x2="low:Q", color=color),
        some.mark_point(filled=True, size=110, opacity=1).encode(x=x, color=color),
        some.mark_text(align="left", dx=10, fontSize=12, color=INK).encode(x=x, text="said:N"),
        base.transform_filter("!isValid(datum.size)")
        .mark_text(align="left", dx=6, fontSize=12, color=INK)
        .encode(x=alt.value(0), text=alt.value("exactly 0")),
        height=230,
    )
