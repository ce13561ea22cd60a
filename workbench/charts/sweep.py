"""Charts of sweeps over one setting: one strip per variant, coloured by where each setting led."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts.cells import axis_title
from workbench.charts.style import INK, OUTCOMES, number, outcome_colors, titled
from workbench.descent.limits import Limit, LimitCurve
from workbench.descent.tolerance import Tolerance, edges, in_decades, tolerances

FAST, LATE = "#0b5d45", "#a3dcc6"  # converged at once, converged at the end
SPEEDS = 24  # shades between them
BAR, GAP = 26, 18  # pixels of a strip, and between strips
THICK = {1: BAR, 2: 14, 3: 12}  # pixels of each seed's part of a strip; of more seeds below
SEEDS = 24  # so many are drawn
READABLE = 12  # pixels in which a word fits
WORD = 0.07  # share of the axis from which on an outcome is written into its part of the strip
LIMIT, LOCAL = "limit by the formula", "local limit at the lowest point"
LIMIT_COLOR = "#2a86d8"
LIMIT_DASHES = {LIMIT: [1, 0], LOCAL: [5, 3]}


def thickness(seeds: int) -> int:
    """Pixels of one seed's part of a strip."""
    return THICK.get(seeds, max(4, min(9, 72 // seeds)))


def measured(rows: pd.DataFrame, found: Tolerance | None) -> str:
    """How much one variant tolerates, in a few words: its width in decades, or its share where there are none."""
    converged = rows["outcome"] == "converged"
    if not converged.any():
        return "nothing converges"
    if found is None:
        return f"{int(converged.sum())} of {len(rows)} converge"
    if found.seeds > 1:
        return f"{found.decades:.2f} decades ({found.least:.2f} to {found.most:.2f})"
    if found.decades == 0:
        return "0 decades"
    return f"{'≥ ' if found.more else ''}{found.decades:.2f} decades, {number(found.low)} to {number(found.high)}"


def speeds(sweep: pd.DataFrame) -> tuple[float, float]:
    """The quickest and the slowest number of steps to tolerance, the ends of the ramp."""
    reached = sweep["steps_to_tolerance"].dropna()
    quickest = max(1.0, float(reached.min())) if len(reached) else 1.0
    return quickest, max(quickest + 1, float(reached.max())) if len(reached) else 2.0


def parts(rows: pd.DataFrame, log: bool, slowest: float) -> list[dict[str, Any]]:
    """Neighbouring settings with the same outcome, converged ones also of about the same speed, as one part."""
    rows = rows.sort_values("setting")
    borders = edges(rows["setting"].to_numpy(dtype=np.float64), log)
    steps = rows["steps_to_tolerance"].tolist()
    shades = [
        round(SPEEDS * math.log1p(step) / math.log1p(slowest)) if math.isfinite(step) and slowest > 0 else 0
        for step in steps
    ]
    keys = list(zip(rows["outcome"], shades, strict=True))
    made = []
    for (outcome, _), group in itertools.groupby(range(len(keys)), key=keys.__getitem__):
        members = list(group)
        within = [steps[index] for index in members if math.isfinite(steps[index])]
        made.append(
            {
                "outcome": outcome,
                "low": float(f"{borders[members[0]]:.6g}"),
                "high": float(f"{borders[members[-1] + 1]:.6g}"),
                "steps": round(float(np.mean(within)), 1) if outcome == "converged" and within else None,
                "settings": len(members),
            }
        )
    return made


def words(made: list[dict[str, Any]], low: float, high: float, log: bool) -> list[dict[str, Any]]:
    """The outcome written where its part is wide enough; neighbours of any speed count as one."""
    scale = math.log if log else float
    found = []
    for outcome, group in itertools.groupby(made, key=lambda part: part["outcome"]):
        members = list(group)
        left, right = scale(members[0]["low"]), scale(members[-1]["high"])
        if outcome != "converged" and right - left >= WORD * (scale(high) - scale(low)):
            middle = (left + right) / 2
            found.append({"at": math.exp(middle) if log else middle, "word": outcome})
    return found


def ticks(low: float, high: float) -> list[int]:
    """Both ends, and round numbers between them that keep their distance on a log scale."""
    found = [low]
    for value in (factor * 10**power for power in range(7) for factor in (1, 2, 5)):
        if 1.5 * found[-1] <= value <= high / 1.5:
            found.append(value)
    return [round(value) for value in [*found, high]]


def strips(
    sweep: pd.DataFrame,
    summary: pd.DataFrame,
    limits: Mapping[str, Limit | None] | None = None,
    log: bool = False,
    title: str = "",
    subtitle: str = "",
    narrow: bool = False,
) -> alt.LayerChart:
    """One strip per variant: x is the setting, the colour the outcome, the shade of green the steps to tolerance.

    Several seeds are thin strips within it. ``sweep`` and ``summary`` are records; ``limits`` gives the variants'
    critical rates where a formula is known (``workbench.descent.limits.known_limit``), drawn as a line over the
    measured colours. ``narrow`` writes the names above the strips, where a screen has no room beside them.
    """
    names = [str(name) for name in summary["variant"].drop_duplicates() if (sweep["variant"] == name).any()]
    seeds = sorted(sweep["seed"].unique().tolist())
    shown = seeds[:SEEDS]
    thick = thickness(len(shown)) if shown else BAR
    low, high = (float(sweep["setting"].min()), float(sweep["setting"].max())) if len(sweep) else (0.0, 1.0)
    quickest, slowest = speeds(sweep)
    found = tolerances(sweep, log) if in_decades(sweep) else {}

    rows: list[dict[str, Any]] = []
    written: list[dict[str, Any]] = []
    rules: list[dict[str, Any]] = []
    order: list[str] = []
    for name in names:
        own = sweep[sweep["variant"] == name]
        strip = f"{name}|{measured(own, found.get(name))}"
        order.append(strip)
        for seed, whole in own[own["seed"].isin(shown)].groupby("seed"):
            made = parts(whole, log, slowest)
            rows += [{"strip": strip, "seed": str(seed), **part} for part in made]
            if thick >= READABLE:
                written += [{"strip": strip, "seed": str(seed), **word} for word in words(made, low, high, log)]
        limit = (limits or {}).get(name)
        if limit is not None and low <= limit.rate <= high:
            kind = LOCAL if limit.local else LIMIT
            rules.append({"strip": strip, "limit": limit.rate, "text": f"limit {number(limit.rate)}", "kind": kind})

    band = max(BAR, thick * max(1, len(shown)))
    step = band + GAP
    side = alt.Axis(
        labelExpr="split(datum.label, '|')",
        labelLimit=260,
        labelLineHeight=14,
        labelOffset=-7,
        labelPadding=8,
        domain=False,
        ticks=False,
    )
    axis = None if narrow else side
    y_scale = alt.Scale(paddingInner=GAP / step, paddingOuter=GAP / step)
    y = alt.Y("strip:N", title=None, sort=order, scale=y_scale, axis=axis)
    offset: dict[str, Any] = (
        {"yOffset": alt.YOffset("seed:N", sort=[str(seed) for seed in shown])} if len(shown) > 1 else {}
    )
    scale = alt.Scale(type="log" if log else "linear", domain=[low, high], nice=False, zero=False)
    table = pd.DataFrame(rows, columns=["strip", "seed", "outcome", "low", "high", "steps", "settings"])
    parameter = " and ".join(axis_title(name) for name in sweep["parameter"].drop_duplicates()) or "setting"
    ticked = alt.Axis(grid=False, tickCount=10, format="~g", labelOverlap=True)
    bars = alt.Chart(table).encode(
        x=alt.X("low:Q", title=parameter, scale=scale, axis=ticked),
        x2=alt.X2("high:Q"),
        y=y,
        **offset,
        tooltip=[
            alt.Tooltip("outcome:N"),
            alt.Tooltip("low:Q", title="from", format=".4~g"),
            alt.Tooltip("high:Q", title="to", format=".4~g"),
            alt.Tooltip("steps:Q", title="steps to tolerance"),
            alt.Tooltip("settings:Q"),
            *([alt.Tooltip("seed:N")] if offset else []),
        ],
    )
    others = [outcome for outcome in OUTCOMES if outcome in set(table["outcome"]) and outcome != "converged"]
    layers: list[Any] = []
    if (table["outcome"] == "converged").any():
        speed = alt.Color(
            "steps:Q",
            title="converged: steps to tolerance",
            scale=alt.Scale(type="log", domain=[quickest, slowest], range=[FAST, LATE]),
            legend=ramp(quickest, slowest, narrow),
        )
        layers.append(bars.transform_filter("datum.outcome == 'converged'").mark_bar().encode(color=speed))
    if others:
        word = alt.Color(
            "outcome:N",
            title="not converged",
            scale=outcome_colors(others),
            legend=alt.Legend(orient="top", symbolType="square", columns=3 if narrow else alt.Undefined),
        )
        layers.append(bars.transform_filter("datum.outcome != 'converged'").mark_bar().encode(color=word))
    if written:
        layers.append(
            alt.Chart(pd.DataFrame(written))
            .mark_text(color="white", fontSize=11, fontWeight="bold")
            .encode(x=alt.X("at:Q", scale=scale), y=y, text=alt.Text("word:N"), **offset)
        )
    if rules:
        layers += marks(pd.DataFrame(rules), alt.X("limit:Q", scale=scale), y, band, narrow)
    if narrow and order:
        told = {rule["strip"]: f"; {'local ' if rule['kind'] == LOCAL else ''}{rule['text']}" for rule in rules}
        texts = [strip.replace("|", ": ") + told.get(strip, "") for strip in order]
        heads = pd.DataFrame({"strip": order, "text": texts})
        layers.append(
            alt.Chart(heads)
            .mark_text(align="left", baseline="bottom", dy=-band / 2 - 3, fontSize=10.5, color=INK, limit=330)
            .encode(x=alt.value(0), y=y, text=alt.Text("text:N"))
        )
    if not layers:
        layers.append(bars.mark_bar())
    apart = alt.Resolve(scale=alt.ScaleResolveMap(color="independent"))
    height = step * max(1, len(order)) + GAP
    chart = cast(alt.LayerChart, alt.layer(*layers, width="container", height=height, resolve=apart))
    notes = [subtitle]
    if len(seeds) > len(shown):
        notes.append(f"the first {len(shown)} of {len(seeds)} seeds are drawn")
    return titled(chart, title, notes)


def limit_legend() -> alt.Legend:
    """A line in the colour of the limits."""
    return alt.Legend(orient="top", symbolType="stroke", symbolStrokeColor=LIMIT_COLOR, symbolStrokeWidth=3)


def ramp(quickest: float, slowest: float, narrow: bool, **more: Any) -> alt.Legend:
    """The legend of the steps to tolerance; below the chart where a screen is narrow."""
    orient: Any = "bottom" if narrow else "top"
    return alt.Legend(orient=orient, gradientLength=180, format="d", values=ticks(quickest, slowest), **more)


def lines_told(kinds: Collection[str]) -> str:
    """What the lines of the limits are, for a caption."""
    told = {
        LIMIT: " Blue line: the limit by the formula.",
        LOCAL: " Dashed: the limit that the lowest point alone sets.",
    }
    return "".join(words for kind, words in told.items() if kind in kinds)


def kinds_of(limits: Iterable[Limit | LimitCurve | None]) -> set[str]:
    """Which kinds of limits there are."""
    return {LOCAL if limit.local else LIMIT for limit in limits if limit is not None}


def described(sweep: pd.DataFrame, limits: Iterable[Limit | None] = ()) -> str:
    """How strips are read, for a caption."""
    text = "Green: converged, the darker the sooner. Other colours: see the legend." + lines_told(kinds_of(limits))
    if not in_decades(sweep):
        return text
    text += " Decades: how wide the longest unbroken green stretch is, log10 of its upper over its lower end"
    if (seeds := sweep["seed"].nunique()) > 1:
        return f"{text}; the median of the {seeds} seeds (from the least to the most)."
    return text + "; ≥ where it reaches an end of what was tried."


def marks(table: pd.DataFrame, x: alt.X, y: alt.Y, band: float, narrow: bool) -> list[Any]:
    """The limits: a line across the strip, dashed for a local one; where there is room with a legend and its number."""
    kinds = [kind for kind in LIMIT_DASHES if kind in set(table["kind"])]
    known = alt.Chart(table).encode(x=x)
    edge = y.bandPosition(0)
    dash = alt.StrokeDash(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=kinds, range=[LIMIT_DASHES[kind] for kind in kinds]),
        legend=None if narrow else limit_legend(),
    )
    across = known.encode(y=edge, y2=alt.Y2("strip:N", bandPosition=1))
    layers: list[Any] = [
        across.mark_rule(color="white", strokeWidth=5, opacity=0.9),
        across.mark_rule(color=LIMIT_COLOR, strokeWidth=3).encode(strokeDash=dash, tooltip=alt.Tooltip("text:N")),
    ]
    if not narrow:
        text = known.mark_text(align="left", baseline="bottom", dx=4, dy=-band / 2, fontSize=10.5, color=INK)
        layers.append(text.encode(y=y, text=alt.Text("text:N")))
    return layers
