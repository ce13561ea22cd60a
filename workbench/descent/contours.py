"""Iso-lines of a surface, as few points as the eye needs."""

from __future__ import annotations

from typing import Any

import contourpy
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.descent.surface import Landscape
from workbench.registry import Registry

GRID = 161  # points a side
LEVELS = 10
MOST = 1500  # points in all; every chart carries them
Points = NDArray[np.float64]


def levels(values: Points, lowest: float, count: int = LEVELS) -> Points:
    """Log-spaced levels: dense near the lowest value, where a descent ends; the highest leaves out the corners."""
    gaps = values[np.isfinite(values)] - lowest
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return np.empty(0)
    low, high = np.quantile(gaps, [0.003, 0.97])
    return np.asarray(lowest + np.geomspace(low, high, count)) if high > low else np.array([lowest + high])


def contours(reference: dict[str, Any], registry: Registry) -> pd.DataFrame:
    """Iso-lines: columns level (the value), line (a number for each piece), order, x, y.

    A surface without finite values in its domain, or a flat one, has no rows.
    """
    landscape = Landscape(reference, registry)
    x, y, z = (tensor.numpy() for tensor in landscape.grid(GRID))
    masked = np.ma.masked_invalid(z)
    generator = contourpy.contour_generator(x, y, masked, line_type="Separate")
    size = np.array([landscape.x[1] - landscape.x[0], landscape.y[1] - landscape.y[0]])
    finite = z[np.isfinite(z)]
    found = levels(z, float(finite.min()) if not len(landscape.minima) and len(finite) else landscape.lowest)
    lines = [(float(level), np.asarray(line)) for level in found for line in generator.lines(float(level))]
    slack = 0.001
    while True:
        thin = [(level, line[simplify(line / size, slack)]) for level, line in lines]
        if sum(len(line) for _, line in thin) <= MOST or slack > 0.02:
            break
        slack *= 1.5
    parts = [
        pd.DataFrame({"level": level, "line": number, "order": np.arange(len(line)), "x": line[:, 0], "y": line[:, 1]})
        for number, (level, line) in enumerate(thin)
    ]
    columns = {"level": "float64", "line": "int64", "order": "int64", "x": "float64", "y": "float64"}
    return (pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))).astype(columns)


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
