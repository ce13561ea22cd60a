"""Tables of a picture that several of its views draw from: written once, short, and under a name.

Altair looks at every value of every table of every view, which takes longer than all else in a large picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from workbench.charts.stack import Stack

DIGITS = 5  # of a number: more cannot be seen
Source = pd.DataFrame | alt.NamedData


def shortened(values: pd.Series) -> list[Any]:
    """The values as plain Python: floats to ``DIGITS`` digits, whole ones as integers, None for what is not finite."""
    if values.dtype.kind not in "fc":
        return list(values.astype(object).where(values.notna(), None))
    numbers = values.to_numpy("float64")
    finite = np.isfinite(numbers)
    whole = np.where(finite, numbers, 0.0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        size = np.where(whole == 0, 0.0, np.floor(np.log10(np.abs(whole))))
        unit = 10.0 ** (DIGITS - 1 - size)
        short = np.where(np.isfinite(unit) & (unit < 1e20) & (unit > 1e-20), np.round(whole * unit) / unit, whole)
    return [
        None if not known else int(value) if value == int(value) and abs(value) < 1e15 else value
        for value, known in zip(short.tolist(), finite.tolist(), strict=True)
    ]


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as Vega reads them; a field without a value is left out."""
    columns = [str(name) for name in frame.columns]
    values = zip(*(shortened(frame[name]) for name in frame.columns), strict=True)
    return [{name: v for name, v in zip(columns, row, strict=True) if v is not None} for row in values]


class Tables:
    """The tables of one picture."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def add(self, name: str, frame: pd.DataFrame) -> alt.NamedData:
        """Keep a table, unless one of this name is there; returns what a chart takes as its data."""
        if name not in self.rows:
            self.rows[name] = rows_of(frame)
        return alt.NamedData(name=name)


class Filled(Stack):
    """A stack whose views name their tables."""

    def __init__(self, charts: Sequence[Any], tables: Tables, **more: Any) -> None:
        super().__init__(charts, **more)
        self.tables = tables

    def to_dict(self, validate: bool = True) -> dict[str, Any]:
        """The specification, with the tables."""
        spec = super().to_dict(validate)
        return spec | {"datasets": spec.get("datasets", {}) | self.tables.rows}
