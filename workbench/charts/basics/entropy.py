"""Cross-entropy by class, and with a softmax too many."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from workbench.charts.basics.frame import INKS, Ways, across, layered, two
from workbench.charts.style import INK, PALETTE


def classes(rows: pd.DataFrame, ways: Ways) -> alt.LayerChart:
    """The probability of every class, in both ways side by side; ``rows`` has class, way, probability, target."""
    target = rows.loc[rows["target"], "class"].iloc[0]
    x = alt.X(
        "class:O",
        title="class, counted from 0",
        axis=alt.Axis(labelAngle=0, labelExpr=f"datum.value == {target} ? datum.label + ' (target)' : datum.label"),
    )
    y = alt.Y("probability:Q", title="probability", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5))
    base = alt.Chart(rows).encode(x=x, y=y, xOffset=alt.XOffset("way:N", sort=list(ways)))
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        color=two(ways),
        opacity=alt.condition("datum.target", alt.value(1), alt.value(0.45)),
        tooltip=[alt.Tooltip("class:O"), alt.Tooltip("way:N"), alt.Tooltip("probability:Q", format=".4f")],
    )
    return layered(
        bars,
        base.transform_filter("datum.target")
        .mark_text(dy=-8, fontSize=12, color=INK)
        .encode(text=alt.Text("probability:Q", format=".2f")),
    )


def swept(rows: pd.DataFrame, ways: Ways, by: float, floor: float, metric: str = "loss") -> alt.LayerChart:
    """The loss (or the norm of its gradient) by what is added to the target's logit; a ring at ``by``.

    ``rows`` has by, way, loss, gradient; ``floor`` is the least that the doubled loss can be.
    """
    title = "loss" if metric == "loss" else "size of the gradient"
    x = across("by", "added to the target's logit")
    y = alt.Y(f"{metric}:Q", title=title, scale=alt.Scale(zero=True))
    base = alt.Chart(rows).encode(x=x, y=y, color=two(ways))
    tip = [alt.Tooltip("way:N"), *(alt.Tooltip(f"{name}:Q", format=".4f") for name in ("by", "loss", "gradient"))]
    near = min(rows["by"], key=lambda value: abs(value - by))
    layers: list[Any] = [
        alt.Chart(pd.DataFrame({"by": [near]})).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=x),
        base.mark_line(strokeWidth=2.5),
        base.transform_filter(f"datum.by == {near}").mark_point(filled=True, size=90, opacity=1).encode(tooltip=tip),
    ]
    if metric == "loss":
        least = alt.Chart(pd.DataFrame({"loss": [floor], "text": [f"never below {floor:.3f}"]})).encode(y="loss:Q")
        layers += [
            least.mark_rule(color=PALETTE[1], strokeDash=[2, 2]),
            least.mark_text(align="left", baseline="top", dx=4, dy=4, color=INKS[1], fontSize=12).encode(
                text="text:N", x=alt.value(0)
            ),
        ]
    return layered(*layers)
