"""Charts of tunings: what k trials buy, what a step costs, and where the trials were."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import altair as alt
import pandas as pd

from workbench.charts.style import INK, number, titled, variant_colors, variant_dashes

MEASURES = {"steps": "steps to tolerance", "gap": "value above the lowest"}
LOWEST_GAP = 1e-12  # what a log axis shows of a gap; smaller ones are drawn there
NEVER = "does not get there"
Measure = Literal["steps", "gap"]


def legend_of(names: Sequence[str], narrow: bool, title: str | None = None) -> dict[str, Any]:
    """The colour and the dashes of the variants, with a legend that has room."""
    legend = (
        alt.Legend(orient="top", columns=2, labelLimit=150, titleLimit=300, symbolStrokeWidth=3, symbolOpacity=1)
        if narrow
        else alt.Legend(orient="right", labelLimit=260, titleLimit=260, symbolStrokeWidth=3, symbolOpacity=1)
    )
    return {
        "color": alt.Color("variant:N", title=title, scale=variant_colors(names), legend=legend),
        "strokeDash": alt.StrokeDash("variant:N", title=title, scale=variant_dashes(names), legend=legend),
    }


def over_seeds(curves: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """The median, the best and the worst seed of each variant and k, as far as the median is finite.

    Columns: variant, k, evaluations, median, low, high, seeds.
    """
    floor = LOWEST_GAP if measure == "gap" else 0.0
    groups: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for name, k, evaluations, found in zip(
        *(curves[key].tolist() for key in ("variant", "k", "evaluations", measure)), strict=True
    ):
        groups.setdefault((name, k), []).append((evaluations, max(found, floor)))
    rows = []
    for (name, k), members in groups.items():
        found = [member[1] for member in members]
        if math.isfinite(median := statistics.median(found)):
            evaluations = statistics.fmean(member[0] for member in members)
            rows.append((name, k, evaluations, median, min(found), max(found), len(found)))
    return pd.DataFrame(rows, columns=["variant", "k", "evaluations", "median", "low", "high", "seeds"])


def best_of_k(
    curves: pd.DataFrame,
    names: Sequence[str],
    measure: Measure = "steps",
    by: Literal["k", "evaluations"] = "k",
    tolerance: float | None = None,
    title: str = "",
    narrow: bool = False,
) -> alt.LayerChart:
    """The best of k trials: one line per variant, with several seeds the median and a band over all of them.

    ``curves`` comes from ``workbench.descent.best_of.curves``; ``by`` puts the trials or the gradient evaluations
    that they take on the horizontal axis. A line begins where at least half of all draws have something to show.
    """
    shown = over_seeds(curves, measure)
    several = len(shown) > 0 and int(shown["seeds"].max()) > 1
    heights = [*shown["median"], *shown["low"], *(high for high in shown["high"] if math.isfinite(high))]
    top = max(heights, default=10.0) * 1.15
    bottom = max(min(heights, default=1.0), LOWEST_GAP) / 1.15
    rows = [
        {
            "variant": str(row.variant),
            "k": int(row.k),
            "evaluations": round(float(row.evaluations)),
            "best": rounded(max(row.median, bottom)),
            "low": rounded(max(row.low, bottom)),
            "high": rounded(min(row.high, top)),
            "said": said(row, measure),
        }
        for row in shown.itertuples()
    ]
    table = pd.DataFrame(rows, columns=["variant", "k", "evaluations", "best", "low", "high", "said"])
    most = float(curves[by].max()) if len(curves) else 1.0
    least = float(curves[by].min()) if len(curves) else 1.0
    x = alt.X(
        f"{by}:Q",
        title="trials" if by == "k" else "gradient evaluations, all trials together",
        scale=alt.Scale(type="log", domain=[least, max(most, least * 2)], nice=False),
        axis=alt.Axis(values=doublings(most) if by == "k" else alt.Undefined, format="~s", labelFlush=True, grid=False),
    )
    y = alt.Y(
        "best:Q",
        title=f"{MEASURES[measure]}, best of k",
        scale=alt.Scale(type="log", domain=[bottom, top], nice=False),
        axis=alt.Axis(format="~e" if measure == "gap" else "~s", tickCount=8),
    )
    seeds = int(shown["seeds"].max()) if several else 1
    legend = legend_of(names, narrow, f"median of n = {seeds} searches" if several else None)
    base = alt.Chart(table).encode(x=x, y=y, color=legend["color"])
    layers: list[Any] = []
    if several:
        layers.append(
            alt.Chart(table)
            .mark_area(opacity=0.13)
            .encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q"), color=legend["color"])
        )
    layers.append(base.mark_line(strokeWidth=2.5).encode(strokeDash=legend["strokeDash"]))
    layers.append(
        base.mark_point(filled=True, size=26, opacity=1).encode(
            tooltip=[
                alt.Tooltip("variant:N"),
                alt.Tooltip("k:Q", title="trials"),
                alt.Tooltip("evaluations:Q", title="gradient evaluations", format=","),
                alt.Tooltip("said:N", title=MEASURES[measure]),
            ]
        )
    )
    if by == "k" and len(table):
        layers += reading(table, names, x)
    if measure == "gap" and tolerance is not None and bottom < tolerance < top:
        rule = alt.Chart(pd.DataFrame({"best": [tolerance], "text": [f"tolerance {tolerance:g}"]}))
        layers.append(rule.mark_rule(color=INK, strokeDash=[4, 3]).encode(y=y))
        layers.append(
            rule.mark_text(align="right", baseline="bottom", color=INK, dy=-2).encode(
                y=y, x=alt.value("width"), text=alt.Text("text:N")
            )
        )
    drawn = set(table["variant"])
    without = [name for name in names if name not in drawn]
    note = f"without a line, for more than half of the searches find nothing: {', '.join(without)}" if without else ""
    return layered(layers, title, note, narrow)


def layered(layers: Sequence[Any], title: str, note: str = "", narrow: bool = False) -> alt.LayerChart:
    """The layers as one chart under its title and a note, in a colour for light and dark."""
    lines = textwrap.wrap(note, 52 if narrow else 110)
    return titled(cast(alt.LayerChart, alt.layer(*layers, width="container", height=340)), title, lines)


def reading(table: pd.DataFrame, names: Sequence[str], x: alt.X) -> list[Any]:
    """A line that follows the pointer and says what every variant has after so many trials."""
    said = {(row.variant, row.k): row.said for row in table.itertuples()}
    rows = [
        {"k": k} | {f"v{index}": said.get((name, k), "nothing yet") for index, name in enumerate(names)}
        for k in sorted(table["k"].unique().tolist())
    ]
    here = alt.selection_point(
        name="trials", fields=["k"], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    rule = (
        alt.Chart(pd.DataFrame(rows))
        .mark_rule(color=INK, strokeWidth=1.5)
        .encode(
            x=x,
            opacity=alt.condition(here, alt.value(0.8), alt.value(0)),
            tooltip=[
                alt.Tooltip("k:Q", title="after trials"),
                *(alt.Tooltip(f"v{index}:N", title=name) for index, name in enumerate(names)),
            ],
        )
        .add_params(here)
    )
    return [rule]


def said(row: Any, measure: Measure) -> str:
    """A median with its range over the seeds, in words: ``34 (33 to 36)``."""
    text = number(row.median) if row.median > LOWEST_GAP else f"at most {LOWEST_GAP:g}"
    if row.seeds > 1 and row.low < row.high:
        high = number(row.high) if math.isfinite(row.high) else "never"
        text += f" ({number(row.low)} to {high})"
    return text if measure == "gap" else f"{text} steps"


def doublings(most: float) -> list[int]:
    """1, 2, 4, ... and the last one."""
    found = [2**power for power in range(int(math.log2(max(most, 1))) + 1)]
    return found if most / found[-1] < 1.5 else [*found, round(most)]


def rounded(value: float) -> float:
    """Four digits are more than a screen shows."""
    return float(f"{value:.4g}")


COSTS = {
    "evaluations": "gradient evaluations per step",
    "microseconds": "time per step (µs), measured here",
    "state_bytes": "state the optimizer keeps (bytes)",
}
LABEL = (0.3, 0.052)  # the width and height that a name takes, as shares of the plot
Cost = Literal["evaluations", "microseconds", "state_bytes"]


def cost(
    table: pd.DataFrame, names: Sequence[str], by: Cost, most: int, title: str = "", narrow: bool = False
) -> alt.LayerChart:
    """What a step costs against how many it takes, each variant at its best.

    ``table`` has the columns variant, steps (NaN: never within the tolerance) and those of ``COSTS``; ``most`` is the
    number of steps that each descent was given. Those that never get there stand at the upper edge, as crosses.
    """
    rows = []
    for row in table.to_dict("records"):
        steps = row["steps"]
        there = math.isfinite(steps)
        rows.append(
            {
                "variant": str(row["variant"]),
                "cost": rounded(row[by]),
                "steps": float(steps) if there else 1.1 * most,
                "total": f"{number(steps * row[by])}" if there else "",
                "said": number(steps) if there else f"not within {most}",
                "reached": "gets there" if there else NEVER,
            }
        )
    shown = pd.DataFrame(rows, columns=["variant", "cost", "steps", "total", "said", "reached"])
    right = max(float(shown["cost"].max()) if len(shown) else 1.0, 1e-9) * 1.4
    reached = shown.loc[shown["reached"] != NEVER, "steps"]
    top = 1.2 * most if (shown["reached"] == NEVER).any() else 1.15 * float(reached.max() if len(reached) else 1.0)
    x = alt.X(
        "cost:Q",
        title=COSTS[by],
        scale=alt.Scale(domain=[0, right], nice=False),
        axis=alt.Axis(tickCount=6, tickMinStep=1, format="~s", grid=False),
    )
    y = alt.Y(
        "steps:Q",
        title="steps to tolerance of the best trial",
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(tickCount=6),
    )
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("said:N", title="steps to tolerance"),
        alt.Tooltip("cost:Q", title=COSTS[by]),
    ]
    if by != "state_bytes":
        unit = "evaluations" if by == "evaluations" else "µs"
        tooltip.append(alt.Tooltip("total:N", title=f"{unit} to tolerance"))
    base = alt.Chart(shown).encode(x=x, y=y)
    legend = legend_of(names, narrow)["color"]
    shape = alt.Shape(
        "reached:N",
        title=None,
        scale=alt.Scale(domain=["gets there", NEVER], range=["circle", "cross"]),
        legend=alt.Legend(
            orient="top" if narrow else "right", symbolFillColor=INK, symbolStrokeColor=INK, values=[NEVER]
        )
        if (shown["reached"] == NEVER).any()
        else None,
    )
    points = base.mark_point(filled=True, size=110, opacity=0.9).encode(color=legend, shape=shape, tooltip=tooltip)
    text = (
        alt.Chart(labels(shown, right, top))
        .mark_text(align="left", baseline="middle", dx=9, fontSize=11, limit=220)
        .encode(x=x, y=y, text=alt.Text("variant:N"), color=legend)
    )
    return layered([points, text], title)


def labels(shown: pd.DataFrame, right: float, top: float) -> pd.DataFrame:
    """Where each name is written: beside its point, or higher where another name is in the way."""
    placed: list[dict[str, Any]] = []
    for row in shown.sort_values(["steps", "cost"]).to_dict("records"):
        at = row["steps"]
        for other in placed:
            if abs(other["cost"] - row["cost"]) < LABEL[0] * right and abs(other["steps"] - at) < LABEL[1] * top:
                at = other["steps"] + LABEL[1] * top
        placed.append({"variant": row["variant"], "cost": row["cost"], "steps": at})
    return pd.DataFrame(placed, columns=["variant", "cost", "steps"])


def scatter(
    trials: pd.DataFrame,
    settings: pd.DataFrame,
    names: Sequence[str],
    parameter: str,
    heights: Sequence[float],
    measure: Measure = "steps",
    log: bool = True,
    title: str = "",
    narrow: bool = False,
) -> alt.LayerChart:
    """Every trial: one of its settings against how it ended; a tick at the upper edge for those that never got there.

    ``settings`` has a column for each setting (NaN where a variant has none), in the rows of ``trials``; ``heights``
    are the steps or gaps, infinite for the ticks.
    """
    rows = [
        {
            "variant": str(row.variant),
            "setting": rounded(setting),
            "height": rounded(max(height, LOWEST_GAP)) if math.isfinite(height) else None,
            "settings": row.settings,
            "outcome": row.outcome,
        }
        for row, setting, height in zip(trials.itertuples(), settings[parameter], heights, strict=True)
        if not math.isnan(setting)
    ]
    shown = pd.DataFrame(rows, columns=["variant", "setting", "height", "settings", "outcome"])
    shown["height"] = shown["height"].astype("float64")
    top, bottom = float(shown["height"].max()), float(shown["height"].min())
    if math.isnan(top):
        top, bottom = 10.0, 1.0
    margin = max(top / bottom, 2.0) ** 0.05  # room for the ticks above the points
    x = alt.X(
        "setting:Q",
        title="learning rate" if parameter == "lr" else parameter.replace("_", " "),
        scale=alt.Scale(type="log" if log else "linear", nice=False, padding=12, zero=False),
        axis=alt.Axis(grid=False, format="~g", tickCount=8),
    )
    y = alt.Y(
        "height:Q",
        title=MEASURES[measure],
        scale=alt.Scale(type="log", domain=[bottom / margin, top * margin**2], nice=False),
        axis=alt.Axis(format="~e" if measure == "gap" else "~s", tickCount=8),
    )
    color = legend_of(names, narrow)["color"]
    tooltip = [alt.Tooltip("variant:N"), alt.Tooltip("settings:N"), alt.Tooltip("outcome:N"),
               alt.Tooltip("height:Q", title=MEASURES[measure])]  # fmt: skip
    base = alt.Chart(shown).encode(x=x, color=color, tooltip=tooltip)
    layers: list[Any] = [
        base.transform_filter("isValid(datum.height)").mark_point(filled=True, size=55, opacity=0.75).encode(y=y),
        base.transform_filter("!isValid(datum.height)")
        .mark_tick(orient="vertical", thickness=1.5, size=12, opacity=0.6)
        .encode(y=alt.value(7)),
    ]
    lost = int(shown["height"].isna().sum())
    never = "do not converge" if measure == "steps" else "diverge"
    note = f"ticks at the upper edge: {lost} of {len(shown)} trials {never}" if lost else ""
    return layered(layers, title, note, narrow)


def settings_table(settings: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """One column for each setting that occurs, NaN where a trial has none."""
    return pd.DataFrame([dict(each) for each in settings]).astype("float64")
