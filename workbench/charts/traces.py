"""The lines of descents as rows to draw: thinned, cut at the border of the plot, each with the time it is there.

As Arrow tables: so they reach the browser, and to write a pandas frame as one takes longer than to make its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from workbench.charts.crop import Box, Floats, Numbers, crop, thin

MOST = 2000  # points of all lines in one chart
DIGITS = 4  # of a number: more cannot be seen


@dataclass(frozen=True)
class Traces:
    """The points to draw, an array each: their rows in the records, their lines (a number for each unbroken piece), the
    step, the step of the next row (``until``, NaN at the last), where they are, and what (``place``, see ``crop``).
    """

    row: Numbers
    line: Numbers
    step: Numbers
    until: Floats
    x: Floats
    y: Floats
    place: Numbers

    def table(self, **columns: object) -> pa.Table:
        """The columns line, step and until, and others."""
        own = {"line": self.line, "step": self.step, "until": pa.array(self.until, from_pandas=True)}
        return pa.table(own | columns)


def traces(records: pd.DataFrame, x: Floats, y: Floats, box: Box) -> Traces:
    """The lines of all variants and seeds at ``x`` and ``y``, cut at ``box`` and thinned to ``MOST`` points in all."""
    lines = records.groupby(["variant", "seed"], sort=False).ngroup().to_numpy()
    steps = records["step"].to_numpy(dtype=np.int64)
    count = max(1, int(lines.max(initial=0)) + 1)
    pieces = 0
    found: list[tuple[NDArray[Any], ...]] = []
    for line in range(count):
        own = np.flatnonzero(lines == line)
        own = own[thin(len(own), max(10, MOST // count))]
        row, piece, across, up, place = crop(x[own], y[own], box)
        until = np.append(steps[own][1:], np.nan)[row]
        found.append((own[row], piece + pieces, steps[own][row], until, across, up, place))
        pieces += int(piece.max(initial=0)) + 1
    return Traces(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def digits(numbers: Floats) -> pa.Array:
    """Numbers to ``DIGITS`` significant digits, what is not finite left empty."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        size = np.floor(np.log10(np.abs(numbers)))
        unit = 10.0 ** (DIGITS - 1 - size)
        short = np.where((unit > 0) & np.isfinite(unit), np.round(numbers * unit) / unit, numbers)
    return pa.array(np.where(np.isfinite(numbers), short, np.nan), from_pandas=True)
