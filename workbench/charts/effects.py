"""Charts of a matrix: small multiples of its cells, its cells as a table, and effects with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt
import pandas as pd

from workbench.charts.style import INK, OUTCOMES, PALETTE, QUIET, colors_of
from workbench.charts.training import over_seeds
from workbench.words import percent

BEST = "\N{BLACK STAR}"
NOT_RUN = "not run"
ROOM = 0.22  # of the height of a panel, at the top
HEADER = 130  # pixels that the titles of rows take
PARTS = "split(datum.label, ', ')"  # one below the other: cut off at the end, two levels could look alike
VERDICTS = {  # colour and shape; the word is always written, too
    "helps": ("#15916a", "triangle-up"),
    "likely helps": ("#15916a", "diamond"),
    "better": ("#15916a", "triangle-up"),
    "likely better": ("#15916a", "diamond"),
    "more together": ("#15916a", "triangle-up"),
    "likely more together": ("#15916a", "diamond"),
    "no difference": (INK, "square"),
    "not distinguishable": (INK, "circle"),
    "one seed proves nothing": (INK, "cross"),
    "likely less together": ("#d1422f", "diamond"),
    "less together": ("#d1422f", "triangle-down"),
    "likely worse": ("#d1422f", "diamond"),
    "worse": ("#d1422f", "triangle-down"),
    "likely harms": ("#d1422f", "diamond"),
    "harms": ("#d1422f", "triangle-down"),
}
Spec = Any  # of altair's classes, the one that a facet happens to be


def small_multiples(
    curve: pd.DataFrame,
    places: pd.DataFrame,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    metric: Literal["accuracy", "loss"] = "accuracy",
    lines: Sequence[str] = (),
    titles: tuple[str, str, str] = ("", "", ""),
    finals: Mapping[str, float] | None = None,
    diverged: Sequence[tuple[str, int]] = (),
    best: str = "",
    reference: str = "",
    log: bool = False,
    size: int = 160,
    wrap: int = 4,
) -> Spec:
    """One panel a cell: the test split by epoch, mean and range over the seeds, on common axes.

    ``places`` says where each variant stands: variant, row, column, line (its colour in the cell). ``rows``,
    ``columns`` and ``lines`` are the levels in order, ``titles`` the names of the three; one level of ``rows`` makes
    small multiples of ``wrap`` panels a line. Variants of one colour in one cell are averaged. ``finals`` are
    the variants' final values, written in the cells (of several the best one, or the mean of what is averaged): they
    count every run, while a line goes on with those that are left when one diverged. ``diverged`` names those runs,
    as (variant, seed), which get a cross where they end. ``best`` is the variant whose cell has a star, ``reference``
    the one that is drawn dashed in every panel. A cell without a variant says so.
    """
    tests = curve[curve["split"] == "test"].merge(places, on="variant")
    keys = ["row", "column", "line", "epoch"]
    shown = over_seeds(tests, metric, keys).assign(mark="curve")
    marks = notes(places, finals or {}, rows, columns, metric, best)
    table = pd.concat([shown, marks, ends(tests, diverged, metric)], ignore_index=True)
    numbers = ["epoch", "value", "low", "high", "seeds"]
    table[numbers] = table[numbers].astype("float64")  # empty parts have no types
    several = bool(len(shown)) and int(shown["seeds"].max()) > 1
    if log:  # a loss of exactly 0 has no logarithm
        table[["value", "low", "high"]] = table[["value", "low", "high"]].where(lambda values: values > 0)
    scale = roomy(table[["value", "low", "high"]], log)
    ticks = whole_numbers(float(shown["epoch"].max()) if len(shown) else 1.0)
    x = alt.X("epoch:Q", title="epoch", scale=alt.Scale(nice=False), axis=alt.Axis(values=ticks, labelFlush=True))
    axis = alt.Axis(format="%", tickCount=4) if metric == "accuracy" else alt.Axis(tickCount=4)
    y = alt.Y("value:Q", title=f"test {metric}", scale=scale, axis=axis)
    tint: dict[str, Any] = {}
    if len(lines) > 1:
        legend = alt.Legend(title=titles[2], orient="top", labelLimit=260, titleLimit=400, columns=4,
                            symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1)  # fmt: skip
        colors = alt.Scale(domain=list(lines), range=colors_of(len(lines)))
        tint = {"color": alt.Color("line:N", scale=colors, sort=list(lines), legend=legend)}
    drawn = alt.Chart().transform_filter("datum.mark == 'curve'")
    tooltip = [
        alt.Tooltip("row:N", title=titles[0] or "row"),
        alt.Tooltip("column:N", title=titles[1] or "column"),
        alt.Tooltip("line:N", title=titles[2] or "line"),
        alt.Tooltip("epoch:Q"),
        alt.Tooltip("value:Q", title=f"test {metric}", format=".4g"),
        alt.Tooltip("seeds:Q", title="runs"),
    ]
    layers = [ground(tests, metric, reference, x, y, log)] if reference else []
    plain: dict[str, Any] = {} if tint else {"color": PALETTE[0]}
    if several:
        layers.append(
            drawn.mark_area(opacity=0.18, **plain).encode(
                x=x, y=alt.Y("low:Q", scale=scale, title=f"test {metric}", axis=axis), y2=alt.Y2("high:Q"), **tint
            )
        )
    line = drawn.mark_line(strokeWidth=2, invalid="break-paths-filter-domains", **plain)
    layers.append(line.encode(x=x, y=y, tooltip=tooltip, **tint))
    if (table["mark"] == "end").any():
        cross = alt.Chart().transform_filter("datum.mark == 'end'")
        cross = cross.mark_point(
            shape="cross", angle=45, size=90, filled=True, opacity=1, color=OUTCOMES["diverged"][0]
        )
        layers.append(cross.encode(x=x, y=y, tooltip=[alt.Tooltip("text:N", title="run")]))
    words: dict[str, Any] = {"align": "left", "baseline": "top", "fontSize": 11, "color": INK}
    for mark, weight in (("note", "normal"), ("best", "bold")):
        text = alt.Chart().transform_filter(f"datum.mark == '{mark}'").mark_text(**words | {"fontWeight": weight})
        layers.append(text.encode(x=alt.value(5), y=alt.value(4), text="text:N"))
    height = round(size * 0.62)
    whole = alt.layer(*layers, data=table).properties(width=size, height=height)
    header = alt.Header(labelFontWeight="bold", labelLimit=size, labelExpr=PARTS, titleFontWeight="normal")
    if len(rows) < 2:
        across = alt.Facet("column:N", title=titles[1] or None, sort=list(columns), header=header)
        return whole.facet(facet=across, columns=max(1, min(wrap, len(columns))), spacing=14)
    side = alt.Header(labelFontWeight="bold", labelAngle=0, labelAlign="left", labelLimit=HEADER,
                      labelExpr=PARTS, titleFontWeight="normal")  # fmt: skip
    return whole.facet(
        row=alt.Row("row:N", title=titles[0] or None, sort=list(rows), header=side),
        column=alt.Column("column:N", title=titles[1] or None, sort=list(columns), header=header),
        spacing=12,
    )


def whole_numbers(last: float, most: int = 4) -> list[int]:
    """Whole epochs from 0 on, at most ``most`` steps."""
    step = max(1, -(-int(last) // most))
    return list(range(0, int(last) + 1, step))


def roomy(values: pd.DataFrame, log: bool) -> alt.Scale:
    """A common scale with room at the top for what is written there."""
    low, high = float(values.min().min()), float(values.max().max())
    if not math.isfinite(low) or not math.isfinite(high) or low == high:
        return alt.Scale(type="log") if log else alt.Scale(zero=False)
    if log:
        return alt.Scale(type="log", domain=[low, high * (high / low) ** ROOM], nice=False)
    return alt.Scale(domain=[low, high + ROOM * (high - low)], nice=False, zero=False)


def ends(tests: pd.DataFrame, diverged: Sequence[tuple[str, int]], metric: str) -> pd.DataFrame:
    """Where runs that diverged end: their last look at the test split."""
    lost = {(variant, int(seed)) for variant, seed in diverged}
    found = []
    for (variant, seed), run in tests.groupby(["variant", "seed"], sort=False):
        if (str(variant), int(seed)) not in lost:
            continue
        last = run.sort_values("epoch", kind="stable").iloc[-1]
        value = float(last[metric])
        if math.isfinite(value):
            found.append({"row": last["row"], "column": last["column"], "line": last["line"], "epoch": last["epoch"],
                          "value": value, "mark": "end", "text": f"{variant}, seed {seed}: diverged"})  # fmt: skip
    return pd.DataFrame(found, columns=["row", "column", "line", "epoch", "value", "mark", "text"])


def notes(
    places: pd.DataFrame,
    finals: Mapping[str, float],
    rows: Sequence[str],
    columns: Sequence[str],
    metric: str,
    best: str,
) -> pd.DataFrame:
    """What is written in each panel: the final value (of its best line), or that it was not run."""
    made = []
    for row in rows:
        for column in columns:
            own = places[(places["row"] == row) & (places["column"] == column)]
            if not len(own):
                made.append({"row": row, "column": column, "mark": "note", "text": NOT_RUN})
                continue
            values = own.assign(value=own["variant"].map(dict(finals))).dropna(subset="value")
            if not len(values):
                continue
            lines = values.groupby("line", sort=False)["value"].mean()
            value = float(lines.max() if metric == "accuracy" else lines.min())
            said = percent(value) if metric == "accuracy" else f"{value:.3g}"
            star = best in set(own["variant"])
            text = f"{BEST} {said}" if star else said
            made.append({"row": row, "column": column, "mark": "best" if star else "note", "text": text})
    return pd.DataFrame(made, columns=["row", "column", "mark", "text"])


def ground(tests: pd.DataFrame, metric: str, reference: str, x: alt.X, y: alt.Y, log: bool) -> Spec:
    """The reference's curve, which has data of its own and so is drawn in every panel."""
    own = over_seeds(tests[tests["variant"] == reference], metric, ["epoch"])
    own = own[["epoch", "value"]]
    if log:
        own = own[own["value"] > 0]
    return alt.Chart(own).mark_line(color=QUIET, strokeWidth=1.2, strokeDash=[4, 3]).encode(x=x, y=y)


def cell_table(
    cells: pd.DataFrame,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    share: bool = True,
    higher: bool = True,
    titles: tuple[str, str] = ("", ""),
    width: int = 700,
) -> Spec:
    """Final values as a table of colours: mean, standard deviation over the seeds, and the verdict of each cell.

    ``cells``: row, column, value (mean), spread (NaN for one seed), seeds, verdict, best (whether it has a star),
    text (the verdict with its numbers, for the pointer). ``higher`` says whether more is better; ``share`` whether
    values are written in percent.
    """
    table = cells.copy()
    factor, digits = (100, 1) if share else (1, 4)
    table["shown"] = [
        written(row.value * factor, row.spread * factor, digits, bool(row.best), str(row.verdict))
        for row in table.itertuples()
    ]
    low, high = table["value"].min(), table["value"].max()
    table["dark"] = (table["value"] <= (low + high) / 2) == higher
    x = alt.X("column:N", title=titles[1] or None, sort=list(columns), scale=alt.Scale(domain=list(columns)),
              axis=alt.Axis(orient="top", labelAngle=0, labelLimit=max(40, width // max(1, len(columns))),
                            labelFontWeight="bold", ticks=False, domain=False))  # fmt: skip
    y = alt.Y("row:N", title=titles[0] or None, sort=list(rows), scale=alt.Scale(domain=list(rows)),
              axis=alt.Axis(labelLimit=260, labelFontWeight="bold", ticks=False, domain=False))  # fmt: skip
    legend = alt.Legend(title=title, orient="bottom", format="%" if share else "~g", gradientLength=220, titleLimit=400)
    tooltip = [
        alt.Tooltip("row:N", title=titles[0] or "row"),
        alt.Tooltip("column:N", title=titles[1] or "column"),
        alt.Tooltip("value:Q", title=title, format=".4g"),
        alt.Tooltip("spread:Q", title="standard deviation", format=".2g"),
        alt.Tooltip("seeds:Q"),
        alt.Tooltip("text:N", title="verdict"),
    ]
    base = alt.Chart(table).encode(x=x, y=y)
    rects = base.mark_rect().encode(
        color=alt.Color("value:Q", scale=alt.Scale(scheme="viridis", reverse=not higher), legend=legend),
        tooltip=tooltip,
    )
    words = base.mark_text(lineBreak="\n", fontSize=11, dy=-6).encode(
        text="shown:N", color=alt.condition("datum.dark", alt.value("white"), alt.value("black")), tooltip=tooltip
    )
    height = 42 * max(1, len(rows))
    return alt.layer(rects, words).properties(width=width, height=height)


def written(value: float, spread: float, digits: int, best: bool, verdict: str) -> str:
    """``★ 97.1 ± 0.2`` and the verdict below it."""
    number = f"{value:.{digits}f}" if digits == 1 else f"{value:.{digits}g}"
    wide = f" ± {spread:.1f}" if digits == 1 else f" ± {spread:.2g}"
    first = f"{BEST} {number}" if best else number
    return f"{first}{wide if spread == spread else ''}\n{verdict}"


def forest(
    effects: pd.DataFrame,
    *,
    title: str,
    share: bool = True,
    groups: Sequence[str] = (),
    width: int = 460,
    labels: Mapping[str, str] | None = None,
) -> Spec:
    """Effects with their 95 % intervals, one line each; the shape and colour of the point are its verdict.

    ``effects``: group (what changes: one block of lines each, ``groups`` in order), where, effect, low, high, verdict,
    text. The line at 0 means no effect. ``share``: in percentage points. ``labels`` are the titles of the groups.
    """
    factor = 100 if share else 1
    table = effects[["group", "where", "verdict", "text"]].copy()
    for column in ("effect", "low", "high"):
        table[column] = effects[column].astype("float64") * factor
    groups = list(groups) or list(dict.fromkeys(table["group"]))
    if labels:
        table["group"] = table["group"].map(lambda name: labels.get(name, name))
        groups = [labels.get(name, name) for name in groups]
    there = [word for word in VERDICTS if word in set(table["verdict"])]
    unit = f"{title} (points)" if share else title
    x = alt.X("effect:Q", title=unit, axis=alt.Axis(format="+.3~r", tickCount=7))
    order = list(dict.fromkeys(table["where"]))
    y = alt.Y("where:N", title=None, sort=order, axis=alt.Axis(labelLimit=260))
    tint = alt.Color("verdict:N", title="verdict", sort=there,
                     scale=alt.Scale(domain=there, range=[VERDICTS[word][0] for word in there]),
                     legend=alt.Legend(orient="top", columns=4, labelLimit=220))  # fmt: skip
    shape = alt.Shape("verdict:N", title="verdict", sort=there,
                      scale=alt.Scale(domain=there, range=[VERDICTS[word][1] for word in there]))  # fmt: skip
    tooltip = [alt.Tooltip("group:N"), alt.Tooltip("where:N"), alt.Tooltip("text:N", title="verdict")]
    base = alt.Chart().encode(y=y, tooltip=tooltip)
    nothing = alt.Chart(pd.DataFrame({"effect": [0.0]})).mark_rule(color=QUIET, strokeDash=[4, 3]).encode(x=x)
    spans = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2)
    points = base.mark_point(filled=True, size=80, opacity=1)
    whole = alt.layer(
        nothing,
        spans.encode(x=alt.X("low:Q", title=unit), x2=alt.X2("high:Q"), color=tint),
        points.encode(x=x, color=tint, shape=shape),
        data=table,
    ).properties(width=width, height=alt.Step(20))
    header = alt.Header(labelOrient="top", labelAnchor="start", labelFontWeight="bold", labelLimit=width, title=None)
    facet = alt.Row("group:N", sort=groups, header=header, title=None)
    return whole.facet(row=facet, spacing=10).resolve_scale(y="independent")
