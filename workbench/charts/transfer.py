"""Charts of transfers: how far each strategy gets, and how soon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import altair as alt
import pandas as pd

from workbench.charts.training import Width, color, dash, over_seeds, variants


def accuracy_by_strategy(
    curve: pd.DataFrame, width: Width = "container", height: int = 300, names: Sequence[str] = ()
) -> alt.LayerChart:
    """Test accuracy after every epoch, one line a strategy; over several seeds the mean and a band from least to most.

    Epoch 0 is the network before its first step on the target.
    """
    table = over_seeds(curve[curve["split"] == "test"], "accuracy", ["variant", "epoch"])
    about = variants(curve, names), int(curve["seed"].nunique()), "strategy"
    tint = color(*about)
    x = alt.X("epoch:Q", title="epoch on the target", scale=alt.Scale(nice=False))
    axis = alt.Axis(format="%")
    scale = alt.Scale(zero=False)
    base = alt.Chart(table).encode(x=x, color=tint)
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", scale=scale), y2=alt.Y2("high:Q"))
    line = base.mark_line(strokeWidth=2.5).encode(
        strokeDash=dash(*about),
        y=alt.Y("value:Q", title="test accuracy", scale=scale, axis=axis),
        tooltip=[
            alt.Tooltip("variant:N"),
            alt.Tooltip("epoch:Q"),
            alt.Tooltip("value:Q", title="test accuracy", format=".1%"),
            alt.Tooltip("seeds:Q"),
        ],
    )
    return cast(alt.LayerChart, alt.layer(band, line).properties(width=width, height=height))
