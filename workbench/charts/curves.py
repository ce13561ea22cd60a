"""Loss and accuracy of trainings by step, epoch or second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts import cursor
from workbench.charts.tables import Source, Tables
from workbench.charts.training import (
    POINTS,
    Axis,
    Width,
    color,
    dash,
    over_seeds,
    seeds_of,
    several,
    smoothed,
    symlog,
    thinned,
    variants,
)

Metric = Literal["loss", "accuracy"]
MOST = 1500  # points of all curves in one panel
LABELS: dict[Axis, str] = {"step": "step", "epoch": "epoch", "seconds": "seconds of work"}
WIDTHS = {"train": 1.0, "test": 2.5}


def judged(curve: pd.DataFrame) -> bool:
    """Whether anything has an accuracy: a network that gives its input back has none."""
    return bool(curve["accuracy"].notna().any()) or curve.empty


def loss_title(curve: pd.DataFrame) -> str:
    """What the loss of these trainings is."""
    if not judged(curve):
        return "loss (mean squared error)"
    mixed = curve.groupby("variant")["accuracy"].count().eq(0).any()
    return "loss" if mixed else "loss (cross-entropy)"


def breaks(rows: pd.DataFrame, metric: str, x: str = "step") -> pd.DataFrame:
    """Where each run first lost its footing: its last finite value, and the step at which it was not finite."""
    found: list[dict[str, Any]] = []
    columns = list(dict.fromkeys(["variant", "seed", "step", x, "value", "note"]))
    lost = rows.loc[~np.isfinite(rows[metric].astype("float64")), ["variant", "seed"]].drop_duplicates()
    if lost.empty:
        return pd.DataFrame(columns=columns)
    rows = rows.merge(lost, on=["variant", "seed"]).sort_values("step", kind="stable")
    for (variant, seed), run in rows.groupby(["variant", "seed"], sort=False):
        finite = np.isfinite(run[metric].to_numpy("float64"))
        if finite.all() or not finite.any():
            continue
        last = run[finite].iloc[-1]
        found.append({"variant": variant, "seed": seed, "step": last["step"], x: last[x], "value": last[metric]})
        found[-1]["note"] = f"diverged at step {run.loc[~finite, 'step'].iloc[0]}"
    return pd.DataFrame(found, columns=columns)


def forks(curve: pd.DataFrame, metric: str, x: str = "step") -> pd.DataFrame:
    """Where branches leave their trunks: the first test row of every variant that does not begin at step 0."""
    begins = curve.groupby("variant")["step"].min()
    if not (begins > 0).any():
        return pd.DataFrame(columns=["variant", "split", "step", x, "value"])
    tests = curve[(curve["split"] == "test") & curve["variant"].isin(begins.index[begins > 0])]
    return averaged(tests[tests["step"] == tests.groupby("variant")["step"].transform("min")], metric, x)


def averaged(rows: pd.DataFrame, metric: str, x: str) -> pd.DataFrame:
    """``over_seeds`` by variant, split and step, with ``x``, itself a mean where the seeds differ (seconds)."""
    keys = ["variant", "split", "step"]
    if not rows.duplicated(keys).any():  # one seed: nothing to average
        values = rows[metric].astype("float64").where(np.isfinite(rows[metric].astype("float64")), np.nan)
        own = rows[list(dict.fromkeys([*keys, x]))]
        return own.assign(value=values, low=values, high=values, seeds=1)
    table = over_seeds(rows, metric, keys)
    if x in table:
        return table
    places = rows.groupby(keys, sort=False)[x].mean()
    return table.merge(places.reset_index(), on=keys, how="left")


def plotted(
    curve: pd.DataFrame,
    metrics: Sequence[Metric],
    by: Axis,
    smooth: float = 0.0,
    log: bool = False,
    points: int = POINTS,
) -> pd.DataFrame:
    """The rows to draw: variant, split, step, ``by``, seeds, until (as the cursor wants it), and for each metric its
    mean under its name, ``_low`` and ``_high`` with several seeds, ``_raw`` with smoothed training rows.

    Training rows are thinned to about ``points`` a variant. With ``log`` a loss of exactly 0 is NaN, and there is a
    column ``zero`` that says where.
    """
    train, test = curve[curve["split"] == "train"], curve[curve["split"] == "test"]
    thin = thinned(train, points)
    kept = pd.concat([thin, test], ignore_index=True)
    many = several(seeds_of(curve))
    made = averaged(kept, metrics[0], by)[list(dict.fromkeys(["variant", "split", "step", by, "seeds"]))].copy()
    for metric in metrics:
        raw = averaged(kept, metric, by)
        found = raw
        if smooth:
            whole = smoothed(train, metric, smooth).merge(
                thin[["variant", "seed", "step"]], on=["variant", "seed", "step"]
            )
            found = averaged(pd.concat([whole, test], ignore_index=True), metric, by)
            made[f"{metric}_raw"] = raw["value"].where(made["split"] == "train", np.nan)
        columns = {metric: "value"} | ({f"{metric}_low": "low", f"{metric}_high": "high"} if many else {})
        for column, value in columns.items():
            made[column] = found[value].to_numpy()
    made["until"] = cursor.until(made[made["split"] == "train"])
    if log:
        made["zero"] = made["loss"] == 0
        for column in [name for name in made if name.startswith("loss")]:
            made[column] = made[column].where(made[column] > 0)
    return made[made[by].notna()]


def room_for(names: Sequence[str]) -> int:
    """How many points a variant's curve may have beside those of the others."""
    return min(POINTS, max(60, MOST // max(1, len(names))))


def panel(
    curve: pd.DataFrame,
    metric: Metric = "loss",
    by: Axis = "epoch",
    smooth: float = 0.0,
    log: bool = False,
    width: Width = "container",
    height: int = 260,
    names: Sequence[str] = (),
    *,
    log_x: bool = False,
    columns: int = 2,
) -> alt.LayerChart:
    """One measure of all variants: training thin, test thick; the mean over the seeds and a band from least to most.

    A cross marks where a run diverged: the last finite value before it, a triangle at the lower edge where the mean
    loss is exactly 0, a ring where a branch begins. Under smoothed curves (``smooth`` in [0, 1)) lie the raw ones,
    pale. ``by="seconds"`` needs a curve with that column (``elapsed``). ``columns`` of the legend, 0: without one.
    """
    names = variants(curve, names)
    table = plotted(curve, [metric], by, smooth, log and metric == "loss", room_for(names))
    layers = lines(curve, table, metric, by, smooth, log, height, names, log_x, columns)
    return cast(alt.LayerChart, alt.layer(*layers).properties(width=width, height=height))


def lines(
    curve: pd.DataFrame,
    table: pd.DataFrame,
    metric: Metric,
    by: Axis,
    smooth: float,
    log: bool,
    height: int,
    names: Sequence[str],
    log_x: bool,
    columns: int,
    tables: Tables | None = None,
    stops: Sequence[int] = (),
) -> list[Any]:
    """The layers of a ``panel`` over ``table``; with ``tables`` in a picture whose cursor can stand at ``stops``."""
    data: Source = table if tables is None else tables.add("curve", table)
    seeds = seeds_of(curve)
    tint, pattern = color(names, seeds, columns=columns), dash(names, seeds, columns=columns)
    y = vertical(curve, metric, log)
    x = along(table, by, log_x)
    wide = alt.StrokeWidth(
        "split:N",
        scale=alt.Scale(domain=list(WIDTHS), range=list(WIDTHS.values())),
        legend=alt.Legend(title="split", orient="top" if columns > 2 else "bottom", symbolStrokeColor="gray"),
    )
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("split:N"),
        alt.Tooltip("step:Q"),
        *([] if by == "step" else [alt.Tooltip(f"{by}:Q", format=".4g")]),
        alt.Tooltip(f"{metric}:Q", format=".4g"),
        alt.Tooltip("seeds:Q"),
    ]
    base = alt.Chart(data).encode(x=x, color=tint)
    layers: list[Any] = []
    if several(seeds):
        low = y.copy()
        low.shorthand = f"{metric}_low:Q"
        band = base.mark_area(opacity=0.15, invalid="break-paths-filter-domains")
        layers.append(band.encode(y=low, y2=alt.Y2(f"{metric}_high:Q"), detail=alt.Detail("split:N")))
    if smooth:
        raw = y.copy()
        raw.shorthand = f"{metric}_raw:Q"
        pale = base.transform_filter("datum.split == 'train'").mark_line(
            strokeWidth=0.8, opacity=0.3, invalid="break-paths-filter-domains"
        )
        layers.append(pale.encode(y=raw, strokeDash=pattern))
    layers.append(
        base.mark_line(invalid="break-paths-filter-domains").encode(
            y=y,
            strokeDash=pattern,
            strokeWidth=wide,
            opacity=alt.Opacity(
                "split:N", scale=alt.Scale(domain=list(WIDTHS), range=[0.75 if smooth else 0.55, 1.0]), legend=None
            ),
            tooltip=tooltip,
        )
    )
    crossed = breaks(curve[curve["split"] == "train"], metric, by)
    crossed = crossed[crossed["value"] > 0] if log else crossed
    if len(crossed):
        mark = alt.Chart(crossed).mark_point(
            shape="cross", angle=45, size=140, filled=True, opacity=1, stroke="white", strokeWidth=0.5
        )
        told = [alt.Tooltip("variant:N"), alt.Tooltip("seed:Q"), alt.Tooltip("note:N")]
        layers.append(mark.encode(x=x, y=alt.Y("value:Q"), color=tint, tooltip=told))
    if log and len(nothing := table[table["zero"]]):
        mark = alt.Chart(nothing).mark_point(shape="triangle-down", filled=True, size=50, opacity=1)
        layers.append(mark.encode(x=x, y=alt.value(height - 5), color=tint, tooltip=tooltip))
    if len(begun := forks(curve, metric, by)):
        mark = alt.Chart(begun).mark_point(shape="circle", size=90, filled=False, opacity=1, strokeWidth=2.5)
        told = [alt.Tooltip("variant:N"), alt.Tooltip("step:Q", title="forked at")]
        layers.append(mark.encode(x=x, y=alt.Y("value:Q"), color=tint, tooltip=told))
    if tables is not None:
        bands = cursor.said(table, names, stops, by, metric)
        layers += cursor.layers(tables.add("curve", table), bands, tables, names, tint, x, y)
    return layers


def vertical(curve: pd.DataFrame, metric: Metric, log: bool) -> alt.Y:
    """The axis of a measure."""
    if metric == "accuracy":
        return alt.Y("accuracy:Q", title="accuracy", scale=alt.Scale(zero=False), axis=alt.Axis(format="%"))
    scale = alt.Scale(type="log") if log else alt.Scale(zero=False)
    losses = curve["loss"].to_numpy("float64")
    form = ".0e" if losses.max(where=np.isfinite(losses), initial=0.0) > 1e5 else "~g"
    axis = alt.Axis(format=form, tickCount=5) if log else alt.Axis()
    return alt.Y("loss:Q", title=loss_title(curve), scale=scale, axis=axis)


def along(table: pd.DataFrame, by: Axis, log: bool) -> alt.X:
    """The x axis of a curve; a logarithmic one begins at 0 all the same."""
    places = table[by].to_numpy("float64")
    above = places[np.isfinite(places) & (places > 0)]
    if log and len(above):
        return symlog(LABELS[by], by, 1.0 if by == "step" else float(above.min()), float(above.max()))
    return alt.X(f"{by}:Q", title=LABELS[by], scale=alt.Scale(nice=False))


def curves(
    curve: pd.DataFrame,
    by: Axis = "epoch",
    smooth: float = 0.0,
    log: bool = False,
    width: int = 420,
    columns: int = 2,
    names: Sequence[str] = (),
    log_x: bool = False,
) -> alt.ConcatChart:
    """Loss and accuracy of all variants, side by side (``columns=2``) or one above the other (1).

    ``log`` puts the loss on a logarithmic axis; ``smooth`` in [0, 1) averages the training curves. Each
    panel is ``width`` pixels wide; a single ``panel`` can fill its container.
    """
    metrics: tuple[Metric, ...] = ("loss", "accuracy") if judged(curve) else ("loss",)
    parts = [
        panel(curve, metric, by, smooth, log and metric == "loss", width, names=names, log_x=log_x)
        for metric in metrics
    ]
    return alt.concat(*parts, columns=columns)
