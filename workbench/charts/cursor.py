"""A cursor on the steps of a training that several views share: whoever is pointed at moves it in all of them.

It is a variable of the whole picture, a signal of Vega that Vega-Lite hands on as it is, because its schema knows no
variable that listens to a pointer. A mark moves the cursor when its row has a field ``hover``, the step it stands for.
A picture that is drawn anew hears by ``pointerover`` of a pointer that rests on it: so the cursor stays under it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts.tables import Tables

CURSOR = "cursor"  # the variable: a step
STOPS = 100  # steps at which it can stand: finer than a finger, and than most screens
NOW = f"datum.step <= {CURSOR} && (!isValid(datum.until) || {CURSOR} < datum.until)"  # filter: the last row before it


@dataclass(frozen=True)
class Cursor:
    """The variable, for the ``params`` of a ``Stack``; it begins at step ``first``."""

    first: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As Vega spells it."""
        moved = [{"source": "view", "type": kind} for kind in ("pointermove", "pointerdown", "pointerover")]
        update = f"datum && isNumber(datum.hover) ? datum.hover : {CURSOR}"
        return {"name": CURSOR, "value": self.first, "on": [{"events": moved, "update": update}]}


def stops(steps: Sequence[int], measured: Sequence[int] = ()) -> list[int]:
    """Where the cursor can stand: all ``measured`` steps, and of the others as many as there is room for."""
    known = sorted({int(step) for step in steps})
    stride = -(-len(known) // STOPS) or 1
    return sorted({*known[::stride], *known[-1:], *(int(step) for step in measured)})


def until(rows: pd.DataFrame) -> pd.Series:
    """For each row the variant's next step, NaN at its last: with it ``NOW`` finds the last one before the cursor."""
    who, steps = pd.factorize(rows["variant"])[0], rows["step"].to_numpy("float64")
    order = np.lexsort((steps, who))
    pairs = np.column_stack((who, steps))[order]
    begins = np.flatnonzero((np.diff(pairs, axis=0, prepend=-1) != 0).any(axis=1))  # each step of each variant once
    own, following = pairs[begins], np.roll(pairs[begins], -1, axis=0)
    later = (own[:, 0] == following[:, 0]) & (following[:, 1] > own[:, 1])
    found = np.empty(len(rows))
    found[order] = np.repeat(np.where(later, following[:, 1], np.nan), np.diff(begins, append=len(rows)))
    return pd.Series(found, index=rows.index)


def said(table: pd.DataFrame, names: Sequence[str], at: Sequence[int], x: str, metric: str) -> pd.DataFrame:
    """One row a stop, for a tooltip: step, x, ``left`` and ``right`` (what belongs to it of the x axis), and for each
    variant (``v0``, ``v1``, ...) its last training and test value up to there, as text.

    ``table`` has variant, split, step, ``x`` and ``metric``. A variant says nothing before it begins and after its end.
    Empty where the variants do not have one x for a step (seconds, or epochs of different lengths).
    """
    placed = table[table[x].notna()]
    known, first, where = np.unique(placed["step"].to_numpy("int64"), return_index=True, return_inverse=True)
    place = placed[x].to_numpy("float64")
    if len(known) == 0 or (np.abs(place - place[first][where]) > 1e-9 * (1 + np.abs(place))).any():
        return pd.DataFrame(columns=["step", "x", "left", "right"])
    steps = np.array([step for step in at if known[0] <= step <= known[-1]], dtype=np.int64)
    middle = np.interp(steps, known, place[first])
    edges = (middle[1:] + middle[:-1]) / 2
    found: dict[str, Any] = {"step": steps, "x": middle, "left": [*middle[:1], *edges], "right": [*edges, *middle[-1:]]}
    groups = {
        who: (rows["step"].to_numpy(), rows[metric].tolist()) for who, rows in table.groupby(["variant", "split"])
    }
    for key, name in enumerate(names):
        lines = [groups.get((name, split), ([], [])) for split in ("train", "test")]
        over = max((line[0][-1] for line in lines if len(line[0])), default=-1)
        columns = [newest(*line, steps) for line in lines]
        found[f"v{key}"] = [
            " · test ".join(filter(None, pair)) if step <= over else ""
            for step, *pair in zip(steps.tolist(), *columns, strict=True)
        ]
    return pd.DataFrame(found)


def newest(known: Sequence[int], values: Sequence[float], steps: np.ndarray[Any, Any]) -> list[str]:
    """Of values at the ``known`` steps the last at or before each of ``steps``, as text; empty before the first."""
    places = (np.searchsorted(np.asarray(known), steps, side="right") - 1).tolist()
    return [spoken(values[place]) if place >= 0 else "" for place in places]


def spoken(value: float) -> str:
    """A number for a tooltip."""
    return f"{value:.4g}" if math.isfinite(value) else "not finite"


def layers(
    data: alt.NamedData, bands: pd.DataFrame, tables: Tables, names: Sequence[str], color: alt.Color, x: alt.X, y: alt.Y
) -> list[Any]:
    """What a panel of curves needs for the cursor: a dot on every curve, a line through them, and what feels a pointer.

    ``data`` has the panel's rows with ``until``, ``bands`` is what is ``said``. Where all variants have one x for a
    step, the whole panel feels the pointer, and the tooltip says the numbers of all; elsewhere the curves do.
    """
    trained = alt.Chart(data).transform_filter("datum.split == 'train'")
    dots = (
        trained.transform_filter(NOW)
        .mark_point(filled=True, size=55, opacity=1, stroke="white", strokeWidth=0.8)
        .encode(x=x, y=y, color=color)
    )
    if bands.empty:
        near = trained.transform_calculate(hover="datum.step").mark_point(size=260, opacity=0, filled=True)
        told = [alt.Tooltip("variant:N"), alt.Tooltip("step:Q"), alt.Tooltip(y.shorthand, format=".4g")]
        return [dots, near.encode(x=x, y=y, tooltip=told)]
    there = [(f"v{key}", name) for key, name in enumerate(names) if bands[f"v{key}"].any()]
    shown = bands[["step", "x", "left", "right", *(key for key, _ in there)]]
    whole = alt.Chart(tables.add(f"stops {y.shorthand}", shown))
    line = (
        whole.transform_filter(f"datum.step == {CURSOR}").mark_rule(color="gray", strokeWidth=1).encode(x=alt.X("x:Q"))
    )
    feel = (
        whole.transform_calculate(hover="datum.step")
        .mark_rect(opacity=0)
        .encode(
            x=alt.X("left:Q"),
            x2=alt.X2("right:Q"),
            tooltip=[alt.Tooltip("step:Q"), *(alt.Tooltip(f"{key}:N", title=name) for key, name in there)],
        )
    )
    return [line, dots, feel]
