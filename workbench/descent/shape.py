"""What pictures draw of a surface, whatever descends on it: computed once for each surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.descent.basins import equally_low, heights
from workbench.descent.contours import contours, holes
from workbench.descent.surface import Landscape
from workbench.registry import Registry

MESH = 41  # points a side of the view from the side
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """The iso-lines, where there is no value, the minima and a coarse grid of a surface.

    ``minima`` are known or found, the lowest first (the first ``lowest`` are equally low); where there are none, the
    lowest point in view stands for them. ``mesh``: x (n,), y (n,) and values (n, n), rows for y.
    """

    lines: pd.DataFrame
    holes: pd.DataFrame
    minima: tuple[tuple[float, float], ...]
    lowest: int
    bottom: float
    mesh: tuple[Points, Points, Points]


def shape_of(reference: dict[str, Any], registry: Registry) -> Shape:
    """The shape of a surface; raises a ``WorkbenchError`` where it has no finite value."""
    place = Landscape(reference, registry)
    minima = place.basins or (place.bottom,)
    lowest = equally_low(heights(place)) or 1
    x, y, values = (tensor.numpy() for tensor in place.grid(MESH))
    return Shape(
        contours(reference, registry), holes(reference, registry), minima, lowest, place.lowest, (x, y, values)
    )
