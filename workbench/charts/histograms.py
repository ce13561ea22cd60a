"""How the sizes of gradients or activations are spread in every layer, at one step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts.layered import Faceted, Layered
from workbench.charts.tables import Filled, Tables
from workbench.charts.training import variants

What = Literal["gradient", "activation"]
NOTHING, BEYOND = "0", "∞"  # the bins of what is exactly 0 and of what is not finite
SHORT = {"gradient": "gradients", "activation": "activations"}
WORDS = {"gradient": "entries of the weights' gradient", "activation": "activations"}


def shares(histograms: pd.DataFrame, what: What, step: int) -> pd.DataFrame:
    """Variant, index, layer, bin, label and share: of the entries of that layer, those in the bin, over all seeds.

    Of each variant the rows of its last measured step up to ``step``. ``bin`` is the lower end as log10 of the size,
    half a decade wide; ``label`` is what stands on the axis.
    """
    rows = histograms[(histograms["what"] == what) & (histograms["step"] <= step)]
    rows = rows[rows["step"] == rows.groupby("variant")["step"].transform("max")]
    counts = rows.groupby(["variant", "index", "layer", "bin"], sort=False)["count"].sum().reset_index()
    whole = counts.groupby(["variant", "index"])["count"].transform("sum")
    counts["share"] = counts["count"] / whole
    counts["label"] = [spelt(low) for low in counts["bin"]]
    return counts[["variant", "index", "layer", "bin", "label", "share"]]


def spelt(low: float) -> str:
    """A bin on the axis: the power of ten at its lower end."""
    return NOTHING if low == -math.inf else BEYOND if low == math.inf else f"{low:g}"


def spread(
    histograms: pd.DataFrame,
    what: What,
    step: int,
    width: int = 260,
    columns: int = 3,
    names: Sequence[str] = (),
) -> Filled:
    """Layers x sizes, one panel a variant: the colour is the share of the layer's entries that have this size.

    Half a decade a column; what is exactly 0 stands at the left, what is not finite at the right.
    """
    table, tables, names = shares(histograms, what, step), Tables(), variants(histograms, names)
    finite = table.loc[np.isfinite(table["bin"]), "bin"]
    bins = np.arange(finite.min(), finite.max() + 0.25, 0.5).tolist() if len(finite) else []
    order = [NOTHING, *(spelt(low) for low in bins), BEYOND]
    order = [label for label in order if label not in (NOTHING, BEYOND) or label in set(table["label"])]
    depth = int(table["index"].max()) if len(table) else 1
    x = alt.X(
        "label:N",
        sort=order,
        scale=alt.Scale(domain=order),
        title="size (power of ten)",
        axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False),
    )
    y = alt.Y(
        "index:O",
        title="layer",
        axis=alt.Axis(
            labelExpr=f"datum.value == 1 ? '1 (input)' : datum.value == {depth} ? '{depth} (last)' : datum.label"
        ),
    )
    key = alt.Legend(title=f"share of the layer's {SHORT[what]}", orient="top", format=".0%", gradientLength=180)
    cells = (
        alt.Chart()
        .mark_rect()
        .encode(
            x=x,
            y=y,
            color=alt.Color("share:Q", scale=alt.Scale(scheme="viridis", domainMin=0), legend=key),
            tooltip=[
                alt.Tooltip("variant:N"),
                alt.Tooltip("layer:N"),
                alt.Tooltip("label:N", title="size (power of ten)"),
                alt.Tooltip("share:Q", format=".2%"),
            ],
        )
    )
    whole = max(1, len(order)) * max(1, width // max(1, len(order)))
    view = Layered([cells], width=whole, height=max(100, min(18 * depth, 420)))
    there = [name for name in names if name in set(table["variant"])]
    facet = alt.Facet("variant:N", title=None, sort=there, header=alt.Header(labelFontWeight="bold", labelLimit=whole))
    data = tables.add("sizes", table.drop(columns="bin"))
    return Filled([Faceted(view, data, facet, max(1, min(columns, len(there))))], tables)
