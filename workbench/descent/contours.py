"""Iso-lines of a surface, as few points as the eye needs."""

from __future__ import annotations

from typing import Any

import contourpy
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from workbench.descent.surface import Landscape
from workbench.registry import Registry

GRID = 161  # points a side
LEVELS = 12  # at most
MANTISSAS = ((1, 2, 5), (1, 3), (1,))  # of log-spaced levels, the densest first
HIGH = 0.45  # of the height in view: a surface of which half lies above it has its levels evenly spaced
POLE = 0.9  # of the height in view: all of a surface above it means that its lowest value is an outlier
HOLE_GRID = 120  # cells a side
MOST = 1500  # points in all; every chart carries them
Points = NDArray[np.float64]


def levels(values: Points, lowest: float, count: int = LEVELS) -> Points:
    """At most ``count`` round heights above the lowest value (1, 2, 5, 10 ...), as values of the surface.

    They are spaced evenly in the logarithm, dense where a descent ends; evenly in height where most of the surface
    lies high (a plateau with pits, a saddle), of which logarithms would show only the pits. The lowest 0.3 % and the
    highest 3 % of the domain have none. Where a pole makes the lowest value meaningless, equal shares of the domain
    lie between the levels, which then are not round.
    """
    gaps = values[np.isfinite(values)] - lowest
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return np.empty(0)
    low, middle, high = np.quantile(gaps, [0.003, 0.5, 0.97])
    if low > POLE * high:
        return np.unique(np.quantile(values[np.isfinite(values)], np.linspace(0.05, 0.95, count - 2)))
    found = spread(low, high, count)
    if middle > HIGH * high or len(found) < 5:
        found = even(low, high, count)
    return np.asarray(lowest + found)


def spread(low: float, high: float, count: int) -> Points:
    """Round numbers from low to high, evenly spaced in the logarithm."""
    powers = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    step = max(1, int(np.ceil(len(powers) / count)))  # beyond a dozen decades not even every power of ten
    found = np.empty(0)
    for mantissas in MANTISSAS:
        found = np.array([mantissa * 10.0**power for power in powers[::step] for mantissa in mantissas])
        found = found[(found >= low) & (found <= high)]
        if len(found) <= count:
            break
    return found


def even(low: float, high: float, count: int) -> Points:
    """Round numbers from low to high, evenly spaced."""
    rough = (high - low) / count
    unit = 10.0 ** np.floor(np.log10(rough))
    step = next(unit * mantissa for mantissa in (1, 2, 5, 10) if unit * mantissa >= rough)
    return np.asarray(np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step)


def contours(reference: dict[str, Any], registry: Registry) -> pd.DataFrame:
    """Iso-lines: columns level (the value), gap (how far it lies above the lowest), line (a number for each piece),
    order, x, y.

    A surface without finite values in its domain, or a flat one, has no rows.
    """
    landscape = Landscape(reference, registry)
    x, y, z = (tensor.numpy() for tensor in landscape.grid(GRID))
    masked = np.ma.masked_invalid(z)
    generator = contourpy.contour_generator(x, y, masked, line_type="Separate")
    size = np.array([landscape.x[1] - landscape.x[0], landscape.y[1] - landscape.y[0]])
    finite = z[np.isfinite(z)]
    lowest = landscape.lowest if landscape.minima else float(finite.min()) if len(finite) else np.nan
    found = levels(z, lowest)
    lines = [(float(level), np.asarray(line)) for level in found for line in generator.lines(float(level))]
    slack = 0.001
    while True:
        thin = [(level, line[simplify(line / size, slack)]) for level, line in lines]
        if sum(len(line) for _, line in thin) <= MOST or slack > 0.02:
            break
        slack *= 1.5
    parts = [
        pd.DataFrame(
            {
                "level": level,
                "gap": float(f"{level - lowest:.12g}"),
                "line": number,
                "order": np.arange(len(line)),
                "x": line[:, 0],
                "y": line[:, 1],
            }
        )
        for number, (level, line) in enumerate(thin)
    ]
    columns = {"level": "float64", "gap": "float64", "line": "int64", "order": "int64", "x": "float64", "y": "float64"}
    return (pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))).astype(columns)


def holes(reference: dict[str, Any], registry: Registry) -> pd.DataFrame:
    """Where a surface has no finite value: rectangles with columns x, x2, y, y2, none where it is finite throughout."""
    landscape = Landscape(reference, registry)
    edges = [np.linspace(*interval, HOLE_GRID + 1) for interval in (landscape.x, landscape.y)]
    middles = [torch.from_numpy((edge[:-1] + edge[1:]) / 2) for edge in edges]
    rows, columns = torch.meshgrid(middles[1], middles[0], indexing="ij")
    with torch.no_grad():
        missing = ~np.isfinite(landscape(torch.stack([columns, rows])).numpy())
    found: list[list[float]] = []
    open_runs: dict[tuple[int, int], int] = {}  # (first, last) column of a run -> the row where it began
    for row in range(HOLE_GRID + 1):
        runs = set(runs_of(missing[row])) if row < HOLE_GRID else set()
        for run in [run for run in open_runs if run not in runs]:
            began = open_runs.pop(run)
            found.append([edges[0][run[0]], edges[0][run[1]], edges[1][began], edges[1][row]])
        for run in runs:
            open_runs.setdefault(run, row)
    return pd.DataFrame(found, columns=["x", "x2", "y", "y2"], dtype="float64")


def runs_of(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches that are true: first index, index after the last."""
    padded = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(padded == 1).tolist(), np.flatnonzero(padded == -1).tolist(), strict=True))


def simplify(line: Points, slack: float) -> NDArray[np.bool_]:
    """Which points to keep so that no other lies farther than ``slack`` from the line (Douglas and Peucker 1973)."""
    keep = np.zeros(len(line), dtype=bool)
    keep[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        start, chord = line[first], line[last] - line[first]
        away = line[first + 1 : last] - start
        length = np.hypot(*chord)
        distance = np.hypot(*away.T) if length == 0 else np.abs(away[:, 0] * chord[1] - away[:, 1] * chord[0]) / length
        middle = first + 1 + int(distance.argmax())
        if distance.max() > slack:
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return keep
