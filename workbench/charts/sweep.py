"""Charts of sweeps: one strip per variant, coloured by where each setting led."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts.style import INK, OUTCOMES, number, outcome_colors, titled

FAST, LATE = "#0b5d45", "#a3dcc6"  # converged at once, converged at the end
SPEEDS = 24  # shades between them
STRIP = 44  # pixels of a strip with its gap
GAP = 0.4  # share of it that is gap
WORD = 0.07  # share of the axis from which on an outcome is written into its part of the strip
LIMIT = "limit by the formula"


def edges(settings: np.ndarray[Any, np.dtype[np.float64]], log: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Where each setting's part of the strip begins and ends: half way to its neighbours."""
    if len(settings) == 1:
        return np.array([settings[0], settings[0]])
    scaled = np.log(settings) if log else settings
    middle = (scaled[1:] + scaled[:-1]) / 2
    if log:
        middle = np.exp(middle)
    return np.concatenate([settings[:1], middle, settings[-1:]])


def label(name: str, seed: int, rows: pd.DataFrame, seeds: int) -> str:
    """The strip's name, and how much of it converges."""
    converged = rows.loc[rows["outcome"] == "converged", "setting"]
    share = f"{len(converged)} of {len(rows)} converge"
    upto = f", up to {number(float(converged.max()))}" if len(converged) else ""
    return f"{name}{f', seed {seed}' if seeds > 1 else ''}|{share}{upto}"


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
    limits: Mapping[str, float | None] | None = None,
    log: bool = False,
    title: str = "",
    subtitle: str = "",
) -> alt.LayerChart:
    """One strip per variant: x is the setting, the colour the outcome, the shade of green the steps to tolerance.

    ``sweep`` and ``summary`` are records; ``limits`` gives the variants' critical rates where a formula is
    known (``workbench.descent.sweep.critical_rate``), drawn as a line over the measured colours.
    """
    names = [str(name) for name in summary["variant"].drop_duplicates()]
    seeds = sweep["seed"].nunique()
    parameter = " and ".join(sweep["parameter"].drop_duplicates()) or "setting"
    axis_title = "learning rate" if parameter == "lr" else parameter.replace("_", " ")
    low, high = (float(sweep["setting"].min()), float(sweep["setting"].max())) if len(sweep) else (0.0, 1.0)
    reached = sweep["steps_to_tolerance"].dropna()
    quickest = max(1.0, float(reached.min())) if len(reached) else 1.0
    slowest = max(quickest + 1, float(reached.max())) if len(reached) else 2.0

    rows: list[dict[str, Any]] = []
    written: list[dict[str, Any]] = []
    rules: list[dict[str, Any]] = []
    order: list[str] = []
    for name in names:
        for seed, whole in sweep[sweep["variant"] == name].groupby("seed"):
            strip = label(name, int(str(seed)), whole, seeds)
            order.append(strip)
            made = parts(whole, log, slowest)
            rows += [{"strip": strip, **part} for part in made]
            written += [{"strip": strip, **word} for word in words(made, low, high, log)]
            limit = (limits or {}).get(name)
            if limit is not None and low <= limit <= high:
                rules.append({"strip": strip, "limit": limit, "text": f"limit {number(limit)}", "kind": LIMIT})

    y = alt.Y(
        "strip:N",
        title=None,
        sort=order,
        scale=alt.Scale(paddingInner=GAP, paddingOuter=GAP),
        axis=alt.Axis(
            labelExpr="split(datum.label, '|')",
            labelLimit=260,
            labelLineHeight=14,
            labelOffset=-7,
            labelPadding=8,
            domain=False,
            ticks=False,
        ),
    )
    scale = alt.Scale(type="log" if log else "linear", domain=[low, high], nice=False, zero=False)
    table = pd.DataFrame(rows, columns=["strip", "outcome", "low", "high", "steps", "settings"])
    bars = alt.Chart(table).encode(
        x=alt.X("low:Q", title=axis_title, scale=scale, axis=alt.Axis(grid=False, tickCount=10)),
        x2=alt.X2("high:Q"),
        y=y,
        tooltip=[
            alt.Tooltip("outcome:N"),
            alt.Tooltip("low:Q", title="from", format=".4~g"),
            alt.Tooltip("high:Q", title="to", format=".4~g"),
            alt.Tooltip("steps:Q", title="steps to tolerance"),
            alt.Tooltip("settings:Q"),
        ],
    )
    others = [outcome for outcome in OUTCOMES if outcome in set(table["outcome"]) and outcome != "converged"]
    layers: list[Any] = []
    if len(reached):
        speed = alt.Color(
            "steps:Q",
            title="converged: steps to tolerance",
            scale=alt.Scale(type="log", domain=[quickest, slowest], range=[FAST, LATE]),
            legend=alt.Legend(orient="top", gradientLength=180, format="d", values=ticks(quickest, slowest)),
        )
        layers.append(bars.transform_filter("datum.outcome == 'converged'").mark_bar().encode(color=speed))
    if others:
        kind = alt.Color(
            "outcome:N",
            title="not converged",
            scale=outcome_colors(others),
            legend=alt.Legend(orient="top", symbolType="square"),
        )
        layers.append(bars.transform_filter("datum.outcome != 'converged'").mark_bar().encode(color=kind))
    if written:
        layers.append(
            alt.Chart(pd.DataFrame(written))
            .mark_text(color="white", fontSize=11, fontWeight="bold")
            .encode(x=alt.X("at:Q", scale=scale), y=y, text=alt.Text("word:N"))
        )
    if rules:
        known = alt.Chart(pd.DataFrame(rules)).encode(x=alt.X("limit:Q", scale=scale), y=y)
        layers.append(
            known.mark_tick(orient="vertical", thickness=3, size=STRIP * (1 - GAP) + 8, opacity=1).encode(
                fill=alt.Fill(
                    "kind:N",
                    title=None,
                    scale=alt.Scale(domain=[LIMIT], range=["#2a86d8"]),
                    legend=alt.Legend(orient="top", symbolType="square"),
                ),
                tooltip=alt.Tooltip("text:N"),
            )
        )
        layers.append(
            known.mark_text(
                align="left", baseline="bottom", dx=4, dy=-STRIP * (1 - GAP) / 2, fontSize=10.5, color=INK
            ).encode(text=alt.Text("text:N"))
        )
    if not layers:
        layers.append(bars.mark_bar())
    chart: alt.LayerChart = alt.layer(*layers).resolve_scale(color="independent", fill="independent")
    return titled(chart.properties(width="container", height=STRIP * max(1, len(order))), title, [subtitle])
